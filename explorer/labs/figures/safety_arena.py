"""The spike arena in words and curves."""

import math
import statistics
from typing import TYPE_CHECKING, Any

from explorer.labs.figures.safety_plane import PROVED, curve
from explorer.labs.figures.safety_training import WALL, positive, steps_cursor
from explorer.labs.menus import is_own
from explorer.labs.safety.menus import OPTIMISER_LABELS, SHORT
from explorer.labs.safety.state import SafetyState
from explorer.maths.softmax.experiments import CONTROLS, Arena

if TYPE_CHECKING:
    from explorer.labs.safety.arena import ArenaRecord

ROLES = ("launched", "second", "third", "state", "clean", "fourth", "fifth", "target")
PANES = 4
SURVIVES_HINT = (
    "Seeds whose accuracy never fell below half of what it was before the spike; then the median over the seeds of the "
    "accuracy after the last step, and in brackets of the worst one after the spike."
)
AXES_HINT = (
    "Each dot is a seed: r of its step to the right, right answers of ten upwards. Chance is one of ten."
)


def arena_spec(state: SafetyState, found: Arena) -> dict[str, Any]:
    """A pane for each of the first four controls; a dot for each seed."""
    panes = [
        {
            "label": SHORT.get(name, name),
            "note": CONTROLS[name].label if SHORT.get(name) != CONTROLS[name].label else "",
            "run": slot,
            "role": ROLES[slot - 1],
            "axes": ["log10 r", "test accuracy"],
            "show_axes": True,
            "shapes": [
                WALL,
                {"kind": "hline", "y": 0.1, "label": "chance", "role": "target", "dashed": True},
            ],
            "words": {ROLES[slot - 1]: "seeds"},
        }
        for slot, name in enumerate(found.controls[:PANES], 1)
    ]
    return {
        "version": 1,
        "title": panes[0]["label"],
        "subtitle": spike_words(state),
        "box": [-3.2, -0.04, 5.2, 1.04],
        "fill": True,
        "panes": panes,
        "launched": [],
        "images": None,
        "can_launch": False,
        "can_draw": False,
        "paths": 10,
        "rest": 0.0,
        "cursor": steps_cursor(found.steps),
        "colour": None,
        "heat": None,
        "pairs": None,
    }


def spike_words(state: SafetyState) -> str:
    """The spike in words."""
    kind = "from step 50 on" if state.spike == "persistent" else "at step 50 alone"
    return f"learning rate × {state.times:,} {kind}".replace(",", "\u202f")


def arena_charts(record: "ArenaRecord") -> dict[str, Any]:
    """Accuracy and r by step, medians over the seeds; who survives."""
    return {"charts": [_accuracy(record), _radius(record)], "numbers": _survivors(record)}


def _median(found: Arena, control: str, what: str) -> list[float]:
    """The median [steps reached] over the seeds that reached a step."""
    runs = [getattr(run, what) for run in found.of(control)]
    longest = max((len(run) for run in runs), default=0)
    return [statistics.median(run[i] for run in runs if len(run) > i) for i in range(longest)]


def _lines(found: Arena, what: str, least: float | None = None) -> list[dict[str, Any]]:
    lines = []
    for place, name in enumerate(found.controls):
        y: list[float | None] = [v if math.isfinite(v) else None for v in _median(found, name, what)]
        shares = [1.0 - i / (found.steps - 1) for i in range(len(y))]
        y = y if least is None else positive(y, least)
        lines.append(curve(SHORT.get(name, name), ROLES[place], shares, y, run=min(place + 1, PANES)))
    return lines


def _spike_line(found: Arena) -> list[dict[str, Any]]:
    return [
        {
            "x": 1.0 - found.spike.at / (found.steps - 1),
            "label": "spike",
            "role": "ink",
            "dashed": True,
            "hint": "The learning rate jumps here.",
        }
    ]


def _accuracy(record: "ArenaRecord") -> dict[str, Any]:
    return {
        "id": "arena accuracy",
        "title": "Test accuracy",
        "subtitle": f"median of the seeds; {spike_words(record.state)}",
        "caption": _words(record.arena),
        "hint": "Share of right answers on samples not trained on, in eval mode, after each step.",
        "x": "share",
        "y_label": "",
        "y": [0, 1],
        "lines": _lines(record.arena, "accuracy"),
        "levels": [],
        "verticals": _spike_line(record.arena),
        "empty": "The first steps come in a moment.",
    }


def _words(found: Arena) -> str:
    """What surprises, once the whole of it is there."""
    if not found.done:
        return ""
    names = set(found.controls)
    parts = []
    if {"clip"} <= names and found.survivors("clip")[0] == 0:
        parts.append("Clipping gradients does not help Adam, which divides their size out again.")
    if {"mismatched", "radius"} <= names:
        gap = found.median("radius")[1] - found.median("mismatched")[1]
        if gap > 0.1:
            parts.append("r of another direction than the step's own does not hold it.")
    return " ".join(parts)


def _radius(record: "ArenaRecord") -> dict[str, Any]:
    lines = _lines(record.arena, "r", 1e-4)
    tops = [y for line in lines for y in line["y"] if y is not None]
    return {
        "id": "arena r",
        "title": "r of the step that was taken",
        "subtitle": "largest of the batch, median of the seeds",
        "hint": PROVED,
        "x": "share",
        "y_label": "",
        "log": True,
        "y": [1e-3, max(10.0, 2 * max(tops, default=1.0))],
        "lines": lines,
        "levels": [{"y": 1.0, "label": "r = 1", "dashed": True}],
        "verticals": _spike_line(record.arena),
    }


def _survivors(record: "ArenaRecord") -> dict[str, Any]:
    found = record.arena
    rows = []
    for place, name in enumerate(found.controls):
        kept, of = found.survivors(name)
        final, worst = found.median(name)
        told = of > 0 and math.isfinite(worst)
        words = f"{kept} of {of}   {final:.3f} [{worst:.2f}]" if told else "not yet"
        rows.append(
            {
                "label": CONTROLS[name].label,
                "hint": f"{CONTROLS[name].hint[:1].upper()}{CONTROLS[name].hint[1:]}. {SURVIVES_HINT}",
                "unit": "",
                "values": {1: words},
                "roles": {1: ROLES[place]},
            }
        )
    return {"title": "Who survives", "column": "", "rows": rows}


def arena_footer(record: "ArenaRecord") -> str:
    """What is on screen, in one line."""
    state, found = record.state, record.arena
    net = "your module" if is_own(state.net) else state.net
    optimiser = OPTIMISER_LABELS.get(state.optimiser, state.optimiser)
    reached = sum(bool(found.of(name)) for name in found.controls)
    begun = max((len(found.of(name)) for name in found.controls), default=0)
    return (
        f"{net}, {optimiser} {state.rate:g} · {spike_words(state)} "
        f"· {reached} controls · {begun} of {len(found.seeds)} seeds · seed 0 on"
    )
