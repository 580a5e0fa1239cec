"""What logits and their speeds tell beside r, at no further cost: the loss along the step, its slope and its bend."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from explorer.maths.softmax.losses import focal
from explorer.maths.softmax.rows import Rows

BLOCK = 1 << 15
"""Logits whose float64 sums are taken at once: what a processor's own cache holds."""


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
    at: Sequence[float]

    @property
    def norm(self) -> float:
        return self.rows.norm

    @property
    def _is_blank(self) -> bool:
        """Whether there is nothing to add up."""
        return not self.rows.laid.numel()

    @property
    def _blank(self) -> float:
        """The sum over no rows is 0, and without targets there is no sum."""
        return math.nan if self.rows.shares is None or len(self.rows.places) else 0.0

    @cached_property
    def _speeds(self) -> Tensor:
        """The speeds, 0 for what is not there."""
        rows = self.rows
        return rows.speeds if rows.is_finite else torch.where(rows.logits == -torch.inf, 0.0, rows.speeds)

    @cached_property
    def _moments(self) -> tuple[Tensor, Tensor]:
        """Mean and variance [m] of the speeds under the softmax."""
        rows = self.rows
        m, k = rows.laid.shape
        width = max(1, BLOCK // k)
        if m <= width or rows.z.device.type != "cpu":
            return _moments(rows.z, rows.a, rows.is_finite)
        blocks = [slice(i, i + width) for i in range(0, m, width)]
        found = [_moments(rows.z[:, cut], rows.a[:, cut], rows.is_finite) for cut in blocks]
        return torch.cat([mean for mean, _ in found]), torch.cat([variance for _, variance in found])

    @cached_property
    def _focal(self) -> list[tuple[float, float, float]]:
        """Loss, slope and bend of a focal loss: at the start, then at the parts of the step."""
        rows = self.rows
        if rows.labels is None or rows.gamma is None:
            return [(math.nan,) * 3] * (1 + len(self.at))
        return focal(rows.logits, self._speeds, rows.labels, rows.mass, rows.gamma, [0.0, *self.at])

    @cached_property
    def g(self) -> float:
        rows = self.rows
        if self._is_blank:
            return self._blank
        if rows.gamma is not None:
            return -self._focal[0][1]
        mean, _ = self._moments
        if rows.labels is not None:
            speeds = rows.a if rows.is_finite else self._speeds
            own = speeds.gather(0, rows.labels[None])[0].double() - mean
            return float(own.sum() if rows.mass is None else rows.mass.dot(own))
        return self._blank if rows.shares is None else float((rows.shares * (self._speeds - mean)).sum())

    @cached_property
    def kappa(self) -> float:
        rows = self.rows
        if self._is_blank:
            return self._blank
        if rows.gamma is not None:
            return self._focal[0][2]
        mass, (_, variance) = rows.mass, self._moments
        if rows.labels is None and rows.shares is not None:
            mass = rows.shares.sum(0)
        return float(variance.sum() if mass is None else mass.dot(variance))

    @cached_property
    def losses(self) -> Tensor:
        q = self.rows.shares
        if self._is_blank or q is None:
            return torch.full((len(self.at),), self._blank, dtype=torch.float64)
        if self.rows.gamma is not None:
            return torch.tensor([loss for loss, _, _ in self._focal[1:]], dtype=torch.float64)
        z, a = self.rows.logits, self._speeds
        total = q.sum(0)
        # The share of a class that is not there counts for nothing only where it is 0.
        begun, slope = (torch.where(q == 0, 0.0, q * x).sum() for x in (z, a))
        ends = [(total * (z + t * a).logsumexp(0)).sum() - begun - t * slope for t in self.at]
        return torch.stack(ends) if ends else z.new_zeros(0)

    @cached_property
    def flips(self) -> Tensor:
        if self._is_blank:
            return torch.zeros_like(self.rows.places, dtype=torch.bool)
        z = self.rows.logits
        return z.argmax(0) != (z + self._speeds).argmax(0)

    @cached_property
    def absorbed(self) -> Tensor:
        q = self.rows.shares
        if self._is_blank or q is None:
            return torch.zeros_like(self.rows.places, dtype=torch.bool)
        others = _softmax(self.rows.logits).scatter(0, q.argmax(0, keepdim=True), 0.0).sum(0)
        return ((q != 0).sum(0) == 1) & (others < self.rows.digits / 2)

    def settled(self) -> Settled:
        """All of it, without the rows."""
        return Settled(self.g, self.kappa, self.losses, self.flips, self.absorbed, self.norm)


def _softmax(z: Tensor) -> Tensor:
    """Of columns [k, m]; along the dimension that lies together torch's is six times as quick."""
    return torch.softmax(z.T, dim=1).T if z.stride(0) == 1 else torch.softmax(z, dim=0)


def _moments(z: Tensor, a: Tensor, is_finite: bool) -> tuple[Tensor, Tensor]:
    """Mean and variance [m] of ``a`` under the softmax of ``z``, both [k, m]."""
    z, a = z.double(), a.double()
    if not is_finite:
        a = torch.where(z == -torch.inf, 0.0, a)
    chances = _softmax(z)
    mean = (chances * a).sum(0)
    away = a - mean
    return mean, chances.mul_(away).mul_(away).sum(0)


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
