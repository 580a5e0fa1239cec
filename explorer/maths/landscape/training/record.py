"""What a training leaves behind: frozen, whole at every moment, and enough to go on from.

Places are kept sparsely, so that memory is bounded whatever the steps: an odd number of steps apart, since what swings
from side to side every step would seem to stand still at even ones.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from explorer.maths.landscape.training.optimisers import Rule
from explorer.maths.landscape.training.problems import Problem
from explorer.maths.landscape.training.schedules import AbstractSchedule, Constant
from explorer.maths.names import nearest
from explorer.maths.training.run import TrainEnded

PROBES = ("sharpness", "directional", "critical", "noise", "sam")
"""Everything that can be measured on the way; see ``Probes``."""


@dataclass(frozen=True)
class Plan:
    """How a training goes: everything but the problem and the optimisers.

    ``rows`` of the batch for each update (None: all), drawn from ``seed``; ``probes`` are looked at ``looks`` times in
    all, within ``budget``: the cost of probes over that of the steps, both counted in forward passes, so that what is
    measured is the same on every machine (None: no limit). First
    looks may borrow from the steps to come.
    """

    steps: int = 300
    schedule: AbstractSchedule = field(default_factory=Constant)
    rows: int | None = None
    seed: int = 0
    probes: tuple[str, ...] = PROBES
    looks: int = 60
    budget: float | None = 0.15


@dataclass(frozen=True, eq=False)
class Mark:
    """Where a run stood before update ``step``: ``place`` [P], with the ``loss`` of the whole batch there.

    ``mean`` [P] is that of all the places since the mark before it. ``state`` is what the optimiser had in memory, at
    some marks; the rest can be had by going there again.
    """

    step: int
    loss: float
    place: Tensor
    mean: Tensor
    state: Any = None


@dataclass(frozen=True, eq=False)
class Probes:
    """What was measured before and along some updates, each [m] in float64, NaN where it was not.

    ``step`` [m] the update; ``sharpness`` the top eigenvalue of the Hessian of the whole batch's loss, preconditioned
    as the optimiser does where its rule says so, and ``line`` where gradient descent at that learning rate turns
    unstable (2 / learning rate, for a plain one); ``directional`` u'Hu/|u|^2 along the optimiser's own step u;
    ``critical`` 2 / eta_c, where eta_c is the learning rate from which on that step would raise the loss (for a plain
    gradient step on a quadratic this is u'Hu/|u|^2; infinite where the step climbs from the start); ``noise`` the
    variance over samples of the loss's derivative along u/|u|; ``sam`` by how much the loss rises one step of 0.05 up
    the gradient.
    """

    step: Tensor
    sharpness: Tensor
    line: Tensor
    directional: Tensor
    critical: Tensor
    noise: Tensor
    sam: Tensor


@dataclass(frozen=True, eq=False)
class Run:
    """One optimiser's way.

    ``losses`` [s] before each update, on the rows of that update, and ``rates`` [s] its learning rate; the first of
    them belongs to step ``first`` (0 but for a branch). ``learning_rate`` is the peak. ``marks`` are the places that
    were kept, from the start on; ``last`` is where it stands. ``probe_share`` is the seconds of probes over those of
    steps, as it turned out; ``skipped`` how often a probe was left out for its cost, by name; ``notes`` why one cannot
    be measured here. ``ended`` when it has: done or diverged.
    """

    rule: Rule
    label: str
    learning_rate: float
    first: int
    losses: Tensor
    rates: Tensor
    marks: tuple[Mark, ...]
    last: Mark
    probes: Probes
    probe_share: float = 0.0
    skipped: dict[str, int] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    ended: TrainEnded | None = None
    memory: Any = None  # what ``resume`` needs beside ``last``

    @property
    def optimiser(self) -> str:
        """Its key."""
        return self.rule.name

    @property
    def step(self) -> int:
        """Updates made, counted from the start of the training that it branched from."""
        return self.last.step

    @property
    def points(self) -> tuple[Mark, ...]:
        """The marks, and where it stands where that is none of them."""
        return self.marks if self.marks[-1].step == self.last.step else (*self.marks, self.last)

    @property
    def steps(self) -> Tensor:
        """The step [K] of each of ``points``."""
        return torch.tensor([mark.step for mark in self.points])

    @property
    def places(self) -> Tensor:
        """The parameters [K, P] at ``points``, as one new tensor."""
        return torch.stack([mark.place for mark in self.points])


@dataclass(frozen=True, eq=False)
class Descent:
    """Several optimisers on their way from one start, at most one step apart but for those that have ended.

    ``problem`` holds the module that was given, which nothing here moves. ``seconds`` of all sittings together,
    ``seconds_left`` a guess. ``ended`` is set in the last record only: its sentence names whoever diverged.
    """

    problem: Problem
    plan: Plan
    runs: tuple[Run, ...]
    seconds: float = 0.0
    seconds_left: float = 0.0
    ended: TrainEnded | None = None

    @property
    def step(self) -> int:
        """Updates made by the run that has come farthest."""
        return max(run.step for run in self.runs)

    def run(self, optimiser: str) -> Run:
        """The run of an optimiser.

        Raises:
            ValueError: for one that is not here, with those that are.
        """
        name = nearest("optimiser", optimiser, [run.optimiser for run in self.runs])
        return next(run for run in self.runs if run.optimiser == name)
