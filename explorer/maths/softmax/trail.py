"""Where parameters stood before a step, how far they went, and the way back: at little more than one copy of them.

Small tensors are copied and compared together, large ones in pieces that stay in the processor's cache.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from explorer.maths.softmax.speeds import length

LARGE = 1 << 15
"""Numbers from which on a tensor is compared on its own, so many at a time."""
WIDE = (torch.float32, torch.float64)
"""Types that hold the squares of ordinary steps."""


class Trail:
    """The ``parameters`` as they were when last marked."""

    def __init__(self, parameters: Sequence[Tensor]):
        self.parameters = list(parameters)
        self._kept = [torch.empty_like(p, memory_format=torch.contiguous_format) for p in self.parameters]
        self._small, self._large = _sorted(self.parameters)
        self._wide = all(p.dtype in WIDE for p in self.parameters)
        self._flat = (
            torch.cat([self._kept[i].view(-1) for i in self._small]) if self._small else torch.empty(0)
        )
        parts = self._flat.split([self.parameters[i].numel() for i in self._small])
        for i, part in zip(self._small, parts, strict=True):
            self._kept[i] = part.view(self.parameters[i].shape)

    def fits(self, parameters: Sequence[Tensor]) -> bool:
        """Whether it still follows these: none came or went, or moved to another device or type."""
        return len(parameters) == len(self.parameters) and all(
            p is own and p.device == then.device and p.dtype == then.dtype
            for p, own, then in zip(parameters, self.parameters, self._kept, strict=True)
        )

    @torch.no_grad()
    def has_finite_gradients(self) -> bool:
        """Whether all gradients are finite: their squares say yes; these may overflow, so a no is looked into."""
        grads = [p.grad for p in self.parameters if p.grad is not None]
        if self._wide and len(grads) == len(self.parameters) and not any(g.is_sparse for g in grads):
            lines = [grads[i].reshape(-1) for i in self._large]
            if self._small:
                lines.append(torch.cat([grads[i].reshape(-1) for i in self._small]))
            if math.isfinite(_total([x.dot(x) for x in lines])):
                return True
        found = [g.coalesce().values() if g.is_sparse else g for g in grads]
        return all(bool(x.isfinite().all()) for x in found)

    @torch.no_grad()
    def mark(self) -> None:
        """Remember where the parameters stand."""
        if self._small:
            torch.cat([self.parameters[i].reshape(-1) for i in self._small], out=self._flat)
        for i in self._large:
            self._kept[i].copy_(self.parameters[i])

    @torch.no_grad()
    def length(self) -> float:
        """Euclidean length of the way since: NaN or inf if an entry is, 0 only where nothing moved."""
        if not self._wide:
            return length(self.moved())
        squares = []
        if self._small:
            way = torch.cat([self.parameters[i].reshape(-1) for i in self._small]).sub_(self._flat)
            squares.append(way.dot(way))
        for i in self._large:
            now, then = self.parameters[i].reshape(-1), self._kept[i].view(-1)
            size = LARGE if now.device.type == "cpu" else max(1, len(now))
            for j in range(0, len(now), size):
                way = now[j : j + size] - then[j : j + size]
                squares.append(way.dot(way))
        square = _total(squares)
        if math.isfinite(square) and square > 1e-30:
            return math.sqrt(square)
        return length(self.moved())

    @torch.no_grad()
    def moved(self) -> list[Tensor]:
        """The way of each parameter since."""
        return [p.detach() - then for p, then in zip(self.parameters, self._kept, strict=True)]

    def before(self) -> list[Tensor]:
        """Where they stood; good until the next mark."""
        return self._kept

    @torch.no_grad()
    def back(self, part: float) -> None:
        """Keep a part of the way, and none of it where ``part`` is 0."""
        for p, then in zip(self.parameters, self._kept, strict=True):
            # Not then + 0 * way: that lets a NaN through.
            p.copy_(then + part * (p - then) if part > 0 else then)


def _sorted(tensors: Sequence[Tensor]) -> tuple[list[int], list[int]]:
    """Places of the small tensors, which go together where all are of one kind, and of the rest."""
    kinds = {(x.dtype, x.device) for x in tensors}
    if len(kinds) != 1 or next(iter(kinds))[0] not in WIDE:
        return [], list(range(len(tensors)))
    small: list[int] = []
    large: list[int] = []
    for i, x in enumerate(tensors):
        (small if x.numel() < LARGE else large).append(i)
    return small, large


def _total(squares: list[Tensor]) -> float:
    """The sum of numbers that may lie on several devices, read at once where they do not."""
    if len(squares) > 1 and len({(x.device, x.dtype) for x in squares}) == 1:
        return float(torch.stack(squares).sum())
    return math.fsum(float(x) for x in squares)
