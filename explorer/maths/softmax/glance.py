"""How far the step just made moved logits at most, in two plain passes: what control looks at in calm.

A look takes as long as a small net's step of training, so that nothing is worked out here that r does not need.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor, nn

from explorer.maths.softmax.lengths import WIDE
from explorer.maths.softmax.record import StepRadius
from explorer.maths.softmax.speeds import Anatomy, Motion, Named, at_once, batch_size, quiet
from explorer.maths.softmax.step import record_of, way_radius


@dataclass(frozen=True, eq=False)
class Glance:
    """The largest r of ``count`` inputs by the secant, and the ``motion`` that it is read from."""

    r_max: float
    motion: Motion
    count: int

    @property
    def by(self) -> str:
        """How r was found."""
        return self.motion.by

    @cached_property
    def record(self) -> StepRadius:
        """All that the motion tells, worked out when first read."""
        return record_of(self.motion, self.count)

    def quantile(self, part: float) -> float:
        """The r that ``part`` of the rows stay within."""
        return self.r_max if part == 1.0 else self.record.quantile(part)


def glance(
    module: nn.Module,
    inputs: Any,
    before: Named,
    targets: Tensor | None = None,
    *,
    weights: Tensor | None = None,
    **options: Any,
) -> Glance | StepRadius:
    """The way from ``before`` (by first names) to where ``module`` stands; other words are ``step_radius``'s."""
    count, is_plain = batch_size(inputs), targets is None and weights is None and not options
    quick = _quick(module, inputs, before, count) if is_plain and count <= at_once(inputs) else None
    return quick or way_radius(module, inputs, before, targets, weights=weights, **options)


def _quick(module: nn.Module, inputs: Any, before: Named, count: int) -> Glance | None:
    """The way of all inputs in one call, classes last; None for few digits and for numbers that are not finite."""
    anatomy = Anatomy(module)
    with quiet(anatomy):
        begun = anatomy(inputs, before).clone()  # a module may return what it stores
        away = anatomy(inputs, {}) - begun
        if begun.dtype not in WIDE or begun.ndim < 2 or not begun.numel():
            return None
        # Where a logit is not finite, neither is this.
        low, high = away.aminmax(dim=-1)
        r_max = (high - low).amax().item() / math.pi
    return Glance(r_max, Motion(begun, away, "secant"), count) if math.isfinite(r_max) else None
