"""The counter-examples in words and curves."""

import math
from typing import TYPE_CHECKING, Any

from explorer.labs.figures.checks import round_up
from explorer.labs.figures.safety_plane import (
    BOUND_HINT,
    EXACT_HINT,
    PROVED,
    curve,
    fact,
    plane_pane,
    plane_spec,
    upright,
)
from explorer.labs.figures.safety_training import WALL, steps_cursor
from explorer.labs.safety.plan import SHARES, share_of

if TYPE_CHECKING:
    from explorer.labs.safety.counter import PairRecord, PerceptronRecord, SquaresRecord

ROLES = ("state", "launched", "second", "third")
PLAIN: dict[str, Any] = {
    "version": 1,
    "launched": [],
    "images": None,
    "can_launch": False,
    "can_draw": False,
    "paths": 10,
    "fill": True,
    "rest": 0.0,
    "colour": None,
    "heat": None,
    "pairs": None,
}


def _across(label: str, hint: str, values: list[Any]) -> dict[str, Any]:
    """One row with a value for each pane."""
    parts = [fact(label, hint, value, run=k) for k, value in enumerate(values, 1)]
    return parts[0] | {"values": {k: v for part in parts for k, v in part["values"].items()}}


# --- the conflicting pair ---


def pair_spec(record: "PairRecord") -> dict[str, Any]:
    """The plane of either sample."""
    pane = plane_pane(record.plane, "Either sample", "one weight, labels + and −", ("Re t, in r", "Im t"))
    spec = plane_spec(
        record.plane, pane, "Conflicting pair", "one weight, one input, both labels; start at −0.1"
    )
    # At a stop: what is said of the cursor is then what is said of the step.
    return spec | {"rest": min(SHARES, key=lambda share: abs(share - share_of(0.9)))}


def pair_charts(record: "PairRecord") -> dict[str, Any]:
    """The loss by size of step."""
    curve_, loss = record.curve, list(record.curve.loss)
    chart = {
        "id": "pair loss",
        "title": "Mean loss of the pair",
        "subtitle": "along minus the gradient, nats",
        "caption": _pair_words(record),
        "hint": PROVED,
        "x": "share",
        "y_label": "",
        "y": [0.0, 4.0],
        "lines": [curve("mean loss", "state", SHARES, loss, cut=True)],
        "levels": [{"y": curve_.loss0, "label": "start", "dashed": True}],
        "verticals": [
            *upright(1.0, "r = 1", "second", BOUND_HINT, True),
            *upright(curve_.exact, "exact", "launched", EXACT_HINT),
        ],
    }
    words = ["● within r = 1" if r <= 1 else "▲ past r = 1" for r in curve_.r]
    moves = ["falls" if v < curve_.loss0 else "rises" for v in loss]
    rows = [
        fact("this step", PROVED, words)
        | {"roles": {1: ["second" if r <= 1 else "clean" for r in curve_.r]}},
        fact("the loss", "Against its start.", moves)
        | {"roles": {1: ["second" if v < curve_.loss0 else "launched" for v in loss]}},
        fact("mean loss", "Of the two samples, nats.", loss),
        fact("at the start", "ln 2 is the least that there is.", curve_.loss0),
        fact("exact radius", EXACT_HINT, curve_.exact),
    ]
    return {"charts": [chart], "numbers": {"title": "At this step", "rows": rows}}


def _pair_words(record: "PairRecord") -> str:
    case = record.case
    (r,), (loss,) = case.r, case.loss
    return f"At r = {r:g} the loss has gone from {case.loss0:.3f} to {loss:.3f}: r < 1 is not sufficient for descent."


def pair_footer(record: "PairRecord") -> str:
    """What is on screen, in one line."""
    return f"z = θx, both labels, θ = −0.1 · exact radius {record.curve.exact:.4g} r · closed form · no seed"


# --- the perceptron's limit ---


def _rate(run: Any) -> str:
    if run.method == "normalised":
        return "normalised"
    return f"η = {run.learning_rate:,.0f}".replace(",", "\u202f")


def perceptron_spec(record: "PerceptronRecord") -> dict[str, Any]:
    """A dot for each way: r to the right, the loss upwards."""
    panes = [
        {
            "label": _rate(run),
            "note": f"no error after {run.first} steps" if run.first is not None else "",
            "run": slot,
            "role": ROLES[slot - 1],
            "axes": ["log10 r", "log10 loss"],
            "show_axes": True,
            "shapes": [WALL],
            "words": {ROLES[slot - 1]: "this step"},
        }
        for slot, run in enumerate(record.runs, 1)
    ]
    cursor = steps_cursor(1, 0) | {
        "label": "part of the way",
        "from": "start",
        "to": "no error",
        "integer": False,
    }
    box = [-2.5, -2.5, 4.5, 3.5]
    return PLAIN | {"title": "Perceptron limit", "subtitle": "", "box": box, "panes": panes, "cursor": cursor}


