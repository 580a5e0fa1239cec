"""The Scrub lab in words and curves: the stage's spec, its charts and numbers, and the page's last line."""

from collections.abc import Sequence
from typing import Any

from explorer.labs.figures.curves import ROLES, VE_NOTE, line, row, schedule_chart, short, time_rows
from explorer.labs.menus import ANY, is_own
from explorer.labs.scrub.plan import Pane, Plan
from explorer.labs.scrub.record import PaneRecord, ScrubRecord
from explorer.maths.trajectory import Trajectory
from explorer.models.schedulers import SCHEDULERS
from explorer.models.zoo import CATALOGUE

FIELD = {"nx": 24, "ny": 20}
"""Arrows of the velocity layer, across and up."""
W2_HINT = (
    "Sliced Wasserstein-2 distance: the samples and a draw of the data are projected on 256 fixed directions, sorted, "
    "and compared; the root mean square gap, in units of x as drawn. 0 means the same distribution."
)

ERROR_HINT = (
    "Root mean square distance of the end points from those of the exact ODE solution (Dormand-Prince) from "
    "the same noise, on the same field: the error of the solver, not of the model."
)


def spec_of(plan: Plan) -> dict[str, Any]:
    """The stage's spec, with slots for runs."""
    return {
        "version": 1,
        "title": "Your data" if plan.target is None else plan.target.label,
        "subtitle": _subtitle(plan),
        "box": list(plan.box),
        "panes": [_pane(plan, pane) for pane in plan.panes],
        "launched": [],
        "images": _images(plan),
        "field": FIELD,
        "can_launch": plan.shape == (2,),
        "can_draw": plan.shape == (2,),
        "paths": 60,
        "rest": 0.45,
        "note": _note(plan),
    }


def _subtitle(plan: Plan) -> str:
    """What is asked, on which path, for which class."""
    state, words = plan.state, "your model" if is_own(plan.state.model) else "exact field"
    path = f", {plan.panes[0].path.label.split(' (')[0].lower()} path"
    if state.model in CATALOGUE:
        words, path = CATALOGUE[state.model].label, ""  # its label names the path that it was trained on
    return f"{words}{path}" if state.label == ANY else f"{words}{path}, class {state.label}"


def _pane(plan: Plan, pane: Pane) -> dict[str, Any]:
    steps = f"{pane.steps} steps, {pane.evals} evals" if pane.times else "adaptive steps"
    parts = [steps, *([] if pane.grid == "default" else [f"{pane.grid} grid"])]
    if len(plan.panes) > 1:
        parts.append(f"{pane.path.name} path")
    return {
        "label": pane.sampler.label,
        "note": ", ".join(parts),
        "run": pane.slot,
        "role": ROLES[pane.slot - 1],
        "axes": ["x1", "x2"],
    }


def _images(plan: Plan) -> dict[str, int] | None:
    if len(plan.shape) == 1:
        return None
    count = min(plan.state.n, 64)
    columns = next(c for c in (8, 7, 6, 5, 4) if count >= c * c or c == 4)
    return {"height": plan.shape[-2], "width": plan.shape[-1], "columns": columns}


def _departure(pane: Pane) -> str:
    """Where a scheduler of diffusers parts from the method it is named after, in its first sentence."""
    entry = SCHEDULERS.get(pane.sampler.name)
    return "" if entry is None else entry.departs.split(". ")[0].rstrip(".")


def _note(plan: Plan) -> str:
    notes = []
    if any(pane.path.name == "ve" for pane in plan.panes):
        notes.append(VE_NOTE)
    notes += [
        f"{pane.sampler.label} of diffusers: {text}" for pane in plan.panes if (text := _departure(pane))
    ]
    return "; ".join(notes)


def charts_of(record: ScrubRecord) -> dict[str, Any]:
    """Charts and numbers of what is known so far."""
    charts = [schedule_chart(_runs(record))]
    if record.plan.reference is not None:
        charts.insert(0, _distance_chart(record))
    return {"charts": charts, "numbers": {"title": "At this time", "rows": _rows(record)}}


def _distance_chart(record: ScrubRecord) -> dict[str, Any]:
    lines = [
        line(pane.pane.slot, pane.run, pane.pane.sampler.label, _known(pane.distance, pane)) | _costs(pane)
        for pane in record.panes
    ]
    top = max((y for each in lines for y in each["y"] if y is not None), default=1.0)
    levels = [] if record.floor is None else [{"y": record.floor, "label": "two draws", "dashed": True}]
    return {
        "id": "distance",
        "title": "Distance to the target",
        "subtitle": "sliced W2; dashed: two draws of the data",
        "hint": W2_HINT,
        "x": "share",
        "x_label": "noise share",
        "y_label": "",
        "y": [0, _round_up(top)],
        "lines": lines,
        "levels": levels,
    }


def _costs(pane: PaneRecord) -> dict[str, Any]:
    """The other axes that a reader may lay the line over."""
    return {"axes": {"evals": pane.run.evals.tolist(), "seconds": short(pane.seconds)}}


def _runs(record: ScrubRecord) -> dict[int, Trajectory]:
    return {pane.pane.slot: pane.run for pane in record.panes}


def _known(values: Sequence[float | None], pane: PaneRecord) -> Sequence[float | None]:
    return values if values else [None] * len(pane.run.times)


def _round_up(top: float) -> float:
    """The next of 0.25, 0.5, 1, 1.5, 2, 3, ... at or above, so that axes stay put from run to run."""
    return next((step for step in (0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 20, 50, 100) if top <= step), top)


def _rows(record: ScrubRecord) -> list[dict[str, Any]]:
    panes = {pane.pane.slot: pane for pane in record.panes}
    rows = time_rows(_runs(record))
    rows.append(
        row("seconds so far", "wall time of the sampler alone", {s: p.seconds for s, p in panes.items()}, "s")
    )
    if record.plan.reference is not None:
        distances = {slot: _known(pane.distance, pane) for slot, pane in panes.items()}
        clean = {slot: _known(pane.clean_distance, pane) for slot, pane in panes.items()}
        rows.insert(0, row("sliced W2 to target", W2_HINT, distances))
        rows.insert(1, row("of the clean prediction", "sliced W2 of E[x0 | xt] to the target", clean))
    errors = {
        slot: [pane.error] * len(pane.run.times) for slot, pane in panes.items() if pane.error is not None
    }
    if errors:
        rows.append(row("end-point error", ERROR_HINT, errors))
    return rows


def footer_of(record: ScrubRecord) -> str:
    """What the picture cost, in one line."""
    plan, runs = record.plan, [pane.run for pane in record.panes]
    evals = " and ".join(str(int(run.evals[-1])) for run in runs)
    steps = " and ".join(str(run.steps) for run in runs)
    seconds = sum(run.seconds for run in runs)
    return f"{steps} steps · {evals} evals · {seconds:.2g} s · {plan.device} · seed {plan.state.seed}"
