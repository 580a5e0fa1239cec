"""The spike arena: the learning rate jumps, and several controls go through it side by side from the same start.

Two known settings are ``P1`` (MLP, Adam, batches of 64, a thousand times from step 50 on) and ``P2`` (full batch, Adam
at 0.015, ten thousand times at step 50 alone). Source: Sao 2026, arXiv:2603.13552, figure 4 and table 1.
"""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import nn
from torch.nn import functional

from explorer.maths.names import nearest
from explorer.maths.softmax.experiments.controls import CONTROLS, Step, control_of
from explorer.maths.softmax.experiments.optimisers import Maker, made
from explorer.maths.softmax.experiments.split import Split, accuracy
from explorer.maths.softmax.experiments.training import taken, values

Kind = Literal["single", "persistent"]


@dataclass(frozen=True)
class Spike:
    """The learning rate is ``times`` what it was, at step ``at`` alone ("single") or from there on ("persistent")."""

    kind: str = "persistent"
    times: float = 1000.0
    at: int = 50

    def __post_init__(self):
        nearest("kind", self.kind, get_args(Kind))
        if not 0 < self.times < math.inf or self.at < 0:
            raise ValueError(
                f"a spike multiplies by a positive number at step 0 or later; got {self.times!r} at {self.at!r}"
            )

    def factor(self, step: int) -> float:
        """What the learning rate of ``step``, counted from 0, is multiplied by."""
        on = step == self.at if self.kind == "single" else step >= self.at
        return self.times if on else 1.0


@dataclass(frozen=True, eq=False)
class ArenaRun:
    """One contender with one seed so far; a number for each step taken.

    ``accuracy`` on the test part after the step, in eval mode; ``r`` of the step that was taken (NaN where the loss
    has none); ``loss`` of the batch before it; ``scale`` the part of the optimiser's step that was taken.
    """

    control: str
    seed: int
    spike: Spike
    accuracy: tuple[float, ...] = ()
    r: tuple[float, ...] = ()
    loss: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    @property
    def before(self) -> float:
        """Accuracy just before the spike; NaN while there is none."""
        return self.accuracy[self.spike.at - 1] if 0 < self.spike.at <= len(self.accuracy) else math.nan

    @property
    def worst(self) -> float:
        """The least accuracy from the spike on; NaN before it."""
        return min(self.accuracy[self.spike.at :], default=math.nan)

    @property
    def final(self) -> float:
        """Accuracy after the last step; NaN before the first."""
        return self.accuracy[-1] if self.accuracy else math.nan

    @property
    def survives(self) -> bool:
        """Whether accuracy never fell below half of what it was before the spike."""
        return not self.worst < 0.5 * self.before

    @property
    def recovers(self) -> bool:
        """Whether its last accuracy is at most ten points below that before the spike."""
        return not self.final < self.before - 0.1


@dataclass(frozen=True, eq=False)
class Arena:
    """All contenders with all seeds so far; ``step`` steps of ``steps`` are taken in the seed that runs."""

    controls: tuple[str, ...]
    seeds: tuple[int, ...]
    spike: Spike
    steps: int
    runs: tuple[ArenaRun, ...] = field(repr=False)
    step: int
    seed: int
    done: bool = False

    def of(self, control: str) -> tuple[ArenaRun, ...]:
        """The runs of one contender, seed by seed; those that have not begun are left out."""
        return tuple(run for run in self.runs if run.control == control and run.accuracy)

    def survivors(self, control: str) -> tuple[int, int]:
        """How many seeds survive, and of how many that have met the spike."""
        met = [run for run in self.of(control) if len(run.accuracy) > self.spike.at]
        return sum(run.survives for run in met), len(met)

    def median(self, control: str) -> tuple[float, float]:
        """Medians over the seeds of the final accuracy and of the worst one after the spike; NaN without runs."""
        runs = self.of(control)
        return tuple(  # type: ignore[return-value] # two of them
            statistics.median(getattr(run, name) for run in runs) if runs else math.nan
            for name in ("final", "worst")
        )

    @property
    def share(self) -> float:
        """How much of the whole is done, from 0 to 1."""
        each = self.steps * len(self.controls)
        return sum(len(run.accuracy) for run in self.runs) / (each * len(self.seeds))


def arena(
    net: Callable[[int], nn.Module],
    data: Split | Callable[[int], Split],
    optimiser: str | Maker = "adam",
    *,
    learning_rate: float = 1e-2,
    spike: Spike = Spike(),
    controls: Sequence[str] = tuple(CONTROLS),
    batch: int | None = 64,
    steps: int = 200,
    seeds: Sequence[int] = (0,),
    every: int = 5,
) -> Iterator[Arena]:
    """Send every control through the spike; the record so far every ``every`` steps, the whole at the end.

    ``net`` makes the module of a seed, ``data`` is a split or makes that of a seed: all controls of a seed begin from
    the same weights and meet the same batches (``batch`` None: all rows). They advance together, seed after seed.

    Raises:
        ValueError: for an unknown control or optimiser, or no seeds.
    """
    names, numbers = tuple(dict.fromkeys(controls)), tuple(seeds)
    for name in names:
        control_of(name)
    if not names or not numbers or steps < 1:
        raise ValueError(f"an arena needs a control, a seed and a step; got {names}, {numbers}, {steps}")
    runs: dict[tuple[str, int], ArenaRun] = {
        (name, seed): ArenaRun(name, seed, spike) for seed in numbers for name in names
    }
    for seed in numbers:
        split = data if isinstance(data, Split) else data(seed)
        lanes = {name: _Lane(name, net(seed), optimiser, learning_rate) for name in names}
        batches = split.batches(batch, torch.Generator().manual_seed(seed))
        for step in range(steps):
            x, y = next(batches)
            for name, lane in lanes.items():
                lane.rate(learning_rate * spike.factor(step))
                runs[name, seed] = lane.advanced(runs[name, seed], x, y, split)
            done = seed == numbers[-1] and step == steps - 1
            if done or (step + 1) % every == 0 or step == steps - 1:
                yield Arena(names, numbers, spike, steps, tuple(runs.values()), step + 1, seed, done)


class _Lane:
    """A contender on its way through one seed."""

    def __init__(self, name: str, module: nn.Module, optimiser: str | Maker, learning_rate: float):
        self.module = module
        self.optimizer = made(optimiser, module, learning_rate)
        self.take: Step = control_of(name).make(module, self.optimizer)

    def rate(self, learning_rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate

    def advanced(self, run: ArenaRun, x: torch.Tensor, y: torch.Tensor, split: Split) -> ArenaRun:
        """The run one step on. What is not finite any more stands still: its accuracy is that of guessing."""
        self.module.train()
        self.optimizer.zero_grad()
        loss = functional.cross_entropy(self.module(x), y)
        told, part, r = float(loss.detach()), 0.0, math.nan
        if math.isfinite(told):
            loss.backward()
            before = values(self.module)
            part = self.take(x, y, told)
            r = taken(self.module, before, x).r_max
        now = accuracy(self.module, split.test_x, split.test_y)
        return ArenaRun(
            run.control,
            run.seed,
            run.spike,
            (*run.accuracy, now),
            (*run.r, r),
            (*run.loss, told),
            (*run.scale, part),
        )
