"""Walking a student in the one loop, so that teacher and student share loop, record, figures and count."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from explorer.maths.fields import Prediction
from explorer.maths.paths import AbstractPath
from explorer.maths.samplers.base import AbstractSampler, CountedField
from explorer.maths.samplers.grids import times_of
from explorer.maths.shapes import Points
from explorer.maths.students.flow_map import AbstractFlowMap


@dataclass(frozen=True)
class Leap(AbstractSampler):
    """A student's own calls; ``walk(student, Leap(student), steps=evals)``.

    The recorded velocity is the one the call went at, so the clean prediction is where it would end if it went
    on to t = 0 as it set out: of an endpoint map its very answer. ``order`` is 1: a map's error is learnt, not
    of its steps.
    """

    student: AbstractFlowMap
    name: ClassVar[str] = "leap"
    label: ClassVar[str] = "Student's calls"
    order: ClassVar[int] = 1
    evals_per_step: ClassVar[int] = 1
    takes_last_step: ClassVar[bool] = True
    source: ClassVar[str] = "Boffi, Albergo and Vanden-Eijnden 2024, arXiv:2406.07507"

    def __post_init__(self):
        self.declare(is_random=self.student.is_random, evals_per_step=self.student.evals_per_call)

    def times(
        self, path: AbstractPath, grid: str | Sequence[float], steps: int, latest: float
    ) -> list[float]:
        """The times of a run with ``steps`` calls; ``grid`` may be falling times of one's own.

        Raises:
            ValueError: when the student was not made for one of the steps.
        """
        if grid == "default":
            return self.student.times(steps * self.student.evals_per_call)
        times = times_of(grid, path, steps, latest)
        self.student.check(times)
        return times

    def step(self, field: CountedField, x: Points, t: float, t_next: float, memory: torch.Generator | None):
        if why := self.student.refusal(t, t_next):  # a run begun elsewhere has a grid of its own
            raise ValueError(why)
        jump = self.student.jump(x, t, t_next, memory)
        field.answered(Prediction(field.path, x, t, jump.velocity, "velocity"), self.student.evals_per_call)
        return jump.x, t_next, memory
