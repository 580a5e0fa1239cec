"""Charts and numbers that any run has: its noise schedule, its time, its signal-to-noise and its evals.

Runs come by slot, as the scene numbers them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from explorer.maths.paths import as_path
from explorer.maths.trajectory import Trajectory

ROLES = ("state", "second")
VE_NOTE = "variance exploding states are drawn divided by sqrt(1 + sigma²)"
Runs = Mapping[int, Trajectory]


def schedule_chart(runs: Runs) -> dict[str, Any]:
    """The weights of data and noise in the drawn state, over the noise share; one pair of curves for each path."""
    lines: list[dict[str, Any]] = []
    first: dict[str, int] = {}
    for slot, run in runs.items():
        if first.setdefault(run.path, slot) != slot:
            continue  # the very same curves; the ticks of each run stand under the time line
        path, words = as_path(run.path), "" if slot == 1 else f", {run.path}"
        for weight, name, role in ((path.alpha, "α data", "state"), (path.sigma, "σ noise", "launched")):
            y = [float(weight(t) * path.drawn_scale(t)) for t in run.times.tolist()]
            lines.append(line(slot, run, f"{name}{words}", y) | {"role": role, "dashed": slot > 1})
    return {
        "id": "schedule",
        "title": "Noise schedule",
        "subtitle": "share of data and of noise in the state",
        "hint": "x_t = alpha x_0 + sigma eps. The dots are the moments at which the sampler stops.",
        "x": "share",
        "x_label": "noise share",
        "y_label": "",
        "y": [0, 1],
        "lines": lines,
        "levels": [],
    }


def line(slot: int, run: Trajectory, label: str, y: Sequence[float | None]) -> dict[str, Any]:
    """One line over the noise share, a dot at each step."""
    return {
        "run": slot,
        "label": label,
        "role": ROLES[slot - 1],
        "x": short(run.shares.tolist()),
        "y": short(y),
        "ticks": True,
    }


def time_rows(runs: Runs) -> list[dict[str, Any]]:
    """Time, signal-to-noise and, where model calls were counted, evals."""
    times = {slot: run.times.tolist() for slot, run in runs.items()}
    rows = [
        row("time t", "the path's own time: 1 is noise, 0 is data", times),
        row("signal-to-noise", "alpha² / sigma² of the state", {s: _snr(run) for s, run in runs.items()}),
    ]
    counted = {slot: run for slot, run in runs.items() if int(run.evals[-1])}
    if counted:
        evals = {slot: run.evals.tolist() for slot, run in counted.items()}
        totals = {slot: int(run.evals[-1]) for slot, run in counted.items()}
        rows.append(row("evals so far", "calls of the model (NFE)", evals) | {"of": totals})
    return rows


def row(
    label: str, hint: str, by_slot: Mapping[int, Iterable[float | None]], unit: str = ""
) -> dict[str, Any]:
    """One number for each frame of each run."""
    values = {slot: short(numbers) for slot, numbers in by_slot.items()}
    return {"label": label, "hint": hint, "unit": unit, "values": values}


def short(values: Iterable[float | None]) -> list[float | None]:
    """Six digits: twice what is ever shown, half of the bytes."""
    return [None if value is None else float(f"{value:.6g}") for value in values]


def _snr(run: Trajectory) -> list[float | None]:
    levels = [as_path(run.path).at(t) for t in run.times.tolist()]
    return [float((level.alpha / level.sigma) ** 2) if level.sigma else None for level in levels]
