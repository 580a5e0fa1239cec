"""What logits and their speeds tell beside r, at no further cost: the loss along the step, its slope and its bend."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from explorer.maths.softmax.rows import Rows


@dataclass(frozen=True, eq=False)
class Settled:
    """What rows [m] say about a step; float64.

    ``g`` sum of minus the loss's slope, ``kappa`` sum of its bend, both for one step; ``losses`` [q] sums of the
    linearised loss at the asked parts of the step; ``flips`` [m] whether the top class changes by the end of the step;
    ``absorbed`` [m] whether the label's probability rounds to 1 in its own type; ``norm`` what a mean is divided by.
    """

    g: float
    kappa: float
    losses: Tensor
    flips: Tensor
    absorbed: Tensor
    norm: float


@dataclass(frozen=True, eq=False)
class Told:
    """What ``Settled`` holds, worked out from ``rows`` when first read; ``at`` [q] are parts of the step."""

    rows: Rows
    at: Tensor

    @property
    def norm(self) -> float:
        return self.rows.shares[1]

    @property
    def _nothing(self) -> bool:
        return not self.rows.logits.numel()

    @cached_property
    def _columns(self) -> tuple[Tensor, Tensor]:
        """Logits and speeds, classes first: sums over few classes are then sums of long rows, several times quicker."""
        z, a = self.rows.logits.T.contiguous(), self.rows.speeds.T.contiguous()
        return z, a if self.rows.is_finite else torch.where(z == -torch.inf, 0.0, a)

    @cached_property
    def _mass(self) -> Tensor:
        return torch.softmax(self._columns[0], dim=0)

    @cached_property
    def _away(self) -> Tensor:
        """The speeds less their mean under the softmax."""
        a = self._columns[1]
        return a - (self._mass * a).sum(0)

    @cached_property
    def _shares(self) -> Tensor | None:
        q = self.rows.shares[0]
        return None if q is None else q.T.contiguous()

    @cached_property
    def g(self) -> float:
        if self._nothing or self._shares is None:
            return self._blank
        return float((self._shares * self._away).sum())

    @cached_property
    def kappa(self) -> float:
        if self._nothing:
            return self._blank
        variance = (self._mass * self._away.square()).sum(0)
        return float((variance if self._shares is None else self._shares.sum(0) * variance).sum())

    @property
    def _blank(self) -> float:
        """The sum over no rows is 0, and without targets there is no sum."""
        return math.nan if self.rows.shares[0] is None or len(self.rows.logits) else 0.0

    @cached_property
    def losses(self) -> Tensor:
        q = self._shares
        if self._nothing or q is None:
            return self.at * self._blank
        z, a = self._columns
        total = q.sum(0)
        # The share of a class that is not there counts for nothing only where it is 0.
        begun, slope = (torch.where(q == 0, 0.0, q * x).sum() for x in (z, a))
        ends = [(total * (z + t * a).logsumexp(0)).sum() - begun - t * slope for t in self.at.tolist()]
        return torch.stack(ends) if ends else self.at

    @cached_property
    def flips(self) -> Tensor:
        if self._nothing:
            return torch.zeros_like(self.rows.places, dtype=torch.bool)
        z, a = self._columns
        return z.argmax(0) != (z + a).argmax(0)

    @cached_property
    def absorbed(self) -> Tensor:
        q = self._shares
        if self._nothing or q is None:
            return torch.zeros_like(self.rows.places, dtype=torch.bool)
        others = self._mass.scatter(0, q.argmax(0, keepdim=True), 0.0).sum(0)
        return ((q != 0).sum(0) == 1) & (others < self.rows.digits / 2)

    def settled(self) -> Settled:
        """All of it, without the rows."""
        return Settled(self.g, self.kappa, self.losses, self.flips, self.absorbed, self.norm)


@dataclass(frozen=True, eq=False)
class Mean:
    """What the ``parts`` of a batch tell together, on the CPU; ``is_sum`` where the loss is one."""

    parts: Sequence[Told | Settled]
    is_sum: bool

    @cached_property
    def norm(self) -> float:
        return 1.0 if self.is_sum else sum(part.norm for part in self.parts) or math.nan

    @cached_property
    def g(self) -> float:
        return sum(part.g for part in self.parts) / self.norm

    @cached_property
    def kappa(self) -> float:
        return sum(part.kappa for part in self.parts) / self.norm

    @cached_property
    def losses(self) -> Tensor:
        return torch.stack([part.losses for part in self.parts]).sum(0).cpu() / self.norm

    @cached_property
    def flips(self) -> Tensor:
        return torch.cat([part.flips for part in self.parts]).cpu()

    @cached_property
    def absorbed(self) -> Tensor:
        return torch.cat([part.absorbed for part in self.parts]).cpu()
