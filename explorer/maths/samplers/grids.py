"""Time grids: which moments a run of N steps visits. All fall from the latest time to exactly 0.

Sources: Karras et al. 2022, arXiv:2206.00364, equation 5; Lu et al. 2022, arXiv:2206.00927 (log-SNR);
Lin et al. 2023, arXiv:2305.08891 (trailing).
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from explorer.maths.names import nearest
from explorer.maths.paths import AbstractPath

MAX_STEPS = 10_000
RATIO_MIN, RATIO_MAX, RHO = 0.002, 80.0, 7.0
"""Karras's least and greatest noise-to-data ratio and his exponent."""


def uniform(path: AbstractPath, steps: int, latest: float) -> list[float]:
    """Equal steps of t."""
    return [latest * (1.0 - i / steps) for i in range(steps)]


def karras(path: AbstractPath, steps: int, latest: float) -> list[float]:
    """Equal steps of ratio^(1/7), ratio = sigma / alpha from 80 to 0.002, then 0: fine near the data."""
    top, bottom = _ratio(path, latest) ** (1 / RHO), RATIO_MIN ** (1 / RHO)
    ratios = [(top + i / max(1, steps - 1) * (bottom - top)) ** RHO for i in range(steps)]
    return _from_ratios(path, ratios, latest)


def log_snr(path: AbstractPath, steps: int, latest: float) -> list[float]:
    """Equal steps of the log of the signal-to-noise ratio, between the same ends as ``karras``."""
    top, bottom = math.log(_ratio(path, latest)), math.log(RATIO_MIN)
    ratios = [math.exp(top + i / max(1, steps - 1) * (bottom - top)) for i in range(steps)]
    return _from_ratios(path, ratios, latest)


def trailing(path: AbstractPath, steps: int, latest: float) -> list[float]:
    """Equal strides on the 1000 levels of a discrete training schedule, counted from the noise end."""
    return [latest * round(1000 * (1.0 - i / steps)) / 1000 for i in range(steps)]


GRIDS: dict[str, Callable[[AbstractPath, int, float], list[float]]] = {
    "uniform": uniform,
    "karras": karras,
    "log_snr": log_snr,
    "trailing": trailing,
}
"""Every named grid: (path, steps, latest time) -> the falling times before the final 0."""

GRID_LABELS = {
    "uniform": "Uniform in t",
    "karras": "Karras (rho 7)",
    "log_snr": "Uniform in log-SNR",
    "trailing": "Trailing (1000 levels)",
}


def times_of(grid: str | Sequence[float], path: AbstractPath, steps: int, latest: float = 1.0) -> list[float]:
    """The times of a run of ``steps`` steps: steps + 1 of them, strictly falling, from ``latest`` to 0.

    ``grid`` is a name, ``"default"`` (the path's own), or the times themselves: falling, with
    or without the first (the latest time) and the final 0.

    Raises:
        ValueError: for an unknown name, a number of steps out of 1 .. 10,000, or times that do not fall.
    """
    if not isinstance(grid, str):
        return _custom(grid, latest)
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= MAX_STEPS:
        raise ValueError(f"`steps` must be a whole number from 1 to {MAX_STEPS}; got {steps!r}")
    name = path.grid if grid == "default" else nearest("grid", grid, GRIDS)
    times = [*GRIDS[name](path, steps, latest), 0.0]
    if any(a <= b for a, b in pairwise(times)):
        raise ValueError(
            f"the grid {name!r} has no {steps} different times; use fewer `steps` or another `grid`"
        )
    return times


def _custom(grid: Any, latest: float) -> list[float]:
    try:
        times = [float(t) for t in grid]
    except (TypeError, ValueError):
        raise ValueError(
            f"`grid` must be a name or falling times in (0, {latest:g}]; got {grid!r:.60}"
        ) from None
    if times and times[0] < latest:
        times.insert(0, latest)
    if times and times[-1] != 0.0:
        times.append(0.0)
    if len(times) < 2 or len(times) > MAX_STEPS + 1 or not all(map(math.isfinite, times)):
        raise ValueError(f"`grid` must hold 1 to {MAX_STEPS} finite times before 0; got {len(times)} of them")
    if times[0] > latest or any(a <= b for a, b in pairwise(times)):
        raise ValueError(f"`grid` must fall strictly from at most {latest:g} to 0; got {times[:6]} ...")
    return times


def _ratio(path: AbstractPath, t: float) -> float:
    """The noise-to-data ratio sigma / alpha, at most Karras's 80 (it is infinite where no data is left)."""
    level = path.at(t)
    return min(RATIO_MAX, float(level.sigma / level.alpha)) if level.alpha > 0 else RATIO_MAX


def _from_ratios(path: AbstractPath, ratios: list[float], latest: float) -> list[float]:
    """The times of the ratios; the first is the latest time itself, wherever its ratio lies."""
    return [latest, *[float(path.time_of(ratio)) for ratio in ratios[1:]]]
