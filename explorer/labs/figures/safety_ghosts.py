"""The ghosts of a made-up sample in words and curves."""

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
from explorer.labs.figures.safety_step import loss_range
from explorer.labs.safety.plan import SHARES

if TYPE_CHECKING:
    from explorer.labs.safety.ghosts import GhostRecord

ROLES = ("state", "launched", "second", "third", "fourth", "fifth", "clean")


def ghosts_spec(record: "GhostRecord") -> dict[str, Any]:
    """The plane of the made-up sample."""
    state = record.state
    note = f"margin {state.margin:g}, spread {state.spread:g}, {state.classes} classes, T = {state.temperature:g}"
    pane = plane_pane(record.plane, "Made-up sample", note, ("Re t", "Im t"))
    spec = plane_spec(record.plane, pane, "A made-up sample", note)
    return spec | {"cursor": spec["cursor"] | {"label": "step t"}}


def ghosts_charts(record: "GhostRecord") -> dict[str, Any]:
    """The loss along the real line, the softmax there, and the radii in numbers."""
    return {"charts": [_loss(record), _mass(record)], "numbers": _radii(record)}


def _uprights(record: "GhostRecord") -> list[dict[str, Any]]:
    plane = record.plane
    return [
        *upright(plane.bound, "π/Δ", "second", BOUND_HINT, True),
        *upright(plane.certified, "certified", "third", CERTIFIED_HINT, True),
        *upright(plane.exact, "exact", "launched", EXACT_HINT),
    ]


def _loss(record: "GhostRecord") -> dict[str, Any]:
    loss = record.loss.tolist()
    low, high = loss_range(loss)
    return {
        "id": "ghost loss",
        "title": "Loss along the step",
        "subtitle": "nats; thin: its Taylor orders",
        "caption": "Beyond the exact radius no order helps: each leaves the loss a little sooner and faster.",
        "hint": PROVED,
        "x": "share",
        "y_label": "",
        "log": True,
        "y": [low, high],
        "lines": [curve("loss", "state", SHARES, loss), *taylor_guides(record.taylor, SHARES, low)],
        "levels": [],
        "verticals": _uprights(record),
    }


def _mass(record: "GhostRecord") -> dict[str, Any]:
    most = min(record.mass.shape[1], len(ROLES))
    lines = [
        curve(
            ("top", "second")[k] if k < 2 else f"class {k + 1}", ROLES[k], SHARES, record.mass[:, k].tolist()
        )
        for k in range(most)
    ]
    return {
        "id": "ghost mass",
        "title": "Softmax along the step",
        "subtitle": "at a ghost's real part no class has more than half",
        "hint": "Why margins keep ghosts away: |F| cannot cancel where one term is larger than all others together.",
        "x": "share",
        "y_label": "",
        "y": [0, 1],
        "lines": lines,
        "levels": [{"y": 0.5, "label": "half", "dashed": True}],
        "verticals": _uprights(record),
    }


def _radii(record: "GhostRecord") -> dict[str, Any]:
    plane, state = record.plane, record.state
    pair = math.hypot(state.margin, math.pi * state.temperature) / state.spread
    rows = [
        fact("lower bound πT/Δ", BOUND_HINT, plane.bound),
        fact("certified", CERTIFIED_HINT, plane.certified),
        fact("exact", EXACT_HINT, plane.exact),
        fact("exact / bound", "How much the lower bound leaves out.", plane.exact / plane.bound),
        fact(
            "of the top two alone",
            "√(δ² + π²T²)/Δ: the exact radius of two classes. With more it is no bound at all.",
            pair,
        ),
        fact(
            "pairs of ghosts in sight",
            "Zeros come in conjugate pairs; those in the picture.",
            len(plane.zeros),
        ),
    ]
    return {"title": "Radii", "rows": rows}


def ghosts_footer(record: "GhostRecord") -> str:
    """What is on screen, in one line."""
    sure = "confirmed by the argument principle" if record.plane.is_certain else "not confirmed"
    return f"exact radius {record.plane.exact:.6g}, {sure} · float64 · seed {record.state.seed}"
