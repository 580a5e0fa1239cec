"""What a network is asked to learn: one batch of states, times and what it should say of them.

Source: Lipman et al. 2022, arXiv:2210.02747, and Liu et al. 2022, arXiv:2209.03003 (flow matching); Ho et al.
2020, arXiv:2006.11239 (noise). Where we differ: the times of a batch are one uniform draw from each of its equal
parts of [0, 1] (Kingma et al. 2021, arXiv:2107.00630, appendix I.1), which calms the loss at no cost. Which noise goes
with which sample, where in time and at what cost of an error are parts of their own.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple, get_args

import torch
from torch import Tensor, nn

from explorer.maths.fields import Predicts
from explorer.maths.names import nearest
from explorer.maths.paths import AbstractPath, Level
from explorer.maths.targets import AbstractTarget
from explorer.maths.training.couplings import AbstractCoupling, Independent
from explorer.maths.training.penalties import AbstractPenalty, Squared
from explorer.maths.training.times import AbstractTimes, Even


class Batch(NamedTuple):
    """States [batch, *shape], times [batch], what should be said [batch, *shape], classes [batch] or None."""

    x: Tensor
    t: Tensor
    answer: Tensor
    classes: Tensor | None


@dataclass(frozen=True)
class Problem:
    """A target on a path, and which of the four views of it the network gives.

    Plain flow matching unless ``coupling``, ``times`` or ``penalty`` say otherwise.

    ``drop`` is the share of rows whose class is replaced by "no class" (the index after the last one), for a
    network that takes ``class_labels``; None trains without classes.

    Raises:
        ValueError: for names that are not known, and for views that have no bounded answer on the path.
    """

    target: AbstractTarget
    path: AbstractPath
    predicts: str
    drop: float | None = None
    coupling: AbstractCoupling = field(default_factory=Independent)
    times: AbstractTimes = field(default_factory=Even)
    penalty: AbstractPenalty = field(default_factory=Squared)

    def __post_init__(self):
        nearest("predicts", self.predicts, get_args(Predicts))
        first, last = self.path.at(0.0), self.path.at(1.0)
        if last.sigma > 2.0:
            raise ValueError(
                f"`path` must keep its states near unit size to be learnt; {self.path.name!r} grows to {last.sigma:g}; "
                "train on linear, trig, vp or cosine"
            )
        if self.predicts == "velocity" and not math.isfinite(first.sigma_rate):
            raise ValueError(
                f"the velocity has no bound at t = 0 on path {self.path.name!r}; train with predicts 'v'"
            )
        if self.drop is not None and not self.target.labels:
            raise ValueError(f"target {self.target.name!r} has no classes to train on; leave them out")
        self.coupling.check(self.target, self.drop is not None)

    @property
    def unlabelled(self) -> int | None:
        """The class index that means "no class"; None where classes are not used."""
        return None if self.drop is None else len(self.target.labels)

    def batch(self, n: int, generator: torch.Generator, device: str = "cpu") -> Batch:
        """Pairs of sample and noise, mixed; all randomness comes from ``generator`` (on the CPU)."""
        clean, noise, classes = self.coupling.pairs(self.target, n, generator)
        t = self.times.at((torch.arange(n) + torch.rand(n, generator=generator)) / n)
        kept = None
        if self.drop is not None and classes is not None:
            kept = torch.rand(n, generator=generator) >= self.drop
            kept = torch.where(kept, classes, len(self.target.labels)).to(device)
        level = self.path.at(t.reshape(-1, *[1] * (clean.dim() - 1)))
        x = level.alpha * clean + level.sigma * noise
        return Batch(x.to(device), t.to(device), self._answer(level, clean, noise).to(device), kept)

    def _answer(self, level: Level, clean: Tensor, noise: Tensor) -> Tensor:
        if self.predicts == "velocity":
            return level.alpha_rate * clean + level.sigma_rate * noise
        if self.predicts == "denoised":
            return clean
        return noise if self.predicts == "noise" else level.alpha * noise - level.sigma * clean

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """The penalty of what the network says, mean over the batch."""
        if batch.classes is None:
            said = network(batch.x, batch.t)
        else:
            said = network(batch.x, batch.t, class_labels=batch.classes)
        return self.penalty.mean(said - batch.answer)
