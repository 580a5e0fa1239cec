"""The Students lab in words and curves: the stage's spec, its charts and numbers, and the page's last line."""

import math
from collections.abc import Sequence
from typing import Any

import torch

from explorer.labs.figures.checks import round_up
from explorer.labs.figures.curves import short
from explorer.labs.figures.students_quality import quality_charts, quality_table, switch_charts
from explorer.labs.students.plan import TEACHER, Plan, StudentPane
from explorer.labs.students.record import PaneRecord, StudentsRecord
from explorer.maths.samplers import SAMPLERS

ROLES = ("state", "launched", "second", "third")
"""Of the teacher and its students, in order."""
BINS = 40
QUALITY, PARTS, SWITCH = "Quality", "In parts", "Switch"
PAIR_HINT = (
    "Distance of a student's end point from the teacher's, from the same noise, in units of x. A student that matches "
    "the distribution is not asked to keep pairs: long arrows are its method, not a fault."
)
EVEN = "Of 500 points that start from even noise, beside as many even points of the data, whatever the seed."
NUMBERS = (
    ("evals", "evals", "", "Calls of the network on the way from noise to data (NFE)."),
    (
        "W2",
        "w2",
        "",
        "Wasserstein distance of the end points to the data, in units of x: what it costs to move one onto the other. "
        f"{EVEN}",
    ),
    (
        "precision",
        "precision",
        "",
        "Share of the points within 4 standard deviations of some component of the target. Never quote it alone: few "
        f"points in one place can have it. {EVEN}",
    ),
    (
        "recall",
        "recall",
        "",
        f"Mean over the modes of min(1, share / fair share): 1 where every mode has its part. {EVEN}",
    ),
    (
        "modes",
        "modes",
        "total",
        "Modes that hold at least a quarter of their fair share. The moons are cut into 16 arcs.",
    ),
    ("pairs", "rmse", "", f"Distance of pairs, root mean square. {PAIR_HINT}"),
)


def spec_of(plan: Plan) -> dict[str, Any]:
    """The stage's spec, with slots for runs."""
    state = plan.state
    sampler = SAMPLERS[state.sampler].label
    teacher = {
        "label": "Teacher",
        "note": f"{sampler}, {plan.teacher_evals} evals",
        "run": TEACHER,
        "role": ROLES[0],
        "axes": ["x1", "x2"],
    }
    return {
        "version": 1,
        "title": plan.target.label,
        "subtitle": f"teacher, {sampler}, {state.steps} steps",
        "box": list(plan.box),
        "panes": [teacher, *(_pane(plan, pane) for pane in plan.students)],
        "launched": [],
        "images": None
        if plan.is_plane
        else {"height": plan.shape[-2], "width": plan.shape[-1], "columns": 8},
        "can_launch": plan.is_plane,
        "can_draw": plan.is_plane,
        "paths": 60,
        "colour": None,
        "heat": None,
        "pairs": None,
    }


def _pane(plan: Plan, pane: StudentPane) -> dict[str, Any]:
    return {
        "label": pane.label,
        "note": _calls(plan, pane),
        "run": pane.slot,
        "role": ROLES[pane.slot - 1],
        "axes": ["x1", "x2"],
        "curves": not pane.is_noised_again,
    }


def _calls(plan: Plan, pane: StudentPane) -> str:
    """How it gets from noise to data here."""
    evals = pane.calls * pane.student.evals_per_call
    words = f"{evals} eval{'s' if evals > 1 else ''}"
    if pane.calls < plan.state.calls:
        words += ", it takes no more" if pane.student.most_evals == evals else ", the most that fits"
    if plan.state.switch:
        return (
            f"teacher to step {pane.switch}, then {words}" if pane.switch else f"{words}, cannot begin late"
        )
    return f"{words}, noised again" if pane.is_noised_again else words


