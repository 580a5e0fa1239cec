"""What solvers pay, in curves: error against evals, the adaptive run by time, the steps that are suggested."""

from typing import Any

from explorer.labs.curvature.record import CurvatureLabRecord, Solving
from explorer.labs.figures.curves import short
from explorer.maths.samplers import SAMPLERS
from explorer.maths.samplers.grids import GRID_LABELS
from explorer.maths.solving import order_guide
from explorer.maths.suggestion import ADAPTED

ROLES = ("state", "second", "third", "launched", "clean", "fourth", "fifth")
NAMES = GRID_LABELS | {ADAPTED: "Adapted to this field"}
WORK_HINT = (
    "Root mean square distance of the end points from those of a fine adaptive run in float64 on this very field, "
    "from the same noise, in units of x. The dashed lines fall by each method's declared order."
)
ADAPTIVE_HINT = (
    "Dormand-Prince at a relative tolerance of 10⁻⁴. Error: estimate of a step over its tolerance, worst sample. "
    "Stiffness: step times the estimated size of the Jacobian; above 3.25 again and again, the problem is stiff."
)
SUGGEST_HINT = (
    "The fewest steps on this grid that keep the end-point error at or under the one you set; one step fewer fails. "
    "The adapted grid is made for this very field: its steps share the local error evenly."
)


def solving_charts(record: CurvatureLabRecord, tab: str) -> list[dict[str, Any]]:
    """Two charts, empty until something is known."""
    study = record.solving or Solving()
    return [_work_chart(record, study, tab), _adaptive_chart(record, study, tab)]


def _why_empty(record: CurvatureLabRecord, study: Solving) -> str:
    if record.panes[0].pane.field is None:
        return "There is no field behind these paths to solve."
    if not record.plan.is_plane:
        return "Drawn for points of the plane."
    return study.trouble or "Being computed."


def _work_chart(record: CurvatureLabRecord, study: Solving, tab: str) -> dict[str, Any]:
    lines: list[dict[str, Any]] = []
    guides: list[dict[str, Any]] = []
    names = list(dict.fromkeys(point.sampler for point in study.points))
    for role, name in zip(ROLES, names, strict=False):
        points = sorted((p for p in study.points if p.sampler == name), key=lambda point: point.evals)
        lines.append(
            {
                "run": 1,
                "label": SAMPLERS[name].label,
                "role": role,
                "x": [float(point.evals) for point in points],
                "y": short(_sound(point.error) for point in points),
                "ticks": True,
            }
        )
        guide = order_guide(points)
        if guide is not None:
            guides.append(
                {"run": 1, "label": "", "role": role, "guide": True, "x": guide[0], "y": short(guide[1])}
            )
    evals = [x for line in lines for x in line["x"]]
    return {
        "id": "work",
        "tab": tab,
        "title": "Error against evals",
        "subtitle": f"{record.panes[0].pane.label}; dashed: order",
        "hint": WORK_HINT,
        "x": "evals",
        "x_label": "evals",
        "x_log": True,
        "x_range": [min(evals, default=1), max(evals, default=100)],
        "y_label": "",
        "log": True,
        "y": [1e-7, 3],
        "lines": [*guides, *lines],
        "levels": [{"y": record.plan.state.level, "label": "error to keep", "dashed": True}],
        "empty": _why_empty(record, study),
    }


def _sound(error: float | None) -> float | None:
    """None where the method diverged."""
    return error if error is not None and error < float("inf") else None


def _adaptive_chart(record: CurvatureLabRecord, study: Solving, tab: str) -> dict[str, Any]:
    lines = []
    if study.adaptive is not None:
        notes = study.adaptive
        x = short(notes.shares.tolist())
        for label, role, values in (
            ("error", "launched", notes.error),
            ("stiffness", "state", notes.stiffness),
        ):
            y = values.amax(dim=1)
            lines.append(
                {"run": 1, "label": label, "role": role, "x": x, "y": short(y.tolist()), "ticks": True}
            )
    return {
        "id": "adaptive",
        "tab": tab,
        "title": "An adaptive run",
        "subtitle": "its local error over the tolerance, its stiffness",
        "hint": ADAPTIVE_HINT,
        "x": "share",
        "x_label": "noise share",
        "y_label": "",
        "y": [0, 3.5],
        "lines": lines,
        "levels": [{"y": 3.25, "label": "stiff above", "dashed": True}],
        "empty": _why_empty(record, study),
    }


def solving_table(record: CurvatureLabRecord, tab: str) -> dict[str, Any] | None:
    """Steps that each grid needs for the error that the person set."""
    suggestion = record.solving.suggestion if record.solving is not None else None
    if suggestion is None:
        return None
    rows = []
    for grid, (steps, _error) in suggestion.by_grid.items():
        best = " (fewest)" if grid == suggestion.grid and suggestion.reached else ""
        label = f"{NAMES.get(grid, grid)}{best}"
        rows.append({"label": label, "hint": SUGGEST_HINT, "unit": "steps", "values": {1: steps}})
    rows.append(
        {
            "label": "error with the fewest",
            "hint": SUGGEST_HINT,
            "unit": "",
            "values": {1: short([suggestion.error])[0]},
        }
    )
    rows.append(
        {"label": "evals with the fewest", "hint": SUGGEST_HINT, "unit": "", "values": {1: suggestion.evals}}
    )
    sampler = SAMPLERS[suggestion.sampler].label
    return {"tab": tab, "title": f"{sampler}: steps for an error of {suggestion.level:.2g}", "rows": rows}
