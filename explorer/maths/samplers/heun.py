"""Heun's method: look at the slope on both ends of the step, walk the average.

Source: Karras et al. 2022, arXiv:2206.00364, Algorithm 1 (2N - 1 evals). Where we differ: the slope is dx/dt in
the path's own time, so that on the variance exploding path it is theirs.
"""

from dataclasses import dataclass
from typing import ClassVar

from explorer.maths.samplers.base import AbstractSampler, CountedField
from explorer.maths.shapes import Points


@dataclass(frozen=True)
class Heun(AbstractSampler):
    """Deterministic, second order, two model calls for each step but the last."""

    name: ClassVar[str] = "heun"
    label: ClassVar[str] = "Heun"
    order: ClassVar[int] = 2
    evals_per_step: ClassVar[int] = 2
    source: ClassVar[str] = "Karras et al. 2022, arXiv:2206.00364, Algorithm 1"

    def step(self, field: CountedField, x: Points, t: float, t_next: float, memory: None):
        dt, slope = t_next - t, field(x, t).velocity
        slope_ahead = field(x + dt * slope, t_next).velocity
        return x + 0.5 * dt * (slope + slope_ahead), t_next, memory
