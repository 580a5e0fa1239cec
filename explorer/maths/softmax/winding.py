"""How many zeros F has within a circle around 0: the argument principle.

On the upper half circle from R to -R, F begins and ends positive, so its phase turns by 2 pi for every zero of the
upper half disc. The phase is followed in steps that are halved until each turn is small and ``|F' / F|`` hides none.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from explorer.maths.softmax.terms import Terms

PIECES = 24
TURN = 0.5
"""Radians that the phase may turn on one piece."""
SWING = 1.5
"""Length of a piece times the greater ``|F' / F|`` of its ends."""
ROUNDS = 48
ROWS = 256


class _Ends(NamedTuple):
    """Ends of pieces: angle on the circle, phase of F, and how fast it may turn with the angle, [c] each."""

    angle: Tensor
    phase: Tensor
    pace: Tensor

    def part(self, chosen: Tensor) -> "_Ends":
        return _Ends(*(value[chosen] for value in self))


def zeros_inside(terms: Terms, radii: Tensor) -> Tensor:
    """Zeros of each row in the upper half disc of radius ``radii`` [m] -> [m]; -1 where the phase got lost."""
    if not len(terms):
        return radii.long()
    parts = [slice(i, i + ROWS) for i in range(0, len(terms), ROWS)]
    return torch.cat([_count(terms.part(rows), radii[rows]) for rows in parts])


def _count(terms: Terms, radii: Tensor) -> Tensor:
    # Without the term that rules at 0 the phase hardly turns where that term rules; no zero moves.
    top = terms.weights.argmax(1, keepdim=True)
    weights = terms.weights.T.contiguous()
    slopes = (terms.slopes - terms.slopes.gather(1, top)).T.contiguous()
    angles = torch.linspace(0.0, math.pi, PIECES + 1, dtype=radii.dtype, device=radii.device)
    rows = torch.arange(len(radii), device=radii.device)
    marks = _ends(weights, slopes, radii, rows.repeat_interleave(PIECES + 1), angles.repeat(len(rows)))
    grid = [value.reshape(len(rows), -1) for value in marks]
    begin, end = (
        _Ends(*(value[:, cut].flatten() for value in grid)) for cut in (slice(None, -1), slice(1, None))
    )
    who = rows.repeat_interleave(PIECES)
    total = torch.zeros_like(radii)
    for _ in range(ROUNDS):
        turn = torch.remainder(end.phase - begin.phase + math.pi, 2 * math.pi) - math.pi
        swing = torch.maximum(begin.pace, end.pace) * (end.angle - begin.angle)
        good = (turn.abs() < TURN) & (swing < SWING)
        total = total.index_add(0, who[good], turn[good])
        if bool(good.all()):
            who = who[:0]
            break
        who, begin, end = who[~good], begin.part(~good), end.part(~good)
        middle = _ends(weights, slopes, radii, who, (begin.angle + end.angle) / 2)
        begin, end = (
            _Ends(*map(torch.cat, zip(*pair, strict=True))) for pair in ((begin, middle), (middle, end))
        )
        who = who.repeat(2)
    count = (total / (2 * math.pi)).round().long()
    count[who] = -1
    return count


def _ends(weights: Tensor, slopes: Tensor, radii: Tensor, who: Tensor, angles: Tensor) -> _Ends:
    points = torch.polar(radii[who], angles)
    w, s = weights[:, who], slopes[:, who]
    heights = w + s * points.real
    sizes = (heights - heights.amax(0)).exp()
    turns = s * points.imag
    real, imag = sizes * turns.cos(), sizes * turns.sin()
    value = torch.complex(real.sum(0), imag.sum(0))
    rate = torch.complex((real * s).sum(0), (imag * s).sum(0))
    return _Ends(angles, value.angle(), (rate / value).abs().nan_to_num(torch.inf) * radii[who])
