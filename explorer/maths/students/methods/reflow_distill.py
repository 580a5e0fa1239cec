"""Reflow, then one step: a straight flow is learnt first, and where that leads is learnt by least squares."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar

import torch

from explorer.maths.fields import NetworkField
from explorer.maths.samplers.base import setting
from explorer.maths.students.method import AbstractMethod, Learner, Losses, Task, squared
from explorer.maths.students.methods.pairs import keep_pairs, landed
from explorer.maths.students.methods.reflow import off_the_line
from explorer.maths.students.stages import StagedLearner
from explorer.maths.training.couplings import PAIRS, SEEDS, Pairs, followed
from explorer.maths.training.run import Schedule

REFLOW, ONE_STEP = 6_000, 4_000
"""Updates of the straight flow, and of the one step."""


@dataclass(frozen=True)
class ReflowDistill(AbstractMethod):
    """Two stages: reflow on pairs of the teacher, then regression on fresh pairs of that reflow itself.

    ``straight`` says that the given teacher is a reflow already (``ex.load("two_moons/reflow")``): the first stage is
    then left out.
    """

    straight: bool = False
    pairs: int = PAIRS
    name: ClassVar[str] = "reflow_distill"
    label: ClassVar[str] = "Reflow and one step"
    kind: ClassVar[str] = "point"
    summary: ClassVar[str] = "Straightens the teacher's paths, then learns where the straight ones end."
    source: ClassVar[str] = "Liu et al. 2022, arXiv:2209.03003, section 2.2 and 3.2"
    equation: ClassVar[str] = (
        "|n(x_t, t) - (z - x)|^2, then |z - n(z, 1) - x'|^2 over pairs (z, x') of that n"
    )
    differs: ClassVar[str] = "squared distance where image work has LPIPS; teacher by adaptive Runge-Kutta"
    schedule: ClassVar[Schedule] = Schedule(REFLOW + ONE_STEP)

    def __post_init__(self):
        setting("pairs", self.pairs, 1, whole=True)
        if self.straight:
            self.declare(schedule=Schedule(ONE_STEP))

    def learner(self, task: Task) -> "ReflowDistillLearner":
        """One that makes the second stage's pairs itself."""
        return ReflowDistillLearner(self, task)

    def prepare(self, learner: Learner) -> Iterator[float]:
        """The teacher's pairs."""
        yield from keep_pairs(learner, self.pairs)

    def losses(self, learner: Learner) -> Losses:
        """Squared distance of velocities in the first stage, of end points in the second."""
        assert isinstance(learner, ReflowDistillLearner)
        if not learner.is_landing:
            return {"velocity": squared(off_the_line(learner, learner.uniform())).mean()}
        return {"distance": squared(landed(learner)).mean()}


class ReflowDistillLearner(StagedLearner):
    """Between the stages it follows its own flow, in updates that count for nothing."""

    method: ReflowDistill

    def __init__(self, method: ReflowDistill, task: Task):
        super().__init__(method, task, [1.0] if method.straight else [float(REFLOW), float(ONE_STEP)])
        self.parts: list[Pairs] = []
        self.way: Iterator[Pairs] | None = None

    @property
    def is_landing(self) -> bool:
        """Whether the next update is of the one step."""
        return self.method.straight or self.coming == 1

    def update(self) -> dict[str, float]:
        """One update; before the first of the second stage, a part of the way there."""
        if self.turns and "straight" not in self.kept:
            self._follow()
            return {}
        return super().update()

    def _follow(self) -> None:
        """Some more pairs of the flow that the first stage has made; all of them take the place of the teacher's."""
        if self.way is None:
            flow = NetworkField(deepcopy(self.averaged), shape=self.task.target.shape)
            self.way = followed(flow, self.method.pairs, (self.schedule.seed + 1) % SEEDS)
        self.parts.append(next(self.way))
        made = sum(len(part.clean) for part in self.parts)
        self.told = {"pairs": float(made)}
        if made == self.method.pairs:
            self.kept["noise"] = torch.cat([part.noise for part in self.parts])
            self.kept["clean"] = torch.cat([part.clean for part in self.parts])
            self.kept["straight"] = torch.ones(1)
            self.parts, self.way, self.told = [], None, {}
