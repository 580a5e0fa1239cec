"""What is measured on the way: how sharp the valley is, along the step and at its sharpest, and how noisy the slope.

Sources: Cohen et al. 2021 and 2022, arXiv:2103.00065 and 2207.14484 (sharpness against 2 / learning rate, and Adam's
preconditioned); Pan and Li 2023, arXiv:2306.00204 (directional sharpness); arXiv:2601.16979 (critical sharpness, by
forward passes only); Foret et al. 2020, arXiv:2010.01412 (SAM). Where we differ: the root of the critical step is found
by secants of the mean slope, which is a straight line on a quadratic, in place of bisection.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from explorer.maths.landscape.flat import FlatLoss
from explorer.maths.landscape.lanczos import Lanczos, random_vector
from explorer.maths.landscape.operator import Hessian

RADIUS = 0.05
"""Of the ball in which SAM looks for a higher loss, in units of the parameters."""
CLOSE = 0.02
"""Residual of the top eigenvector, as a share of its value: the value itself is then right to about its square."""
ROUGH = 0.2
"""The same, above which a value that was cut short is none."""
MOST = 40
"""Hessian-vector products for one sharpness at most."""
LOSSES = 24
"""Losses for one critical sharpness at most."""
FAR = 1e6
"""Steps beyond which a loss that still falls is said to fall for ever."""


def sharpest(
    product: Callable[[Tensor], Tensor], begin: Tensor, generator: torch.Generator, most: int = MOST
) -> tuple[float, Tensor]:
    """The largest eigenvalue of a symmetric operator and its vector [P]: Lanczos from ``begin``, ``most`` products.

    NaN where these do not nearly suffice.
    """
    run = Lanczos(product, begin, generator)
    while True:
        run.grow()
        values, combine, residuals = run.ritz()
        scale = max(abs(float(values[0])), 0.1 * float(values.abs().max()))
        settled = run.steps > 1 and float(residuals[0]) <= CLOSE * scale
        if settled or run.complete or run.steps >= most:
            near = run.complete or float(residuals[0]) <= ROUGH * scale
            return float(values[0]) if near else math.nan, run.vectors(combine[:, :1])[0]


def preconditioned(hessian: Hessian, scale: Tensor) -> Callable[[Tensor], Tensor]:
    """``v -> D^-1/2 H D^-1/2 v`` with D = diag(``scale`` [P]): the curvature in the coordinates in which Adam steps."""
    root = scale.rsqrt()
    return lambda vector: root * hessian(root * vector)


def directional(hessian: Hessian, step: Tensor) -> float:
    """The curvature u'Hu / |u|^2 along ``step`` [P]."""
    unit = (step / step.norm()).to(hessian.gradient)
    return float(unit.double() @ hessian(unit).double())


def crossing(change: Callable[[float], float], slope: float, first: float = 2.0) -> tuple[float, int]:
    """The multiple c > 0 of a step from which on the loss is higher than at its start, and the losses that it took.

    ``change(c)`` is the loss after c steps less that before, ``slope`` its derivative at 0. The answer is 0 where the
    step climbs from the start, and infinite where the loss falls on for a million steps.
    """
    if not slope < 0.0:
        return 0.0, 0
    low, high, c = (0.0, slope), None, first
    for spent in range(1, LOSSES + 1):
        mean = change(c) / c
        if abs(mean) <= 1e-3 * abs(slope):
            return c, spent
        if mean > 0.0 or math.isnan(mean):
            high = (c, mean)
        else:
            low, before = (c, mean), low
        if high is not None:
            c = _between(low, high)
            if high[0] - low[0] <= 1e-3 * high[0]:
                return c, spent
        else:
            c = _beyond(before, low)
            if c > FAR:
                return math.inf, spent
    return c, LOSSES


def _between(low: tuple[float, float], high: tuple[float, float]) -> float:
    """Where the straight line through two ends is zero, kept off the ends; the middle where an end is not finite."""
    (a, under), (b, over) = low, high
    share = -under / (over - under) if math.isfinite(over) else 0.5
    return a + (b - a) * min(max(share, 0.1), 0.9)


def _beyond(before: tuple[float, float], low: tuple[float, float]) -> float:
    """Where the straight line through two points is zero, at least half as far again and at most eight times."""
    (a, under), (b, over) = before, low
    root = b - over * (b - a) / (over - under) if over > under else math.inf
    return min(max(root, 1.5 * b), 8.0 * b)


def critical(flat: FlatLoss, place: Tensor, step: Tensor, slope: float, first: float) -> tuple[float, int]:
    """``crossing`` of the loss from ``place`` [P] along ``step`` [P]; NaN where it has no digits left to fall by."""
    there = flat.value(place)
    if abs(slope) <= 8.0 * torch.finfo(place.dtype).eps * abs(there) or not math.isfinite(there):
        return math.nan, 1

    def change(multiple: float) -> float:
        flat.move(place, step[None], (multiple,))
        return flat.value() - there

    found, spent = crossing(change, slope, first)
    return found, spent + 1


def sam(flat: FlatLoss, place: Tensor, gradient: Tensor, there: float) -> float:
    """By how much the loss rises one step of length ``RADIUS`` up the gradient."""
    flat.move(place, (gradient / gradient.norm())[None], (RADIUS,))
    return flat.value() - there


def begun_from(warm: Tensor | None, step: Tensor, generator: torch.Generator) -> Tensor:
    """Where Lanczos begins: the last vector with a little of the step, so that a new sharpest direction is seen."""
    if warm is None:
        return random_vector(step, generator)
    return warm + 0.1 * step / step.norm() if float(step.norm()) > 0.0 else warm
