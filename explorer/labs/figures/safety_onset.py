"""From which size on steps fail, in words and curves."""

import math
from typing import TYPE_CHECKING, Any

from explorer.labs.figures.safety_plane import BOUND_HINT, PROVED, curve, fact
from explorer.labs.safety.menus import BY_STAGE, WAYS
from explorer.maths.softmax.experiments import CRITERIA, OnsetTable

if TYPE_CHECKING:
    from explorer.labs.safety.onset import OnsetRecord

HEIGHT = 1.0
"""Of a row of a map."""
FINE = 6
"""Cells of a map for each row of a table, so that rows keep their edges."""
ROLES = {"early": "launched", "mid": "clean", "final": "state", "own": "state"}
LABELS = {"early": "Early, 80 % right", "mid": "Mid, 95 % right", "final": "Final", "own": "Your module"}
DIRECTION_ROLES = {"gradient": "state", "mini_batch": "second", "adam": "third", "random": "launched"}
SHORT = {"gradient": "gradient", "mini_batch": "mini-batch", "adam": "Adam", "random": "random"}
HEAT_HINT = (
    "Share of the curves that fail at this size of the step. Left of r = 1 no logit difference moves by π."
)


def rows_of(table: OnsetTable, stage: str) -> list[str]:
    """The directions of a stage, from the ground up."""
    return [kind for kind in reversed(WAYS) if (stage, kind) in table.curves]


def onset_spec(record: "OnsetRecord") -> dict[str, Any]:
    """A map for each stage."""
    table = record.table
    panes = [_pane(record, slot, stage) for slot, stage in enumerate(table.stages, 1)]
    most = max((len(rows_of(table, stage)) for stage in table.stages), default=1)
    return {
        "version": 1,
        "title": "Onset of failure",
        "subtitle": f"{record.label}; a failure is: {CRITERIA[record.state.criterion]}",
        "box": [-1.0, 0.0, 2.0, most * HEIGHT],
        "fill": True,
        "panes": panes,
        "launched": [],
        "images": None,
        "can_launch": False,
        "can_draw": False,
        "paths": 0,
        "rest": 2 / 3,
        "cursor": {
            "label": "step size r",
            "from": "0.1",
            "to": "100",
            "lo": 0.1,
            "hi": 100.0,
            "log": True,
            "unit": "",
            "steps": False,
        },
        "colour": None,
        "heat": {
            "nx": len(table.r),
            "ny": most * FINE,
            "label": "share that fails",
            "lo": 0.0,
            "hi": 1.0,
            "log": False,
            "map": "viridis",
            "hint": HEAT_HINT,
        },
        "pairs": None,
    }


def _pane(record: "OnsetRecord", slot: int, stage: str) -> dict[str, Any]:
    kinds = rows_of(record.table, stage)
    curves = sum(record.table.curves[stage, kind] for kind in kinds)
    marks = [
        {
            "kind": "mark",
            "x": -1.0,
            "y": (k + 0.5) * HEIGHT,
            "shape": "dot",
            "role": "ink",
            "label": SHORT[kind],
            "hint": f"{WAYS[kind]}: {record.table.curves[stage, kind]} curves",
        }
        for k, kind in enumerate(kinds)
    ]
    wall = {"kind": "vline", "x": 0, "label": "r = 1", "role": "ink", "dashed": True, "hint": BOUND_HINT}
    return {
        "label": LABELS.get(stage, stage) if record.state.question == BY_STAGE else record.label,
        "note": f"{curves} curves",
        "run": slot,
        "role": ROLES.get(stage, "state"),
        "axes": ["log10 r", None],
        "show_axes": True,
        "shapes": [wall, *marks],
        "words": {ROLES.get(stage, "state"): "this size"},
        "curves": False,
    }


def onset_charts(record: "OnsetRecord") -> dict[str, Any]:
    """Shares of failures by size; by stage where there are several, else by direction."""
    if record.state.question == BY_STAGE:
        charts = [
            _by_stage(record, kind)
            for kind in WAYS
            if any((s, kind) in record.table.curves for s in record.table.stages)
        ]
        charts = [chart | {"tab": "Gradients" if i < 2 else "Others"} for i, chart in enumerate(charts)]
        tables = [_table(record, chart["kind"], chart["tab"]) for chart in charts]
        return {"charts": charts, "numbers": tables}
    return {"charts": [_by_direction(record)], "numbers": _onsets(record)}


