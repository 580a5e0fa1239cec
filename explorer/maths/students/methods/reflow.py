"""Reflow: plain flow matching on a teacher's own pairs, whose straight lines hardly cross."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from explorer.maths.samplers.base import setting
from explorer.maths.students.method import AbstractMethod, Learner, Losses, mixed, squared
from explorer.maths.students.methods.pairs import keep_pairs, some_pairs
from explorer.maths.training.couplings import PAIRS


@dataclass(frozen=True)
class Reflow(AbstractMethod):
    """A velocity that a few Euler steps follow (2-RF); the Curvature lab's ``reflow`` is the same network."""

    pairs: int = PAIRS
    name: ClassVar[str] = "reflow"
    label: ClassVar[str] = "Reflow"
    kind: ClassVar[str] = "velocity"
    summary: ClassVar[str] = "Learns the straight line between each noise and where the teacher took it."
    source: ClassVar[str] = "Liu et al. 2022, arXiv:2209.03003"
    equation: ClassVar[str] = (
        "|n(x_t, t) - (z - x)|^2, x_t = (1 - t) x + t z over pairs (z, x) of the teacher"
    )
    differs: ClassVar[str] = "pairs by adaptive Runge-Kutta, drawn once; one rectification"

    def __post_init__(self):
        setting("pairs", self.pairs, 1, whole=True)

    def prepare(self, learner: Learner) -> Iterator[float]:
        """The teacher's pairs."""
        yield from keep_pairs(learner, self.pairs)

    def losses(self, learner: Learner) -> Losses:
        """Squared distance of the velocities."""
        return {"velocity": squared(off_the_line(learner, learner.uniform())).mean()}


def off_the_line(learner: Learner, t: Tensor) -> Tensor:
    """What the network's velocity at times t [batch] lacks to that of the pairs' straight lines [batch, *shape]."""
    noise, clean = some_pairs(learner)
    velocity: Tensor = learner.network(mixed(clean, noise, t), t)
    return velocity - (noise - clean)
