"""Runs that were made before: the same picture from their records, with nothing computed again.

What a record does not hold is left out: no velocity arrows, no distances, and no launching, since there is no
model to ask.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer.labs.figures.curves import ROLES, VE_NOTE, schedule_chart, time_rows
from explorer.labs.menus import PICTURES
from explorer.labs.scene import Begin, Block, Charts, Done, Event, Kind, Status
from explorer.labs.scrub.plan import NOISE_REACH
from explorer.maths.paths import as_path
from explorer.maths.trajectory import Trajectory
from explorer.models.schedulers import ALL_SAMPLERS

VALUES = 1_500_000
"""Most samples times frames of one run that are drawn; of more, the first samples are."""
MOST = 2
"""Runs side by side."""


@dataclass(frozen=True, eq=False)
class LoadedRecord:
    """Runs that are shown as they were recorded."""

    runs: tuple[Trajectory, ...]


def events_of(*runs: Trajectory) -> Iterator[Event]:
    """The picture of one run, or of two side by side under one cursor.

    Raises:
        ValueError: before the first event, for runs that cannot be drawn or do not go together.
    """
    _check(runs)
    return _events(runs)


def _check(runs: Sequence[Trajectory]) -> None:
    if not 1 <= len(runs) <= MOST:
        raise ValueError(f"one run or {MOST} are shown side by side; got {len(runs)}; leave some out")
    shapes = [tuple(run.states.shape[2:]) for run in runs]
    if len(set(shapes)) > 1:
        words = " and ".join(str(list(shape)) for shape in shapes)
        raise ValueError(f"runs side by side must have samples of one shape; got {words}; show them apart")
    if len(shapes[0]) not in (1, 3) or shapes[0] == (1,):
        raise ValueError(
            f"samples are drawn as points [2 or more] or as pictures [channels, height, width]; "
            f"got {list(shapes[0])}; choose two of the numbers, or reshape them"
        )


def _events(runs: Sequence[Trajectory]) -> Iterator[Event]:
    yield Begin(_spec(runs))
    for slot, run in enumerate(runs, 1):
        yield from _blocks(slot, run)
    slots = dict(enumerate(runs, 1))
    numbers = {"title": "At this time", "rows": time_rows(slots)}
    yield Charts({"charts": [schedule_chart(slots)], "numbers": numbers})
    yield _status(runs)
    yield Done(LoadedRecord(tuple(runs)), _footer(runs))


def _blocks(slot: int, run: Trajectory) -> Iterator[Event]:
    total = len(run.times)
    yield Block(Kind.TICKS, slot, 0, total, run.shares.float().reshape(-1, 1, 1).numpy())
    as_pictures = run.states.dim() == 5
    kinds = (Kind.IMAGES, Kind.IMAGES_DENOISED) if as_pictures else (Kind.STATE, Kind.DENOISED)
    for kind, values in zip(kinds, (_scaled(run, run.states), run.denoised), strict=True):
        draw = _grey if as_pictures else _points
        yield Block(kind, slot, 0, total, draw(values[:, : _drawn(run)]))


def _drawn(run: Trajectory) -> int:
    """How many samples are shown."""
    most = PICTURES if run.states.dim() == 5 else max(1, VALUES // len(run.times))
    return min(run.states.shape[1], most)


def _scaled(run: Trajectory, states: Tensor) -> Tensor:
    path = as_path(run.path)
    scale = torch.tensor([path.drawn_scale(float(t)) for t in run.times], dtype=torch.float64)
    return states * scale.to(states).reshape(-1, *[1] * (states.dim() - 1))


def _points(values: Tensor) -> np.ndarray:
    return values[..., :2].detach().float().cpu().numpy()


def _grey(values: Tensor) -> np.ndarray:
    grey = (values.detach().float().mean(dim=2) + 1.0) * 127.5
    return grey.nan_to_num(0).clamp(0, 255).round().to(torch.uint8).flatten(2).cpu().numpy()


def _spec(runs: Sequence[Trajectory]) -> dict[str, Any]:
    shape = runs[0].states.shape[2:]
    columns = next(c for c in (8, 7, 6, 5, 4) if min(map(_drawn, runs)) >= c * c or c == 4)
    return {
        "version": 1,
        "title": "A recorded run" if len(runs) == 1 else "Recorded runs",
        "subtitle": f"{_label(runs[0])}, {as_path(runs[0].path).label.split(' (')[0].lower()} path",
        "box": _box(runs),
        "panes": [_pane(slot, run) for slot, run in enumerate(runs, 1)],
        "launched": [],
        "images": {"height": shape[-2], "width": shape[-1], "columns": columns} if len(shape) > 1 else None,
        "can_launch": False,
        "paths": 60,
        "rest": 0.45,
        "note": _note(runs),
    }


def _pane(slot: int, run: Trajectory) -> dict[str, Any]:
    parts = [f"{run.steps} steps"]
    if int(run.evals[-1]):
        parts.append(f"{int(run.evals[-1])} evals")
    if run.grid not in ("", "default"):
        parts.append(f"{run.grid} grid")
    note = ", ".join([*parts, f"{run.path} path"])
    return {
        "label": _label(run),
        "note": note,
        "run": slot,
        "role": ROLES[slot - 1],
        "axes": ["x1", "x2"],
    }


def _label(run: Trajectory) -> str:
    """The sampler's name on screen."""
    known = ALL_SAMPLERS.get(run.sampler)
    return known.label if known is not None else run.sampler or "Run"


def _note(runs: Sequence[Trajectory]) -> str:
    notes = []
    if any(run.path == "ve" for run in runs):
        notes.append(VE_NOTE)
    for run in runs:
        if _drawn(run) < run.states.shape[1] and run.states.dim() == 3:
            notes.append(f"{_drawn(run):,} of {run.states.shape[1]:,} samples are drawn")
    return "; ".join(notes)


def _box(runs: Sequence[Trajectory]) -> list[float]:
    """A square around 0 that holds nearly all of each run's last state and most of its first."""
    reach = NOISE_REACH
    for run in runs:
        if run.states.dim() != 3:
            continue
        last = _scaled(run, run.states)[-1, :, :2].double().abs()
        last = last[last.isfinite().all(dim=1)]
        if len(last):
            reach = max(reach, 1.1 * float(last.amax(dim=1).quantile(0.995)))
    return [-reach, -reach, reach, reach]


def _status(runs: Sequence[Trajectory]) -> Status:
    for run in runs:
        if run.ended.kind != "done":
            return Status(run.ended.kind, run.ended.text)
    return Status("done", "done")


def _footer(runs: Sequence[Trajectory]) -> str:
    parts = [f"{' and '.join(str(run.steps) for run in runs)} steps"]
    if any(int(run.evals[-1]) for run in runs):
        parts.append(f"{' and '.join(str(int(run.evals[-1])) for run in runs)} evals")
    if any(run.seconds for run in runs):
        parts.append(f"{sum(run.seconds for run in runs):.2g} s")
    seeds = dict.fromkeys(run.seed for run in runs if run.seed is not None)
    if seeds:
        parts.append(f"seed {' and '.join(map(str, seeds))}")
    return " · ".join(parts)
