"""Uniform boxes (a checkerboard) and their exact field: in each box the axes part, so slabs are all there is.

All sums run in float64 whatever x is, and the answer has the dtype of x.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from explorer.maths.fields import Prediction
from explorer.maths.paths import AbstractPath, Level, as_path
from explorer.maths.shapes import PerSample, Points, Time
from explorer.maths.targets.base import (
    AbstractExactField,
    AbstractTarget,
    Box,
    Jacobians,
    drawn_components,
    square_box,
)
from explorer.maths.targets.slabs import Slab, slab

LEAST_SIGMA = 1e-9
"""Floor of sigma: at t = 0 the state is the data and y would be infinite."""


@dataclass(frozen=True, eq=False)
class UniformBoxes(AbstractTarget):
    """Equal shares of k boxes, uniform inside each: ``lows`` and ``highs`` [k, d].

    ``classes`` [k] gives each box's class, an index into ``labels``.
    """

    lows: Tensor
    highs: Tensor
    classes: Tensor | None = None
    labels: tuple[str, ...] = ()
    name: str = "boxes"
    label: str = "Uniform boxes"
    source: str = "given by hand"
    shape: tuple[int, ...] = (2,)

    def __post_init__(self):
        lows, highs = (torch.as_tensor(ends, dtype=torch.float64) for ends in (self.lows, self.highs))
        if lows.dim() != 2 or lows.shape != highs.shape or not bool((lows < highs).all()):
            raise ValueError(
                f"`lows` must lie below `highs`, both [k, d]; got {list(lows.shape)} and {list(highs.shape)}"
            )
        if not bool(torch.isfinite(lows).all() and torch.isfinite(highs).all()):
            raise ValueError("`lows` and `highs` must be finite; got NaN or infinity")
        object.__setattr__(self, "lows", lows)
        object.__setattr__(self, "highs", highs)
        object.__setattr__(self, "shape", (lows.shape[1],))

    def labelled(
        self, n: int, seed: int = 0, label: str | int | None = None, *, stratified: bool = False
    ) -> tuple[Tensor, Tensor]:
        target = self if label is None else self.given(label)
        generator = torch.Generator().manual_seed(seed)
        index = drawn_components(torch.ones(len(target.lows)), n, generator, stratified)
        share = torch.rand(n, target.lows.shape[1], generator=generator, dtype=torch.float64)
        points = torch.lerp(target.lows[index], target.highs[index], share)
        return points.float(), target.classes[index] if target.classes is not None else torch.full((n,), -1)

    def given(self, label: str | int) -> "UniformBoxes":
        index = self.label_index(label)
        classes = torch.as_tensor(self.classes)
        chosen = classes == index
        return replace(self, lows=self.lows[chosen], highs=self.highs[chosen], classes=classes[chosen])

    def field(self, path: str | AbstractPath = "linear") -> "BoxesField":
        return BoxesField(self, as_path(path))

    @property
    def box(self) -> Box | None:
        reach = float(torch.maximum(self.lows.abs(), self.highs.abs()).max())
        return square_box(1.1 * reach) if self.shape == (2,) else None


class BoxesField(AbstractExactField):
    """The exact field of uniform boxes; predictions are of kind ``"v"``."""

    def __init__(self, target: UniformBoxes, path: AbstractPath):
        self.target, self.path, self.shape, self.labels = target, path, target.shape, target.labels
        k, d = target.lows.shape
        lines = torch.stack([torch.arange(d).double().expand(k, d), target.lows, target.highs], 2).reshape(
            -1, 3
        )
        # Boxes of a board share their sides: each (axis, low, high) is worked out once.
        sides, index = torch.unique(lines, dim=0, return_inverse=True)
        axes, lows, highs = sides.unbind(1)
        self._axes, self._index = axes.long(), index.reshape(k, d)
        self._middles, self._halves = 0.5 * (lows + highs), 0.5 * (highs - lows)

    def __call__(self, x: Points, t: Time) -> Prediction:
        seen, level = self._seen(x, t)
        each = level.alpha * seen.noise - level.sigma * seen.place
        v = (self._shares(seen)[..., None] * each).sum(1)
        return Prediction(self.path, x, t, v.to(x.dtype), "v")

    def log_density(self, x: Points, t: Time) -> PerSample:
        self._noisy_level("log_density", t)
        seen, level = self._seen(x, t)
        joint = (seen.log_mass - torch.log(torch.as_tensor(level.sigma, dtype=torch.float64))).sum(-1)
        return (joint.logsumexp(1) - math.log(joint.shape[1])).to(x.dtype)

    def posterior_covariance(self, x: Points, t: Time) -> Jacobians:
        seen, _ = self._seen(x, t)
        shares = self._shares(seen)
        within = torch.diag_embed((shares[..., None] * seen.variance).sum(1))
        away = seen.place - (shares[..., None] * seen.place).sum(1, keepdim=True)
        between = away.mT @ (shares[..., None] * away)
        return (within + between).to(x.dtype)

    def velocity_jacobian(self, x: Points, t: Time) -> Jacobians:
        return super().velocity_jacobian(x.double(), _double(t)).to(x.dtype)

    def class_posterior(self, x: Points, t: Time) -> Tensor:
        if self.target.classes is None:
            raise ValueError(f"target {self.target.name!r} has no classes")
        member = torch.nn.functional.one_hot(self.target.classes, len(self.labels)).to(
            x.device, torch.float64
        )
        return (self._shares(self._seen(x, t)[0]) @ member).to(x.dtype)

    def given(self, label: str | int) -> "BoxesField":
        """The field of one class alone."""
        return self.target.given(label).field(self.path)

    def _seen(self, x: Tensor, t: Time) -> tuple[Slab, Level]:
        """The slabs' moments in the units of x [n, k, d], and the level."""
        flat = self._flat(x, t).double()
        axes, index, middles, halves = (
            part.to(x.device) for part in (self._axes, self._index, self._middles, self._halves)
        )
        level = self._level(_double(t))
        sigma = (
            level.sigma.clamp(min=LEAST_SIGMA)
            if isinstance(level.sigma, Tensor)
            else max(level.sigma, LEAST_SIGMA)
        )
        y = (flat[:, axes] - level.alpha * middles) / sigma
        seen = slab(y, (level.alpha / sigma * halves).expand_as(y))
        seen = seen._replace(place=middles + halves * seen.place, variance=halves**2 * seen.variance)
        if isinstance(t, Tensor):
            level = self._level(_double(t), dims=2)
        return Slab(*(part[:, index] for part in seen)), level

    @staticmethod
    def _shares(seen: Slab) -> Tensor:
        """p(box | x) [n, k]."""
        return torch.softmax(seen.log_mass.sum(-1), 1)


def _double(t: Time) -> Time:
    return t.double() if isinstance(t, Tensor) else t
