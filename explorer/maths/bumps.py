"""Gaussians on a line, and what noise makes of them."""

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Bumps:
    """Gaussians on a line; ``weights`` sum to 1. Hashable, so that a fit can be kept by its arguments.

    Raises:
        ValueError: for weights that do not or are not above 0, or widths that are not.
    """

    weights: tuple[float, ...]
    means: tuple[float, ...]
    stds: tuple[float, ...]

    def __post_init__(self):
        sizes = {len(self.weights), len(self.means), len(self.stds)}
        if len(sizes) != 1 or not self.weights:
            raise ValueError(
                "`weights`, `means` and `stds` must be as many numbers each; got "
                f"{len(self.weights)}, {len(self.means)} and {len(self.stds)}"
            )
        if not all(map(math.isfinite, (*self.weights, *self.means, *self.stds))):
            raise ValueError("`weights`, `means` and `stds` must be finite; got NaN or infinity")
        if min(self.weights) <= 0 or abs(sum(self.weights) - 1.0) > 1e-6:
            raise ValueError(f"`weights` must be above 0 and sum to 1; got {self.weights}")
        if min(self.stds) <= 0:
            raise ValueError(f"`stds` must be above 0; got {self.stds}")

    @property
    def mean(self) -> float:
        """The mean of all."""
        return sum(w * m for w, m in zip(self.weights, self.means, strict=True))

    @property
    def std(self) -> float:
        """The standard deviation of all."""
        parts = zip(self.weights, self.means, self.stds, strict=True)
        return math.sqrt(sum(w * (s * s + (m - self.mean) ** 2) for w, m, s in parts))

    def log_parts(self, x: Tensor, t: Tensor) -> Tensor:
        """Log of weight times density of each bump [levels, points, k] at x [levels, points] and noise levels t."""
        return log_bumps(x, t, *(x.new_tensor(part) for part in (self.weights, self.means, self.stds)))

    def log_density(self, x: Tensor, t: Tensor) -> Float[Tensor, "levels points"]:
        """Log density of ``x_t = (1 - t) x_0 + t eps`` [levels, points]."""
        return self.log_parts(x, t).logsumexp(-1)


def log_bumps(x: Tensor, t: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    """Log of weight times density [levels, points, k] at x [levels, points], noise levels t [levels]; the rest [k]."""
    keep = (1.0 - t)[:, None, None]
    variance = (keep * stds).square() + t[:, None, None].square()
    away = x[..., None] - keep * means
    return weights.log() - 0.5 * (away.square() / variance + (2.0 * math.pi * variance).log())


TWO_BUMPS = Bumps((0.7, 0.3), (-2.0, 2.0), (0.5, 0.5))
"""The target of the divergence playground: a large bump and a small one."""
