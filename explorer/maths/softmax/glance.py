"""How far a step moves logits at most, and the rest when it is read: what control asks.

A look takes as long as a small net's step of training, so that nothing is worked out here that r does not need.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor, nn

from explorer.maths.softmax.lengths import WIDE
from explorer.maths.softmax.record import StepRadius
from explorer.maths.softmax.speeds import Anatomy, Motion, Named, at_once, batch_size, motions, quiet
from explorer.maths.softmax.step import record_of, step_radius, way_radius


@dataclass(frozen=True, eq=False)
class Glance:
    """The largest r of ``count`` inputs and the ``motion`` that it is read from."""

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
    way: Named | None = None,
    size: float = math.nan,
    targets: Tensor | None = None,
    weights: Tensor | None = None,
    **options: Any,
) -> Glance | StepRadius:
    """What a step from ``before`` (by first names) is for a batch: along ``way``, of length ``size``, by the product.

    Without a ``way``: to where ``module`` stands, by the secant. Other words are ``step_radius``'s.
    """
    count = batch_size(inputs)
    if targets is None and weights is None and not options and count <= at_once(inputs):
        anatomy = Anatomy(module)
        motion = _passed(anatomy, inputs, before) if way is None else _led(anatomy, inputs, before, way, size)
        r_max = math.nan if motion is None else _largest(motion)
        if motion is not None and math.isfinite(r_max):
            return Glance(r_max, motion, count)
    if way is None:
        return way_radius(module, inputs, before, targets, weights=weights, **options)
    return step_radius(module, inputs, way, targets, start=before, **{"at": (), "weights": weights} | options)


def _passed(anatomy: Anatomy, inputs: Any, before: Named) -> Motion | None:
    """By two plain passes; None for types with few digits."""
    with quiet(anatomy):
        begun = anatomy(inputs, before).clone()  # a module may return what it stores
        return Motion(begun, anatomy(inputs, {}) - begun, "secant") if begun.dtype in WIDE else None


def _led(anatomy: Anatomy, inputs: Any, before: Named, way: Named, size: float) -> Motion:
    """By one product."""
    whole = motions(anatomy, inputs, anatomy.step(way), size, anatomy.base(before), "jvp", batch_size(inputs))
    ((_, motion),) = whole
    return Motion(motion.logits.clone(), motion.speeds, motion.by)


def _largest(motion: Motion) -> float:
    """The largest r of rows with their classes last; not finite where any number is not, NaN for other shapes."""
    if motion.logits.ndim < 2 or not motion.logits.numel():
        return math.nan
    low, high = motion.speeds.aminmax(dim=-1)
    r_max = (high.double() - low.double()).amax().item() / math.pi
    # A change by the secant is not finite where a logit is not; a slope may be.
    return r_max if motion.by == "secant" else r_max + 0.0 * motion.logits.sum().item()
