"""Improved consistency training: neighbours on the straight line of one pair must be sent to the same clean sample."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from explorer.maths.students.consistency import check_cells, grid_step, landing
from explorer.maths.students.method import AbstractMethod, Learner, Losses, mixed, squared
from explorer.maths.training.run import Schedule

FIRST, STAGES = 10, 6
"""The grid begins with so many cells, and doubles at the end of each of so many equal parts of the run."""
WIDTH = 0.03
"""Of the pseudo-Huber distance: beyond it an error counts as a length, within it as a square."""


@dataclass(frozen=True)
class ConsistencyTraining(AbstractMethod):
    """No teacher: x_r lies on the line from the same x_0 to the same noise. ``cells`` is the finest grid.

    Its curve often rises with more evals, since each noises again from samples that are not quite right.
    """

    cells: int = 320
    name: ClassVar[str] = "consistency_training"
    label: ClassVar[str] = "Consistency training"
    kind: ClassVar[str] = "endpoint"
    summary: ClassVar[str] = "Neighbours on the line from a sample to its noise must land on the same sample."
    source: ClassVar[str] = "Song and Dhariwal 2023, arXiv:2310.14189"
    equation: ClassVar[str] = "sqrt(|f(x_t, t) - sg f(x_r, r)|^2 + c^2) - c, x_r of the same pair as x_t"
    differs: ClassVar[str] = (
        "the linear path on grids even in t, of 10 to 320 cells; even times, not lognormal; weight 1, not 1/(t - r); "
        "c = 0.03; first weights from a flow, which gives no more than these"
    )
    asks_teacher: ClassVar[bool] = False
    schedule: ClassVar[Schedule] = Schedule(8000)

    def __post_init__(self):
        check_cells(self.cells)

    def losses(self, learner: Learner) -> Losses:
        """The distance between where two neighbours land."""
        clean, noise = learner.batch()
        t, r = grid_step(learner.uniform(), cells_at(learner.share, self.cells))
        with torch.no_grad():
            answer = landing(learner.network, mixed(clean, noise, r), r)
        apart = landing(learner.network, mixed(clean, noise, t), t) - answer
        return {"distance": pseudo_huber(apart).mean()}


def cells_at(share: float, most: int) -> int:
    """Cells of the grid after a share of the run: 10, 20, 40, ... and never more than ``most``."""
    return min(FIRST << int(STAGES * share), most)


def pseudo_huber(residual: Tensor) -> Tensor:
    """``sqrt(|d|^2 + c^2) - c`` [batch]."""
    return (squared(residual) + WIDTH**2).sqrt() - WIDTH
