"""Is a learned field the gradient of anything, and is it the right one: three measurements at one place and time.

A score is the gradient of a log-density, so its Jacobian is symmetric and its work around a loop is zero. A network is
under no such duty. Both are zero together for the score, the noise, the clean prediction and the velocity, which differ
by a factor and a multiple of x; but the multiple changes the size that they are compared with, so one of them is fixed:
the score.

Source: "Are we really learning the score function?", arXiv:2509.00336 (Jacobian and loops), which argues that samples
can be right all the same.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.maths.fields import AbstractField
from explorer.maths.forward import jvp
from explorer.maths.samplers.base import checked_states
from explorer.maths.shapes import PerSample, Points

Column = Callable[[AbstractField, Tensor, float, Tensor], Tensor]
"""From (field, x, t, direction), how the score changes in that direction [n, *shape]."""
LARGEST = 256
"""Most numbers in a sample for which the whole Jacobian is taken: it has the square of that."""
HELD = 1 << 17
"""Numbers of x that go through the field at a time."""
LOOKED_AT = 8
"""Rows on which a JVP is compared with differences."""


@dataclass(frozen=True, eq=False)
class Asymmetry:
    """``|J - J'| / |J|`` of the score's Jacobian, Frobenius norms: ``value`` [n] in float64, 0 (gradient) to 2.

    ``by`` says how J was found: ``"jvp"``, or ``"differences"`` for a field that torch cannot see through.
    """

    value: Tensor
    by: str


@dataclass(frozen=True, eq=False)
class LoopWork:
    """Work of the score around circles, float64.

    ``work`` [n], the integral of score . dl, in nats: what log p would gain on the way round. ``relative`` [n], over
    the integral of the score's size in the circle's plane: no unit, -1 to 1, its sign that of a turn against the clock.
    """

    work: Tensor
    relative: Tensor


def asymmetry(field: AbstractField, x: Points, t: float) -> Asymmetry:
    """How far the score's Jacobian at x [n, *shape] is from symmetric: one JVP for each number of a sample.

    Digits follow the type of x: give float64. A field without a JVP, or whose JVP leaves out what the module detaches,
    is asked a little to either side instead. Where the field answers NaN so does this, and where the Jacobian is no
    more than rounding (inside a uniform patch, beside 1 / sigma^2) the ratio goes to 0.

    Raises:
        ValueError: for x of another shape, a sample of more than 256 numbers, or t = 0.
    """
    x = checked_states("x", x, field)
    if x[0].numel() > LARGEST:
        raise ValueError(
            f"a whole Jacobian is taken of at most {LARGEST} numbers a sample; got {x[0].numel()}; "
            "ask for `loop_work` in a plane"
        )
    column, by = _columns(field, x[:LOOKED_AT], t)
    rows = max(1, HELD // x[0].numel())
    parts = [_skewness(column, field, part, t) for part in x.split(rows)]
    return Asymmetry(torch.cat(parts), by)


def loop_work(
    field: AbstractField,
    centres: Points,
    radius: float,
    t: float,
    points: int = 64,
    axes: tuple[int, int] = (0, 1),
) -> LoopWork:
    """Work of the score around circles about ``centres`` [n, *shape], ``radius`` in units of x.

    The circles lie in the plane of two of a sample's numbers, ``axes`` (as the flattened sample counts them). The
    trapezoid rule on ``points`` places of a circle is exact up to their wave number: 64 do for a radius of sigma(t),
    32 for half of it. A score bends within sigma, and a wider circle needs more places. ``relative`` goes to 0 where
    the score is no more than rounding.

    Raises:
        ValueError: for centres of another shape, a radius that is not above 0, fewer than 3 points, or axes that
            are not two numbers of a sample.
    """
    centres = checked_states("centres", centres, field)
    _check_circle(radius, points, axes, centres[0].numel())
    turns = torch.arange(points, dtype=torch.float64) * (2.0 * math.pi / points)
    out = torch.zeros(points, centres[0].numel(), dtype=torch.float64)
    out[:, axes[0]], out[:, axes[1]] = turns.cos(), turns.sin()
    offsets = (radius * out).to(centres).reshape(points, 1, *centres.shape[1:])
    ahead = torch.stack([-turns.sin(), turns.cos()], dim=1)[:, None]
    rows = max(1, HELD // (points * centres[0].numel()))
    work, size = [], []
    for part in centres.split(rows):
        score = _score(field, (part + offsets).flatten(0, 1), t).flatten(1)[:, list(axes)]
        score = score.reshape(points, len(part), 2).double().cpu()
        work.append((score * ahead).sum(dim=2).mean(dim=0))
        size.append(score.norm(dim=2).mean(dim=0).clamp(min=_rounding(field, part, t) * radius))
    around = torch.cat(work)
    return LoopWork(2.0 * math.pi * radius * around, around / torch.cat(size))


def velocity_error(field: AbstractField, exact: AbstractField, x: Points, t: float) -> PerSample:
    """The distance |v - v*| of a field's velocity to the exact one at x [n, *shape]: [n], units of x per unit of t.

    Raises:
        ValueError: for fields of two paths or two shapes, or x of another shape.
    """
    if field.path != exact.path or tuple(field.shape) != tuple(exact.shape):
        raise ValueError(
            "two velocities are compared on one path and one shape; "
            f"got {field.path.name!r} {list(field.shape)} and {exact.path.name!r} {list(exact.shape)}; "
            f"ask the target for its field on {field.path.name!r}"
        )
    x = checked_states("x", x, field)
    with torch.no_grad():
        return (field(x, t).velocity - exact(x, t).velocity).flatten(1).norm(dim=1)


def _columns(field: AbstractField, few: Tensor, t: float) -> tuple[Column, str]:
    """The way to a column of the Jacobian, and its name: a JVP if it is one and agrees with differences."""
    direction = torch.ones_like(few)
    plain = _by_differences(field, few, t, direction)
    try:
        exact = _by_jvp(field, few, t, direction)
    except (RuntimeError, NotImplementedError, TypeError, AttributeError):  # a module that leaves torch
        return _by_differences, "differences"
    # What a module detaches inside is lost without a word. A field that answers NaN is not at fault here.
    known = torch.isfinite(plain) & torch.isfinite(exact)
    gap, size = (plain - exact)[known].norm(), plain[known].norm()
    loose = 0.1 if few.dtype == torch.float64 else 0.3
    agree = bool(gap <= loose * size + _rounding(field, few, t) * few.numel() ** 0.5)
    return (_by_jvp, "jvp") if agree else (_by_differences, "differences")


def _by_jvp(field: AbstractField, x: Tensor, t: float, direction: Tensor) -> Tensor:
    with torch.no_grad():
        both: tuple[Tensor, Tensor] = jvp(lambda y: field(y, t).score, (x,), (direction,))
    return both[1] + 0.0 * both[0]  # a NaN that depends on nothing has a derivative of 0


def _by_differences(field: AbstractField, x: Tensor, t: float, direction: Tensor) -> Tensor:
    """Central, of second order: over a small part of sigma, since noise leaves nothing sharper than itself."""
    step = torch.finfo(x.dtype).eps ** (1 / 3) * float(field.path.at(t).sigma)
    if step == 0.0:
        raise ValueError("`score` needs sigma > 0; at t = 0 the state is the data itself: ask at a later t")
    ahead, behind = (_score(field, x + k * step * direction, t) for k in (1.0, -1.0))
    return (ahead - behind) / (2.0 * step)


def _skewness(column: Column, field: AbstractField, x: Tensor, t: float) -> Tensor:
    columns = []
    for k in range(x[0].numel()):
        direction = torch.zeros_like(x).flatten(1)
        direction[:, k] = 1.0
        columns.append(column(field, x, t, direction.reshape(x.shape)).flatten(1).double().cpu())
    jacobian = torch.stack(columns, dim=2)
    size = jacobian.flatten(1).norm(dim=1).clamp(min=_rounding(field, x, t))
    return (jacobian - jacobian.mT).flatten(1).norm(dim=1) / size


def _rounding(field: AbstractField, x: Tensor, t: float) -> float:
    """What the score's derivative, about 1 / sigma^2, may be of and hold no digit that counts."""
    return float(torch.finfo(x.dtype).eps ** (2 / 3) / field.path.at(t).sigma ** 2)


def _score(field: AbstractField, x: Tensor, t: float) -> Tensor:
    with torch.no_grad():
        return field(x, t).score


def _check_circle(radius: float, points: int, axes: tuple[int, int], numbers: int) -> None:
    if not 0.0 < radius < math.inf:
        raise ValueError(f"`radius` must be above 0, in units of x; got {radius!r}")
    if isinstance(points, bool) or points < 3:
        raise ValueError(f"`points` must be at least 3, since two make no circle; got {points!r}")
    first, second = axes
    if first == second or not (0 <= first < numbers and 0 <= second < numbers):
        raise ValueError(
            f"`axes` must be two different numbers of a sample, from 0 to {numbers - 1}; got {axes!r}"
        )
