"""The Scrub lab in words and curves: the stage's spec, its charts and numbers, and the page's last line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from explorer.labs.scrub.state import ANY, is_own
from explorer.models.schedulers import SCHEDULERS
from explorer.models.zoo import CATALOGUE

if TYPE_CHECKING:  # compute draws with this module
    from explorer.labs.scrub.compute import PaneRecord, ScrubRecord
    from explorer.labs.scrub.plan import Pane, Plan

ROLES = ("state", "second")
FIELD = {"nx": 24, "ny": 20}
W2_HINT = (
    "Sliced Wasserstein-2 distance: the samples and a draw of the data are projected on 256 fixed directions, sorted, "
    "and compared; the root mean square gap, in units of x as drawn. 0 means the same distribution."
)


def spec_of(plan: "Plan") -> dict[str, Any]:
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


def _subtitle(plan: "Plan") -> str:
    """What is asked, on which path, for which class."""
    state, words = plan.state, "your model" if is_own(plan.state.model) else "exact field"
    path = f", {plan.panes[0].path.label.split(' (')[0].lower()} path"
    if state.model in CATALOGUE:
        words, path = CATALOGUE[state.model].label, ""  # its label names the path that it was trained on
    return f"{words}{path}" if state.label == ANY else f"{words}{path}, class {state.label}"


def _pane(plan: "Plan", pane: "Pane") -> dict[str, Any]:
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


def _images(plan: "Plan") -> dict[str, int] | None:
    if len(plan.shape) == 1:
        return None
    count = min(plan.state.n, 64)
    columns = next(c for c in (8, 7, 6, 5, 4) if count >= c * c or c == 4)
    return {"height": plan.shape[-2], "width": plan.shape[-1], "columns": columns}


def _departure(pane: "Pane") -> str:
    """Where a scheduler of diffusers parts from the method it is named after, in its first sentence."""
    entry = SCHEDULERS.get(pane.sampler.name)
    return "" if entry is None else entry.departs.split(". ")[0].rstrip(".")


def _note(plan: "Plan") -> str:
    notes = []
    if any(pane.path.name == "ve" for pane in plan.panes):
        notes.append("variance exploding states are drawn divided by sqrt(1 + sigma²)")
    notes += [
        f"{pane.sampler.label} of diffusers: {text}" for pane in plan.panes if (text := _departure(pane))
    ]
    return "; ".join(notes)


def charts_of(record: "ScrubRecord") -> dict[str, Any]:
    """Charts and numbers of what is known so far."""
    charts = [_schedule_chart(record)]
    if record.plan.reference is not None:
        charts.insert(0, _distance_chart(record))
    return {"charts": charts, "numbers": {"title": "At this time", "rows": _rows(record)}}


def _distance_chart(record: "ScrubRecord") -> dict[str, Any]:
    lines = [_line(pane, _known(pane.distance, len(pane.run.times))) | _costs(pane) for pane in record.panes]
    top = max((y for line in lines for y in line["y"] if y is not None), default=1.0)
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


def _schedule_chart(record: "ScrubRecord") -> dict[str, Any]:
    lines = []
    for pane in record.panes:
        path = pane.pane.path
        times = [float(t) for t in pane.run.times]
        scale = [path.drawn_scale(t) for t in times]
        alpha = [float(path.alpha(t) * k) for t, k in zip(times, scale, strict=True)]
        sigma = [float(path.sigma(t) * k) for t, k in zip(times, scale, strict=True)]
        if any(other.pane.path == path for other in record.panes[: pane.pane.slot - 1]):
            continue  # the very same curves; the ticks of each run stand under the time line
        suffix = "" if pane.pane.slot == 1 else f", {path.name}"
        dashed = pane.pane.slot > 1
        lines.append(_line(pane, alpha) | {"label": f"α data{suffix}", "role": "state", "dashed": dashed})
        lines.append(_line(pane, sigma) | {"label": f"σ noise{suffix}", "role": "launched", "dashed": dashed})
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


def _line(pane: "PaneRecord", y: Sequence[float | None]) -> dict[str, Any]:
    return {
        "run": pane.pane.slot,
        "label": pane.pane.sampler.label,
        "role": ROLES[pane.pane.slot - 1],
        "x": [_short(float(share)) for share in pane.run.shares],
        "y": [_short(value) for value in y],
        "ticks": True,
    }


def _short(value: float | None) -> float | None:
    """Six digits: twice what is ever shown, half of the bytes."""
    return None if value is None else float(f"{value:.6g}")


def _costs(pane: "PaneRecord") -> dict[str, Any]:
    """The other axes that a reader may lay the line over."""
    seconds = [_short(value) for value in pane.seconds]
    return {"axes": {"evals": pane.run.evals.tolist(), "seconds": seconds}}


def _known(values: Sequence[float | None], count: int) -> Sequence[float | None]:
    return values if values else [None] * count


def _round_up(top: float) -> float:
    """The next of 0.25, 0.5, 1, 1.5, 2, 3, ... at or above, so that axes stay put from run to run."""
    return next((step for step in (0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 20, 50, 100) if top <= step), top)


def _rows(record: "ScrubRecord") -> list[dict[str, Any]]:
    panes = record.panes
    rows = [
        _row(
            "time t", "the path's own time: 1 is noise, 0 is data", {p: p.run.times.tolist() for p in panes}
        ),
        _row("signal-to-noise", "alpha² / sigma² of the state", {p: _snr(p) for p in panes}),
        _row(
            "evals so far",
            "calls of the model (NFE)",
            {p: p.run.evals.tolist() for p in panes},
            of=_totals(panes),
        ),
        _row(
            "seconds so far", "wall time of the sampler alone", {p: list(p.seconds) for p in panes}, unit="s"
        ),
    ]
    if record.plan.reference is not None:
        distances = {p: _known(p.distance, len(p.run.times)) for p in panes}
        clean = {p: _known(p.clean_distance, len(p.run.times)) for p in panes}
        rows.insert(0, _row("sliced W2 to target", W2_HINT, distances))
        rows.insert(1, _row("of the clean prediction", "sliced W2 of E[x0 | xt] to the target", clean))
    errors = {p: [p.error] * len(p.run.times) for p in panes if p.error is not None}
    if errors:
        hint = (
            "Root mean square distance of the end points from those of the exact ODE solution (Dormand-Prince) from "
            "the same noise, on the same field: the error of the solver, not of the model."
        )
        rows.append(_row("end-point error", hint, errors))
    return rows


def _row(
    label: str, hint: str, by_pane: dict, unit: str = "", of: dict[int, int] | None = None
) -> dict[str, Any]:
    values = {pane.pane.slot: [_short(value) for value in values] for pane, values in by_pane.items()}
    return {"label": label, "hint": hint, "unit": unit, "values": values} | ({"of": of} if of else {})


def _totals(panes: Sequence["PaneRecord"]) -> dict[int, int]:
    return {pane.pane.slot: int(pane.run.evals[-1]) for pane in panes}


def _snr(pane: "PaneRecord") -> list[float | None]:
    levels = [pane.pane.path.at(float(t)) for t in pane.run.times]
    return [float((level.alpha / level.sigma) ** 2) if level.sigma else None for level in levels]


def footer_of(record: "ScrubRecord") -> str:
    """What the picture cost, in one line."""
    plan, runs = record.plan, [pane.run for pane in record.panes]
    evals = " and ".join(str(int(run.evals[-1])) for run in runs)
    steps = " and ".join(str(run.steps) for run in runs)
    seconds = sum(run.seconds for run in runs)
    return f"{steps} steps · {evals} evals · {seconds:.2g} s · {plan.device} · seed {plan.state.seed}"
