"""The fewest steps, and the grid, that keep the end-point error of a method on one field at or under a level.

For each grid the number of steps is doubled until the level is kept, and then narrowed from both sides by the power law
through the two nearest runs. What is claimed was run: ``steps`` keep the level, one step fewer does not. Errors do not
always fall from each number of steps to the next, so that fewer still may keep it by luck; those are not looked for.
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
BISECT_EVERY = 3

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
    noise, best, by_grid = noise.to(reference.ends), None, {}
    for name in grids:
        runs = _searched(field, sampler, level, noise, reference, _grid(name, field, sampler, noise))
        kept = _fewest(runs, level)
        least = min(runs, key=lambda run: run.error)
        by_grid[name] = (kept.steps, kept.error) if kept else (None, least.error)
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


def _searched(
    field: AbstractField,
    sampler: AbstractSampler,
    level: float,
    noise: Tensor,
    reference: Reference,
    grid: Grid,
) -> list[Tried]:
    """Runs, the last of which that keeps the level stands beside one of a step fewer that does not."""
    runs: dict[int, Tried] = {}

    def error(steps: int) -> float:
        times = grid(steps)
        found, evals, _ = run_to_end(field, sampler, noise, reference, grid=times)
        runs[steps] = Tried(steps, found, evals, tuple(times))
        return found

    low, high = 0, 1
    while error(high) > level:
        low, high = high, 2 * high
        if high > MOST_STEPS:
            return list(runs.values())
    narrowings = 0
    while high - low > 1:
        narrowings += 1
        middle = _between(runs[low], runs[high], level, narrowings % BISECT_EVERY == 0)
        low, high = (low, middle) if error(middle) <= level else (middle, high)
    return list(runs.values())


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
        return not kept, run.steps if kept else run.error, run.error

    return new if best is None or rank(new[1]) < rank(best[1]) else best