def _shares(record: "OnsetRecord") -> list[float]:
    count = len(record.table.r)
    return [1.0 - i / (count - 1) for i in range(count)]


def _upright() -> list[dict[str, Any]]:
    return [{"x": 2 / 3, "label": "r = 1", "role": "ink", "dashed": True, "hint": BOUND_HINT}]


def _by_stage(record: "OnsetRecord", kind: str) -> dict[str, Any]:
    table, criterion = record.table, record.state.criterion
    lines = [
        curve(stage, ROLES[stage], _shares(record), table.share(stage, kind, criterion), run=slot, ticks=True)
        for slot, stage in enumerate(table.stages, 1)
        if (stage, kind) in table.curves
    ]
    return {
        "id": f"onset {kind}",
        "kind": kind,
        "title": WAYS[kind],
        "subtitle": f"share that fails: {CRITERIA[criterion]}",
        "caption": _words(record, kind),
        "hint": PROVED,
        "x": "share",
        "y_label": "",
        "y": [0, 1],
        "lines": lines,
        "levels": [],
        "verticals": _upright(),
    }


def _words(record: "OnsetRecord", kind: str) -> str:
    """How much fails left of r = 1."""
    table, criterion = record.table, record.state.criterion
    inside = {}
    for stage in table.stages:
        if (stage, kind) in table.curves:
            shares = table.share(stage, kind, criterion)
            known = [s for r, s in zip(table.r, shares, strict=True) if 0.31 < r < 0.99]
            inside[stage] = sum(known) / len(known) if known else math.nan
    if not {"early", "final"} <= set(inside):
        return ""
    early, final = (f"{100 * inside[stage]:.0f} %" for stage in ("early", "final"))
    return f"From r = 0.32 to 1, {early} of the early and {final} of the final nets' steps fail."


def _table(record: "OnsetRecord", kind: str, tab: str) -> dict[str, Any]:
    table = record.table
    rows = [
        fact(
            name,
            "Share of the curves that fail at this size.",
            list(table.share(stage, kind, criterion)),
            run=slot,
        )
        for criterion, name in CRITERIA.items()
        for slot, stage in enumerate(table.stages, 1)
        if (stage, kind) in table.curves
    ]
    merged: dict[str, dict[str, Any]] = {}
    for row in rows:
        merged.setdefault(row["label"], {**row, "values": {}})["values"] |= row["values"]
    return {"tab": tab, "title": SHORT[kind], "rows": list(merged.values())}


def _by_direction(record: "OnsetRecord") -> dict[str, Any]:
    table, criterion = record.table, record.state.criterion
    lines = [
        curve(
            SHORT[kind],
            DIRECTION_ROLES[kind],
            _shares(record),
            table.share(stage, kind, criterion),
            ticks=True,
        )
        for stage in table.stages
        for kind in WAYS
        if (stage, kind) in table.curves
    ]
    return {
        "id": "onset live",
        "title": "Share that fails",
        "subtitle": CRITERIA[criterion],
        "hint": PROVED,
        "x": "share",
        "y_label": "",
        "y": [0, 1],
        "lines": lines,
        "levels": [],
        "verticals": _upright(),
        "empty": "The net is being asked.",
    }


def _onsets(record: "OnsetRecord") -> dict[str, Any]:
    """From which size on each direction fails in more than half of its curves."""
    table, rows = record.table, []
    for stage in table.stages:
        for kind in WAYS:
            if (stage, kind) in table.curves:
                for criterion, name in CRITERIA.items():
                    shares = table.share(stage, kind, criterion)
                    first = next((r for r, s in zip(table.r, shares, strict=True) if s > 0.5), math.nan)
                    hint = "The first size at which more than half of the curves fail, where there is one."
                    rows.append(fact(f"{SHORT[kind]}: {name}", hint, first))
    return {"title": "Onset, in r", "rows": rows}


def onset_footer(record: "OnsetRecord") -> str:
    """What is on screen, in one line."""
    table = record.table
    curves = sum(table.curves.values())
    seeds, what = ", ".join(map(str, table.seeds)), CRITERIA[record.state.criterion]
    return f"{record.label} · {curves:,} curves · {len(table.r)} sizes · {what} · seed {seeds}"
