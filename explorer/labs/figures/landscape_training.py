"""A training by several optimisers: the stage's spec, and the page's last line."""

import math
from typing import TYPE_CHECKING, Any

from explorer.labs.figures.landscape_page import heat_spec, percent, steps_cursor
from explorer.labs.landscape.room import role_of

if TYPE_CHECKING:
    from explorer.labs.landscape.training import TrainingRecord


def training_spec(record: "TrainingRecord") -> dict[str, Any]:
    """The shared plane with every way on it."""
    descent, picture = record.descent, record.picture
    assert picture is not None, "a picture is drawn once there is one"
    label = record.subject.named.label
    if descent is None:
        role, words, subtitle = "state", "start", "not trained yet: press Train"
        cursor = steps_cursor(0, record.state.steps)
    else:
        run = descent.runs[0]
        role, words = role_of(0), run.label
        subtitle = _subtitle(record)
        cursor = steps_cursor(run.first, descent.plan.steps)
    pane = {
        "label": label,
        "note": subtitle,
        "run": 1,
        "role": role,
        "axes": ["along 1", "along 2"],
        "show_axes": True,
        "shapes": _shapes(record),
        "words": {role: words},
    }
    return {
        "version": 1,
        "title": label,
        "subtitle": subtitle,
        "box": list(picture.box),
        "panes": [pane],
        "launched": [],
        "images": None,
        "can_launch": False,
        "can_draw": False,
        "paths": 1,
        "rest": 1.0 if descent is None else 1.0 - descent.step / max(1, descent.plan.steps),
        "cursor": cursor,
        "colour": None,
        "heat": heat_spec(picture, record.state.log),
        "pairs": None,
        "note": _printed(record),
    }


def _subtitle(record: "TrainingRecord") -> str:
    explained = record.tracks.directions.explained if record.tracks is not None else None
    words = "their own plane"
    return words if explained is None else f"{words}, {percent(float(explained.sum()))} explained"


def _shapes(record: "TrainingRecord") -> list[dict[str, Any]]:
    if record.tracks is None:
        return [
            {"kind": "mark", "x": 0.0, "y": 0.0, "shape": "ring", "label": "start", "hint": "fresh weights"}
        ]
    first = record.tracks.tracks[0].coordinates[0].tolist()
    return [
        {
            "kind": "mark",
            "x": first[0],
            "y": first[1],
            "shape": "ring",
            "label": "start",
            "hint": "fresh weights",
        }
    ]


def _printed(record: "TrainingRecord") -> str:
    frame, rows = record.frame, record.subject.rows
    assert frame is not None, "a picture is drawn once there is one"
    plan_rows = record.descent.plan.rows if record.descent is not None else None
    batch = f"batch {plan_rows} of {rows:,}" if plan_rows and rows else f"batch {rows:,}" if rows else ""
    error = (
        frame.error / (record.picture.high - record.picture.low) if record.picture is not None else math.nan
    )
    words = (
        "first picture"
        if not math.isfinite(error)
        else "every point"
        if not error
        else f"error {percent(error)}"
    )
    return " · ".join(part for part in (batch, frame.dtype, words) if part)


def training_footer(record: "TrainingRecord") -> str:
    """What it cost, in one line."""
    descent, state = record.descent, record.state
    if descent is None:
        return f"nothing trained yet · seed {state.seed}"
    probes = max(run.probe_share for run in descent.runs)
    words = f"{descent.step:,} of {descent.plan.steps:,} steps · {descent.seconds:.2g} s"
    words = f"{words}, probes {percent(probes)} on top"
    return f"{words} · {descent.plan.schedule.label.lower()} · {_printed(record)} · seed {state.seed}"
