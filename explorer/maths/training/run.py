"""The one training loop: a generator of progress records.

Progress, cancel and showing are what the caller does with it; closing the generator ends the run and, where a
state file is kept, leaves it whole. Source: Lipman et al. 2023, arXiv:2210.02747.
"""

import math
import time
from collections import deque
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from explorer.maths.training.problem import Problem
from explorer.maths.training.state import load_state, save_state

WARM_UP = 100
"""Steps on which the learning rate rises; at most a tenth of the run."""
MEMORY, BLOWN_UP = 200, 100.0
"""A loss this many times the median of the last so many has diverged."""


@dataclass(frozen=True)
class TrainEnded:
    """How a training run ended: ``kind`` is done or diverged; ``text`` is the sentence to show."""

    kind: str
    step: int
    text: str


@dataclass(frozen=True, eq=False)
class TrainProgress:
    """A run so far: ``loss`` is the mean of the last 200, ``seconds`` are those of all sittings together.

    ``ended`` is set on the last record only.
    """

    step: int
    steps: int
    loss: float
    seconds: float
    seconds_left: float
    problem: Problem
    ema: dict[str, Tensor]
    """Averaged weights by name, a copy."""
    shell: nn.Module
    ended: TrainEnded | None = None

    @property
    def network(self) -> nn.Module:
        """A network of its own with the averaged weights, in eval mode."""
        network = deepcopy(self.shell)
        network.load_state_dict(self.ema)
        return network.eval()


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: Adam's learning rate rises over the first steps and falls to 0 as a cosine."""

    steps: int = 8000
    batch: int = 512
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self):
        for name in ("steps", "batch"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"`{name}` must be a whole number of at least 1; got {value!r}")
        if not 0 < self.learning_rate <= 1:
            raise ValueError(f"`learning_rate` must be in (0, 1]; got {self.learning_rate!r}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 1 << 32:
            raise ValueError(f"`seed` must be a whole number from 0 to 4294967295; got {self.seed!r}")

    def rate(self, step: int) -> float:
        """The learning rate of update ``step``, counted from 0."""
        rise = min(1.0, (step + 1) / max(1, min(WARM_UP, self.steps // 10)))
        return self.learning_rate * rise * 0.5 * (1.0 + math.cos(math.pi * step / self.steps))


class Run:
    """What changes while a network trains; all of it goes into the state file."""

    def __init__(self, network: nn.Module, problem: Problem, schedule: Schedule, device: str):
        self.network, self.problem, self.schedule = network.to(device).train(), problem, schedule
        self.device = device
        self.averaged = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.optimiser = torch.optim.Adam(self.network.parameters(), schedule.learning_rate, fused=True)
        self.generator = torch.Generator().manual_seed(schedule.seed)
        self.losses: deque[float] = deque(maxlen=MEMORY)
        self.step, self.seconds = 0, 0.0

    def advance(self) -> float:
        """One update; its loss. Weights are as they were when the loss is not finite."""
        batch = self.problem.batch(self.schedule.batch, self.generator, self.device)
        self.optimiser.param_groups[0]["lr"] = self.schedule.rate(self.step)
        self.optimiser.zero_grad()
        loss = self.problem.loss(self.network, batch)
        value = loss.item()
        if math.isfinite(value):
            loss.backward()
            self.optimiser.step()
            self.step += 1
            self._average()
        return value

    def _average(self) -> None:
        decay = min(0.999, self.step / (self.step + 10))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.averaged[name].lerp_(value, 1.0 - decay)

    def fault(self, loss: float) -> str:
        """Why the run has diverged, or nothing."""
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if len(self.losses) == MEMORY and loss > BLOWN_UP * (usual := median(self.losses)):
            return f"the loss {loss:.3g} is over {BLOWN_UP:g} times its median {usual:.3g}"
        self.losses.append(loss)
        return ""

    def copy(self) -> dict[str, Tensor]:
        """The averaged weights as they are now."""
        return {name: value.clone() for name, value in self.averaged.items()}


def train_flow(
    network: nn.Module,
    problem: Problem,
    schedule: Schedule | None = None,
    *,
    device: str = "cpu",
    state_file: Path | None = None,
    every: float = 0.25,
    save_every: float = 3.0,
) -> Iterator[TrainProgress]:
    """Train ``network`` (in place); yields a record about every ``every`` seconds, the last with ``ended``.

    Each record's network has the weights' running average, decay min(0.999, n / (n + 10)) after n updates.
    With ``state_file`` the run is saved there every ``save_every`` seconds and when the generator is closed (an
    interrupt in the middle of an update falls back on the last save), and begins from there when the file exists:
    on one CPU thread the result is the unbroken run's, bit for bit.

    Raises:
        ValueError: when the state file is damaged or belongs to another run.
    """
    run = Run(network, problem, schedule or Schedule(), device)
    if state_file is not None and state_file.exists():
        load_state(state_file, run)
    return _records(run, state_file, every, save_every)


def _records(run: Run, state_file: Path | None, every: float, save_every: float) -> Iterator[TrainProgress]:
    shell, good, at_rest = deepcopy(run.network), run.copy(), True
    before, first = run.seconds, run.step
    shown = saved = time.perf_counter()

    def record(ended: TrainEnded | None = None) -> TrainProgress:
        left = (run.seconds - before) / max(1, run.step - first) * (run.schedule.steps - run.step)
        loss = sum(run.losses) / len(run.losses) if run.losses else math.nan
        return TrainProgress(
            run.step, run.schedule.steps, loss, run.seconds, left, run.problem, good, shell, ended
        )

    try:
        while run.step < run.schedule.steps:
            begun, number = time.perf_counter(), run.step + 1
            at_rest = False  # an interrupt inside the update leaves it half done
            loss = run.advance()
            at_rest = True
            now = time.perf_counter()
            run.seconds += now - begun
            if why := run.fault(loss):
                state_file = None  # what is on the disk is from before, and is kept
                text = f"diverged at step {number}: {why}; try a smaller learning rate"
                yield record(TrainEnded("diverged", number, text))
                return
            if now - shown >= every and run.step < run.schedule.steps:
                good = run.copy()
                yield record()
                shown = time.perf_counter()
            if state_file is not None and now - saved >= save_every:
                save_state(state_file, run)
                saved = time.perf_counter()
        good = run.copy()
        yield record(TrainEnded("done", run.step, "done"))
    finally:
        if state_file is not None and at_rest:
            save_state(state_file, run)
