"""Reflow with more times near both ends, and a loss that large errors do not rule."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from explorer.maths.samplers.base import setting
from explorer.maths.students.method import AbstractMethod, Learner, Losses
from explorer.maths.students.methods.pairs import keep_pairs
from explorer.maths.students.methods.reflow import off_the_line
from explorer.maths.training.couplings import PAIRS
from explorer.maths.training.penalties import PseudoHuber
from explorer.maths.training.times import Ends


@dataclass(frozen=True)
class RectifiedFlowPlusPlus(AbstractMethod):
    """Times have a density like ``exp(a t) + exp(a (1 - t))``, a = ``steepness``; ``knee`` is the loss's c."""

    pairs: int = PAIRS
    steepness: float = 4.0
    knee: float = 0.03
    name: ClassVar[str] = "rf_plus_plus"
    label: ClassVar[str] = "rf++"
    kind: ClassVar[str] = "velocity"
    summary: ClassVar[str] = "Reflow that is asked more often near noise and near data."
    source: ClassVar[str] = "Lee et al. 2024, arXiv:2405.20320, sections 4.1 and 4.2"
    equation: ClassVar[str] = "sqrt(|n(x_t, t) - (z - x)|^2 + c^2) - c over pairs (z, x) of the teacher"
    differs: ClassVar[str] = "pseudo-Huber where the paper's best has LPIPS-Huber"

    def __post_init__(self):
        setting("pairs", self.pairs, 1, whole=True)
        Ends(self.steepness)
        PseudoHuber(self.knee)

    def prepare(self, learner: Learner) -> Iterator[float]:
        """The teacher's pairs."""
        yield from keep_pairs(learner, self.pairs)

    def losses(self, learner: Learner) -> Losses:
        """Pseudo-Huber distance of the velocities."""
        t = Ends(self.steepness).at(learner.uniform())
        return {"velocity": PseudoHuber(self.knee).mean(off_the_line(learner, t))}
