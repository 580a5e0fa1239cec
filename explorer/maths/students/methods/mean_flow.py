"""MeanFlow: the average velocity from data alone, by its relation to the velocity at a point."""

from dataclasses import dataclass
from typing import ClassVar

from explorer.maths.students.identities import eulerian
from explorer.maths.students.intervals import check_share, diagonal_residual, parts, sums
from explorer.maths.students.method import AbstractMethod, Learner, Losses


@dataclass(frozen=True)
class MeanFlow(AbstractMethod):
    """The Eulerian rule with each pair's own ``eps - x_0`` for a velocity: no teacher, and a noisier derivative.

    ``diagonal`` is the share of a batch that is spent on the velocity ``u(x, t, t)``.
    """

    diagonal: float = 0.5
    name: ClassVar[str] = "mean_flow"
    label: ClassVar[str] = "MeanFlow"
    kind: ClassVar[str] = "full"
    summary: ClassVar[str] = "The average velocity over an interval, learnt from data by its derivative."
    source: ClassVar[str] = "Geng et al. 2025, arXiv:2505.13447"
    equation: ClassVar[str] = "|u - sg [v - (t - s) (du/dt + grad_x u . v)]|^2 with v = eps - x_0"
    differs: ClassVar[str] = (
        "half the batch on the diagonal where the paper has three quarters; uniform times, not logit-normal; "
        "no adaptive weight"
    )
    asks_teacher: ClassVar[bool] = False
    begins: ClassVar[str] = "random"
    gain: ClassVar[float] = 1.0

    def __post_init__(self):
        check_share("diagonal", self.diagonal)

    def losses(self, learner: Learner) -> Losses:
        """Flow matching on the diagonal, and the MeanFlow residual off it."""
        even, part = parts(learner, self.diagonal)
        return sums(
            learner,
            diagonal=diagonal_residual(learner, even, teacher=False),
            mean_flow=eulerian(learner.network, part.velocity, part.x, part.t, part.s),
        )
