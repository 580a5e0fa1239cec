"""A plane of losses in curves and numbers: its middle rows, its way into focus, the path on it, its layers."""

import math
from typing import TYPE_CHECKING, Any

from explorer.labs.figures.landscape_page import curve, fact, finite, log_range, percent
from explorer.labs.figures.landscape_surface import APART_HINT, track_of

if TYPE_CHECKING:
    from explorer.labs.landscape.surface import SurfaceRecord

PICTURE, PATH, LAYERS = "Picture", "Path", "Layers"
ERROR_HINT = (
    "The greatest difference between the losses that a level found at its new points and what the level before had "
    "predicted there. On the sheet's seven planes it was 2.5 to 35 times larger than the true error of the new level."
)
BARRIER_HINT = (
    "The highest loss on the straight line between the two networks, less what a straight line between their losses "
    "would have there. Near 0 they lie in one valley."
)
MANY = 12
"""Rows of the table of layers."""


def surface_charts(record: "SurfaceRecord") -> dict[str, Any]:
    """Rows through the middle, the way to focus, the path; and the numbers."""
    charts = [_rows(record)]
    if record.line is not None:
        charts = [_straight(record), *charts]
    if record.way.tracks is not None:
        charts = [_path(record), _distance(record), *charts]
    charts.append(_focus(record))
    tables = [_numbers(record), _layers(record)]
    if record.way.tracks is not None:
        tables.insert(0, _step(record))
    return {"charts": charts, "numbers": tables}


def _rows(record: "SurfaceRecord") -> dict[str, Any]:
    """The plane's middle rows as lines, with the points that were evaluated and the estimated error."""
    frame = record.frame
    middle = len(frame.x) // 2
    x, y = frame.x.tolist(), frame.y.tolist()
    along, up = frame.loss[middle].tolist(), frame.loss[:, middle].tolist()
    first, second = record.way.centre
    ends = [value - first for value in x], [value - second for value in y]
    lines = [
        curve("along 1", "state", ends[0], along),
        curve("along 2", "second", ends[1], up),
    ]
    scale = log_range([*along, *up]) if record.state.log else {}
    low = min((v for v in (*along, *up) if math.isfinite(v)), default=0.0)
    floor = 0.5 * low if scale else -math.inf
    faults = frame.loss.new_full(frame.loss.shape, frame.error) if frame.band is None else frame.band
    bands = [
        _band(ends[0], along, faults[middle].tolist(), "state", floor),
        _band(ends[1], up, faults[:, middle].tolist(), "second", floor),
    ]
    return {
        "id": "rows",
        "tab": PICTURE,
        "title": "Through the middle",
        "subtitle": "two middle rows; faint: the error",
        "hint": "The loss along each direction with the other at the middle of the picture. Both cross at the centre.",
        "x": "coordinate",
        "x_label": "from the middle",
        "y_label": "",
        **scale,
        "lines": lines,
        "bands": bands,
        "levels": [],
    }


def _band(x: list[float], y: list[float], faults: list[float], role: str, floor: float) -> dict[str, Any]:
    """The estimated error about a line, or two standard errors of a preview."""
    known = [
        (at, value, fault)
        for at, value, fault in zip(x, y, faults, strict=True)
        if math.isfinite(value) and math.isfinite(fault) and fault > 0
    ]
    return {
        "x": [at for at, _, _ in known],
        "lo": [max(floor, value - fault) for _, value, fault in known],
        "hi": [value + fault for _, value, fault in known],
        "role": role,
    }


def _focus(record: "SurfaceRecord") -> dict[str, Any]:
    known = [level for level in record.levels if math.isfinite(level.error) and level.error > 0]
    return {
        "id": "focus",
        "tab": PICTURE,
        "title": "Into focus",
        "subtitle": "estimated error of each level, % of the range",
        "hint": ERROR_HINT,
        "x": "losses",
        "x_label": "losses evaluated",
        "x_log": True,
        "x_range": [20, 1200],
        "y_label": "",
        "log": True,
        "y": [0.05, 200],
        "lines": [
            curve(
                "surplus",
                "state",
                [each.evals for each in known],
                [100 * each.error for each in known],
                ticks=True,
            )
        ],
        "levels": [{"y": 25.0 if record.state.log else 1.0, "label": "small enough", "dashed": True}]
        if not record.state.log
        else [{"y": 0.5, "label": "small enough", "dashed": True}],
        "empty": "The first level has nothing to be held against.",
    }


