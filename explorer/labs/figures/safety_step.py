"""One step of a net in words and curves: the stage's spec, its charts and numbers, and the page's last line."""

import math
from typing import TYPE_CHECKING, Any

from explorer.labs.figures.safety_plane import (
    BOUND_HINT,
    CERTIFIED_HINT,
    EXACT_HINT,
    PROVED,
    curve,
    fact,
    plane_pane,
    plane_spec,
    taylor_guides,
    upright,
)
from explorer.labs.safety.plan import SHARES, SIZES, share_of

if TYPE_CHECKING:
    from explorer.labs.safety.step import StepRecord

LOSS, RADII, SAMPLE = "Step", "Radii", "Sample"
DESCENT_HINT = (
    "Up to here the mean loss of linear logits surely falls: ln(1 + gΔ/κ)/Δ, from the slope g and the bend κ at 0. "
    "This is the certificate of descent that r itself is not."
)
PARABOLA_HINT = "2g/κ: where the loss would be back at its start if it bent as it does at 0."
WORDS = ("● within r = 1", "▲ past r = 1", "■ past the ghosts")
WORD_ROLES = ("second", "clean", "launched")


def step_spec(record: "StepRecord") -> dict[str, Any]:
    """The plane of the chosen sample."""
    plan, told = record.plan, record.plan.told
    rank = plan.state.rank
    place = int(told.places[record.row])
    binds = "it binds the batch" if rank == 0 else f"number {rank} by radius"
    note = f"{binds}; exact radius {record.plane.exact:.3g}"
    pane = plane_pane(record.plane, f"Sample {place}", note, ("Re t, in r", "Im t"))
    return plane_spec(record.plane, pane, f"Sample {place}: its step-plane", f"{plan.where}; {note}")


def step_charts(record: "StepRecord") -> dict[str, Any]:
    """Loss and accuracy along the step, and three tables."""
    charts = [_loss(record), _accuracy(record)]
    return {"charts": charts, "numbers": [_here(record), _radii(record), _sample(record)]}


def step_lines(told: Any, exact: float, certified: float) -> list[dict[str, Any]]:
    """The upright lines of a step in units of r."""
    return [
        *upright(1.0, "π/Δ", "second", BOUND_HINT, True),
        *upright(certified, "certified", "third", CERTIFIED_HINT, True),
        *upright(exact, "exact", "launched", EXACT_HINT),
        *upright(told.descent, "descent", "clean", DESCENT_HINT, True),
        *upright(told.parabola, "2g/κ", "fourth", PARABOLA_HINT, True),
    ]


def loss_range(*curves: list[float | None]) -> tuple[float, float]:
    """Ends of a logarithmic axis that shows the losses and a little around them."""
    values = [y for each in curves for y in each if y is not None and math.isfinite(y) and y > 0]
    if not values:
        return 1e-3, 1.0
    return max(min(values), max(values) * 1e-7) / 3, max(values) * 2


def _loss(record: "StepRecord") -> dict[str, Any]:
    plan, along, walk = record.plan, record.along, record.walk
    linear = plan.told.losses.tolist()
    low, high = loss_range(linear, list(walk.loss))
    asked = [share_of(r) for r in walk.r]
    lines = [
        curve("linear logits", "clean", SHARES, linear, dashed=True),
        curve("the net", "state", asked, list(walk.loss)),
        *taylor_guides(along.taylor, SHARES, low),
    ]
    return {
        "id": "loss",
        "tab": LOSS,
        "title": "Loss along the step",
        "subtitle": "nats; thin: Taylor orders",
        "caption": _loss_words(record),
        "hint": PROVED,
        "x": "share",
        "y_label": "",
        "log": True,
        "y": [low, high],
        "lines": lines,
        "levels": [],
        "verticals": step_lines(plan.told, along.exact, along.certified),
        "empty": "The net is being asked.",
    }


def _loss_words(record: "StepRecord") -> str:
    """What this step shows, where it shows it."""
    walk, told = record.walk, record.plan.told
    if not walk.r:
        return ""
    start = float(told.losses[0])
    rising = next(
        (r for r, loss in zip(walk.r, walk.loss, strict=True) if not loss <= start * (1 + 1e-4)), None
    )
    if rising is None:
        return "The loss stays below its start all along this step."
    if rising < 1:
        return f"The loss rises from r = {rising:.2g} on: r below 1 is no promise of descent."
    words = "r above 1 is no proof of harm" if rising > 1.5 else "here r = 1 is about where harm begins"
    return f"The loss stays below its start up to r = {rising:.2g}: {words}."


