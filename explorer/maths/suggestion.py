"""The fewest steps for an error, and a grid of our own that shares the error evenly.

Source: de Boor 1973, Good approximation by splines with variable knots (equidistribution).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from explorer.maths.fields import AbstractField
from explorer.maths.samplers.base import CountedField
from explorer.maths.samplers.grids import times_of
from explorer.maths.samplers.registry import SAMPLERS
from explorer.maths.solving import DETERMINISTIC, Reference, arrival, rms_gap

MOST_STEPS = 256
ADAPTED = "adapted"
SUGGESTED_GRIDS = ("uniform", "karras", "log_snr", ADAPTED)


@dataclass(frozen=True)
class Suggestion:
    """The fewest steps on the best grid: ``error`` at most ``level`` where ``reached``, else the best there is.

    ``times`` are the grid itself, for ``grid=``; ``by_grid`` has steps (None where the level is out of reach) and
    error for each grid.
    """

    sampler: str
    grid: str
    times: tuple[float, ...]
    steps: int
    evals: int
    error: float
    level: float
    reached: bool
    by_grid: dict[str, tuple[int | None, float]]


def suggest(
    field: AbstractField,
    sampler: str,
    level: float,
    noise: Tensor,
    exact: Reference,
    grids: Sequence[str] = SUGGESTED_GRIDS,
) -> Iterator[Suggestion]:
    """The fewest steps of ``sampler`` that keep the error at or under ``level``, grid by grid; the last has the best.

    ``"adapted"`` is a grid of our own for this very field and sampler: its steps share the local error evenly. Steps
    are doubled until the level is kept, then halved into; where more steps are worse again, the first crossing
    that halving finds is taken, and one step fewer was seen to fail.

    Raises:
        ValueError: for an adaptive or random sampler, which takes no number of steps.
    """
    if sampler not in DETERMINISTIC or SAMPLERS[sampler].is_adaptive:
        raise ValueError(f"steps are suggested for {', '.join(DETERMINISTIC)} but rk45; got {sampler!r}")
    by_grid: dict[str, tuple[int | None, float]] = {}
    best: Suggestion | None = None
    density = error_density(field, sampler, exact) if ADAPTED in grids else None
    for name in grids:
        seen: dict[int, tuple[int, float, tuple[float, ...]]] = {}

        def ask(steps: int, name: str = name, seen=seen) -> float:
            if steps not in seen:
                times = _grid(field, name, steps, density)
                if times is None:
                    return math.inf
                evals, ends = arrival(field, sampler, noise, times, steps)
                seen[steps] = (evals, rms_gap(ends, exact.ends), tuple(times))
            return seen[steps][1]

        steps = _fewest(ask, level)
        least = steps if steps is not None else min(seen, key=lambda count: seen[count][1])
        evals, error, times = seen[least]
        by_grid[name] = (steps, error)
        found = Suggestion(sampler, name, times, least, evals, error, level, steps is not None, dict(by_grid))
        best = found if best is None or _beats(found, best) else best
        best = replace(best, by_grid=dict(by_grid))
        yield best


def _beats(one: Suggestion, other: Suggestion) -> bool:
    if one.reached != other.reached:
        return one.reached
    return (one.steps, one.error) < (other.steps, other.error) if one.reached else one.error < other.error


def _fewest(ask, level: float) -> int | None:
    """The least number of steps whose error is at most ``level``, or None within MOST_STEPS."""
    high = 1
    while ask(high) > level:
        if high >= MOST_STEPS:
            return None
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        if ask(middle) <= level:
            high = middle
        else:
            low = middle
    return high


def _grid(field: AbstractField, name: str, steps: int, density: "Density | None") -> list[float] | None:
    if name == ADAPTED:
        assert density is not None, "measured where the adapted grid is asked for"
        return adapted_times(field, density, steps)
    try:
        return times_of(name, field.path, steps, getattr(field, "latest", 1.0))
    except ValueError:  # a grid that has no so many different times
        return None


@dataclass(frozen=True, eq=False)
class Density:
    """How densely steps should lie: ``angles`` [M] falling from the noise to 0, ``mass`` [M] from 0 to 1 up to each."""

    angles: Tensor
    mass: Tensor


def error_density(field: AbstractField, sampler: str, exact: Reference) -> Density:
    """Where one step of ``sampler`` errs most: it takes each short step of the exact flow on its own.

    A step of length h errs by C h^(p+1); steps share the error evenly when their density is C^(1/(p+1)). Methods that
    remember are asked for their first step, which is of first order; so is every landing.
    """
    method, times = SAMPLERS[sampler](), exact.times
    path = field.path
    angles = torch.tensor([math.atan2(*_weights(path, t)) for t in times], dtype=torch.float64)
    density = []
    for index in range(len(times) - 1):
        t, t_next, x = times[index], times[index + 1], exact.states[index]
        counted = CountedField(field)
        with torch.no_grad():
            if t_next == 0.0:
                reached, order = counted(x, t).denoised, 1
            else:
                memory = method.start(counted, [t, t_next, 0.0], torch.Generator().manual_seed(0))
                reached, order = method.step(counted, x, t, t_next, memory)[0], method.order
                order = 1 if method.evals_per_step == 1 else order
        error = rms_gap(reached, exact.states[index + 1])
        width = float(angles[index] - angles[index + 1])
        density.append(max(error, 1e-12) ** (1 / (order + 1)) / width)
    # A floor keeps a few steps where nothing happens: errors made there are carried on.
    rate = torch.tensor(density, dtype=torch.float64)
    rate = rate + 0.05 * (rate * -angles.diff()).sum() / float(angles[0] - angles[-1])
    mass = torch.cat([torch.zeros(1, dtype=torch.float64), (rate * -angles.diff()).cumsum(0)])
    return Density(angles, mass / mass[-1])


def _weights(path, t: float) -> tuple[float, float]:
    level = path.at(t)
    return float(level.sigma), float(level.alpha)


def adapted_times(field: AbstractField, density: Density, steps: int) -> list[float]:
    """The falling times of ``steps`` steps that share the measured local error evenly, from the field's latest to 0."""
    wanted = torch.arange(1, steps, dtype=torch.float64) / steps
    right = torch.searchsorted(density.mass, wanted).clamp(1, len(density.mass) - 1)
    low, high = density.mass[right - 1], density.mass[right]
    part = (wanted - low) / (high - low)
    angles = density.angles[right - 1] + part * (density.angles[right] - density.angles[right - 1])
    inner = [float(field.path.time_of(math.tan(angle))) for angle in angles.tolist()]
    return [getattr(field, "latest", 1.0), *inner, 0.0]
