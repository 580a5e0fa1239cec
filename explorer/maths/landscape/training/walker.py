"""One optimiser on its way: parameters of its own, gradients from the one copy of the module that all walkers share."""

import copy
import math
import time
from typing import Any

import torch
from torch import Tensor

from explorer.maths.landscape.flat import FlatLoss
from explorer.maths.landscape.training.observer import Moment, Observer
from explorer.maths.landscape.training.optimisers import Rule, matrix_like, scales
from explorer.maths.landscape.training.problems import Problem
from explorer.maths.landscape.training.record import Mark, Plan, Run
from explorer.maths.landscape.training.samples import Samples
from explorer.maths.training.run import TrainEnded

ROOM = 128 << 20
"""Bytes of all that a descent keeps of its way."""
FEWEST, MOST = 9, 129
"""Marks of a run."""
STATED = 4
"""Every so many marks one holds the optimiser's memory too."""
BEYOND = 1e4
"""A loss that has risen by so many times what it was at first (or by so much, where that was less than 1) diverged."""


class Ground:
    """What all walkers of a descent share: the problem, a flat copy to train on and one to look around on."""

    def __init__(self, problem: Problem, plan: Plan, walkers: int):
        self.problem, self.plan = problem, plan
        self.flat, self.seen = (FlatLoss(*problem) for _ in range(2))
        self.flat.check()
        self.samples = Samples(self.flat)
        if plan.rows is not None:
            self.samples.check(plan.rows)
        # A mark holds a place and a mean, every fourth an optimiser's two averages.
        each = self.flat.start.nbytes * (2 + 2 / STATED) * walkers
        self.marks = int(min(MOST, max(FEWEST, ROOM // each)))

    def rows(self, step: int) -> Any:
        """The rows of update ``step``, the same for every walker; drawn anew each time, so that no state is kept."""
        if self.plan.rows is None:
            return self.flat.batch
        generator = torch.Generator().manual_seed((self.plan.seed << 24) + step)
        return self.samples.rows(torch.randperm(self.samples.count, generator=generator)[: self.plan.rows])


class Walker:
    """One optimiser's way; ``advance`` is one update, ``run`` the record of all of them."""

    def __init__(self, ground: Ground, rule: Rule, rate: float, first: int = 0):
        self.ground, self.plan, self.rule, self.rate, self.first = ground, ground.plan, rule, rate, first
        self.label, self.step = rule.label, first
        self.place = ground.flat.start.clone()
        self.slope = torch.zeros_like(self.place)
        parameters = [matrix_like(self.place, self.slope, p.begin, p.end, p.shape) for p in ground.flat.parts]
        self.optimisers = rule.make(parameters, rate)
        self.observer = Observer(ground.seen, ground.samples, self.plan, first)
        self.losses: list[float] = []
        self.rates: list[float] = []
        self.marks: list[Mark] = []
        self.mean, self.counted, self.seconds = torch.zeros_like(self.place), 0, 0.0
        self.ended: TrainEnded | None = None

    @property
    def gap(self) -> int:
        """Updates from mark to mark, an odd number."""
        return max(1, math.ceil((self.plan.steps - self.first) / (self.ground.marks - 1))) | 1

    def advance(self) -> None:
        """One update, or the sentence that ends the run."""
        begun, looked = time.perf_counter(), self.observer.seconds
        flat, number = self.ground.flat, self.step
        rate = self.rate * self.plan.schedule.share(number, self.plan.steps)
        loss = self._slopes(flat)
        self._pass()
        begin = self.losses[0] if self.losses else loss
        if not math.isfinite(loss) or loss - begin > BEYOND * max(1.0, abs(begin)):
            self._diverge(loss)
            return
        if (number - self.first) % self.gap == 0:
            self._mark(loss if self.plan.rows is None else flat.value(self.place))
        before = self.place.clone()
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
        self.losses.append(loss)
        self.rates.append(rate)
        if names := self.observer.due(number):
            self.observer.look(names, self._moment(before, rate, loss))
        self.step += 1
        spent = time.perf_counter() - begun - (self.observer.seconds - looked)
        self.seconds += spent
        if self.step == self.plan.steps:
            self.ended = TrainEnded("done", self.step, "done")

    def _slopes(self, flat: FlatLoss) -> float:
        """The loss of this update's rows; their gradient is in ``slope`` afterwards."""
        whole = flat.batch
        flat.batch = self.ground.rows(self.step)
        try:
            flat.place.copy_(self.place)
            mean = flat.mean_with_graph()
            self.slope.copy_(flat.slopes(mean))
        finally:
            flat.batch = whole
        return float(mean.detach())

    def _pass(self) -> None:
        """Count the place in the mean since the last mark."""
        self.counted += 1
        self.mean.lerp_(self.place, 1.0 / self.counted)

    def _mark(self, loss: float) -> None:
        stated = len(self.marks) % STATED == 0
        self.marks.append(self._stood(loss, self.mean.clone(), stated))
        self.counted = 0

    def _stood(self, loss: float, mean: Tensor, stated: bool) -> Mark:
        state = copy.deepcopy([optimiser.state_dict() for optimiser in self.optimisers]) if stated else None
        return Mark(self.step, loss, self.place.clone(), mean, state)

    def _moment(self, before: Tensor, rate: float, loss: float) -> Moment:
        whole = self.plan.rows is None
        return Moment(
            self.step,
            before,
            self.place - before,
            rate,
            self.slope.clone() if whole else None,
            loss if whole else None,
            scales(self.optimisers[0]) if self.rule.preconditioned else None,
            self.rule.line(rate),
        )

    def _diverge(self, loss: float) -> None:
        text = (
            f"{self.label} diverged at step {self.step}: the loss is {loss:.3g}; try a smaller learning rate"
        )
        self.ended = TrainEnded("diverged", self.step, text)

    def run(self) -> Run:
        """The record so far, which no later update changes."""
        standing = self.mean.clone()
        if not self.ended or self.ended.kind == "done":
            standing.lerp_(self.place, 1.0 / (self.counted + 1))
        loss = self.ground.flat.value(self.place)
        last = self._stood(loss, standing, stated=True)
        memory = {
            "mean": self.mean.clone(),
            "counted": self.counted,
            "seconds": self.seconds,
            "observer": self.observer.memory(),
        }
        return Run(
            self.rule,
            self.label,
            self.rate,
            self.first,
            torch.tensor(self.losses, dtype=torch.float64),
            torch.tensor(self.rates, dtype=torch.float64),
            tuple(self.marks) or (last,),
            last,
            self.observer.record(),
            self.observer.seconds / self.seconds if self.seconds else 0.0,
            dict(self.observer.skipped),
            dict(self.observer.notes),
            self.ended,
            memory,
        )

    def here(self) -> Mark:
        """Where it stands, with the optimiser's memory."""
        return self._stood(math.nan, self.mean.clone(), stated=True)

    def stand(self, mark: Mark) -> None:
        """Be where a mark with a state is, without what was on the way there."""
        self.step = mark.step
        self.place.copy_(mark.place)
        for optimiser, state in zip(self.optimisers, mark.state, strict=True):
            optimiser.load_state_dict(copy.deepcopy(state))

    def recall(self, run: Run) -> None:
        """Go on as ``run`` stood."""
        self.stand(run.last)
        self.label, self.first, self.ended = run.label, run.first, run.ended
        self.losses, self.rates = run.losses.tolist(), run.rates.tolist()
        self.marks = [mark for mark in run.marks if run.losses.numel()]
        self.mean.copy_(run.memory["mean"])
        self.counted, self.seconds = run.memory["counted"], run.memory["seconds"]
        self.observer.recall(run.memory["observer"])
