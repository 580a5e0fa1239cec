"""The zeros of ``F(T) = sum_k exp(weights_k + slopes_k T)`` nearest to 0, and the proof that none is nearer.

Newton's method starts at the zeros of pairs of classes and on a fan around 0; the argument principle then counts the
zeros inside the circle through the nearest one found. F is real on the real line, so zeros come in conjugate pairs and
the upper half of the circle tells all. A row whose count is not 0 is searched again on a finer fan.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from explorer.maths.softmax.bounds import certified
from explorer.maths.softmax.terms import Terms
from explorer.maths.softmax.winding import zeros_inside

NEWTON = 40
ACCEPTED = 1e-9
"""Size of F over the sum of the sizes of its terms, below which a point counts as a zero."""


class Effort(NamedTuple):
    """Starts for each row: rings and angles of the fan, the classes that are paired, and the pair zeros kept."""

    rings: int
    angles: int
    classes: int
    pairs: int


EFFORTS = (Effort(4, 5, 12, 28), Effort(16, 24, 24, 400), Effort(48, 64, 48, 3000))
"""The first try, and those after a count that was not 0."""
NUMBERS = 1 << 21
Values = tuple[Tensor, Tensor, Tensor]
CLEAR = 1e-11
"""Size of F over the sum of the sizes of its terms, above which its phase is beyond doubt."""


@dataclass(frozen=True, eq=False)
class Ghosts:
    """``zero`` [m] the nearest zero with a positive imaginary part, complex128, in the unit of T (NaN: none found).

    ``is_certain`` [m]: the argument principle counts no zero nearer than it, less a part ``within`` [m] of the radius:
    a millionth, more where zeros coincide, since F is flat there. ``multiplicity`` [m]: how many coincide.
    """

    zero: Tensor
    is_certain: Tensor
    within: Tensor
    multiplicity: Tensor

    @property
    def radius(self) -> Tensor:
        """Distance [m] of the zero from 0, in the unit of T."""
        return self.zero.abs()


def ghosts(terms: Terms, lower: Tensor | None = None) -> Ghosts:
    """The nearest zeros of each row; ``lower`` [m] is a proved lower bound (the certified one unless given)."""
    lower = certified(terms) if lower is None else lower
    zero = torch.complex(torch.full_like(lower, torch.nan), torch.full_like(lower, torch.nan))
    certain = torch.zeros_like(lower, dtype=torch.bool)
    within, count = torch.zeros_like(lower), torch.ones_like(lower, dtype=torch.long)
    left = torch.arange(len(terms), device=lower.device)
    for effort in EFFORTS:
        if not len(left):
            break
        width = terms.weights.shape[1] * (effort.pairs + effort.rings * effort.angles)
        for few in left.split(max(1, NUMBERS // width)):
            part = terms.part(few)
            zero[few], count[few] = _nearest(part, lower[few], zero[few], effort)
            within[few] = _clearance(part, zero[few], count[few])
            certain[few] = _checked(part, zero[few].abs() * (1.0 - within[few]))
        left = (~certain).nonzero()[:, 0]
    return Ghosts(zero, certain, within, count)


def _checked(terms: Terms, radii: Tensor) -> Tensor:
    """Whether the argument principle finds no zero inside circles of ``radii`` [m]; not for NaN."""
    found = radii.isfinite()
    sure = torch.zeros_like(found)
    sure[found] = zeros_inside(terms.part(found), radii[found]) == 0
    return sure


def _clearance(terms: Terms, zero: Tensor, count: Tensor) -> Tensor:
    """By which part of the radius [m] a circle must pass a zero so that F there is well above rounding."""
    order = count.to(zero.real.dtype)
    _, rate, size = _value(terms.weights.T, terms.slopes.T, zero, order - 1)
    flat = (CLEAR * (order + 1).lgamma().exp() * size / rate.abs()) ** (1 / order)
    return (flat / zero.abs()).clamp(min=1e-6)


def _nearest(terms: Terms, lower: Tensor, known: Tensor, effort: Effort) -> tuple[Tensor, Tensor]:
    """The nearest of the zeros that Newton's method finds and those ``known`` [m], with its multiplicity."""
    starts = torch.cat([_pair_zeros(terms, lower, effort), _fan(lower, known, effort), _near(known)], dim=1)
    who = torch.arange(len(terms), device=lower.device)[:, None].expand_as(starts).flatten()
    starts = starts.flatten()
    good = starts.abs().isfinite()
    who, points = newton(terms, who[good], starts[good], 8.0 * lower + 40.0)
    sizes = points.abs()
    best = known.abs().nan_to_num(torch.inf).scatter_reduce(0, who, sizes, "amin")
    first = sizes == best[who]
    zero = known.clone()
    zero[who[first]] = points[first]
    return _multiple(terms, zero)


