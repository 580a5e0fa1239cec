"""Onsets by temperature, raw and over the radius, in words and curves."""

import math
from typing import TYPE_CHECKING, Any

from explorer.labs.figures.safety_onset import FINE, HEIGHT
from explorer.labs.figures.safety_plane import curve, fact
from explorer.labs.safety.menus import TRAIN_AT
from explorer.maths.softmax.experiments.temperature import LONGEST, SHORTEST

if TYPE_CHECKING:
    from explorer.labs.safety.onset import TemperatureRecord

WIDE, ROWS = 160, 8
"""Cells of a map from left to right, and temperatures that are asked."""
HINT = (
    "Each row is one temperature, each dot where its loss has doubled. Where the radius carries the temperature the "
    "dots stand in a column once steps are divided by it."
)
ONLY_HINT = (
    "With the temperature in the loss alone, accuracy does not know of it, while π/Δ does: dividing by the radius "
    "spreads the onsets of accuracy."
)


def temperature_window() -> tuple[float, float]:
    """Ends of the maps, log10 of the step over rho."""
    return math.log10(SHORTEST), math.log10(LONGEST)


def temperature_spec(record: "TemperatureRecord") -> dict[str, Any]:
    """Two maps side by side."""
    low, high = temperature_window()
    names = (("Raw steps", "log10 τ, about its mean"), ("Divided by the radius", "log10 r"))
    panes = [_pane(record, slot, label, axis) for slot, (label, axis) in enumerate(names, 1)]
    return {
        "version": 1,
        "title": "Temperature",
        "subtitle": "trained at it" if record.state.question == TRAIN_AT else "in the loss only",
        "box": [low, 0.0, high, ROWS * HEIGHT],
        "fill": True,
        "panes": panes,
        "launched": [],
        "images": None,
        "can_launch": False,
        "can_draw": False,
        "paths": 0,
        "still": True,
        "rest": 0.0,
        "colour": None,
        "heat": {
            "nx": WIDE,
            "ny": ROWS * FINE,
            "label": "loss over its start",
            "lo": 0.1,
            "hi": 100.0,
            "log": True,
            "map": "viridis",
            "contours": 6,
            "hint": HINT,
        },
        "pairs": None,
    }


def _pane(record: "TemperatureRecord", slot: int, label: str, axis: str) -> dict[str, Any]:
    low, _ = temperature_window()
    marks = [
        {
            "kind": "mark",
            "x": low,
            "y": (k + 0.5) * HEIGHT,
            "shape": "dot",
            "role": "ink",
            "label": f"T = {each.temperature:g}",
        }
        for k, each in enumerate(record.found.curves)
    ]
    wall = [{"kind": "vline", "x": 0, "label": "r = 1", "role": "ink", "dashed": True}] if slot == 2 else []
    spread = record.found.spread("loss", slot == 2)
    return {
        "label": label,
        "note": f"spread {spread:.3f} decades" if math.isfinite(spread) else "",
        "run": slot,
        "role": "launched",
        "words": {"launched": "loss doubles"},
        "axes": [axis, None],
        "show_axes": True,
        "shapes": [*wall, *marks],
        "curves": False,
    }


def temperature_charts(record: "TemperatureRecord") -> dict[str, Any]:
    """Onsets by temperature, raw and over rho, for loss and accuracy; how far they spread."""
    charts = [_chart(record, "loss", "Loss doubles"), _chart(record, "accuracy", "Accuracy halves")]
    return {"charts": charts, "numbers": _numbers(record)}


def _chart(record: "TemperatureRecord", what: str, title: str) -> dict[str, Any]:
    curves = record.found.curves
    kept = [(c.temperature, c.onset(what), c.rho) for c in curves if math.isfinite(c.onset(what))]
    x = [t for t, _, _ in kept]
    # Both in units of their own middle: only how far they run apart is asked.
    raw = _about([tau for _, tau, _ in kept])
    over = _about([tau / rho for _, tau, rho in kept])
    known = [*raw, *over] or [0.5, 2.0]
    return {
        "id": f"temperature {what}",
        "title": title,
        "subtitle": "step by temperature, each about its mean; level is best",
        "hint": HINT if record.state.question == TRAIN_AT else ONLY_HINT,
        "x": "temperature",
        "x_label": "T",
        "x_log": True,
        "x_range": [0.25, 64],
        "y_label": "",
        "log": True,
        "y": [min(0.3, min(known) / 1.3), max(3.0, max(known) * 1.3)],
        "lines": [
            curve("raw τ", "launched", x, raw, ticks=True),
            curve("in r", "state", x, over, run=2, ticks=True),
        ],
        "levels": [],
        "empty": "The first temperature comes in a moment.",
    }


def _about(values: list[float]) -> list[float]:
    if not values:
        return []
    middle = sum(math.log(v) for v in values) / len(values)
    return [math.exp(math.log(v) - middle) for v in values]


def _numbers(record: "TemperatureRecord") -> dict[str, Any]:
    found = record.found
    rows = []
    for what, label in (("loss", "loss doubles: spread"), ("accuracy", "accuracy halves: spread")):
        values = {1: found.spread(what, False), 2: found.spread(what, True)}
        rows.append(
            {
                "label": label,
                "hint": "Standard deviation of log10 of the onset over the temperatures, in decades. "
                + ONLY_HINT,
                "unit": "",
                "values": {k: None if math.isnan(v) else float(f"{v:.6g}") for k, v in values.items()},
            }
        )
    rows.append(fact("temperatures", "So far.", len(found.curves)))
    return {"title": "Over temperatures", "rows": rows}


def temperature_footer(record: "TemperatureRecord") -> str:
    """What is on screen, in one line."""
    raw, over = record.found.spread("loss", False), record.found.spread("loss", True)
    how = "trained at T" if record.state.question == TRAIN_AT else "T in the loss only"
    seed = record.state.seed
    return f"MLP, GELU, Adam 0.01, 120 steps · {how} · spread {raw:.3f} raw, {over:.3f} in r · seed {seed}"