def _straight(record: "SurfaceRecord") -> dict[str, Any]:
    line = record.line
    assert line is not None, "asked where there is one"
    x, loss = line.x.tolist(), line.loss.tolist()
    start = loss[min(range(len(x)), key=lambda i: abs(x[i]))]
    end = loss[min(range(len(x)), key=lambda i: abs(x[i] - 1.0))]
    return {
        "id": "straight",
        "tab": PICTURE,
        "title": "Straight from one to the other",
        "subtitle": f"barrier {record.barrier:.3g}",
        "hint": BARRIER_HINT,
        "x": "part",
        "x_label": f"0: network, 1: {record.way.marks[-1].label}",
        "y_label": "",
        **(log_range(loss) if record.state.log else {}),
        "lines": [
            curve("loss", "state", x, loss),
            curve("chord", "target", [0.0, 1.0], [start, end], dashed=True),
        ],
        "levels": [],
    }


def _path(record: "SurfaceRecord") -> dict[str, Any]:
    track = track_of(record)
    shares = _shares(track)
    loss, shadow = track.loss.tolist(), track.shadow.tolist()
    return {
        "id": "path",
        "tab": PATH,
        "title": "Loss on the way",
        "subtitle": "true, and at the nearest point of the plane",
        "hint": "The map says the second; the training lived the first. Where they differ the path is off the plane.",
        "x": "share",
        "y_label": "",
        **log_range([*loss, *shadow]),
        "lines": [
            curve("true", "launched", shares, loss),
            curve("on the plane", "target", shares, shadow, dashed=True),
        ],
        "levels": [],
    }


def _distance(record: "SurfaceRecord") -> dict[str, Any]:
    track = track_of(record)
    return {
        "id": "apart",
        "tab": PATH,
        "title": "Distance from the plane",
        "subtitle": "in units of the weights",
        "hint": APART_HINT,
        "x": "share",
        "y_label": "",
        "lines": [curve("distance", "launched", _shares(track), track.distance.tolist())],
        "levels": [],
    }


def _shares(track: Any) -> list[float]:
    last = max(1, int(track.steps[-1]))
    return [1.0 - step / last for step in track.steps.tolist()]


def _numbers(record: "SurfaceRecord") -> dict[str, Any]:
    frame = record.frame
    rows = [
        fact("loss at the centre", "Of the network that the directions start from.", {1: frame.centre}),
        fact("least shown", "On the picture.", {1: record.picture.low}),
        fact("most shown", "On the picture.", {1: record.picture.high}),
        fact("error", f"Estimated, in units of the loss. {ERROR_HINT}", {1: finite(frame.error)}),
        fact("of the range", "The same over the range shown.", {1: _share(record)}),
        fact("losses evaluated", "On this plane so far, in all views of it.", {1: frame.evals}),
        fact("by", "One at a time, or many in one vmap, whichever was quicker.", {1: frame.by or "loop"}),
    ]
    if record.barrier is not None:
        rows.insert(0, fact("barrier", BARRIER_HINT, {1: record.barrier}))
    if frame.holes:
        rows.append(
            fact("holes", "Points whose loss is no finite number; clear on the map.", {1: frame.holes})
        )
    return {"tab": PICTURE, "title": "This picture", "rows": rows}


def _step(record: "SurfaceRecord") -> dict[str, Any]:
    """The path at the cursor's step."""
    track, explained = track_of(record), record.way.directions.explained
    rows = [
        fact("loss", "Of the training at this step.", {1: track.loss.tolist()}),
        fact("on the plane", "At the nearest point of the plane.", {1: track.shadow.tolist()}),
        fact("distance from the plane", APART_HINT, {1: track.distance.tolist()}),
    ]
    if explained is not None:
        share = percent(float(explained.sum()))
        rows.append(
            fact("explained", "Share of the path's squared distances that the plane holds.", {1: share})
        )
    return {"tab": PATH, "title": "At this step", "rows": rows}


def _share(record: "SurfaceRecord") -> str:
    return percent(record.levels[-1].error) if record.levels else "not known yet"


def _layers(record: "SurfaceRecord") -> dict[str, Any]:
    from explorer.labs.landscape.surface import layers_of

    rows = [
        fact(
            name,
            f"The weights have length {size:.3g}, the first direction {moved:.3g}.",
            {1: f"{size:.3g} / {moved:.3g}"},
        )
        for name, size, moved in layers_of(record)[:MANY]
    ]
    return {"tab": LAYERS, "title": "Length of weights / direction", "rows": rows}
