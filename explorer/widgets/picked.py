"""What a hand did on the stage; it comes from the browser and may be anything."""

import json
import math
from dataclasses import dataclass
from typing import Any

from explorer.labs.strokes import points_of


@dataclass(frozen=True)
class Launch:
    """A click: where it was, at which noise share, in which pane."""

    x: list[float]
    share: float
    pane: int


@dataclass(frozen=True)
class Drawn:
    """A target drawn by hand."""

    points: list[list[float]]


def picked_in(text: str) -> Launch | Drawn | None:
    """What was done; None for what is not ours to answer.

    Raises:
        ValueError: for points that are no target.
    """
    try:
        picked = json.loads(text)
    except ValueError:
        return None
    if not isinstance(picked, dict):
        return None
    if picked.get("what") == "draw":
        return Drawn(points_of(picked.get("points")))
    return _launch(picked) if picked.get("what") == "launch" else None


def _launch(picked: dict[str, Any]) -> Launch | None:
    x, share, pane = (picked.get(name) for name in ("x", "share", "pane"))
    if not isinstance(x, list) or len(x) != 2 or not all(map(_is_number, [*x, share])):
        return None
    is_sound = type(pane) is int and 0 <= share <= 1  # type: ignore[operator] # a number
    return Launch([float(each) for each in x], float(share), pane) if is_sound else None  # type: ignore[arg-type]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
