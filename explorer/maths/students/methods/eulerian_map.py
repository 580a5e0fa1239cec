"""Eulerian flow-map distillation: where the map lands must not change as its start moves along the flow."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from explorer.maths.students.identities import eulerian
from explorer.maths.students.intervals import check_share, diagonal_residual, parts, sums
from explorer.maths.students.method import AbstractMethod, Learner, Losses
from explorer.maths.training.run import Schedule


@dataclass(frozen=True)
class EulerianMap(AbstractMethod):
    """MeanFlow's rule along the teacher's velocity; with ``teacher=False`` along the map's own, on its diagonal.

    ``diagonal`` is the share of a batch that is spent on the velocity ``u(x, t, t)``.
    """

    teacher: bool = True
    diagonal: float = 0.5
    name: ClassVar[str] = "eulerian_map"
    label: ClassVar[str] = "Eulerian map"
    kind: ClassVar[str] = "full"
    summary: ClassVar[str] = "The map's end must stay where it is as its start moves along the flow."
    source: ClassVar[str] = "Boffi, Albergo and Vanden-Eijnden 2025, arXiv:2505.18825"
    equation: ClassVar[str] = "|u - sg [v - (t - s) (du/dt + grad_x u . v)]|^2"
    differs: ClassVar[str] = "uniform pairs of times; no learned weight; no gradient through the bracket"
    schedule: ClassVar[Schedule] = Schedule(9000)
    gain: ClassVar[float] = 1.0

    def __post_init__(self):
        check_share("diagonal", self.diagonal)
        if not self.teacher:
            self.declare(asks_teacher=False, begins="random")

    def losses(self, learner: Learner) -> Losses:
        """The velocity on the diagonal, and the Eulerian residual off it."""
        even, part = parts(learner, self.diagonal)
        with torch.no_grad():
            velocity = learner.teacher_velocity if self.teacher else learner.network
            along = velocity(part.x, part.t)
        return sums(
            learner,
            diagonal=diagonal_residual(learner, even, self.teacher),
            eulerian=eulerian(learner.network, along, part.x, part.t, part.s),
        )
