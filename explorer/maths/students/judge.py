"""How a student is judged while it learns: always from the same noise, against the same data."""

from dataclasses import dataclass
from functools import cached_property
from itertools import count, pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from explorer.maths.metrics import w2
from explorer.maths.modes import modes_of
from explorer.maths.neighbours import share_inside
from explorer.maths.students.flow_map import AbstractFlowMap
from explorer.maths.targets import AbstractTarget
from explorer.maths.training.protocol import DATA_SEED, START_SEED, sobol_noise

POINTS, CLOUD = 500, 1000
"""Of the W2 (.02 s) and of the cloud that is shown."""
AGAIN_SEED = 21
"""Of the noise that is drawn anew on the way."""


class Reached(NamedTuple):
    """The share of samples that lie where the data does, and how many of the target's modes they cover.

    By neighbours, and without modes, where the target has none; NaN where the samples are not finite.
    """

    precision: float
    covered: int | None = None
    modes: int | None = None


UNSEEN = Reached(float("nan"))


class EvenNoise:
    """Noise that fills the space evenly, a fresh part of one Sobol set each time it is asked.

    The set's first dimensions are left to the noise that a run starts from: whatever the seeds, the same dimension of
    two Sobol sets goes through the same cells in the same order, so that one would be a function of the other.
    """

    def __init__(self, shape: tuple[int, ...], draws: int, seed: int = AGAIN_SEED):
        self.shape, self.draws, self.seed, self.used = shape, max(1, draws), seed, 0

    def like(self, x: Tensor) -> Tensor:
        """The next part [n, *shape]."""
        whole = sobol_noise(len(x), (1 + self.draws, *self.shape), self.seed)
        part = whole[:, 1 + self.used % self.draws]
        self.used += 1
        return part.to(x)


def made(student: AbstractFlowMap, noise: Tensor, evals: int) -> Tensor:
    """What a student makes of noise [n, *shape] with so many evals; noise on the way is even and always the same."""
    times = student.times(evals)
    draws = sum(student.draws(t_next) for t_next in times[1:])
    source, x = EvenNoise(student.shape, draws), noise
    for t, t_next in pairwise(times):
        x = student.jump(x, t, t_next, source).x
    return x


@dataclass(frozen=True, eq=False)
class Judge:
    """Fixed noise and data of one target, and the number of evals at which students are asked."""

    target: AbstractTarget
    evals: int = 1

    @cached_property
    def noise(self) -> Tensor:
        """The noise of the cloud; its first rows are that of W2."""
        return sobol_noise(CLOUD, self.target.shape, START_SEED)

    @cached_property
    def data(self) -> Tensor:
        """Data with equal counts in every component."""
        return self.target.stratified(POINTS, DATA_SEED)

    @cached_property
    def reach(self) -> float:
        """Root mean square coordinate of the data."""
        return float(self.data.square().mean().sqrt())

    def asked(self, student: AbstractFlowMap) -> int:
        """At how many evals: the fewest that it takes, where those it is meant for are not learnt yet."""
        return self.evals if student.takes(self.evals) else next(filter(student.takes, count(1)))

    def cloud(self, student: AbstractFlowMap) -> Tensor:
        """What the student makes of the fixed noise [CLOUD, *shape]."""
        return made(student, self.noise, self.asked(student))

    def w2(self, cloud: Tensor) -> float:
        """The distance of a cloud's first points to the data; NaN where the cloud is not finite."""
        return w2(cloud[:POINTS], self.data) if bool(torch.isfinite(cloud).all()) else float("nan")

    def reached(self, cloud: Tensor) -> Reached:
        """What of the data a cloud reaches."""
        if not bool(torch.isfinite(cloud).all()):
            return Reached(float("nan"))
        modes = modes_of(cloud, self.target)
        if modes is None:
            return Reached(share_inside(cloud[:POINTS], self.data))
        return Reached(modes.precision, modes.covered, modes.total)
