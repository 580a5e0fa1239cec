"""A loss sample by sample: part of a batch, and the derivative of every sample's loss along one direction.

The derivatives of all samples along a step come of one forward-mode pass, at about five forward passes' cost, where
their gradients would take one backward pass each.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils import _pytree as pytree

from explorer.maths.borrowed import global_randomness_kept
from explorer.maths.forward import dual
from explorer.maths.landscape.flat import FlatLoss, Loss


class Samples:
    """The samples of a ``FlatLoss``, asked on a copy of their own. ``count`` is 0 where the loss is a scalar."""

    def __init__(self, flat: FlatLoss):
        self.flat = flat
        self.asked = _Asked(copy.deepcopy(flat.module), flat.loss)
        self.buffers = {name: value.detach().clone() for name, value in self.asked.named_buffers()}
        # The names that share numbers: a copy of tied parameters may no longer do so.
        self.names = [(part.name, name) for part in flat.parts for name, _ in part.tied]
        with global_randomness_kept(flat.start):
            answer = self._losses(flat.start, flat.batch)
        self.count = len(answer) if answer.dim() else 0

    def rows(self, chosen: Tensor) -> Any:
        """The batch of these rows [m]: every tensor of it that has as many rows as there are samples is cut."""
        return pytree.tree_map(
            lambda leaf: leaf[chosen.to(leaf.device)] if self._is_rowed(leaf) else leaf, self.flat.batch
        )

    def check(self, rows: int) -> None:
        """Raise ValueError where ``rows`` of the batch cannot be had."""
        if not self.count:
            raise ValueError(
                f"`rows` needs a loss with one value per sample; got rows = {rows} and a loss that is a scalar; "
                "return the losses [n] before their mean, or leave `rows` out"
            )
        if isinstance(rows, bool) or not isinstance(rows, int) or not 1 <= rows <= self.count:
            raise ValueError(
                f"`rows` must be a whole number from 1 to the {self.count} of the batch; got {rows!r}"
            )
        with global_randomness_kept(self.flat.start):
            got = self._losses(self.flat.start, self.rows(torch.arange(rows)))
        if got.shape != (rows,):
            raise ValueError(
                f"a batch of {rows} rows must give as many losses; got {list(got.shape)}; "
                "keep what belongs to a sample in tensors whose first index is the sample"
            )

    def rates(self, place: Tensor, along: Tensor) -> Tensor:
        """The derivative [n] of each sample's loss at ``place`` [P] along ``along`` [P], by one forward-mode pass.

        Raises:
            RuntimeError: from torch, for a module that it cannot differentiate forwards (BatchNorm in train mode).
        """
        at, rates = self.flat.split(place), self.flat.split(along)
        given = tuple(at[part] for part, _ in self.names)
        ways = tuple(rates[part] for part, _ in self.names)
        fresh = {name: value.clone() for name, value in self.buffers.items()}

        def ask(*pieces: Tensor) -> Tensor:
            named = {f"module.{name}": piece for (_, name), piece in zip(self.names, pieces, strict=True)}
            return functional_call(self.asked, named | fresh, (self.flat.batch,))

        with global_randomness_kept(place), torch.no_grad():
            return dual(ask, given, ways)[1].double().cpu()

    def _losses(self, place: Tensor, batch: Any) -> Tensor:
        pieces = self.flat.split(place)
        named = {f"module.{name}": pieces[part] for part, name in self.names}
        fresh = {name: value.clone() for name, value in self.buffers.items()}
        return functional_call(self.asked, named | fresh, (batch,)).detach()

    def _is_rowed(self, leaf: Any) -> bool:
        return isinstance(leaf, Tensor) and leaf.dim() > 0 and len(leaf) == self.count


class _Asked(nn.Module):
    """The loss as a module, since that is what can be called with other parameters."""

    def __init__(self, module: nn.Module, loss: Loss):
        super().__init__()
        self.module, self._loss = module, loss

    def forward(self, batch: Any) -> Any:
        return self._loss(self.module, batch)