def _accuracy(record: "StepRecord") -> dict[str, Any]:
    walk = record.walk
    asked = [share_of(r) for r in walk.r]
    return {
        "id": "accuracy",
        "tab": LOSS,
        "title": "Accuracy and changed answers",
        "subtitle": "of samples not trained on; of the batch",
        "hint": "An answer of linear logits can change only where the margin is at most π r of its sample.",
        "x": "share",
        "y_label": "",
        "y": [0, 1],
        "lines": [
            curve("accuracy", "state", asked, list(walk.accuracy)),
            curve("changed", "launched", asked, list(walk.flips)),
            curve("predicted", "clean", SHARES, record.along.flips.tolist(), dashed=True),
        ],
        "levels": [],
        "verticals": upright(1.0, "π/Δ", "second", BOUND_HINT, True),
        "empty": "The net is being asked.",
    }


def _at_stops(r: tuple[float, ...], values: tuple[float, ...]) -> list[float | None]:
    """Values for each stop of the cursor: those asked, and between them none."""
    known = {share_of(size): value for size, value in zip(r, values, strict=True)}
    found = [known.get(share_of(size)) for size in SIZES]
    return [here if here is not None or i == 0 else found[i - 1] for i, here in enumerate(found)]


def _here(record: "StepRecord") -> dict[str, Any]:
    walk, along = record.walk, record.along
    verdict = [WORDS[(size > 1) + (size >= along.exact)] for size in SIZES]
    roles = [WORD_ROLES[(size > 1) + (size >= along.exact)] for size in SIZES]
    words = fact("this step", f"Within r = 1 no logit difference moves by more than π. {PROVED}", verdict)
    rows = [
        words | {"roles": {1: roles}},
        fact("loss of the net", "Mean over the batch, nats.", _at_stops(walk.r, walk.loss)),
        fact("loss, linear logits", "From the same product that gives r.", record.plan.told.losses.tolist()),
        fact("accuracy", "Share of right answers on the test part.", _at_stops(walk.r, walk.accuracy)),
        fact("answers changed", "Share of the batch, by the net.", _at_stops(walk.r, walk.flips)),
        fact("predicted", "Share of the batch that linear logits predict.", along.flips.tolist()),
    ]
    return {"tab": LOSS, "title": "At this step", "rows": rows}


def _radii(record: "StepRecord") -> dict[str, Any]:
    told, along = record.plan.told, record.along
    rows = [
        fact("lower bound π/Δ", f"The unit of the step: r = 1. {BOUND_HINT}", 1.0),
        fact("certified", f"Of the batch. {CERTIFIED_HINT}", along.certified),
        fact("exact", f"Of the batch, confirmed by the argument principle. {EXACT_HINT}", along.exact),
        fact("descent certificate", DESCENT_HINT, told.descent),
        fact("2g/κ", PARABOLA_HINT, told.parabola),
        fact("r of 99 %", "The r that one sample in a hundred exceeds, where the largest is 1.", told.r_99),
        fact("median r", "Of the samples, where the largest is 1.", told.r_50),
        fact(
            "absorbed",
            "Share of samples whose label has probability 1 in the logits' type: no gradient.",
            told.absorbed,
        ),
        fact("r as it came", "Of the displacement before it was scaled to r = 1.", record.plan.raw),
        fact(
            "secant at r = 1",
            "The real change of the logits in units of the linear one: 1 if they were linear.",
            along.secant[1.0],
        ),
        fact("secant at r = 10", "The same for a step ten times as long.", along.secant[10.0]),
    ]
    return {"tab": RADII, "title": "In units of r", "rows": rows}


def _sample(record: "StepRecord") -> dict[str, Any]:
    told, plane = record.plan.told, record.plane
    radius = told.radius
    top = radius.logits[record.row].topk(2)
    target = int(record.plan.split.y[told.places[record.row]])
    rows = [
        fact("label", "The right class.", target),
        fact("answer", "The class of the largest logit before the step.", int(top.indices[0])),
        fact("second", "The class of the second largest.", int(top.indices[1])),
        fact("margin", "Top logit minus second.", float(top.values[0] - top.values[1])),
        fact(
            "logit speed",
            "Fastest minus slowest logit, for a step of r = 1.",
            float(radius.spread[record.row]),
        ),
        fact("lower bound", BOUND_HINT, plane.bound),
        fact("certified", CERTIFIED_HINT, plane.certified),
        fact("exact", EXACT_HINT, plane.exact),
    ]
    return {"tab": SAMPLE, "title": f"Sample {int(told.places[record.row])}", "rows": rows}


def step_footer(record: "StepRecord") -> str:
    """What is on screen, in one line."""
    plan = record.plan
    n = len(plan.told.r)
    return (
        f"{plan.where} · {n:,} samples · r {plan.raw:.3g} as it came · exact {record.along.exact:.3g} r · "
        f"by {plan.told.by} · seed {plan.state.seed}"
    )
