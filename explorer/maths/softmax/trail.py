"""Where parameters stood before a step, how far they went, and the way back: at the cost of one copy of them.

All tensors are handled by one call (torch's ``_foreach`` operations, those of its optimisers): a small net's step is as
short as a few calls.
"""

import math
from collections.abc import Sequence
from operator import is_

import torch
from torch import Tensor

from explorer.maths.softmax.lengths import WIDE, length, total

MANY = 1 << 24
"""Numbers up to which the ways of all parameters are held at once."""


class Trail:
    """The ``parameters`` as they were when last marked; ``is_wide`` where their type holds small differences."""

    def __init__(self, parameters: Sequence[Tensor]):
        self.parameters = list(parameters)
        self._kept = [torch.empty_like(p, memory_format=torch.contiguous_format) for p in self.parameters]
        kinds = [(p.dtype, p.device) for p in self.parameters]
        self._kind = kinds[:1]
        self._numbers = sum(p.numel() for p in self.parameters)
        self.is_wide = all(dtype in WIDE for dtype, _ in kinds)

    def fits(self, parameters: Sequence[Tensor]) -> bool:
        """Whether it follows these still, and they did not move (all together) to another device or type."""
        is_same = len(parameters) == len(self.parameters) and all(map(is_, parameters, self.parameters))
        return is_same and [(p.dtype, p.device) for p in parameters[:1]] == self._kind

    @torch.no_grad()
    def mark(self) -> None:
        """Remember where the parameters stand."""
        torch._foreach_copy_(self._kept, self.parameters)

    @torch.no_grad()
    def length(self) -> float:
        """Euclidean length of the way since: NaN or inf if an entry is, 0 only where nothing moved."""
        if self._numbers <= MANY:
            return length(torch._foreach_sub(self.parameters, self._kept))
        return math.hypot(*(length([p - then]) for p, then in zip(self.parameters, self._kept, strict=True)))

    @torch.no_grad()
    def moved(self) -> list[Tensor]:
        """The way of each parameter since."""
        return list(torch._foreach_sub(self.parameters, self._kept))

    def before(self) -> list[Tensor]:
        """Where they stood; good until the next mark."""
        return self._kept

    @torch.no_grad()
    def back(self, part: float) -> None:
        """Keep a part of the way, and none of it where ``part`` is 0."""
        for p, then in zip(self.parameters, self._kept, strict=True):
            # Not then + 0 * way: that lets a NaN through.
            p.copy_(then + part * (p - then) if part > 0 else then)


def slope_of(parameters: Sequence[Tensor]) -> float:
    """Euclidean length of all gradients: NaN if an entry is NaN or inf; inf where only their squares overflow."""
    grads = [p.grad for p in parameters if p.grad is not None]
    known = [g.coalesce().values() if g.is_sparse else g for g in grads]
    found = total(known)
    is_number = math.isfinite(found) or all(bool(x.isfinite().all()) for x in known)
    return found if is_number else math.nan
