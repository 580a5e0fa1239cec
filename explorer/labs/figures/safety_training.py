"""A training with eyes in words and curves."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from explorer.labs.figures.safety_plane import BOUND_HINT, PROVED, curve, fact
from explorer.labs.menus import is_own
from explorer.labs.safety.menus import NETS, OPTIMISER_LABELS
from explorer.labs.safety.state import SafetyState

if TYPE_CHECKING:
    from explorer.labs.safety.training import TrainingRecord

RADIUS, LOSS = "r", "Loss"
MOST = 400
"""Points of a curve."""
LEAST = 1e-5
"""The r at the foot of the chart at least."""
WALL = {"kind": "vline", "x": 0, "label": "r = 1", "role": "second", "dashed": True, "hint": BOUND_HINT}
ABSORBED_HINT = (
    "Share of the batch whose label has probability 1 in the logits' type. There loss, gradient and r are 0: that "
    "looks safe and is the end of learning."
)


def steps_cursor(steps: int, first: int = 1) -> dict[str, Any]:
    """A cursor over training steps."""
    return {
        "label": "training step",
        "from": f"step {first}",
        "to": f"step {steps:,}",
        "lo": first,
        "hi": max(steps, first + 1),
        "integer": True,
        "steps": False,
    }


def trained_words(state: SafetyState) -> str:
    """Net, optimiser and rate."""
    net = "your module" if is_own(state.net) else NETS.get(state.net, state.net)
    return f"{net}, {OPTIMISER_LABELS.get(state.optimiser, state.optimiser)} {state.rate:g}"


def training_spec(state: SafetyState) -> dict[str, Any]:
    """Samples by how far this step moves their logits, and by how far the right one leads."""
    guard = ", RadiusControl at r ≤ 1" if state.guard else ""
    pane = {
        "label": "Samples",
        "note": f"{trained_words(state)}{guard}",
        "run": 1,
        "role": "state",
        "axes": ["log10 r of this step", "lead of the right logit, / π"],
        "show_axes": True,
        "shapes": [
            WALL,
            {"kind": "hline", "y": 0, "label": "wrong below", "role": "launched", "dashed": True},
        ],
        "words": {"state": "samples"},
        "curves": False,
    }
    return {
        "version": 1,
        "title": "Samples in training",
        "subtitle": f"{trained_words(state)}{guard}",
        "box": [-4.0, -2.0, 2.0, 6.0],
        "fill": True,
        "panes": [pane],
        "launched": [],
        "images": None,
        "can_launch": False,
        "can_draw": False,
        "paths": 0,
        "rest": 0.0,
        "cursor": steps_cursor(state.updates),
        "colour": None,
        "heat": None,
        "pairs": None,
    }


def thinned(count: int) -> list[int]:
    """Places of at most ``MOST`` of ``count`` values, the last among them."""
    stride = max(1, -(-count // MOST))
    kept = list(range(0, count, stride))
    return kept if not count or kept[-1] == count - 1 else [*kept, count - 1]


def positive(values: Sequence[float | None], least: float) -> list[float | None]:
    """For a logarithmic axis: what is 0 lies at its foot."""
    return [v if v is None or not math.isfinite(v) else max(v, least) for v in values]


def training_charts(record: "TrainingRecord") -> dict[str, Any]:
    """R and the absorbed share by step; loss and accuracy; the step in numbers."""
    charts = [_radius(record), _absorbed(record), _loss(record), _accuracy(record)]
    return {"charts": charts, "numbers": _numbers(record)}


def _line(
    record: "TrainingRecord", name: str, label: str, role: str, least: float | None = None
) -> dict[str, Any]:
    kept = thinned(len(record.frames))
    total = max(1, record.state.updates - 1)
    known = [k for k in kept if getattr(record.frames[k], name) is not None]
    y = [getattr(record.frames[k], name) for k in known]
    shares = [1.0 - k / total for k in known]
    return curve(label, role, shares, y if least is None else positive(y, least))


def _radius(record: "TrainingRecord") -> dict[str, Any]:
    tops = [f.r_max for f in record.frames if math.isfinite(f.r_max)]
    return {
        "id": "training r",
        "tab": RADIUS,
        "title": "r of each step",
        "subtitle": "largest, 99 % and median of the batch",
        "caption": _words(record),
        "hint": PROVED,
        "x": "share",
        "y_label": "",
        "log": True,
        "y": [_foot(record), max(10.0, 2 * max(tops, default=1.0))],
        "lines": [
            _line(record, "r_max", "r max", "launched", LEAST),
            _line(record, "r_99", "r 99 %", "clean", LEAST),
            _line(record, "r_50", "r median", "state", LEAST),
        ],
        "levels": [{"y": 1.0, "label": "r = 1", "dashed": True}],
        "empty": "The first steps come in a moment.",
    }


def _foot(record: "TrainingRecord") -> float:
    """The decade below the least median so far, 0.01 at most: the axis widens by whole decades and never narrows."""
    known = [f.r_50 for f in record.frames if 0 < f.r_50 < math.inf]
    return min(1e-2, max(LEAST, 10.0 ** math.floor(math.log10(min(known))))) if known else 1e-2


def _words(record: "TrainingRecord") -> str:
    """What the steps so far show."""
    frames = record.frames
    if len(frames) < 20:
        return ""
    over = sum(frame.r_max > 1 for frame in frames) / len(frames)
    if record.state.guard:
        cut = sum(frame.scale < 1 for frame in frames)
        return f"{cut} of {len(frames)} steps were shortened to r = 1."
    best = max((frame.test for frame in frames if frame.test is not None), default=0.0)
    if over > 0.2 and best > 0.9:
        return f"{100 * over:.0f} % of the steps have r above 1, and the net learns all the same."
    return f"{100 * over:.0f} % of the steps have r above 1."


def _absorbed(record: "TrainingRecord") -> dict[str, Any]:
    return {
        "id": "training absorbed",
        "tab": RADIUS,
        "title": "Absorbed share",
        "subtitle": "samples of the batch with probability 1 exactly",
        "hint": ABSORBED_HINT,
        "x": "share",
        "y_label": "",
        "y": [0, 1],
        "lines": [
            _line(record, "absorbed", "absorbed", "third"),
            _line(record, "scale", "part of the step taken", "second"),
        ]
        if record.state.guard
        else [_line(record, "absorbed", "absorbed", "third")],
        "levels": [],
    }


def _loss(record: "TrainingRecord") -> dict[str, Any]:
    losses = [f.loss for f in record.frames if math.isfinite(f.loss) and f.loss > 0]
    return {
        "id": "training loss",
        "tab": LOSS,
        "title": "Loss of the batch",
        "subtitle": "before each step, nats",
        "hint": "Of the mini-batch that the step is made for.",
        "x": "share",
        "y_label": "",
        "log": True,
        "y": [min(losses, default=0.1) / 1.5, max(losses, default=3.0) * 1.5],
        "lines": [_line(record, "loss", "loss", "state")],
        "levels": [],
    }


def _accuracy(record: "TrainingRecord") -> dict[str, Any]:
    return {
        "id": "training accuracy",
        "tab": LOSS,
        "title": "Accuracy",
        "subtitle": "looked at every 20 steps",
        "hint": "Share of right answers, in eval mode.",
        "x": "share",
        "y_label": "",
        "y": [0, 1],
        "lines": [_line(record, "train", "trained on", "state"), _line(record, "test", "test", "launched")],
        "levels": [],
        "empty": "Looked at after 20 steps.",
    }


def _numbers(record: "TrainingRecord") -> dict[str, Any]:
    frames = record.frames
    looked: list[float | None] = []
    for frame in frames:
        looked.append(frame.test if frame.test is not None else looked[-1] if looked else None)
    words = ["■ past r = 1" if f.r_max > 1 else "● within r = 1" if f.r_max >= 0 else "no r" for f in frames]
    roles = ["launched" if f.r_max > 1 else "second" for f in frames]
    rows = [
        fact("this step", f"By its largest r. {PROVED}", words) | {"roles": {1: roles}},
        fact(
            "r max",
            "The largest predicted change of a logit difference, in units of π.",
            [f.r_max for f in frames],
        ),
        fact("r of 99 %", "What one sample in a hundred exceeds.", [f.r_99 for f in frames]),
        fact("median r", "Of the batch.", [f.r_50 for f in frames]),
        fact("absorbed", ABSORBED_HINT, [f.absorbed for f in frames]),
        fact(
            "part taken",
            "Of the optimiser's step; less than 1 where a control shortened it.",
            [f.scale for f in frames],
        ),
        fact("loss", "Of the batch before the step, nats.", [f.loss for f in frames]),
        fact("test accuracy", "At the last look.", looked),
    ]
    return {"title": "At this step", "rows": rows}


def training_footer(record: "TrainingRecord") -> str:
    """What is on screen, in one line."""
    state, last = record.state, record.frames[-1]
    test = next((f.test for f in reversed(record.frames) if f.test is not None), None)
    words = "" if test is None else f" · test accuracy {test:.3f}"
    return (
        f"{trained_words(state)} · {last.step:,} of {state.updates:,} steps{words} · cpu · seed {state.seed}"
    )
