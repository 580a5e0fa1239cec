"""Toy sets of the plane, each an exact mixture: thin curves are chains of small Gaussians.

``two_moons`` and ``eight_gaussians`` are those of the distillation sheet, section 1, number for number.
"""

import math

import torch
from torch import Tensor

from explorer.maths.targets.mixture import Mixture


def eight_gaussians() -> Mixture:
    """Eight round Gaussians of std 0.1 on a circle of radius 1.5."""
    angles = torch.arange(8, dtype=torch.float64) * (math.pi / 4)
    means = 1.5 * torch.stack([angles.cos(), angles.sin()], 1)
    return _chain(means, 0.1, torch.arange(8), tuple(f"{45 * i} degrees" for i in range(8)))


def two_moons() -> Mixture:
    """128 Gaussians of std 0.08 on two half circles, centred and scaled to unit RMS coordinate."""
    angles = math.pi * (torch.arange(64, dtype=torch.float64) + 0.5) / 64
    upper = torch.stack([angles.cos(), angles.sin()], 1)
    lower = torch.stack([1.0 - angles.cos(), 0.5 - angles.sin()], 1)
    return _chain(
        _unit(torch.cat([upper, lower])), 0.08, torch.arange(2).repeat_interleave(64), ("upper", "lower")
    )


def _unit(points: Tensor) -> Tensor:
    """Centred, and scaled to a root mean square coordinate of 1."""
    centred = points - points.mean(0)
    return centred / centred.square().mean().sqrt()


def _chain(means: Tensor, std: float, classes: Tensor | None = None, labels: tuple[str, ...] = ()) -> Mixture:
    k = len(means)
    ones = torch.ones(k, dtype=torch.float64)
    return Mixture(ones, means, variances=std**2 * ones, classes=classes, labels=labels)
