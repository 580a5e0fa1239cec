"""Lower bounds of the radius that are proved, from logits and speeds alone.

- ``spread``: where ``spread * |Im t| < pi`` all terms of F lie in one open half-plane, so no zero has ``|t| < pi /
  spread``.
- ``dominance``: at a zero with real part u no class has more than half of the mass at the real step u. The log-odds of
  a class are concave in u, so the steps at which the top class rules are an interval around 0.
- ``certified``: ``|F(u + iy)| / F(u) >= cos(y s) > 0`` while ``y < pi / (2 s)``, with s^2 the variance of the speeds
  under the softmax at the real step u. So no zero is nearer than the least ``sqrt(u^2 + (pi / 2s)^2)`` over the u that
  dominance leaves. Ghosts are the shadow of the curvature met along the real line, not of the curvature at 0.

The least value is found by branch and bound, so that the answer is below it: with K = log F and slopes at most 1 apart,
``g = log K''`` has ``|g'| <= 1`` and ``g'' <= 1`` (by the central moments of such numbers), which bounds K'' on a cell
by its value and slope in the middle.

Source: Sao 2026, arXiv:2603.13552 (the spread). Where we differ: dominance and ``certified`` are not in that paper.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from explorer.maths.softmax.terms import Terms

SLACK = 9e-4
"""By how much, as a part of it, the certified bound may stay below the least value that it is proved from."""
ROUNDS = 64
TINY = 1e-25
"""Variances below this are known from above only."""
CELLS = 1 << 20
"""Numbers held at once: rows times classes."""


def in_chunks(ask: Callable[[Terms], Tensor], terms: Terms, numbers: int = CELLS) -> Tensor:
    """``ask`` for a few rows at a time, so that memory stays bounded: [m]."""
    if not len(terms):
        return terms.spread
    rows = max(1, numbers // terms.weights.shape[1])
    return torch.cat([ask(terms.part(slice(i, i + rows))) for i in range(0, len(terms), rows)])


def dominance(terms: Terms) -> Tensor:
    """The dominance bound [m] in the unit of T: ``sqrt(u0^2 + pi^2)``, u0 the nearest step that the top class loses."""

    def ask(part: Terms) -> Tensor:
        left, right = ruled(part)
        return torch.hypot(torch.minimum(-left, right), torch.full_like(right, math.pi))

    return in_chunks(ask, terms)


def certified(terms: Terms) -> Tensor:
    """The certified bound [m] in the unit of T; at least that of dominance, at most the exact radius."""
    return in_chunks(_certified, terms, CELLS // 8)


def ruled(terms: Terms) -> tuple[Tensor, Tensor]:
    """The real steps [m], [m] around 0 between which the top class surely has more than half; 0, 0 where it has not."""
    weights, slopes = terms.weights, terms.slopes
    top = weights.argmax(1, keepdim=True)
    others = weights.scatter(1, top, -torch.inf)
    lead = weights.gather(1, top)[:, 0] - others.logsumexp(1)
    left, right = torch.zeros_like(lead), torch.zeros_like(lead)
    some = lead > 0
    if bool(some.any()):
        others, slopes = others[some], slopes[some]
        relative = slopes - slopes.gather(1, top[some])
        right[some] = _loses(others, relative, lead[some])
        left[some] = -_loses(others, -relative, lead[some])
    return left, right


def _loses(others: Tensor, relative: Tensor, lead: Tensor) -> Tensor:
    """How far to the right the top class rules [m]: never beyond, inf where it rules for good.

    ``others`` [m, k] are weights against a top of 0. Newton's method from beyond the root of a concave function comes
    down on it from beyond; one step back inside is kept only where the class still rules there.
    """
    rising = (relative > 0) & (others != -torch.inf)
    if not bool(rising.any()):
        return torch.full_like(lead, torch.inf)
    outer = torch.where(rising, -others / relative, torch.inf).amin(1)
    forever = outer.isinf()
    outer = torch.where(forever, 0.0, outer)
    for _ in range(6):
        odds, fall = _odds(others, relative, outer)
        outer = torch.where(fall > 0, outer + (odds / fall).clamp(max=0.0), outer)
    last = _odds(others, relative, outer)[0].clamp(max=0.0)
    chord = outer * lead / (lead - last)
    close = outer * (1.0 - 1e-10)
    inside = torch.where(_odds(others, relative, close)[0] >= 0, close, torch.minimum(chord, close))
    return torch.where(forever, torch.inf, inside)


def _odds(others: Tensor, relative: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """Log-odds of the top class at the real step u, and how fast they fall there."""
    exponents = others + relative * u[:, None]
    peak = exponents.amax(1, keepdim=True)
    mass = (exponents - peak).exp()
    total = mass.sum(1)
    return -(peak[:, 0] + total.log()), (mass * relative).sum(1) / total


def _reach(terms: Terms) -> tuple[Tensor, Tensor]:
    """The real steps [m], [m] beyond which the class of least or greatest slope rules for good."""
    weights, slopes = terms.weights, terms.slopes
    there = weights != -torch.inf
    crowd = math.log(max(1, weights.shape[1] - 1))
    ends = []
    for sign in (-1.0, 1.0):
        steep = torch.where(there, sign * slopes, -torch.inf).argmax(1, keepdim=True)
        gap = sign * (slopes.gather(1, steep) - slopes)
        behind = weights - weights.gather(1, steep) + crowd
        far = torch.where(there & (gap > 0), behind / gap, -torch.inf).amax(1)
        ends.append(sign * far)
    return ends[0], ends[1]


def _certified(terms: Terms) -> Tensor:
    left, right = ruled(terms)
    least = torch.hypot(torch.minimum(-left, right), torch.full_like(right, math.pi))
    first, last = _reach(terms)
    # Classes first: sums over a few classes are then sums of long rows, several times quicker.
    weights, slopes = terms.weights.T.contiguous(), terms.slopes.T.contiguous()
    best = torch.full_like(least, torch.inf)
    for edge in (left, right):
        finite = edge.isfinite()
        value = _shape(weights[:, finite], slopes[:, finite], edge[finite]).value
        best[finite] = torch.minimum(best[finite], edge[finite] ** 2 + value)
    radius = (
        (best - math.pi**2).clamp(min=0.0).sqrt()
    )  # beyond it u alone is enough: a variance is at most 1/4
    lows = torch.cat([torch.maximum(first, -radius), right])
    highs = torch.cat([left, torch.minimum(last, radius)])
    who = torch.arange(len(least), device=least.device).repeat(2)
    keep = (lows <= highs) & lows.isfinite() & highs.isfinite()
    found = _least(weights, slopes, _split(who[keep], lows[keep], highs[keep], 3), best)
    return torch.maximum(found.sqrt(), least)


class _Cells(NamedTuple):
    """Pieces of the real line: the row each belongs to, its middle and half its width, [c] each."""

    who: Tensor
    middle: Tensor
    half: Tensor


class _Shape(NamedTuple):
    """At real steps [c]: ``(pi / 2s)^2``, the mean and variance of the slopes, and ``g' = K''' / K''``."""

    value: Tensor
    mean: Tensor
    variance: Tensor
    slope: Tensor


def _split(who: Tensor, lows: Tensor, highs: Tensor, parts: int) -> _Cells:
    """Each interval cut into equal parts."""
    half = (highs - lows) / (2 * parts)
    middles = [lows + (2 * i + 1) * half for i in range(parts)]
    return _Cells(who.repeat(parts), torch.cat(middles), half.repeat(parts))


def _least(weights: Tensor, slopes: Tensor, cells: _Cells, best: Tensor) -> Tensor:
    """A number [m] below ``u^2 + (pi / 2s)^2`` on all cells of a row, by at most the slack of its root."""
    proved = best.clone()
    for turn in range(ROUNDS):
        who, middle, half = cells
        shape = _shape(weights.index_select(1, who), slopes.index_select(1, who), middle)
        below = _cell_bound(middle, half, shape)
        best = best.scatter_reduce(0, who, middle**2 + shape.value, "amin")
        done = below >= (1.0 - SLACK) ** 2 * best[who]
        if turn == ROUNDS - 1:
            done = torch.ones_like(done)
        proved = proved.scatter_reduce(0, who[done], below[done], "amin")
        open_ = ~done
        if not bool(open_.any()):
            break
        who, middle, half = who[open_], middle[open_], half[open_]
        cells = _split(who, middle - half, middle + half, 2)
    return proved


def _shape(weights: Tensor, slopes: Tensor, u: Tensor) -> _Shape:
    """What the softmax of [k, c] terms does at real steps u [c]; NaN for a slope that rounding hides."""
    mass = torch.softmax(torch.addcmul(weights, slopes, u), dim=0)
    mean = (mass * slopes).sum(0)
    away = slopes - mean
    variance = mass.mul_(away).mul_(away).sum(0)
    slope = torch.where(variance > TINY, mass.mul_(away).sum(0) / variance, torch.nan)
    return _Shape((math.pi / 2) ** 2 / variance.clamp(min=1e-250), mean, variance, slope)


def _cell_bound(middle: Tensor, half: Tensor, shape: _Shape) -> Tensor:
    """A number below ``u^2 + (pi / 2s)^2`` for all u of each cell.

    ``value exp(-(g' x + bend x^2 / 2))`` is above its tangent in the exponent, so the sum is above a parabola in x; far
    from the middle the exponential itself, at its least, is the better bound. ``g'' <= m4 / m2 - 3 m2``, where m4 is at
    most m2 times the largest squared distance to the mean; mean and variance move by at most a quarter and a factor e
    in a unit of u.
    """
    value, slope = shape.value, shape.slope
    widest = (0.5 + shape.mean.abs() + half / 4).clamp(max=1.0)
    bend = widest**2 - 3.0 * shape.variance * torch.exp(-half)
    near = (middle.abs() - half).clamp(min=0.0) ** 2
    fall = torch.minimum(half, slope.abs().nan_to_num(1.0) * half + bend.clamp(min=0.0) * half**2 / 2)
    rough = near + torch.maximum(value * torch.exp(-fall), torch.full_like(near, math.pi**2))
    curve, tilt = 1.0 - value * bend / 2, 2.0 * middle - value * slope
    ends = middle**2 + value + curve * half**2 - tilt.abs() * half
    turn = torch.minimum(torch.maximum(-tilt / (2.0 * curve), -half), half)
    vertex = torch.where(curve > 0, middle**2 + value + tilt * turn + curve * turn**2, torch.inf)
    return torch.maximum(rough, torch.minimum(ends, vertex).nan_to_num(nan=-torch.inf))
