"""Lagrangian flow-map distillation: the map must move with the flow at the place where it lands."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from explorer.maths.students.identities import lagrangian
from explorer.maths.students.intervals import check_share, diagonal_residual, own_velocity, parts, sums
from explorer.maths.students.method import AbstractMethod, Learner, Losses


@dataclass(frozen=True)
class LagrangianMap(AbstractMethod):
    """The best any-step student here. With ``teacher=False`` the map is its own teacher, on its diagonal.

    ``diagonal`` is the share of a batch that is spent on the velocity ``u(x, t, t)``.
    """

    teacher: bool = True
    diagonal: float = 0.5
    name: ClassVar[str] = "lagrangian_map"
    label: ClassVar[str] = "Lagrangian map"
    kind: ClassVar[str] = "full"
    summary: ClassVar[str] = "The map's end must move with the flow there as t_next moves."
    source: ClassVar[str] = "Boffi, Albergo and Vanden-Eijnden 2025, arXiv:2505.18825"
    equation: ClassVar[str] = "|u + (s - t) du/ds - sg v(X(x, t, s), s)|^2"
    differs: ClassVar[str] = "uniform pairs of times; no learned weight"

    def __post_init__(self):
        check_share("diagonal", self.diagonal)
        if not self.teacher:
            self.declare(asks_teacher=False, begins="random")

    def losses(self, learner: Learner) -> Losses:
        """The velocity on the diagonal, and the Lagrangian residual off it."""
        even, part = parts(learner, self.diagonal)
        velocity = learner.teacher_velocity if self.teacher else partial(own_velocity, learner)
        return sums(
            learner,
            diagonal=diagonal_residual(learner, even, self.teacher),
            lagrangian=lagrangian(learner.network, velocity, part.x, part.t, part.s),
        )
