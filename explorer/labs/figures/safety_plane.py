"""A sample's step-plane in words and shapes: its map, zeros, strip and discs; and what all pages on steps share."""

import math
from collections.abc import Sequence
from typing import Any

from explorer.labs.figures.curves import short
from explorer.labs.safety.plan import CURSOR, share_of
from explorer.labs.safety.plane import NX, NY, Plane

PROVED = (
    "r bounds the movement of predicted logits: below r = 1 every logit difference moves by less than π. It is neither "
    "necessary nor sufficient for descent, and exact only for linear logits; the secant's r shows their curvature."
)
HEAT_HINT = (
    "|F(t)| over the sum of the sizes of its terms, F(t) = Σ exp(z_k + a_k t). Light: one class rules. Dark: the terms "
    "cancel. Its zeros are the only places where the loss of linear logits is singular."
)
BOUND_HINT = "π over the spread of the slopes: no zero lies within the strip, so none within this disc."
CERTIFIED_HINT = (
    "The largest radius that is proved from softmax variances along the real line: always within the exact."
)
EXACT_HINT = (
    "Distance of the nearest zero: here Taylor series of the loss stop converging, whatever their order."
)


def plane_pane(plane: Plane, label: str, note: str, axes: tuple[str, str]) -> dict[str, Any]:
    """One pane with a plane's shapes."""
    return {
        "label": label,
        "note": note,
        "run": 1,
        "role": "state",
        "axes": list(axes),
        "show_axes": True,
        "shapes": shapes_of(plane),
        "words": {"state": "", "launched": "this step"},
    }


def plane_spec(plane: Plane, pane: dict[str, Any], title: str, subtitle: str) -> dict[str, Any]:
    """The stage's spec of one plane."""
    return {
        "version": 1,
        "title": title,
        "subtitle": subtitle,
        "box": list(plane.box),
        "panes": [pane],
        "launched": [],
        "images": None,
        "can_launch": False,
        "can_draw": False,
        "paths": 1,
        "rest": 0.5,
        "cursor": CURSOR,
        "colour": None,
        "heat": {
            "nx": NX,
            "ny": NY,
            "label": "|F| over its terms",
            "lo": 0.02,
            "hi": 1.0,
            "log": True,
            "map": "viridis",
            "contours": 9,
            "hint": HEAT_HINT,
        },
        "pairs": None,
    }


def shapes_of(plane: Plane) -> list[dict[str, Any]]:
    """The strip without zeros, the three discs, and the zeros with their mirror images."""
    shapes: list[dict[str, Any]] = []
    if math.isfinite(plane.bound):
        shapes.append(
            {
                "kind": "strip",
                "lo": -plane.bound,
                "hi": plane.bound,
                "role": "second",
                "label": "|Im t| < π/Δ",
            }
        )
    discs = (
        ("π/Δ", plane.bound, "second", True, BOUND_HINT),
        ("certified", plane.certified, "third", True, CERTIFIED_HINT),
        ("exact", plane.exact, "launched", False, EXACT_HINT),
    )
    shapes += [
        {
            "kind": "circle",
            "x": 0,
            "y": 0,
            "r": r,
            "label": name,
            "role": role,
            "dashed": dashed,
            "hint": hint,
        }
        for name, r, role, dashed, hint in discs
        if math.isfinite(r) and r > 0
    ]
    for index, zero in enumerate(plane.zeros.tolist()):
        nearest = index == 0
        for y in (zero.imag, -zero.imag):
            shapes.append(
                {
                    "kind": "mark",
                    "x": zero.real,
                    "y": y,
                    "shape": "star" if nearest else "cross",
                    "role": "launched" if nearest else "ink",
                    "label": "ghost" if nearest and y > 0 else "",
                    "hint": f"F = 0 at {zero.real:.3g} {'+' if y > 0 else '−'} {abs(y):.3g} i, {abs(zero):.3g} from 0",
                }
            )
    return shapes


def upright(r: float, label: str, role: str, hint: str, dashed: bool = False) -> list[dict[str, Any]]:
    """An upright line at a size of the step, where that is on the axis."""
    share = share_of(r)
    if not 0 <= share <= 1:
        return []
    return [{"x": share, "label": label, "role": role, "dashed": dashed, "hint": hint}]


def curve(
    label: str, role: str, x: Sequence[float], y: Sequence[float | None], run: int = 1, **more: Any
) -> dict[str, Any]:
    """One line of a chart."""
    return {"run": run, "label": label, "role": role, "x": short(x), "y": short(finite(y)), **more}


def finite(values: Sequence[float | None]) -> list[float | None]:
    """None in place of what is no finite number."""
    return [None if value is None or not math.isfinite(value) else value for value in values]


def fact(label: str, hint: str, value: Any, run: int = 1, unit: str = "") -> dict[str, Any]:
    """One row of a table: a number, a word, or one of them for each stop of the cursor."""
    whole = isinstance(value, list | tuple)
    known = [
        each if isinstance(each, str) else (short(finite([each])))[0]
        for each in (value if whole else [value])
    ]
    return {"label": label, "hint": hint, "unit": unit, "values": {run: known if whole else known[0]}}


def taylor_guides(orders: dict[int, Any], shares: Sequence[float], low: float) -> list[dict[str, Any]]:
    """Taylor polynomials, thin and cut at the plot's edge; on a logarithmic axis what is not positive lies below it."""
    guides = []
    for order, values in orders.items():
        y = [max(low / 10, min(1e9, float(v))) for v in values.tolist()]
        guides.append(curve(str(order), "fifth", shares, y, guide=True, cut=True))
    return guides
