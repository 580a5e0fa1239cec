"""The any-step maps in words and curves."""

import math
from typing import TYPE_CHECKING, Any

import torch

from explorer.labs.figures.checks import round_up
from explorer.labs.figures.curves import short
from explorer.labs.students.menus import ERROR

if TYPE_CHECKING:
    from explorer.labs.students.any_step import AnyStepRecord

ROLES = ("state", "launched", "second", "third")
HINTS = {
    "error": "Root mean square distance of one call from t to t_next to where the teacher's flow goes, over states on "
    "that flow, in units of x.",
    "consistency": "Root mean square distance of two calls, with a stop half-way, from one: 0 where a map agrees with "
    "itself, whether it is right or not.",
}


def any_step_spec(record: "AnyStepRecord", maps: dict | None) -> dict[str, Any]:
    """A square of times for each student; t_next to the right, t upward."""
    plan = record.plan
    cells = next((len(one.times) for one in record.maps.values()), 16)
    half = 0.5 / cells
    panes = [
        {
            "label": pane.label,
            "note": f"{pane.student.label}: {pane.student.valid}",
            "run": pane.slot,
            "role": ROLES[pane.slot - 1],
            "axes": ["t next", "t"],
            "show_axes": True,
        }
        for pane in plan.students
    ]
    return {
        "version": 1,
        "title": panes[0]["label"],
        "subtitle": panes[0]["note"],
        "box": [-half, half, 1.0 - half, 1.0 + half],
        "panes": panes,
        "launched": [],
        "images": None,
        "can_launch": False,
        "can_draw": False,
        "paths": 0,
        "still": True,
        "rest": 0.0,
        "colour": None,
        "pairs": None,
        "heat": None if maps is None else _heat(record, cells),
    }


def _heat(record: "AnyStepRecord", cells: int) -> dict[str, Any]:
    known = torch.cat([record.values(slot).flatten() for slot in record.maps])
    known = known[torch.isfinite(known)]
    top = round_up(float(known.max())) if len(known) else 1.0
    is_error = record.plan.state.quantity == ERROR
    return {
        "nx": cells,
        "ny": cells,
        "label": "distance to the flow" if is_error else "two calls against one",
        "lo": top / 300,
        "hi": top,
        "log": True,
        "map": "viridis",
        "hint": HINTS["error" if is_error else "consistency"],
    }


def any_step_charts(record: "AnyStepRecord") -> dict[str, Any]:
    """Two cuts through the maps, and their means."""
    return {"charts": [_cut(record, "row"), _cut(record, "column")], "numbers": _table(record)}


def _cut(record: "AnyStepRecord", way: str) -> dict[str, Any]:
    """From pure noise to each t_next, or from each t to the data."""
    lines: list[dict[str, Any]] = []
    for pane in record.plan.students:
        if pane.slot not in record.maps:
            continue
        one, values = record.maps[pane.slot], record.values(pane.slot)
        x, y = (one.nexts, values[0]) if way == "row" else (one.times, values[:, -1])
        known = torch.isfinite(y)
        lines.append(
            {
                "run": pane.slot,
                "label": pane.label,
                "role": ROLES[pane.slot - 1],
                "x": short(x[known].tolist()),
                "y": short(y[known].tolist()),
                "ticks": True,
            }
        )
    top = max((y for line in lines for y in line["y"]), default=1.0)
    is_error = record.plan.state.quantity == ERROR
    return {
        "id": f"cut {way}",
        "title": "One call from pure noise" if way == "row" else "One call to the data",
        "subtitle": ("distance to the flow" if is_error else "two calls against one")
        + (", by where it goes" if way == "row" else ", by where it begins"),
        "hint": HINTS["error" if is_error else "consistency"],
        "x": "t",
        "x_label": "t next" if way == "row" else "t",
        "x_range": [1, 0],
        "y_label": "",
        "y": [0, round_up(top)],
        "lines": lines,
        "levels": [],
        "empty": "None of these students can be asked so.",
    }


def _table(record: "AnyStepRecord") -> dict[str, Any]:
    rows = []
    for label, name in (("to the flow", "error"), ("two calls, one", "consistency")):
        values = {
            slot: _mean(one.error if name == "error" else one.consistency)
            for slot, one in record.maps.items()
        }
        rows.append({"label": label, "hint": HINTS[name], "unit": "", "values": values})
    asked = {slot: float(torch.isfinite(one.error).sum()) for slot, one in record.maps.items()}
    hint = "Cells of the map that the student can be asked for: the rest of the square is empty."
    rows.append({"label": "cells it knows", "hint": hint, "unit": "", "values": asked})
    return {"title": "Over the map", "rows": rows}


def _mean(values: torch.Tensor) -> float | None:
    mean = float(values.square().nanmean().sqrt())
    return float(f"{mean:.6g}") if math.isfinite(mean) else None


def any_step_footer(record: "AnyStepRecord") -> str:
    """What was asked, in one line."""
    points = next((one.points for one in record.maps.values()), 0)
    count = f"{len(record.maps)} map{'s' if len(record.maps) > 1 else ''}"
    return f"{count} · {points} states on the teacher's flow · even noise · {record.plan.device} · no seed"
