"""A step's radius where the classes are many: the head in pieces of the vocabulary, logits never held as a whole.

The module runs up to its last linear layer, whose inputs h and their speeds h' are kept; a piece of the classes then
has the logits ``W h + b`` and the speeds ``W h' + W' h + b'``. One pass over the pieces gathers extremes and the sums
of the softmax, each against a running largest logit.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.maths.softmax.aims import Aims
from explorer.maths.softmax.rows import Head
from explorer.maths.softmax.speeds import Anatomy, Motion, Named
from explorer.maths.softmax.told import Settled

NUMBERS = 1 << 20
"""Logits held at once."""


class Body(Anatomy):
    """A module up to its ``head``, a linear layer by name: gives what the head is given.

    Raises:
        ValueError: when there is no linear layer of that name.
    """

    def __init__(self, module: nn.Module, head: str):
        super().__init__(module)
        found = dict(module.named_modules()).get(head)
        if not isinstance(found, nn.Linear):
            linear = [name for name, m in module.named_modules() if isinstance(m, nn.Linear)]
            raise ValueError(
                f"`head` must name the linear layer that gives the logits; got {head!r}; "
                f"linear layers: {', '.join(linear[-5:]) or 'none'}"
            )
        self.head, self.name = found, head

    def __call__(self, inputs: Any, values: Named) -> Tensor:
        given: list[Tensor] = []

        def hand_on(features: Tensor) -> Tensor:
            given.append(features)
            return features

        self.head.forward = hand_on  # type: ignore[method-assign, assignment] # the instance's, taken away again below
        try:
            answer = super().__call__(inputs, values)
        finally:
            del self.head.forward
        if len(given) != 1:
            raise ValueError(f"the module must call its `head` {self.name!r} once; it did {len(given)} times")
        if answer is not given[0] and (answer.shape != given[0].shape or not torch.equal(answer, given[0])):
            raise ValueError(
                f"what `head` {self.name!r} gives must be the module's answer; more follows it; leave `head` out"
            )
        return given[0]

    def layer(self, values: Named) -> tuple[Tensor, Tensor | None]:
        """Weight and bias of the head among ``values``; None where these do not hold it."""
        names = [f"{self.name}.{part}" if self.name else part for part in ("weight", "bias")]
        weight, bias = (values.get(self.known[n]) if n in self.known else None for n in names)
        return weight, bias  # type: ignore[return-value] # a module's own values hold the weight


@dataclass(frozen=True, eq=False)
class Swept:
    """``r`` [m] of the rows that count, their ``places``, and what they tell."""

    r: Tensor
    places: Tensor
    told: Settled


class Sweep:
    """What the pieces of a vocabulary add up to, for m rows: sums are against the largest logit so far."""

    def __init__(self, m: int, at: Tensor):
        self.at = at
        self.high, self.low = at.new_full((m,), -torch.inf), at.new_full((m,), torch.inf)
        self.peaks = at.new_full(
            (len(at) + 1, m), -torch.inf
        )  # of the logits now, then at the parts of the step
        self.masses = at.new_zeros((len(at) + 1, m))
        self.first, self.second = at.new_zeros(m), at.new_zeros(m)
        self.tops = at.new_full((2, m), -torch.inf)
        self.classes = torch.zeros((2, m), dtype=torch.long, device=at.device)
        self.aimed, self.slope, self.total = at.new_zeros(m), at.new_zeros(m), at.new_zeros(m)

    def add(self, z: Tensor, a: Tensor, first: int, q: Tensor | None) -> None:
        """Logits and speeds [m, c] of the classes from ``first`` on, and their shares."""
        there = z != -torch.inf
        self.high = torch.maximum(self.high, torch.where(there, a, -torch.inf).amax(1))
        self.low = torch.minimum(self.low, torch.where(there, a, torch.inf).amin(1))
        a = torch.where(there, a, 0.0)
        for i, t in enumerate((0.0, *self.at.tolist())):
            self._gather(i, z + t * a if t else z, a)
        for i, heights in enumerate((z, z + a)):
            self._lead(i, heights, first)
        if q is not None:
            self.total += q.sum(1)
            self.aimed += torch.where(q == 0, 0.0, q * z).sum(1)
            self.slope += torch.where(q == 0, 0.0, q * a).sum(1)

    def _lead(self, i: int, heights: Tensor, first: int) -> None:
        top, which = heights.max(1)
        better = top > self.tops[i]
        self.tops[i] = torch.where(better, top, self.tops[i])
        self.classes[i] = torch.where(better, which + first, self.classes[i])

    def _gather(self, i: int, heights: Tensor, a: Tensor) -> None:
        peak = torch.maximum(self.peaks[i], heights.amax(1))
        floor = peak.masked_fill(peak == -torch.inf, 0.0)  # all classes so far are not there
        fade = (self.peaks[i] - floor).exp()
        mass = (heights - floor[:, None]).exp()
        added = mass.sum(1)
        if i == 0:
            # Mean and squares away from it, of the classes so far and of these: Chan's way to join two.
            old = self.masses[0] * fade
            mean = (mass * a).sum(1) / added.clamp(min=1e-300)
            square = (mass * (a - mean[:, None]).square()).sum(1)
            both = (old + added).clamp(min=1e-300)
            gap = mean - self.first
            self.second = self.second * fade + square + gap.square() * old * added / both
            self.first = self.first + gap * added / both
        self.masses[i] = self.masses[i] * fade + added
        self.peaks[i] = peak

    def swept(self, aims: Aims | None, places: Tensor, poles: Tensor | None, digits: float) -> Swept:
        """The record of all classes."""
        spread = torch.where(self.high == self.low, 0.0, self.high - self.low)
        spread = torch.where(self.high.isinf() | self.low.isinf(), torch.inf, spread)
        bad = ~self.peaks[0].isfinite() | self.high.isnan() | self.low.isnan()
        r = torch.where(bad, torch.nan, spread) / math.pi
        r = r if poles is None else torch.maximum(r, 1.0 / poles)
        variance = self.second / self.masses[0]
        flips = self.classes[0] != self.classes[1]
        if aims is None or (aims.labels is None and aims.soft is None):
            blank = torch.full_like(self.at, torch.nan)
            none, norm = torch.zeros_like(flips), float(len(r)) if aims is None else aims.norm
            kappa = variance.sum() if aims is None or aims.heft is None else aims.heft.dot(variance)
            return Swept(r, places, Settled(math.nan, float(kappa), blank, flips, none, norm))
        ends = (
            (self.peaks[1:] + self.masses[1:].log()) * self.total - self.aimed - self.at[:, None] * self.slope
        )
        share = (self.aimed / self.total - self.peaks[0]).exp() / self.masses[0]
        hard = aims.is_hard
        absorbed = (1.0 - share < digits / 2) & hard
        g = float((self.slope - self.total * self.first).sum())
        told = Settled(g, float((self.total * variance).sum()), ends.sum(1), flips, absorbed, aims.norm)
        return Swept(r, places, told)


def sweep(
    body: Body,
    head: Head,
    motion: Motion,
    base: Named,
    step: Named,
    targets: Tensor | None,
    weights: Tensor | None,
    at: Tensor,
) -> Swept:
    """The record of features [.., d] and their speeds over one whole step."""
    h, dh = (x.reshape(-1, x.shape[-1]) for x in (motion.logits, motion.speeds))
    weight, _ = body.layer(base)
    m, k = len(h), len(weight)
    aims = head.aims(targets, weights, m, k, h.device)
    places = torch.arange(m, device=h.device)
    if aims is not None and aims.counted is not None:
        places, h, dh = aims.counted, h[aims.counted], dh[aims.counted]
    found, poles = Sweep(len(h), at.to(h.device)), None
    width = max(1, NUMBERS // max(1, len(h)))
    for first in range(0, k, width):
        cut = slice(first, min(first + width, k))
        z, a, near = head.seen(*_piece(body, h, dh.to(h), base, step, cut, motion.by))
        if near is not None:
            near = torch.where(z == -torch.inf, torch.inf, near).amin(1)
            poles = near if poles is None else torch.minimum(poles, near)
        found.add(z, a, first, None if aims is None else aims.columns(cut.start, cut.stop))
    return found.swept(aims, places, poles, torch.finfo(h.dtype).eps)


def _piece(
    body: Body, h: Tensor, dh: Tensor, base: Named, step: Named, cut: slice, by: str
) -> tuple[Tensor, Tensor]:
    """Logits and speeds [m, c] of the classes in ``cut``."""
    weight, bias = body.layer(base)
    tilt, lift = body.layer(step)
    z = functional.linear(h, weight[cut], None if bias is None else bias[cut])
    a = functional.linear(dh, weight[cut])
    if tilt is not None:
        # Over a whole step the head and its inputs both are where they end.
        a = a + functional.linear(h + dh if by == "secant" else h, tilt[cut].to(h))
    return z, a if lift is None else a + lift[cut].to(h)
