"""What the sides of the Landscape lab have in common: lines, facts, the spec of a map of losses."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from explorer.labs.figures.curves import short
from explorer.labs.landscape.ground import FINE, Picture

LEAST = 1e-6
"""Of the largest loss: what lies below takes the last colour of a scale by ratio."""
LOSS_HINT = (
    "The loss at these parameters, over the same frozen batch everywhere. Points that were evaluated are exact; "
    "between them lies a cubic of the root, and the estimate of its error ends the refinement."
)
CONTOURS = 12
SPAN = 4.0
"""Times by which values must differ for an axis by ratio."""


def curve(
    label: str, role: str, x: Iterable[float], y: Iterable[float | None], run: int = 1, **more: Any
) -> dict[str, Any]:
    """One line of a chart."""
    return {"run": run, "label": label, "role": role, "x": short(x), "y": short(map(finite, y)), **more}


def finite(value: float | None) -> float | None:
    """None in place of what is no finite number."""
    return None if value is None or not math.isfinite(value) else value


def fact(label: str, hint: str, values: dict[int, Any], unit: str = "") -> dict[str, Any]:
    """One row of a table, by slot: a number, a word, or one number for each moment."""
    return {
        "label": label,
        "hint": hint,
        "unit": unit,
        "values": {slot: told(value) for slot, value in values.items()},
    }


def told(value: Any) -> Any:
    """A number of six digits, a word as it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return [each if isinstance(each, str) else short([finite(each)])[0] for each in value]
    return short([finite(value)])[0]


def heat_spec(picture: Picture, log: bool, label: str = "loss") -> dict[str, Any]:
    """The colours of a map of losses."""
    by_ratio = log and picture.high > 0.0
    low = max(picture.low, LEAST * picture.high) if by_ratio else picture.low
    high = picture.high if picture.high > low else low + max(1e-12, abs(low)) * 1e-3
    return {
        "nx": FINE,
        "ny": FINE,
        "label": label,
        "lo": low,
        "hi": high,
        "log": by_ratio,
        "map": "viridis",
        "strong": True,
        "contours": CONTOURS,
        "surface": True,
        "hint": LOSS_HINT,
    }


def steps_cursor(first: int, last: int) -> dict[str, Any]:
    """The cursor over the updates of a training."""
    return {
        "label": "training step",
        "from": "start" if first == 0 else f"step {first:,}",
        "to": f"step {last:,}",
        "lo": first,
        "hi": max(last, first + 1),
        "log": False,
        "integer": True,
        "unit": "",
        "steps": False,
    }


def log_range(values: Sequence[float | None]) -> dict[str, Any]:
    """A logarithmic axis over what is positive, where anything is."""
    known = [value for value in values if value is not None and math.isfinite(value) and value > 0]
    if not known or max(known) < SPAN * min(known):
        return {}
    low, high = min(known), max(known)
    return {"log": True, "y": [low / 1.15, max(high, 1.02 * low) * 1.15]}


def percent(share: float) -> str:
    """A share in words."""
    if not math.isfinite(share):
        return "not known yet"
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.0f} %"
