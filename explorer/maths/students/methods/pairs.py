"""One-step regression on a teacher's pairs: where each noise ended is where the student should land."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from explorer.maths.samplers.base import setting
from explorer.maths.students.method import AbstractMethod, Learner, Losses, squared
from explorer.maths.training.couplings import PAIRS, followed


@dataclass(frozen=True)
class RegressionOnPairs(AbstractMethod):
    """Knowledge distillation in its plainest form, and the baseline that every other method is held against."""

    pairs: int = PAIRS
    name: ClassVar[str] = "pairs"
    label: ClassVar[str] = "Regression on pairs"
    kind: ClassVar[str] = "point"
    summary: ClassVar[str] = "Learns where the teacher took each noise, by least squares."
    source: ClassVar[str] = "Luhman and Luhman 2021, arXiv:2101.02388"
    equation: ClassVar[str] = "|z - u(z, 1) - x|^2 over pairs (z, x) of the teacher"
    differs: ClassVar[str] = (
        "squared distance where image work has perceptual losses; teacher by adaptive Runge-Kutta"
    )

    def __post_init__(self):
        setting("pairs", self.pairs, 1, whole=True)

    def prepare(self, learner: Learner) -> Iterator[float]:
        """The teacher's pairs."""
        yield from keep_pairs(learner, self.pairs)

    def losses(self, learner: Learner) -> Losses:
        """Squared distance of the end points."""
        return {"distance": squared(landed(learner)).mean()}


def some_pairs(learner: Learner) -> tuple[Tensor, Tensor]:
    """Noise and clean samples [batch, *shape] of pairs that are kept, drawn at random."""
    kept = learner.kept
    rows = torch.randint(len(kept["noise"]), (learner.schedule.batch,), generator=learner.generator)
    return kept["noise"][rows], kept["clean"][rows]


def landed(learner: Learner) -> Tensor:
    """How far from the kept pairs' ends one call lands [batch, *shape]."""
    noise, clean = some_pairs(learner)
    made: Tensor = noise - learner.network(noise, torch.ones(len(noise)))
    return made - clean


def keep_pairs(learner: Learner, pairs: int) -> Iterator[float]:
    """Follow the teacher from fresh noise and keep both ends as ``kept["noise"]`` and ``kept["clean"]``."""
    parts = []
    for part in followed(learner.task.teacher, pairs, learner.schedule.seed):
        parts.append(part)
        yield sum(len(p.clean) for p in parts) / pairs
    learner.kept |= {
        "noise": torch.cat([part.noise for part in parts]),
        "clean": torch.cat([part.clean for part in parts]),
    }
