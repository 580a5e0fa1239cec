"""Toy sets of the plane with exact fields: thin curves are chains of small Gaussians less than 2 std apart.

All are centred and scaled so that a coordinate's root mean square is about 1, the noise's own. Published
figures of this project hold for ``two_moons`` (128 Gaussians of std 0.08) and ``eight_gaussians`` (radius 1.5, std
0.1) as they stand. Classes are named in the registry.
"""

import math

import torch
from torch import Tensor

from explorer.maths.targets.boxes import UniformBoxes
from explorer.maths.targets.mixture import Mixture


def gaussian() -> Mixture:
    """One slanted Gaussian, variances 1.8 and 0.2: every answer about it is known."""
    covariance = torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=torch.float64)
    return Mixture(torch.ones(1), torch.zeros(1, 2), covariance[None])


def two_gaussians() -> Mixture:
    """Two Gaussians of std 0.15 at x = -1.4 and x = 1.4: the plainest choice a path has to make."""
    means = torch.tensor([[-1.4, 0.0], [1.4, 0.0]], dtype=torch.float64)
    return _chain(means, 0.15, torch.arange(2))


def eight_gaussians() -> Mixture:
    """Eight round Gaussians of std 0.1 on a circle of radius 1.5."""
    return _chain(_circle(8, 1.5), 0.1, torch.arange(8))


def gaussian_grid() -> Mixture:
    """25 Gaussians of std 0.07 on a 5 by 5 grid."""
    line = torch.linspace(-1.0, 1.0, 5, dtype=torch.float64)
    return _chain(_unit(torch.cartesian_prod(line, line)), 0.07)


def two_moons() -> Mixture:
    """128 Gaussians of std 0.08 on two half circles, centred and scaled to unit RMS coordinate."""
    angles = math.pi * (torch.arange(64, dtype=torch.float64) + 0.5) / 64
    upper = torch.stack([angles.cos(), angles.sin()], 1)
    lower = torch.stack([1.0 - angles.cos(), 0.5 - angles.sin()], 1)
    return _chain(_unit(torch.cat([upper, lower])), 0.08, _runs(64, 64))


def checkerboard() -> UniformBoxes:
    """The eight dark squares of a 4 by 4 board, uniform, with sharp edges."""
    side = math.sqrt(3.0) / 2  # unit RMS coordinate: the whole board is uniform on [-2 side, 2 side]
    dark = torch.tensor([(i, j) for i in range(4) for j in range(4) if (i + j) % 2 == 0], dtype=torch.float64)
    return UniformBoxes(side * (dark - 2.0), side * (dark - 1.0))


def swiss_roll() -> Mixture:
    """One spiral of a turn and a half, seen end on, of even density along its length."""
    return _chain(_unit(_spiral(1.5 * math.pi, 4.5 * math.pi, 160)), 0.06)


def spirals() -> Mixture:
    """Two arms that wind around each other."""
    arm = _spiral(0.5 * math.pi, 3.5 * math.pi, 110)
    return _chain(_unit(torch.cat([arm, -arm])), 0.06, _runs(110, 110))


def rings() -> Mixture:
    """Three rings in one another, a third of the data in each."""
    means = torch.cat([_circle(32, 0.6), _circle(70, 1.3), _circle(108, 2.0)])
    weights = torch.cat([torch.full((k,), 1.0 / k, dtype=torch.float64) for k in (32, 70, 108)])
    return _chain(means, 0.06, _runs(32, 70, 108), weights)


def pinwheel() -> Mixture:
    """Five swirling blades: r ~ N(1, 0.3), turned by exp(r) / 4 (Johnson et al. 2016, arXiv:1603.06277)."""
    radii = torch.linspace(0.2, 1.9, 40, dtype=torch.float64)
    turns = torch.arange(5, dtype=torch.float64)[:, None] * (2 * math.pi / 5) + 0.25 * radii.exp()
    means = 1.35 * torch.stack([radii * turns.cos(), radii * turns.sin()], 2).reshape(-1, 2)
    weights = torch.exp(-0.5 * ((radii - 1.0) / 0.3) ** 2).repeat(5)
    return _chain(means, 0.07, _runs(*[40] * 5), weights)


def smiley() -> Mixture:
    """A face: outline, two eyes and a mouth."""
    arc = math.pi * (7 / 6 + torch.linspace(0.0, 1.0, 32, dtype=torch.float64) * 2 / 3)
    mouth = 1.1 * torch.stack([arc.cos(), arc.sin()], 1)
    eyes = torch.cat([_circle(8, 0.12) + torch.tensor([side, 0.55]) for side in (-0.6, 0.6)])
    means = torch.cat([_circle(96, 1.8), eyes, mouth])
    weights = torch.cat(
        [torch.full((96,), 0.5 / 96), torch.full((16,), 0.25 / 16), torch.full((32,), 0.25 / 32)]
    )
    return _chain(means, 0.06, _runs(96, 16, 32), weights)


def _circle(k: int, radius: float) -> Tensor:
    """K points evenly on a circle [k, 2], from the east on."""
    angles = torch.arange(k, dtype=torch.float64) * (2 * math.pi / k)
    return radius * torch.stack([angles.cos(), angles.sin()], 1)


def _spiral(start: float, end: float, k: int) -> Tensor:
    """K points on the spiral r = angle [k, 2], about evenly along its length (length grows as angle^2)."""
    angles = torch.linspace(start**2, end**2, k, dtype=torch.float64).sqrt()
    return torch.stack([angles * angles.cos(), angles * angles.sin()], 1)


def _unit(points: Tensor) -> Tensor:
    """Centred, and scaled to a root mean square coordinate of 1."""
    centred = points - points.mean(0)
    return centred / centred.square().mean().sqrt()


def _runs(*counts: int) -> Tensor:
    """0 counts[0] times, then 1 counts[1] times, and so on."""
    return torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))


def _chain(
    means: Tensor,
    std: float,
    classes: Tensor | None = None,
    weights: Tensor | None = None,
) -> Mixture:
    """Round components of one std on the points."""
    ones = torch.ones(len(means), dtype=torch.float64)
    return Mixture(ones if weights is None else weights, means, variances=std**2 * ones, classes=classes)