def _pair_zeros(terms: Terms, lower: Tensor, effort: Effort) -> Tensor:
    """Zeros of two classes alone [m, s]: ``(-(w_j - w_k) + i pi m) / (s_j - s_k)``, m = 1 and 3, NaN where none.

    Those near 0 come first, and those where no third class towers over the two.
    """
    weights, slopes = terms.weights, terms.slopes
    if weights.shape[1] > effort.classes:
        tilts = lower[:, None] * weights.new_tensor([-1.5, -0.8, 0.0, 0.8, 1.5])
        heights = weights[:, None] + tilts[:, :, None] * slopes[:, None]
        chosen = (heights - heights.amax(2, keepdim=True)).amax(1).topk(effort.classes, dim=1).indices
        weights, slopes = weights.gather(1, chosen), slopes.gather(1, chosen)
    j, k = torch.triu_indices(weights.shape[1], weights.shape[1], 1).to(weights.device)
    gap, height = slopes[:, j] - slopes[:, k], weights[:, j] - weights[:, k]
    once = torch.complex(-height / gap, math.pi / gap.abs())
    skyline = (weights[:, None] + slopes[:, None] * once.real[:, :, None]).amax(2)
    hidden = skyline - (weights[:, j] + slopes[:, j] * once.real)
    both = torch.cat([once, torch.complex(once.real, 3.0 * once.imag)], dim=1)
    order = (both.abs() + 5.0 * hidden.repeat(1, 2)).nan_to_num(torch.inf).argsort(1)[:, : effort.pairs]
    return both.gather(1, order)


def _fan(lower: Tensor, known: Tensor, effort: Effort) -> Tensor:
    """Starts [m, s] on half circles from the lower bound to the zero that is known, else to a few times the bound."""
    far = (known.abs() / lower).nan_to_num(2.5 if effort is EFFORTS[0] else 8.0).clamp(min=1.0 + 1e-6)
    rings = torch.linspace(0.0, 1.0, effort.rings, dtype=lower.dtype, device=lower.device)
    angles = torch.linspace(0.0, math.pi, effort.angles + 2, dtype=lower.dtype, device=lower.device)[1:-1]
    sizes = lower[:, None] * far[:, None] ** rings
    points = torch.polar(sizes[:, :, None].expand(-1, -1, len(angles)), angles.expand(*sizes.shape, -1))
    return torch.complex(points.real, points.imag.clamp(min=math.pi)).flatten(1)


def _near(known: Tensor) -> Tensor:
    """Starts [m, s] around a zero that is known: zeros stand in chains, and the next one may be nearer to 0."""
    sizes = torch.tensor([2.0, 5.0, 12.0, 30.0, 80.0], dtype=known.real.dtype, device=known.device)
    angles = torch.arange(8, dtype=sizes.dtype, device=known.device) * (math.pi / 4)
    around = torch.polar(sizes[:, None].expand(-1, 8), angles.expand(5, -1)).flatten()
    points = known[:, None] + around
    return torch.complex(points.real, points.imag.abs().clamp(min=math.pi))


def newton(terms: Terms, who: Tensor, points: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
    """Zeros that Newton's method reaches from starts ``points`` [c] of rows ``who`` [c].

    Steps are at most 1 long, or a twentieth of the way from 0. What leaves the upper half plane is mirrored back; what
    goes beyond ``far`` [m] is given up. Fewer come back than went in.
    """
    weights, slopes = terms.weights.T.contiguous(), terms.slopes.T.contiguous()
    ended_who, ended = [], []
    for turn in range(NEWTON):
        w, s = weights[:, who], slopes[:, who]
        value, rate, size = _value(w, s, points)
        step = value / rate
        # A slope of 0 gives no step; a nudge off the spot does.
        step = torch.where(step.abs().isfinite(), step, 0.5j)
        step = step / (step.abs() / (0.05 * points.abs()).clamp(min=1.0)).clamp(min=1.0)
        arrived = (step.abs() < 1e-14 * points.abs()) | (turn == NEWTON - 1) | (value.abs() < 1e-15 * size)
        taken = arrived & (value.abs() < ACCEPTED * size)
        ended_who.append(who[taken])
        ended.append(points[taken])
        moved = points - step
        moved = torch.complex(moved.real, moved.imag.abs())
        going = ~arrived & (moved.abs() < far[who])
        who, points = who[going], moved[going]
        if not len(who):
            break
    return torch.cat(ended_who), torch.cat(ended)


def _value(weights: Tensor, slopes: Tensor, points: Tensor, order: Tensor | int = 0) -> Values:
    """F^(order), its derivative, and the sum of the sizes of F's terms at points [c], all over the largest term."""
    heights = weights + slopes * points.real
    sizes = (heights - heights.amax(0)).exp()
    turns = slopes * points.imag
    parts = torch.complex(sizes * turns.cos(), sizes * turns.sin()) * slopes**order
    return parts.sum(0), (parts * slopes).sum(0), sizes.sum(0)


def _multiple(terms: Terms, zero: Tensor) -> tuple[Tensor, Tensor]:
    """Zeros that coincide: Newton's method on ``F^(m-1)``, kept where all lower derivatives vanish to rounding.

    At a zero of multiplicity m Newton's method on F itself is only good to the m-th root of rounding.
    """
    weights, slopes = terms.weights.T, terms.slopes.T
    count = torch.ones_like(zero.real, dtype=torch.long)
    _, rate, size = _value(weights, slopes, zero)
    doubtful = (rate.abs() < 1e-4 * size).nonzero()[:, 0]
    if not len(doubtful):
        return zero, count
    w, s = weights[:, doubtful], slopes[:, doubtful]
    for m in range(2, weights.shape[0]):
        point = zero[doubtful]
        for _ in range(12):
            value, rate, _ = _value(w, s, point, m - 1)
            step = value / rate
            point = point - torch.where(step.abs() < 0.5, step, 0.0)
        vanish = torch.stack([_value(w, s, point, j)[0].abs() / _value(w, s, point)[2] for j in range(m)])
        real = (vanish.amax(0) < 1e-13) & (point.imag > 0)
        zero[doubtful[real]], count[doubtful[real]] = point[real], m
    return zero, count