def pairs_of(record: StudentsRecord) -> dict[str, Any] | None:
    """What the stage is told of the arrows' colours: one scale for all panes, so that students can be told apart."""
    known = [pane.distances for pane in record.panes if pane.distances is not None]
    if not known or not record.plan.is_plane:
        return None
    values = torch.cat(known)
    values = values[torch.isfinite(values)]
    top = round_up(float(values.quantile(0.97))) if len(values) else 1.0
    over = bool(len(values)) and float(values.max()) > top
    return {
        "label": "distance of pairs",
        "lo": 0.0,
        "hi": top,
        "map": "viridis",
        "hint": PAIR_HINT,
        "over": over,
    }


def charts_of(record: StudentsRecord) -> dict[str, Any]:
    """Charts and numbers of what is known so far, under three tabs."""
    first, *parts = quality_charts(record, QUALITY, PARTS)
    charts = [first, _pair_chart(record), *parts, *switch_charts(record, SWITCH)]
    tables = [_table(record), quality_table(record, PARTS)]
    return {"charts": charts, "numbers": [table for table in tables if table is not None]}


def _pair_chart(record: StudentsRecord) -> dict[str, Any]:
    """How far the end points are from the teacher's, as a share of the particles."""
    panes = [pane for pane in record.panes if pane.distances is not None]
    scale = pairs_of(record) or {"hi": 1.0}
    edges = torch.linspace(0.0, float(scale["hi"]), BINS + 1, dtype=torch.float64)
    lines = [_histogram(pane, edges) for pane in panes]
    top = max((y for line in lines for y in line["y"]), default=1.0)
    return {
        "id": "pairs",
        "tab": QUALITY,
        "title": "How far each pair drifted",
        "subtitle": "particles, by distance of end points",
        "hint": PAIR_HINT,
        "x": "distance",
        "x_label": "distance",
        "x_range": [0, float(scale["hi"])],
        "y_label": "",
        "y": [0, round_up(top)],
        "lines": lines,
        "levels": [],
        "empty": "Choose a student." if not record.plan.students else "Being computed.",
    }


def _histogram(pane: PaneRecord, edges: torch.Tensor) -> dict[str, Any]:
    """Counts in even bins, as a line of steps; the last bin holds all that lies beyond."""
    assert pane.distances is not None, "only a student has pairs"
    known = pane.distances[torch.isfinite(pane.distances)].clamp(max=float(edges[-1]))
    counts = torch.histogram(known, edges).hist if len(known) else torch.zeros(len(edges) - 1)
    x = [each for pair in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True) for each in pair]
    y = [each for count in counts.tolist() for each in (count, count)]
    return {
        "run": pane.slot,
        "label": pane.label,
        "role": ROLES[pane.slot - 1],
        "x": short(x),
        "y": short(y),
    }


def _table(record: StudentsRecord) -> dict[str, Any]:
    rows = []
    for label, name, of, hint in NUMBERS:
        values = {pane.slot: known(getattr(pane.scores, name)) for pane in record.panes}
        if all(value is None for value in values.values()):
            continue
        row: dict[str, Any] = {"label": label, "hint": hint, "unit": "", "values": values}
        if of:
            row["of"] = {pane.slot: getattr(pane.scores, of) for pane in record.panes}
        rows.append(row)
    if record.floor is not None:
        hint = "W2 of two independent even draws of the data, as many as are measured: nothing can be told below it."
        rows.insert(
            2,
            {
                "label": "its floor",
                "hint": hint,
                "unit": "",
                "values": {p.slot: known(record.floor) for p in record.panes},
            },
        )
    return {"tab": QUALITY, "title": "At the end", "rows": rows}


def known(value: float | None) -> float | None:
    """Six digits of a number, None where there is none."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def footer_of(record: StudentsRecord) -> str:
    """What the picture cost, in one line."""
    plan = record.plan
    evals = " against ".join(_joined([pane.scores.evals for pane in record.panes]))
    seconds = sum(pane.scores.seconds for pane in record.panes)
    n = f"{len(plan.noise):,} samples".replace(",", "\u202f")
    return " · ".join([n, f"{evals} evals", f"{seconds:.2g} s", plan.device, f"seed {plan.state.seed}"])


def _joined(evals: Sequence[int]) -> list[str]:
    teacher, *students = evals
    return [str(teacher), *([", ".join(map(str, students))] if students else [])]
