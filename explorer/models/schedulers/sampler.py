"""Any diffusers scheduler as a sampler of ours, on a field of any path.

All paths carry the same curve up to a scaling, so the walk's state is multiplied by the scheduler's noise
share over the path's at the door, and back afterwards; the field is asked where its ratio sigma / alpha is
the scheduler's. Where both coincide the factor is one and nothing is touched.

The first frame is the path's pure noise. The scheduler takes it as noise of its own first level, be that
below the path's top (DDIM's leading grid, betas that end early) or above it (sigma 157 on a path that ends
at 80); in the second case all its entries above the top are taken in the first step, with the field asked
at the top.

Source: diffusers 0.42.1. Where we differ: a fresh scheduler for each run, times from its levels and never
from its rounded ``timesteps``, noise from the walk's generator. Where a run ends above sigma = 0 (DEIS, SA-
Solver, TCD, Wuerstchen) its last state is kept as diffusers gives it.
"""

import copy
import importlib
import inspect
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from explorer.maths.names import nearest
from explorer.maths.paths import AbstractPath
from explorer.maths.samplers.base import AbstractSampler, CountedField
from explorer.maths.samplers.grids import times_of
from explorer.maths.shapes import Points
from explorer.models.schedulers.calls import called
from explorer.models.schedulers.encode import THEIR_NAME, encode
from explorer.models.schedulers.entry import SchedulerEntry
from explorer.models.schedulers.levels import (
    Shares,
    entry_groups,
    merged_at_top,
    set_levels,
    shares_of,
    time_at,
)
from explorer.models.schedulers.registry import SCHEDULERS

Settings = tuple[tuple[str, Hashable], ...]


@dataclass
class Run:
    """What one run owns: its scheduler, the scheduler's levels and which entries make up each step."""

    scheduler: Any
    shares: list[Shares]
    groups: list[list[int]]
    expected: str
    arguments: dict[str, Any]
    latest: float
    taken: int = 0
    clean: Tensor | None = None
    """The last clean prediction, for the one scheduler that wants it back."""


class Schedule(list[float]):
    """The times of a run with the number of steps, or the training levels, that the scheduler is set to."""

    steps: int = 0
    ratios: tuple[float, ...] = ()
    prepared: Run | None = None
    """The run whose levels gave the times; the first who starts has it."""


