"""Consistency distillation: neighbours on one path of the teacher must be sent to the same clean sample."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from explorer.maths.students.consistency import check_cells, grid_step, landing
from explorer.maths.students.identities import Velocity
from explorer.maths.students.method import AbstractMethod, Learner, Losses, across, mixed, squared

WEIGHTS = ("1/t^2", "1")
"""What a row counts, by its time."""
SMALLEST = 0.02
"""The weight 1/t^2 stops growing below this time."""


@dataclass(frozen=True)
class ConsistencyDistillation(AbstractMethod):
    """One eval by a grid of ``cells`` equal steps in t, each one Heun step of the teacher.

    ``weight`` 1/t^2 makes an error in x_0 one in velocity. With weight 1 large times drown small ones, the more so
    the finer the grid: it is there to be seen.
    """

    cells: int = 64
    weight: str = "1/t^2"
    name: ClassVar[str] = "consistency_distillation"
    label: ClassVar[str] = "Consistency distillation"
    kind: ClassVar[str] = "endpoint"
    summary: ClassVar[str] = "Neighbours on a path of the teacher must land on the same clean sample."
    source: ClassVar[str] = "Song et al. 2023, arXiv:2303.01469"
    equation: ClassVar[str] = "w(t) |f(x_t, t) - sg f(x_r, r)|^2, x_r one Heun step of the teacher from x_t"
    differs: ClassVar[str] = (
        "the linear path on an even grid; squared distance, not LPIPS; the target has the weights of the moment, "
        "not averaged ones; weight 1/t^2; the last step to t = 0 is Euler's"
    )

    def __post_init__(self):
        check_cells(self.cells)
        if self.weight not in WEIGHTS:
            raise ValueError(f"`weight` must be '1/t^2' or '1'; got {self.weight!r}")

    def losses(self, learner: Learner) -> Losses:
        """The distance between where two neighbours land."""
        clean, noise = learner.batch()
        t, r = grid_step(learner.uniform(), self.cells)
        x = mixed(clean, noise, t)
        with torch.no_grad():
            answer = landing(learner.network, heun(learner.teacher_velocity, x, t, r), r)
        apart = squared(landing(learner.network, x, t) - answer)
        return {"distance": (weights(self.weight, t) * apart).mean()}


def weights(weight: str, t: Tensor) -> Tensor:
    """What a row at time t [batch] counts."""
    return torch.ones_like(t) if weight == "1" else t.clamp(min=SMALLEST) ** -2


def heun(velocity: Velocity, x: Tensor, t: Tensor, r: Tensor) -> Tensor:
    """States at r [batch] by one Heun step from t [batch], where r = 0 by one Euler step: no field is asked there."""
    slope = velocity(x, t)
    gap = across(r - t, x)
    ahead = torch.where(across(r, x) > 0.0, velocity(x + gap * slope, r), slope)
    return x + gap * (slope + ahead) / 2.0
