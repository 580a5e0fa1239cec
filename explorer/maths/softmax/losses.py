"""Which losses have a softmax radius, and the one of them that torch has no class for.

A loss is known by what it computes, not by its ancestry: a class that inherits from ``CrossEntropyLoss`` and computes
something else (StableMax, whose terms are no exponentials) has other singularities or none, and no radius of ours.
"""

from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional

Loss = nn.CrossEntropyLoss | nn.BCEWithLogitsLoss
PLAIN = nn.CrossEntropyLoss()
"""What is meant where no loss is given."""


class FocalLoss(nn.CrossEntropyLoss):
    """``-(1 - p_y)^gamma log p_y`` of the label's probability: rows that are right count for less.

    Beside the zeros of F its singularities are those of F without the label's term. The spread of the other speeds is
    no larger, so ``pi / spread`` stays a bound; the certificates and the exact radius of cross-entropy do not carry
    over. Class weights and ignored labels are as for cross-entropy.

    Source: Lin et al. 2017, arXiv:1708.02002, equation 5.
    """

    def __init__(
        self,
        gamma: float = 2.0,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
    ):
        if not 0 <= gamma < float("inf"):
            raise ValueError(f"`gamma` must be a number of at least 0; got {gamma!r}")
        super().__init__(weight=weight, ignore_index=ignore_index, reduction=reduction)
        self.gamma = float(gamma)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of logits [n, k] or [n, k, ..] and labels [n, ..]."""
        counted = target != self.ignore_index
        labels = target.masked_fill(~counted, 0)
        share = input.log_softmax(1).gather(1, labels[:, None])[:, 0]
        weight = torch.ones_like(share) if self.weight is None else self.weight.to(share)[labels]
        weight = weight * counted
        losses = weight * damped(share, self.gamma)
        if self.reduction == "none":
            return losses
        return losses.sum() if self.reduction == "sum" else losses.sum() / weight.sum()


def damped(share: Tensor, gamma: float) -> Tensor:
    """``-(1 - e^share)^gamma share`` for the logarithm of the label's probability."""
    return -((-torch.expm1(share)) ** gamma) * share


def is_known(loss: nn.Module | None) -> TypeGuard[Loss | None]:
    """Whether a loss is one whose radius is that of a softmax (or a sigmoid)."""
    ways = (nn.CrossEntropyLoss.forward, nn.BCEWithLogitsLoss.forward, FocalLoss.forward)
    return loss is None or (isinstance(loss, Loss) and type(loss).forward in ways)


def focal(
    z: Tensor, a: Tensor, labels: Tensor, heft: Tensor | None, gamma: float, parts: list[float]
) -> list[tuple[float, float, float]]:
    """Sum over rows of the focal loss of logits ``z + t a`` [k, m] at each of ``parts``, and its derivatives in t."""
    found = []
    for part in parts:
        with torch.enable_grad():
            t = torch.tensor(part, dtype=z.dtype, device=z.device, requires_grad=True)
            share = functional.log_softmax(z + t * a, dim=0).gather(0, labels[None])[0]
            losses = damped(share, gamma)
            loss = losses.sum() if heft is None else heft.dot(losses)
            (slope,) = torch.autograd.grad(loss, t, create_graph=True)
            (bend,) = torch.autograd.grad(slope, t)
        found.append((float(loss.detach()), float(slope.detach()), float(bend)))
    return found
