"""What teacher and students are held against under one seed: one first noise for all, data, the teacher's own ends.

Even draws (the default) fill the space evenly and hold equal counts in every component: with plain ones the floor
hides most students. Seed 0 is the protocol's own (``training/protocol.py``); every other seed scrambles anew.

Source: the traps of comparison in Song et al. 2023, arXiv:2303.01469, and since: another first noise, another count of
calls, no floor.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from explorer.maths.fields import AbstractField
from explorer.maths.metrics import KernelTarget, SlicedTarget, w2
from explorer.maths.samplers import as_sampler, walk
from explorer.maths.samplers.base import AbstractSampler, draw_noise
from explorer.maths.students.flow_map import AbstractFlowMap, Source
from explorer.maths.students.judge import AGAIN_SEED, EvenNoise
from explorer.maths.targets import AbstractTarget
from explorer.maths.training.protocol import DATA_SEED, START_SEED, sobol_noise

SECOND_SEED = 12
"""Of the noise whose ends are the teacher's cloud: not the students' own, so that no pair is counted as likeness."""
APART = 1000
"""Between the seeds of two grounds, so that no draw of one is a draw of another."""
FINE = 50
"""Heun steps to the teacher's end points: their error is a thirtieth of the best student's."""


class Held(NamedTuple):
    """A cloud that others are held against, prepared once."""

    points: Tensor
    sliced: SlicedTarget
    kernels: KernelTarget


@dataclass(frozen=True, eq=False)
class Ground:
    """One seed's fixed draws of n, made when first asked for. ``target`` is None where the data is not known."""

    teacher: AbstractField
    target: AbstractTarget | None
    n: int
    seed: int = 0
    is_even: bool = True

    @cached_property
    def noise(self) -> Tensor:
        """The first noise eps of teacher and students [n, *shape]."""
        return self._drawn(START_SEED)

    def again(self, student: AbstractFlowMap, times: list[float]) -> Source:
        """The noise that a student draws on its way: a second seed of its own, the same for all students."""
        seed = AGAIN_SEED + APART * self.seed
        if not self.is_even:
            return torch.Generator().manual_seed(seed)
        return EvenNoise(student.shape, sum(student.draws(t_next) for t_next in times[1:]), seed)

    @cached_property
    def data(self) -> Held | None:
        """Samples of the target."""
        return None if self.target is None else held(self._sampled(DATA_SEED))

    @cached_property
    def ends(self) -> Tensor:
        """Where the teacher's flow takes the first noise [n, *shape]."""
        return self._flown[0]

    @cached_property
    def teacher_cloud(self) -> Held:
        """Where the teacher's flow takes noise of its own."""
        return held(self._flown[1])

    @cached_property
    def _flown(self) -> tuple[Tensor, Tensor]:
        both = torch.cat([self.noise, self._drawn(SECOND_SEED)])
        ends = deque(walk(self.teacher, "heun", steps=FINE, noise=both), maxlen=1)[0].x
        return ends[: self.n], ends[self.n :]

    def _drawn(self, seed: int) -> Tensor:
        if self.is_even:
            return sobol_noise(self.n, self.teacher.shape, seed + APART * self.seed)
        # The first noise is the one that a run with this seed begins with.
        own = self.seed if seed == START_SEED else seed + APART * (self.seed + 1)
        return draw_noise(self.n, self.teacher.shape, own)

    def _sampled(self, seed: int) -> Tensor:
        assert self.target is not None
        draw = self.target.stratified if self.is_even else self.target.sample
        return draw(self.n, seed + APART * self.seed)

    def floor(self, is_even: bool) -> float:
        """W2 between two independent draws of n from the target, even ones or plain; NaN without a target."""
        if self.target is None:
            return float("nan")
        draw = self.target.stratified if is_even else self.target.sample
        seed = DATA_SEED + APART * self.seed
        return w2(draw(self.n, seed + 1), draw(self.n, seed + 2))


def held(points: Tensor) -> Held:
    """A cloud, ready to be held against."""
    return Held(points, SlicedTarget(points), KernelTarget(points))


class Made(NamedTuple):
    """What came of the first noise [n, *shape], in so many seconds, and whether noise was drawn on the way."""

    x: Tensor
    seconds: float
    drew: bool


def made_by(
    maker: AbstractField | AbstractFlowMap,
    evals: int,
    ground: Ground,
    sampler: str | AbstractSampler = "euler",
) -> Made:
    """Send the ground's noise through a field (by a sampler) or a student, with exactly so many evals.

    Raises:
        ValueError: when it cannot be walked with that many.
    """
    if isinstance(maker, AbstractFlowMap):
        times = maker.times(evals)
        source, drew = ground.again(maker, times), any(map(maker.draws, times[1:]))
        return _timed(lambda: _leapt(maker, ground.noise, times, source), drew)
    method = as_sampler(sampler)
    steps = steps_for(method, evals)
    seed = AGAIN_SEED + APART * ground.seed
    frames = lambda: walk(maker, method, steps=steps, noise=ground.noise, seed=seed)  # noqa: E731 # timed below
    return _timed(lambda: deque(frames(), maxlen=1)[0].x, method.is_random)


def _timed(work: Callable[[], Tensor], drew: bool) -> Made:
    begun = time.perf_counter()
    x = work()
    return Made(x, time.perf_counter() - begun, drew)


def _leapt(student: AbstractFlowMap, x: Tensor, times: list[float], source: Source) -> Tensor:
    for t, t_next in pairwise(times):
        x = student.jump(x, t, t_next, source).x
    return x


def steps_for(sampler: AbstractSampler, evals: int) -> int:
    """The steps of a run that costs exactly ``evals`` calls of the model.

    Raises:
        ValueError: when no number of steps does.
    """
    each = sampler.evals_per_step
    if each < 1:
        raise ValueError(f"{sampler.name} chooses its own steps, so its evals cannot be asked for")
    last = each if sampler.takes_last_step else 1
    if evals < last or (evals - last) % each:
        counts = ", ".join(str(last + k * each) for k in range(3))
        raise ValueError(f"{sampler.name} takes {counts}, ... evals")
    return (evals - last) // each + 1