@dataclass(frozen=True)
class SchedulerSampler(AbstractSampler):
    """A scheduler of diffusers by its key in ``SCHEDULERS``.

    ``config`` overrides the entry's constructor arguments, ``extra`` holds arguments for every ``step``
    (``eta`` for DDIM). Both may be given as mappings; they are kept as sorted pairs of plain values.
    """

    key: str
    config: Settings | Mapping[str, Any] = ()
    extra: Settings | Mapping[str, Any] = ()
    takes_last_step = True

    def __post_init__(self):
        nearest("key", self.key, SCHEDULERS)
        for name in ("config", "extra"):
            object.__setattr__(self, name, plain_settings(getattr(self, name)))
        if self._settings().get("use_dynamic_shifting"):
            raise ValueError(
                "`use_dynamic_shifting` must be False, since the shift then hangs on the size of a picture; "
                "got True; give a fixed `shift` (or `flow_shift`) instead"
            )

    @property
    def entry(self) -> SchedulerEntry:
        """The line of the registry."""
        return SCHEDULERS[self.key]

    @property
    def name(self) -> str:  # type: ignore[override] # one class stands for many methods
        return self.key

    @property
    def label(self) -> str:  # type: ignore[override]
        return self.entry.label

    @property
    def order(self) -> int:  # type: ignore[override]
        own = self.entry.kwargs.get("solver_order", 0)
        return self.entry.order + int(self._settings().get("solver_order", own)) - own

    @property
    def evals_per_step(self) -> int:  # type: ignore[override]
        return self.entry.evals_per_step

    @property
    def is_random(self) -> bool:  # type: ignore[override]
        settings, extra = self._settings(), {**self.entry.extra, **dict(self.extra)}
        random = [settings.get("stochastic_sampling"), str(settings.get("algorithm_type")).startswith("sde")]
        if "eta" in extra or "s_churn" in extra:
            return any([*random, extra.get("eta"), extra.get("s_churn")])
        return any(random) or self.entry.is_random

    @property
    def source(self) -> str:  # type: ignore[override]
        return f"diffusers, {self.entry.class_name}"

    def times(
        self, path: AbstractPath, grid: str | Sequence[float], steps: int, latest: float
    ) -> list[float]:
        """The scheduler's own times for ``"default"``; else ours, put into the scheduler where it takes them.

        Raises:
            ValueError: for a number of steps or a grid that this scheduler cannot take.
        """
        if isinstance(grid, str) and grid == "default":
            schedule = Schedule()
            schedule.steps = self._checked_steps(steps)
            return self._timed(schedule, path, latest)
        schedule = Schedule()
        schedule.ratios = self._level_ratios(path, times_of(grid, path, steps, latest))
        return self._timed(schedule, path, latest)

    def start(self, field: CountedField, times: Sequence[float], generator: torch.Generator) -> Run:
        """A fresh scheduler, set to the run's times."""
        expected = self._expected(field.field)
        run = self._own_run(field.path, times)
        if expected in THEIR_NAME.values() and self.entry.chooses:
            run.scheduler.register_to_config(prediction_type=expected)
        run.expected = expected
        takes = inspect.signature(run.scheduler.step).parameters
        run.arguments = {"generator": generator} if "generator" in takes else {}
        run.arguments |= {**self.entry.extra, **dict(self.extra)}
        return run

    def _own_run(self, path: AbstractPath, times: Sequence[float]) -> Run:
        """A run that nobody else has: the one that gave the times, or one more like it."""
        if not isinstance(times, Schedule):
            return self._run(self._scheduler(0, self._level_ratios(path, times)), path, times[0])
        run, times.prepared = times.prepared, None
        return run or self._run(self._scheduler(times.steps, times.ratios), path, times[0])

    def step(
        self, field: CountedField, x: Points, t: float, t_next: float, memory: Run
    ) -> tuple[Points, float, Run]:
        run = memory
        group = run.groups[run.taken]
        state = _scaled(x, run.shares[group[0]].sigma, field.path.at(t).sigma)
        for entry in group:
            state = self._entry_step(run, entry, field, state, x if entry == group[0] else None, t)
        run.taken += 1
        if t_next == 0.0:
            return state, t_next, run
        ahead = run.shares[run.groups[run.taken][0]]
        return _scaled(state, field.path.at(t_next).sigma, ahead.sigma), t_next, run

    def _entry_step(
        self, run: Run, entry: int, field: CountedField, state: Tensor, x: Tensor | None, t: float
    ):
        """One call of the scheduler; ``x`` is the walk's state, if the entry is the one it is at."""
        shares, scheduler = run.shares[entry], run.scheduler
        if self.entry.moves and scheduler.timesteps.device != state.device:
            _move(scheduler, state.device)
        asked = time_at(field.path, shares, run.latest)
        if x is None or asked != t:
            x = _scaled(state, field.path.at(asked).sigma, shares.sigma)
        output = encode(run.expected, field(x, asked), state, shares, scheduler.config)
        return called(run, self.entry.class_name, entry, output, state).to(x.dtype)

    def _settings(self) -> dict[str, Any]:
        return {**self.entry.kwargs, **dict(self.config)}

    def _expected(self, field: object) -> str:
        """What the scheduler is told to expect: what the field predicts, where it can take that."""
        known = self.entry.predictions
        chosen = self._settings().get("prediction_type")
        if chosen in known:
            return chosen
        theirs = THEIR_NAME[getattr(field, "predicts", "denoised")]
        return theirs if theirs in known else known[0]

    def _scheduler(self, steps: int, ratios: Sequence[float] = ()) -> Any:
        """A fresh instance, set to its own grid of ``steps`` or to the ratios of ours."""
        scheduler = copy.deepcopy(_unused(self.entry.class_name, plain_settings(self._settings())))
        count = len(ratios) or steps
        scheduler.set_timesteps(count + self.entry.ends_counted, **self.entry.set_kwargs)
        if ratios:
            set_levels(scheduler, self.entry.family, ratios)
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(0)
        return scheduler

    def _run(self, scheduler: Any, path: AbstractPath, latest: float) -> Run:
        shares = shares_of(scheduler, self.entry.family)
        groups = entry_groups(scheduler, len(shares))
        groups = merged_at_top(groups, [time_at(path, each, latest) for each in shares], latest)
        return Run(scheduler, shares, groups, "", {}, latest)

    def _timed(self, schedule: Schedule, path: AbstractPath, latest: float) -> Schedule:
        run = schedule.prepared = self._run(self._scheduler(schedule.steps, schedule.ratios), path, latest)
        inner = [time_at(path, run.shares[group[0]], latest) for group in run.groups[1:]]
        schedule.extend([latest, *inner, 0.0])
        if any(a <= b for a, b in pairwise(schedule)):
            raise ValueError(
                f"the levels of {self.key!r} must fall to the data, no two alike; they do not; "
                "use fewer `steps` or another `grid`"
            )
        return schedule

    def _level_ratios(self, path: AbstractPath, times: Sequence[float]) -> tuple[float, ...]:
        entry = self.entry
        if entry.grids == "own":
            raise ValueError(
                f"`grid` must be 'default' for {self.key!r}, which takes only its own; got another one, or a "
                "`start`; use a scheduler that takes any grid, such as 'diffusers/euler'"
            )
        self._checked_steps(len(times) - 1)
        levels = [path.at(t) for t in times[:-1]]
        return tuple(float(v.sigma / v.alpha) if v.alpha > 0 else float("inf") for v in levels)

    def _checked_steps(self, steps: int) -> int:
        least, most = self.entry.least, self.entry.most
        if isinstance(steps, bool) or not isinstance(steps, int) or not least <= steps <= most:
            raise ValueError(
                f"`steps` must be a whole number from {least} to {most} for {self.key!r}; got {steps!r}"
            )
        return steps


