"""The complex step-plane of one sample: how far its F is from cancelling, its zeros, the discs of the three radii."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explorer.maths.softmax.ghosts import newton
from explorer.maths.softmax.radius import Radius, radius

NX, NY = 150, 120
ASPECT = 1.25
"""Width of a plane over its height."""
STARTS = 44
"""Starts of Newton's method on each side, between the zeros that are looked for."""
MOST = 60
"""Zeros that are drawn, the nearest first."""
ROOM = 1.45
"""Height of the plane over twice the exact radius, before it is rounded up."""
SIZES = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)


@dataclass(frozen=True, eq=False)
class Plane:
    """One sample's plane, in units of the speeds' own step.

    ``box`` (low x, low y, high x, high y); ``depth`` [NY, NX] |F| over the sum of the sizes of its terms, 1 where one
    class rules, 0 at a zero; ``zeros`` [z] complex128 within the box, nearest first; ``bound`` <= ``certified`` <=
    ``exact`` radii; ``is_certain`` whether the argument principle confirms the last.
    """

    box: tuple[float, float, float, float]
    depth: np.ndarray
    zeros: Tensor
    bound: float
    certified: float
    exact: float
    is_certain: bool


def plane_of(logits: Tensor, speeds: Tensor) -> Plane:
    """The plane of one sample with ``logits`` [k] that move at ``speeds`` [k]."""
    found = radius(logits[None], speeds[None])
    exact = float(found.exact[0])
    half = size_for(exact)
    box = (-ASPECT * half, -half, ASPECT * half, half)
    return Plane(
        box,
        _depth(logits.double(), speeds.double(), box),
        zeros_within(found, box),
        float(found.bound[0]),
        float(found.certified[0]),
        exact,
        bool(found.is_certain[0]),
    )


def size_for(exact: float) -> float:
    """Half the height of a plane that shows a radius: a round number, so that nearby ones share a ground."""
    if not 0 < exact < math.inf:
        return 4.0
    wanted = ROOM * exact
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(power * size for size in SIZES if wanted <= power * size * (1 + 1e-9))


def _depth(logits: Tensor, speeds: Tensor, box: tuple[float, float, float, float]) -> np.ndarray:
    x = box[0] + (torch.arange(NX, dtype=torch.float64) + 0.5) * (box[2] - box[0]) / NX
    y = box[1] + (torch.arange(NY, dtype=torch.float64) + 0.5) * (box[3] - box[1]) / NY
    there = logits.isfinite()
    z, a = logits[there], speeds[there]
    mass = torch.softmax(z + a * x[:, None], dim=1)  # [NX, k]: the sizes of the terms, over their sum
    turns = torch.polar(torch.ones(NY, len(a), dtype=torch.float64), a * y[:, None])
    return (mass.to(turns.dtype) @ turns.T).abs().T.contiguous().float().numpy()


def zeros_within(found: Radius, box: tuple[float, float, float, float]) -> Tensor:
    """The zeros [z] of the first row's F inside the box, by Newton's method from a lattice; nearest first."""
    terms = found.terms
    if not len(terms):
        return torch.zeros(0, dtype=torch.complex128)
    unit = float(terms.spread[0])
    far = math.hypot(box[2], box[3]) * unit
    re = torch.linspace(box[0] * unit, box[2] * unit, STARTS, dtype=torch.float64)
    im = torch.linspace(0.0, box[3] * unit, STARTS // 2 + 1, dtype=torch.float64)[1:].clamp(min=math.pi)
    starts = torch.complex(re[:, None].expand(-1, len(im)), im.expand(len(re), -1)).flatten()
    who = torch.zeros(len(starts), dtype=torch.long)
    _, points = newton(terms, who, starts, torch.full((1,), 1.05 * far, dtype=torch.float64))
    points = points[points.imag > 1e-9]
    # Those from many starts are one; the certified nearest is among them.
    points = torch.cat([found.ghosts.zero[:1], points]) / unit
    inside = (points.real.abs() <= box[2]) & (points.imag <= box[3])
    return _distinct(points[inside], 1e-6 * box[3])[:MOST]


def _distinct(points: Tensor, near: float) -> Tensor:
    kept: list[complex] = []
    for point in points[points.abs().argsort()].tolist():
        if all(abs(point - other) > near for other in kept):
            kept.append(point)
    return torch.tensor(kept, dtype=torch.complex128)
