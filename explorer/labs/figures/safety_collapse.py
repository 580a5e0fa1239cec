"""Softmax collapse in words and curves: training that a type of too few digits brings to a stop."""

import math
from typing import TYPE_CHECKING, Any

from explorer.labs.figures.safety_counter import PLAIN
from explorer.labs.figures.safety_plane import curve, fact
from explorer.labs.figures.safety_training import ABSORBED_HINT, steps_cursor
from explorer.maths.softmax.experiments import CollapseFrame, lost_margin
from explorer.maths.softmax.experiments.collapse import TYPES

if TYPE_CHECKING:
    from explorer.labs.safety.counter import CollapseRecord

ROLES = ("launched", "second", "third", "state")
"""As on the chips."""
DEAD_HINT = (
    "Share of the training pairs whose gradient is 0 altogether: their probability rounds to 1, or their part of the "
    "mean over all pairs is below the least number of the type (float16: 6e-8), as late under StableMax."
)
LOOK = 10
"""Steps between two looks at softmax collapse."""
CASES = {
    "float16": ("float16", "none"),
    "bfloat16": ("bfloat16", "none"),
    "float32": ("float32", "none"),
    "stablemax": ("float16", "stablemax"),
    "perpendicular": ("float16", "perpendicular"),
}
"""Case -> the type of the loss, and the cure."""
LABELS = {
    "float16": "float16",
    "bfloat16": "bfloat16",
    "float32": "float32",
    "stablemax": "StableMax, float16",
    "perpendicular": "⊥ gradient, float16",
}


def place_of(frame: CollapseFrame) -> tuple[float, float]:
    """A dot: nines of the label's median probability to the right, accuracy on pairs not trained on upwards."""
    return -math.log10(max(frame.doubt, 1e-30)), frame.test


def collapse_spec(record: "CollapseRecord", steps: int) -> dict[str, Any]:
    """A pane for each case, with the place from which a probability rounds to 1."""
    panes = []
    for slot, name in enumerate(record.frames, 1):
        dtype, _ = CASES[name]
        lost = lost_margin(TYPES[dtype]) / math.log(10.0)
        wall = {
            "kind": "vline",
            "x": lost,
            "label": "p = 1",
            "role": "launched",
            "dashed": True,
            "hint": f"From {lost:.1f} nines on, −log₁₀(1 − p), what another class has is lost beside 1 in this type.",
        }
        panes.append(
            {
                "label": LABELS[name],
                "note": "",
                "run": slot,
                "role": ROLES[slot - 1],
                "axes": ["nines of p", "accuracy"],
                "show_axes": True,
                "shapes": [wall],
                "words": {ROLES[slot - 1]: "pairs not trained on"},
            }
        )
    box = [-0.4, -0.04, 10.2, 1.04]
    spec = {
        "title": LABELS[next(iter(record.frames))],
        "subtitle": "addition modulo 31",
        "box": box,
        "panes": panes,
    }
    return PLAIN | spec | {"cursor": steps_cursor(steps, 0)}


def collapse_charts(record: "CollapseRecord", steps: int) -> dict[str, Any]:
    """Accuracy, the absorbed share and the length of the gradient by step."""
    charts = [
        _collapse_chart(
            record, steps, "test", "Accuracy", "on pairs not trained on", "Share of right answers.", False
        ),
        _collapse_chart(
            record,
            steps,
            "dead",
            "Samples without gradient",
            "share of the training pairs",
            DEAD_HINT,
            False,
        ),
        _collapse_chart(
            record,
            steps,
            "speed",
            "Length of the gradient",
            "0 is drawn at the foot",
            "Of all parameters together.",
            True,
        ),
    ]
    return {"charts": charts, "numbers": _collapse_numbers(record)}


def _collapse_chart(
    record: "CollapseRecord", steps: int, what: str, title: str, subtitle: str, hint: str, log: bool
) -> dict[str, Any]:
    lines = []
    for k, (name, frames) in enumerate(record.frames.items()):
        values = [getattr(frame, what) for frame in frames]
        y = [max(v, 1e-9) for v in values] if log else values
        lines.append(curve(LABELS[name], ROLES[k], [1.0 - f.step / steps for f in frames], y, run=k + 1))
    return {
        "id": f"collapse {what}",
        "tab": "Gradient" if what == "speed" else "Collapse",
        "title": title,
        "subtitle": subtitle,
        "hint": hint,
        "x": "share",
        "y_label": "",
        **({"log": True, "y": [1e-9, 10.0]} if log else {"y": [0, 1]}),
        "lines": lines,
        "levels": [],
        "empty": "The first steps come in a moment.",
    }


def _collapse_numbers(record: "CollapseRecord") -> dict[str, Any]:
    facts = (
        ("accuracy", "test", "On pairs that were not trained on."),
        ("trained on", "train", "Accuracy on the pairs that were trained on."),
        ("no gradient", "dead", DEAD_HINT),
        ("absorbed", "absorbed", ABSORBED_HINT),
        (
            "1 − p",
            "doubt",
            "Median of what the label's probability leaves to all others, before it is rounded.",
        ),
        ("lead", "margin", "Median lead of the right logit over the best other, on the pairs trained on."),
        ("loss", "loss", "As its type gives it, nats."),
    )
    rows = []
    for label, name, hint in facts:
        values: dict[int, Any] = {}
        for slot, frames in enumerate(record.frames.values(), 1):
            if frames:
                values |= fact(label, hint, [getattr(frame, name) for frame in frames], run=slot)["values"]
        rows.append({"label": label, "hint": hint, "unit": "", "values": values})
    return {"tab": "Collapse", "title": "At this step", "rows": rows}


def collapse_footer(record: "CollapseRecord") -> str:
    """What is on screen, in one line."""
    ends = ", ".join(
        f"{LABELS[name]} {frames[-1].test:.2f}" for name, frames in record.frames.items() if frames
    )
    return f"addition modulo 31, Adam 0.01, full batch · accuracy {ends} · seed {record.state.seed}"
