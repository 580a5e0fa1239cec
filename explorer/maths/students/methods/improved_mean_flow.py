"""Improved MeanFlow: flow matching of the velocity that the average velocity implies."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from explorer.maths.students.identities import improved
from explorer.maths.students.intervals import check_share, diagonal_residual, own_velocity, parts, sums
from explorer.maths.students.method import AbstractMethod, Learner, Losses
from explorer.maths.training.run import Schedule


@dataclass(frozen=True)
class ImprovedMeanFlow(AbstractMethod):
    """As good as MeanFlow or better at every count of evals: the derivative goes along the student's own velocity.

    ``diagonal`` is the share of a batch that is spent on the velocity ``u(x, t, t)``.
    """

    diagonal: float = 0.5
    name: ClassVar[str] = "improved_mean_flow"
    label: ClassVar[str] = "Improved MeanFlow"
    kind: ClassVar[str] = "full"
    summary: ClassVar[str] = "MeanFlow as a regression whose answer does not depend on the student."
    source: ClassVar[str] = "Geng et al. 2025, arXiv:2512.02012"
    equation: ClassVar[str] = "|u + (t - s) sg (du/dt + grad_x u . u(x, t, t)) - (eps - x_0)|^2"
    differs: ClassVar[str] = (
        "uniform times, not logit-normal; no adaptive weight; no second head for the velocity"
    )
    schedule: ClassVar[Schedule] = Schedule(8000)
    asks_teacher: ClassVar[bool] = False
    begins: ClassVar[str] = "random"

    def __post_init__(self):
        check_share("diagonal", self.diagonal)

    def losses(self, learner: Learner) -> Losses:
        """Flow matching on the diagonal and of the implied velocity off it."""
        even, part = parts(learner, self.diagonal)
        velocity = partial(own_velocity, learner)
        return sums(
            learner,
            diagonal=diagonal_residual(learner, even, teacher=False),
            mean_flow=improved(learner.network, velocity, part.velocity, part.x, part.t, part.s),
        )
