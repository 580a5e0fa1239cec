"""Progressive flow-map distillation: one call must go as far as two calls that share its interval."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from explorer.maths.students.identities import progressive
from explorer.maths.students.intervals import check_share, diagonal_residual, parts, sums
from explorer.maths.students.method import AbstractMethod, Learner, Losses


@dataclass(frozen=True)
class ProgressiveMap(AbstractMethod):
    """Half the cost of the Lagrangian map, since it asks for no derivative.

    With ``teacher=False`` the velocity on the diagonal is learnt from data. ``diagonal`` is the share of a batch that
    is spent on it.
    """

    teacher: bool = True
    diagonal: float = 0.5
    name: ClassVar[str] = "progressive_map"
    label: ClassVar[str] = "Progressive map"
    kind: ClassVar[str] = "full"
    summary: ClassVar[str] = "One call must go as far as two calls over the two parts of its interval."
    source: ClassVar[str] = "Boffi, Albergo and Vanden-Eijnden 2025, arXiv:2505.18825"
    equation: ClassVar[str] = (
        "|u(x, t, s) - sg [(1 - h) u(x, t, q) + h u(X(x, t, q), q, s)]|^2, q = s + h (t - s)"
    )
    differs: ClassVar[str] = "uniform pairs of times; h uniform; no learned weight"

    def __post_init__(self):
        check_share("diagonal", self.diagonal)
        if not self.teacher:
            self.declare(asks_teacher=False, begins="random")

    def losses(self, learner: Learner) -> Losses:
        """The velocity on the diagonal, and the progressive residual off it."""
        even, part = parts(learner, self.diagonal)
        share = torch.rand(len(part.t), generator=learner.generator)
        return sums(
            learner,
            diagonal=diagonal_residual(learner, even, self.teacher),
            progressive=progressive(learner.network, learner.network, part.x, part.t, part.s, share),
        )