def perceptron_charts(record: "PerceptronRecord") -> dict[str, Any]:
    """Errors and r by step."""
    runs = record.runs
    most = max(len(run.errors) for run in runs)
    errors = [
        curve(_rate(run), ROLES[k], list(range(len(run.errors))), [float(e) for e in run.errors], run=k + 1)
        for k, run in enumerate(runs)
    ]
    sizes = [
        curve(_rate(run), ROLES[k], list(range(len(run.r) - 1)), list(run.r[:-1]), run=k + 1)
        for k, run in enumerate(runs)
    ]
    top = max(max(run.r) for run in runs)
    charts = [
        {
            "id": "perceptron errors",
            "title": "Errors by step",
            "subtitle": "wrong training samples",
            "caption": _perceptron_words(record),
            "hint": "Digits 3 and 8, logistic regression by full-batch descent from 0. Tyurin, arXiv:2412.08424.",
            "x": "step",
            "x_label": "step",
            "x_range": [0, most],
            "y_label": "",
            "y": [0, round_up(max(max(run.errors[1:] or (1,)) for run in runs))],
            "lines": [line | {"cut": True} for line in errors],
            "levels": [],
        },
        {
            "id": "perceptron r",
            "title": "r by step",
            "subtitle": "largest of the training set",
            "hint": PROVED,
            "x": "step",
            "x_label": "step",
            "x_range": [0, most],
            "y_label": "",
            "log": True,
            "y": [1e-2, 2 * top],
            "lines": sizes,
            "levels": [{"y": 1.0, "label": "r = 1", "dashed": True}],
        },
    ]
    return {"charts": charts, "numbers": _perceptron_numbers(record)}


def _perceptron_words(record: "PerceptronRecord") -> str:
    first = {run.learning_rate: run for run in record.runs if run.method == "gradient"}
    small, large = first.get(1.0), first.get(1e4)
    if small is None or large is None or small.first is None or large.first is None:
        return ""
    return (
        f"With r at most {max(small.r):.2g} it takes {small.first} steps; with a median r of {large.median_r:.0f}, "
        f"{large.first}: r below 1 is not necessary."
    )


def _perceptron_numbers(record: "PerceptronRecord") -> dict[str, Any]:
    facts = (
        (
            "first without error",
            "Steps until no training sample is wrong.",
            lambda run: math.nan if run.first is None else run.first,
        ),
        ("median r", "Of the steps until then.", lambda run: run.median_r),
        ("largest r", "Of the steps until then.", lambda run: max(run.r)),
        ("loss at its end", "Mean over the training set, nats.", lambda run: run.loss[-1]),
    )
    rows = []
    for label, hint, ask in facts:
        parts = [fact(label, hint, ask(run), run=k)["values"] for k, run in enumerate(record.runs, 1)]
        rows.append(
            {
                "label": label,
                "hint": hint,
                "unit": "",
                "values": {k: v for part in parts for k, v in part.items()},
            }
        )
    return {"title": "Until no error", "rows": rows}


def perceptron_footer(record: "PerceptronRecord") -> str:
    """What is on screen, in one line."""
    ends = ", ".join(f"{_rate(run)}: {run.first}" for run in record.runs)
    return f"digits 3 and 8, logistic regression · steps to no error {ends} · float64 · no seed"


# --- the squared loss ---


def _times(record: "SquaresRecord", k: int) -> str:
    run = record.runs[k]
    return f"{run.learning_rate / run.edge:g} × 2/λ"


def squares_spec(record: "SquaresRecord") -> dict[str, Any]:
    """The loss by step, a pane for each learning rate."""
    panes = [
        {
            "label": _times(record, k),
            "note": "diverges" if run.diverges else "converges",
            "run": k + 1,
            "role": ROLES[k],
            "axes": ["step", "log10 loss"],
            "show_axes": True,
            "shapes": [
                {
                    "kind": "hline",
                    "y": math.log10(run.loss[0]),
                    "label": "start",
                    "role": "ink",
                    "dashed": True,
                }
            ],
            "words": {ROLES[k]: "loss"},
        }
        for k, run in enumerate(record.runs)
    ]
    cursor = steps_cursor(len(record.runs[0].loss) - 1, 0)
    box = [0.0, -1.5, float(len(record.runs[0].loss) - 1), 3.5]
    return PLAIN | {"title": "Squared loss", "subtitle": "", "box": box, "panes": panes, "cursor": cursor}


def squares_charts(record: "SquaresRecord") -> dict[str, Any]:
    """The loss by step, and what the radius says."""
    total = len(record.runs[0].loss)
    shares = [1.0 - i / (total - 1) for i in range(total)]
    lines = [
        curve(_times(record, k), ROLES[k], shares, list(run.loss), run=k + 1)
        for k, run in enumerate(record.runs)
    ]
    chart = {
        "id": "squares loss",
        "title": "Loss by step",
        "subtitle": "squared error of linear logits; full batch",
        "caption": "No ghosts, an infinite radius, and descent diverges beyond 2/λ: no ghosts is not safety.",
        "hint": PROVED,
        "x": "share",
        "y_label": "",
        "log": True,
        "y": [0.03, 1e3],
        "lines": [line | {"cut": True} for line in lines],
        "levels": [],
    }
    facts = (
        ("radius", record.runs[0].text, lambda run: "none" if run.status == "not applicable" else run.status),
        ("last loss", "After the last step.", lambda run: run.loss[-1]),
    )
    rows = [_across(label, hint, [ask(run) for run in record.runs]) for label, hint, ask in facts]
    return {"charts": [chart], "numbers": {"title": "Of each run", "rows": rows}}


def squares_footer(record: "SquaresRecord") -> str:
    """What is on screen, in one line."""
    run = record.runs[0]
    return f"digits, linear logits, squared loss · 2/λ = {run.edge:.4g} · radius {run.status} · no seed"
