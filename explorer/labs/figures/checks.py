"""Whether fields are gradients and how far they are from the exact one, and in how many dimensions paths move."""

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from explorer.labs.curvature.maps import LOOP_RADIUS
from explorer.labs.curvature.record import CurvatureLabRecord, PaneRecord
from explorer.labs.figures.curves import ROLES, short

ROLES_3 = (*ROLES, "third")
HINTS = {
    "bend": "Curvature times the path's whole length: no unit, so that coordinates can be compared. A circle has 2 pi.",
    "curvature": "One over the radius of the circle that fits the path best at this moment, in 1 / units of x.",
    "truncation": "Half the size of d²x/dt² along the path: an Euler step of length h in t errs by h² times this. "
    "It depends on the coordinates and on their time: it is what a sampler feels.",
    "asymmetry": "|J - Jᵀ| / |J| of the score's Jacobian (Frobenius norms), 0 to 2. A gradient field has 0.",
    "loop": f"Work of the score around a circle of radius {LOOP_RADIUS:g} sigma(t), over the path integral of its "
    "size. A gradient field does none.",
    "error": "Distance of the model's velocity from the exact one, at the same place and time, in units of x per t.",
}


def line(pane: PaneRecord, x: Sequence[float | None], y: Tensor) -> dict[str, Any]:
    """One line of a chart in the pane's own colour."""
    return {
        "run": pane.pane.slot,
        "label": pane.pane.label,
        "role": ROLES_3[pane.pane.slot - 1],
        "x": x,
        "y": short(finite(y)),
    }


def finite(y: Tensor) -> list[float | None]:
    """The numbers, None where there is none."""
    return [value if math.isfinite(value) else None for value in y.tolist()]


def round_up(top: float) -> float:
    """The next of 1, 2, 5 times a power of ten, so that axes stay put from run to run."""
    if not top > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(top))
    return next(step * power for step in (1, 2, 5, 10) if top <= step * power * (1 + 1e-9))


def check_charts(record: CurvatureLabRecord, tab: str) -> list[dict[str, Any]]:
    """Asymmetry, loop work and velocity error by noise share, empty until they are known."""
    asked = [
        (
            "asymmetry",
            "Asymmetry of the Jacobian",
            "median over samples; a gradient field has 0",
            "asymmetry",
            (1e-17, 2.0),
        ),
        (
            "loop",
            "Work around a small loop",
            "median size, over the path integral of |score|",
            "loop",
            (1e-17, 1.0),
        ),
        ("error", "Velocity error", "root mean square gap to the exact field", "error", None),
    ]
    return [_check_chart(record, tab, *each) for each in asked]


def _check_chart(
    record: CurvatureLabRecord,
    tab: str,
    name: str,
    title: str,
    subtitle: str,
    part: str,
    y: tuple[float, float] | None,
) -> dict[str, Any]:
    lines = []
    for pane in record.panes:
        values = getattr(pane.checks, part) if pane.checks is not None else None
        if (
            pane.checks is not None
            and values is not None
            and not (part == "error" and pane.pane.name == "exact")
        ):
            lines.append(line(pane, short(pane.checks.shares.tolist()), values) | {"ticks": True})
    top = max((value for line in lines for value in line["y"] if value is not None), default=1.0)
    return {
        "id": f"check {name}",
        "tab": tab,
        "title": title,
        "subtitle": subtitle,
        "hint": HINTS[name],
        "x": "share",
        "x_label": "noise share",
        "y_label": "",
        "y": list(y) if y is not None else [0, round_up(top)],
        "log": y is not None,
        "lines": lines,
        "levels": [{"y": 2.2e-16, "label": "rounding", "dashed": True}] if y is not None else [],
        "empty": _why_empty(record, part),
    }


def _why_empty(record: CurvatureLabRecord, part: str) -> str:
    fields = [pane for pane in record.panes if pane.pane.field is not None]
    if not fields:
        return "There is no field behind these paths."
    if any(pane.checks is None for pane in fields):
        return "Being computed."
    if part == "error":
        return "Needs a network and a target with a closed form."
    return "Drawn for points of the plane."


def check_table(record: CurvatureLabRecord, tab: str) -> dict[str, Any] | None:
    """Their means, once there are any."""
    panes = [pane for pane in record.panes if pane.checks is not None]
    if not panes:
        return None
    parts = (("asymmetry", "asymmetry"), ("loop work", "loop"), ("velocity error", "error"))
    rows = []
    for label, part in parts:
        known = {pane.pane.slot: getattr(pane.checks, part) for pane in panes}
        means = {slot: short([float(v.nanmean())])[0] for slot, v in known.items() if v is not None}
        if means:
            rows.append({"label": label, "hint": HINTS[part], "unit": "", "values": means})
    return {"tab": tab, "title": "Mean over the moments", "rows": rows}


def energy_chart(record: CurvatureLabRecord, tab: str) -> dict[str, Any]:
    """Explained energy by component."""
    lines = []
    for pane in record.panes:
        y = pane.bend.explained[:12]
        lines.append(line(pane, [float(k) for k in range(1, len(y) + 1)], 100 * y) | {"ticks": True})
    return {
        "id": "energy",
        "tab": tab,
        "title": "Dimension of a path",
        "subtitle": "energy in its first components, %",
        "hint": ENERGY_HINT,
        "x": "component",
        "x_label": "components",
        "x_range": [1, max((len(line["x"]) for line in lines), default=2)],
        "y_label": "",
        "y": [10 * math.floor(min((line["y"][0] or 0.0) for line in lines) / 10), 100],
        "lines": lines,
        "levels": [{"y": 99, "label": "99 %", "dashed": True}],
    }


ENERGY_HINT = (
    "Principal components of one path: the centred states of a single sample over its moments, mean over samples. "
    "A straight path has all of its energy in one component, a plane bow in two, however many numbers a sample has."
)


def energy_table(record: CurvatureLabRecord, tab: str) -> dict[str, Any]:
    """How many components a path needs."""
    wanted = {pane.pane.slot: _components_for(pane.bend.explained, 0.99) for pane in record.panes}
    first = {pane.pane.slot: short([100 * float(pane.bend.explained[0])])[0] for pane in record.panes}
    rows = [
        {"label": "components for 99 %", "hint": ENERGY_HINT, "unit": "", "values": wanted},
        {"label": "in the first", "hint": ENERGY_HINT, "unit": "%", "values": first},
    ]
    return {"tab": tab, "title": "Of a path", "rows": rows}


def _components_for(explained: Tensor, share: float) -> int:
    return int((explained < share - 1e-12).sum()) + 1
