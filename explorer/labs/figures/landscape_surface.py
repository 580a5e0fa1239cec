"""A plane of losses on the stage: its spec with all that is marked on it, and the page's last line."""

import math
from typing import TYPE_CHECKING, Any

from explorer.labs.figures.landscape_page import heat_spec, percent, steps_cursor

if TYPE_CHECKING:
    from explorer.labs.landscape.surface import SurfaceRecord

APART_HINT = (
    "How far the weights are from the plane, in their own units. The map shows the loss on the plane only."
)
RINGS = 7
"""Points of a path that say how far they are from the plane."""


def surface_spec(record: "SurfaceRecord") -> dict[str, Any]:
    """The map, what is marked on it, and the path that runs on it."""
    way, picture, frame = record.way, record.picture, record.frame
    has_path = way.tracks is not None
    shapes: list[dict[str, Any]] = [*_rings(record), *(_shape(mark) for mark in way.marks)]
    shapes += [_arrow(mark) for mark in way.arrows]
    pane = {
        "label": record.subject.named.label,
        "note": way.words,
        "run": 1,
        "role": "launched",
        "axes": ["along 1", "along 2"],
        "show_axes": True,
        "shapes": shapes,
        "words": {"launched": "Adam" if has_path else ""},
    }
    return {
        "version": 1,
        "title": record.subject.named.label,
        "subtitle": way.words,
        "box": list(picture.box),
        "panes": [pane],
        "launched": [],
        "images": None,
        "can_launch": True,
        "can_draw": False,
        "paths": 1,
        "rest": 0.0,
        **({"cursor": steps_cursor(0, int(track_of(record).steps[-1]))} if has_path else {"still": True}),
        "colour": None,
        "heat": heat_spec(picture, record.state.log),
        "pairs": None,
        "note": printed(record),
        "holes": frame.holes,
    }


def track_of(record: "SurfaceRecord") -> Any:
    """The path that runs on the plane, where one does."""
    return record.way.tracks.tracks[0]  # type: ignore[union-attr] # asked where there are some


def _rings(record: "SurfaceRecord") -> list[dict[str, Any]]:
    """Around some points of the path, how far the weights are from the plane, on the scale of the plane itself."""
    if record.way.tracks is None:
        return []
    track = track_of(record)
    unit = float(record.way.directions.vectors[0].norm())
    kept = [round(i * (len(track.steps) - 1) / RINGS) for i in range(RINGS)]
    return [
        {
            "kind": "circle",
            "x": float(track.coordinates[i, 0]),
            "y": float(track.coordinates[i, 1]),
            "r": float(track.distance[i]) / unit,
            "dashed": True,
            "role": "ink",
            "label": f"{float(track.distance[i]):.2g}",
        }
        for i in kept
    ]


def _shape(mark: Any) -> dict[str, Any]:
    shape = {
        "kind": "mark",
        "x": mark.x,
        "y": mark.y,
        "shape": mark.shape,
        "label": mark.label,
        "hint": mark.hint,
    }
    return shape if mark.role == "ink" else shape | {"role": mark.role}


def _arrow(mark: Any) -> dict[str, Any]:
    return {
        "kind": "arrow",
        "x": 0.0,
        "y": 0.0,
        "to": [mark.x, mark.y],
        "label": mark.label,
        "role": mark.role,
        "hint": mark.hint,
    }


def printed(record: "SurfaceRecord") -> str:
    """What the figure says of itself: range, batch, dtype, error, points."""
    frame, rows = record.frame, record.subject.rows
    parts = [
        f"± {record.way.extent * record.state.extent:.3g}",
        f"batch {rows:,}" if rows else "",
        frame.dtype,
        _error_words(record),
        f"{len(frame.nodes[0])} × {len(frame.nodes[-1])} points",
        f"{frame.holes} holes" if frame.holes else "",
        "" if frame.preview else frame.note,
    ]
    return " · ".join(part for part in parts if part)


def _error_words(record: "SurfaceRecord") -> str:
    if record.frame.preview is not None:
        few, whole = record.frame.preview
        return f"preview, {few:,} of {whole:,} samples"
    error = record.levels[-1].error
    if not math.isfinite(error):
        return "first picture, error not known yet"
    return "every point evaluated" if error == 0.0 else f"error {percent(error)} of the range"


def surface_footer(record: "SurfaceRecord") -> str:
    """What is on screen, in one line."""
    return f"{record.frame.evals:,} losses · {printed(record)} · seed {record.state.seed}"
