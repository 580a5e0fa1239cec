"""How far along a step the loss of each sample keeps to its Taylor series, from logits and their speeds alone."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from explorer.maths.softmax.bounds import certified, dominance
from explorer.maths.softmax.ghosts import Ghosts, ghosts
from explorer.maths.softmax.terms import Terms, spreads, terms, trivial

FEW = 32
"""Samples solved at once while the batch's least is looked for."""


@dataclass(frozen=True, eq=False)
class Radius:
    """Radii in steps: 1 is the end of the step that the speeds belong to. Float64; each is worked out when first read.

    A sample whose logits keep their differences has no zero: inf. NaN in a logit or a speed gives NaN, an infinite
    speed gives 0.
    """

    logits: Tensor
    speeds: Tensor
    spread: Tensor
    """Largest minus smallest speed of each sample [n], in logits for one step."""

    @cached_property
    def terms(self) -> Terms:
        """The samples that have zeros, in a unit of their own."""
        return terms(self.logits, self.speeds, self.spread)

    @property
    def bound(self) -> Tensor:
        """``pi / spread`` [n]: below it every logit difference moves by less than pi."""
        return math.pi / self.spread

    @property
    def r(self) -> Tensor:
        """``spread / pi`` [n]: the largest predicted change of a logit difference, in units of pi."""
        return self.spread / math.pi

    @cached_property
    def dominance(self) -> Tensor:
        """The bound [n] that knows at which real steps one class has more than half."""
        return self._placed(dominance(self.terms))

    @cached_property
    def certified(self) -> Tensor:
        """The certified lower bound [n], mostly within a tenth of the exact radius and always below it."""
        return self._placed(self._lower)

    @cached_property
    def ghosts(self) -> Ghosts:
        """The nearest zeros of ``terms``, with their certificate."""
        return ghosts(self.terms, self._lower)

    @cached_property
    def exact(self) -> Tensor:
        """The radius [n]: distance of the nearest zero; NaN where no zero was found."""
        return self._placed(self.ghosts.radius)

    @cached_property
    def is_certain(self) -> Tensor:
        """Whether [n] the argument principle confirms ``exact``."""
        sure = self.spread.isnan().logical_not()
        sure[self.terms.rows] = self.ghosts.is_certain
        return sure

    @cached_property
    def batch(self) -> float:
        """The radius of the mean loss: the least exact one; NaN if any is NaN, inf for no samples.

        Only samples whose certified bound is below the least radius so far are solved.
        """
        rest = trivial(self.spread)
        rest[self.terms.rows] = torch.inf
        least = _least(rest)
        if math.isnan(least) or least == 0.0:
            return least
        if "ghosts" in self.__dict__:
            return _least(self.exact)
        lower = self._lower / self.terms.spread
        for few in lower.argsort().split(FEW):
            few = few[lower[few] < least]
            if not len(few):
                break
            found = ghosts(self.terms.part(few), self._lower[few]).radius / self.terms.spread[few]
            if bool(found.isnan().any()):
                return math.nan
            least = min(least, _least(found))
        return least

    @cached_property
    def _lower(self) -> Tensor:
        return certified(self.terms)

    def _placed(self, found: Tensor) -> Tensor:
        """Radii of the terms [m] in the unit of T, put where they belong in the batch [n], in steps."""
        radii = trivial(self.spread)
        radii[self.terms.rows] = found / self.terms.spread
        return radii


def radius(logits: Tensor, logit_speeds: Tensor) -> Radius:
    """The softmax radius of n samples with k classes; the speeds are those of the logits for one whole step.

    ``.bound`` <= ``.certified`` <= ``.exact``, [n] each, and ``.batch``, the least exact one. A class is left out where
    its logit is -inf.

    Raises:
        ValueError: when the two are not [n, k] of one shape.
    """
    if logits.ndim != 2 or logits.shape != logit_speeds.shape:
        raise ValueError(
            f"`logits` and `logit_speeds` must both be [n, k]; got {list(logits.shape)} and "
            f"{list(logit_speeds.shape)}; flatten positions into rows first"
        )
    logits, speeds = logits.detach().double(), logit_speeds.detach().double()
    return Radius(logits, speeds, spreads(logits, speeds))


def _least(radii: Tensor) -> float:
    return float(radii.amin()) if len(radii) else math.inf
