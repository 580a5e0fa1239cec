"""Several optimisers from one start, trained side by side on a copy: a generator of records that can be stopped.

A record is whole at every moment: ``resume`` goes on from it to the bit, and ``decay_now`` branches a run of it at any
step that was made.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from explorer.maths.landscape.flat import Loss
from explorer.maths.landscape.training.optimisers import Rule, as_rule
from explorer.maths.landscape.training.problems import Problem
from explorer.maths.landscape.training.record import PROBES, Descent, Plan
from explorer.maths.landscape.training.schedules import AbstractSchedule, DecayFrom, as_schedule
from explorer.maths.landscape.training.walker import Ground, Walker
from explorer.maths.names import nearest
from explorer.maths.training.run import TrainEnded


def descend(
    loss: Loss,
    module: nn.Module,
    batch: Any,
    optimisers: Sequence[str | Rule] = ("sgd", "adam"),
    *,
    steps: int = 300,
    schedule: str | AbstractSchedule = "constant",
    learning_rate: float | Mapping[str, float] | None = None,
    rows: int | None = None,
    seed: int = 0,
    probes: Sequence[str] = PROBES,
    looks: int = 60,
    budget: float | None = 0.15,
    every: float = 0.1,
) -> Iterator[Descent]:
    """Train a copy of the module by each of ``optimisers`` and yield what there is, about every ``every`` seconds.

    ``learning_rate`` is the peak for all, or for each by name; None takes each optimiser's usual one. ``rows`` is how
    many rows of the batch an update sees (None: all), drawn anew from ``seed`` for each, the same for every optimiser.
    ``probes`` are looked at ``looks`` times in all, as far as ``budget`` allows (see ``Plan``). The last record has
    ``ended``; whoever stops pulling keeps the record in hand. The module, its buffers, mode and gradients, and the
    global generators, are left exactly as they were.

    Raises:
        ValueError: one sentence, for names, numbers or a loss that cannot be.
    """
    rules = _rules(optimisers)
    for name in probes:
        nearest("probes", name, PROBES)
    plan = Plan(steps, as_schedule(schedule), rows, seed, tuple(probes), looks, budget)
    _check(plan)
    if isinstance(learning_rate, Mapping):
        for name in learning_rate:
            nearest("learning_rate", name, [rule.name for rule in rules])
    ground = Ground(Problem(loss, module, batch), plan, len(rules))
    yield from _go(ground, [Walker(ground, rule, _rate(rule, learning_rate)) for rule in rules], 0.0, every)


def resume(descent: Descent, every: float = 0.1) -> Iterator[Descent]:
    """Go on from a record that has not ended, to the bit as if it had never been stopped."""
    ground = Ground(descent.problem, descent.plan, len(descent.runs))
    walkers = []
    for run in descent.runs:
        walker = Walker(ground, run.rule, run.learning_rate, run.first)
        walker.recall(run)
        walkers.append(walker)
    yield from _go(ground, walkers, descent.seconds, every)


def decay_now(
    descent: Descent, optimiser: str, at: int, steps: int = 60, every: float = 0.1
) -> Iterator[Descent]:
    """Branch a run at update ``at``: its learning rate falls in a straight line to 0 within ``steps`` more updates.

    The records hold one run, which begins at ``at`` exactly as the run was there (it is gone through again from the
    mark before).

    Raises:
        ValueError: for a step that the run has not reached.
    """
    run, plan = descent.run(optimiser), descent.plan
    _whole("steps", steps, 1)
    if isinstance(at, bool) or not isinstance(at, int) or not run.first <= at <= run.step:
        raise ValueError(
            f"`at` must be a step that {run.label} has made, from {run.first} to {run.step}; got {at!r}"
        )
    old = Ground(descent.problem, replace(plan, probes=()), 1)
    walker = Walker(old, run.rule, run.learning_rate, run.first)
    walker.stand(max((m for m in run.points if m.state and m.step <= at), key=lambda m: m.step))
    while walker.step < at:
        walker.advance()
    ended = at + steps
    ground = Ground(
        descent.problem, replace(plan, steps=ended, schedule=DecayFrom(plan.schedule, plan.steps, at)), 1
    )
    branch = Walker(ground, run.rule, run.learning_rate, at)
    branch.stand(walker.here())
    branch.label = f"{run.label}, decayed from {at}"
    yield from _go(ground, [branch], 0.0, every)


def _go(ground: Ground, walkers: list[Walker], before: float, every: float) -> Iterator[Descent]:
    """Every walker in turn, one update at a time, and a record of all of them now and then."""
    seconds, begun, first = before, time.perf_counter(), _made(walkers)

    def record(ended: TrainEnded | None = None) -> Descent:
        nonlocal seconds, begun
        now = time.perf_counter()
        seconds, begun = seconds + now - begun, now
        left = sum(ground.plan.steps - walker.step for walker in walkers if not walker.ended)
        each = (seconds - before) / max(1, _made(walkers) - first)
        runs = tuple(walker.run() for walker in walkers)
        return Descent(ground.problem, ground.plan, runs, seconds, each * left, ended)

    yield record()
    begun = time.perf_counter()  # a caller's own time between two records is not ours
    while any(not walker.ended for walker in walkers):
        for walker in walkers:
            if walker.ended:
                continue
            walker.advance()
            if time.perf_counter() - begun >= every:
                yield record()
                begun = time.perf_counter()
    yield record(_end(walkers))


def _made(walkers: list[Walker]) -> int:
    return sum(walker.step - walker.first for walker in walkers)


def _end(walkers: list[Walker]) -> TrainEnded:
    """How a descent ended: in the words of whoever diverged."""
    faults = [walker.ended for walker in walkers if walker.ended and walker.ended.kind == "diverged"]
    step = max(walker.step for walker in walkers)
    if not faults:
        return TrainEnded("done", step, "done")
    kind = "diverged" if len(faults) == len(walkers) else "done"
    return TrainEnded(kind, step, "; ".join(fault.text for fault in faults))


def _rules(optimisers: Sequence[str | Rule]) -> list[Rule]:
    if isinstance(optimisers, (str, Rule)) or not optimisers:
        raise ValueError(f"`optimisers` must be a list of at least one, such as ['sgd']; got {optimisers!r}")
    rules = [as_rule(one) for one in optimisers]
    names = [rule.name for rule in rules]
    if len(set(names)) < len(names):
        raise ValueError(f"`optimisers` must differ in name; got {', '.join(names)}; rename one with a Rule")
    return rules


def _rate(rule: Rule, given: float | Mapping[str, float] | None) -> float:
    rate = (
        given.get(rule.name, rule.usual)
        if isinstance(given, Mapping)
        else rule.usual
        if given is None
        else given
    )
    if not 0.0 < rate < math.inf:
        raise ValueError(f"`learning_rate` must be above 0; got {rate!r} for {rule.label}")
    return float(rate)


def _check(plan: Plan) -> None:
    _whole("steps", plan.steps, 1)
    _whole("looks", plan.looks, 1)
    _whole("seed", plan.seed, 0)
    if plan.seed >= 1 << 32:
        raise ValueError(f"`seed` must be below 4294967296; got {plan.seed!r}")
    if plan.budget is not None and not plan.budget >= 0.0:
        raise ValueError(
            f"`budget` must be a share of the steps' cost, 0 or more, or None; got {plan.budget!r}"
        )


def _whole(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"`{name}` must be a whole number of at least {least}; got {value!r}")