def scheduler_class(name: str) -> Any:
    """The class of diffusers, imported when it is first needed."""
    return getattr(importlib.import_module("diffusers"), name)


@lru_cache(maxsize=64)
def _unused(class_name: str, settings: Settings) -> Any:
    """An instance that nobody steps, kept to be copied: KDPM2 takes half a second to construct, a copy 1 ms."""
    cls = scheduler_class(class_name)
    for name, _ in settings:
        nearest("config", name, [*inspect.signature(cls.__init__).parameters][1:])
    return cls(**{name: list(value) if isinstance(value, tuple) else value for name, value in settings})


def plain_settings(given: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> Settings:
    """Sorted pairs of hashable values; arrays and lists become tuples."""
    pairs = given.items() if isinstance(given, Mapping) else given
    return tuple(sorted((name, _plain(value)) for name, value in pairs))


def _plain(value: Any) -> Hashable:
    if hasattr(value, "tolist"):
        value = value.tolist()
    return tuple(map(_plain, value)) if isinstance(value, list | tuple) else value


def _move(scheduler: Any, device: torch.device) -> None:
    for name in ("sigmas", "timesteps"):
        if hasattr(scheduler, name):
            setattr(scheduler, name, getattr(scheduler, name).to(device))


def _scaled(x: Tensor, target: Any, own: Any) -> Tensor:
    """X times target / own, untouched where both are the same to float32, in which diffusers keeps its levels."""
    factor = target / own
    return x if abs(factor - 1.0) < 2e-7 else x * factor
