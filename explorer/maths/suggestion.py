"""The fewest steps, and the grid, that keep the end-point error of a method on one field at or under a level.

For each grid the number of steps is doubled or halved until one keeps the level and one does not, and then narrowed
from both sides by the power law through the two nearest runs. What is claimed was run: ``steps`` keep the level, one
step fewer does not. Errors do not always fall from each number of steps to the next, so that fewer still may keep it by
luck; those are not looked for.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from explorer.maths.adapted import adapted_grid
from explorer.maths.fields import AbstractField
from explorer.maths.reference import Reference, run_to_end
from explorer.maths.samplers.base import AbstractSampler
from explorer.maths.samplers.grids import GRIDS, times_of
from explorer.maths.samplers.registry import as_sampler
from explorer.maths.shapes import Points

ADAPTED = "adapted"
MOST_STEPS = 256
FIRST_TRY, HALVE_EVERY = 4, 4

Found = tuple[int | None, float]
"""Steps that keep the level and their error; None, and the least error that was seen, where none does."""
Grid = Callable[[int], list[float]]
"""From a number of steps, the times of a run."""


@dataclass(frozen=True)
class Suggestion:
    """What to run: ``times`` are a grid for ``record``; error (root mean square, of the ends) and level in units of x.

    ``by_grid`` holds what each grid needs: (steps, error), or (None, least error seen) where up to 256 steps do not do.
    Where no grid keeps the level ``reached`` is False, and the rest is the run with the least error seen.
    """

    sampler: str
    grid: str
    times: tuple[float, ...]
    steps: int
    evals: int
    error: float
    level: float
    reached: bool
    by_grid: dict[str, Found] = field(hash=False)


@dataclass(frozen=True)
class Tried:
    """One run."""

    steps: int
    error: float
    evals: int
    times: tuple[float, ...]


def suggest(
    field: AbstractField,
    sampler: str | AbstractSampler,
    level: float,
    noise: Points,
    reference: Reference,
    grids: Sequence[str] = (*GRIDS, ADAPTED),
) -> Iterator[Suggestion]:
    """The best so far after each of ``grids``; the last is the answer. ``"adapted"`` is measured on this field.

    Raises:
        ValueError: for a level that is not above 0, a method that is random or chooses its own steps, or an
            unknown grid.
    """
    sampler = as_sampler(sampler)
    if sampler.is_random or sampler.is_adaptive:
        why = "draws noise on its way" if sampler.is_random else "chooses its own steps"
        raise ValueError(
            f"steps are suggested for a method that follows the flow in given steps; {sampler.name} {why}"
        )
    if isinstance(level, bool) or not 0.0 < level < math.inf:
        raise ValueError(f"`level` must be above 0, in units of x; got {level!r}")
    noise, best, by_grid, likely = noise.to(reference.ends), None, {}, FIRST_TRY
    for name in grids:
        run_with = _runner(field, sampler, noise, reference, _grid(name, field, sampler, noise))
        runs = _searched(run_with, level, likely)
        kept = _fewest(runs, level)
        least = min(runs, key=lambda run: run.error)
        by_grid[name] = (kept.steps, kept.error) if kept else (None, least.error)
        likely = max(1, kept.steps // 2) if kept else MOST_STEPS
        best = _better(best, (name, kept or least), level)
        grid, run = best
        yield Suggestion(
            sampler.name,
            grid,
            run.times,
            run.steps,
            run.evals,
            run.error,
            level,
            run.error <= level,
            dict(by_grid),
        )


def _grid(name: str, field: AbstractField, sampler: AbstractSampler, noise: Tensor) -> Grid:
    if name == ADAPTED:
        return adapted_grid(field, sampler, noise).times
    latest = getattr(field, "latest", 1.0)
    return lambda steps: times_of(name, field.path, steps, latest)


def _runner(
    field: AbstractField, sampler: AbstractSampler, noise: Tensor, reference: Reference, grid: Grid
) -> Callable[[int], Tried]:
    def run_with(steps: int) -> Tried:
        times = grid(steps)
        error, evals, _ = run_to_end(field, sampler, noise, reference, grid=times)
        return Tried(steps, error, evals, tuple(times))

    return run_with


def _searched(run_with: Callable[[int], Tried], level: float, likely: int) -> list[Tried]:
    """Runs; if any keeps the level, then one of them beside one of a step fewer that does not."""
    runs = [run_with(likely)]
    few = many = runs[0]
    while many.error > level and many.steps < MOST_STEPS:
        few, many = many, run_with(min(2 * many.steps, MOST_STEPS))
        runs.append(many)
    while few.error <= level and few.steps > 1:
        many, few = few, run_with(few.steps // 2)
        runs.append(few)
    if not few.error > level >= many.error:
        return runs
    while many.steps - few.steps > 1:
        middle = run_with(_between(few, many, level, len(runs) % HALVE_EVERY == 0))
        runs.append(middle)
        few, many = (few, middle) if middle.error <= level else (middle, many)
    return runs


def _between(few: Tried, many: Tried, level: float, halve: bool) -> int:
    """A number of steps strictly between two runs: where the power law through them meets the level, or half way."""
    if halve or not math.isfinite(few.error) or many.error <= 0.0:
        return (few.steps + many.steps) // 2
    part = math.log(few.error / level) / math.log(few.error / many.error)
    wished = few.steps * (many.steps / few.steps) ** part
    return max(few.steps + 1, min(many.steps - 1, math.ceil(wished)))


def _fewest(runs: list[Tried], level: float) -> Tried | None:
    return min((run for run in runs if run.error <= level), key=lambda run: run.steps, default=None)


def _better(best: tuple[str, Tried] | None, new: tuple[str, Tried], level: float) -> tuple[str, Tried]:
    """Kept before not kept, then fewer steps; where nothing is kept, the less error."""

    def rank(run: Tried) -> tuple[bool, float, float]:
        kept = run.error <= level
        return not kept, float(run.steps) if kept else run.error, run.error

    return new if best is None or rank(new[1]) < rank(best[1]) else best
