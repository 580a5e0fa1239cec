"""Euler's method: follow the velocity for the whole step.

On the variance exploding path it is the Euler method of Karras et al. 2022; on the linear path, of rectified flow.
"""

from dataclasses import dataclass
from typing import ClassVar

from explorer.maths.samplers.base import AbstractSampler, CountedField
from explorer.maths.shapes import Points


@dataclass(frozen=True)
class Euler(AbstractSampler):
    """Deterministic, first order, one model call for each step."""

    name: ClassVar[str] = "euler"
    label: ClassVar[str] = "Euler"
    order: ClassVar[int] = 1
    evals_per_step: ClassVar[int] = 1
    source: ClassVar[str] = "Song et al. 2021, arXiv:2011.13456"

    def step(self, field: CountedField, x: Points, t: float, t_next: float, memory: None):
        return x + (t_next - t) * field(x, t).velocity, t_next, memory
