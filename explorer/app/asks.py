"""What a page says, as objects; it comes from outside and may be anything."""

import json
import math
from collections.abc import Mapping
from typing import Any, TypeGuard

LONGEST_ASK, MOST_ASKS = 4000, 8
UNREAD = "what the page asked cannot be read; reload it"


def asked_of(text: object, longest: int = LONGEST_ASK) -> Mapping[str, Any]:
    """What a page says, as an object."""
    asked = _read(text, longest)
    if not isinstance(asked, dict):
        raise ValueError(UNREAD)
    return asked


def asks_of(text: object, after: int) -> list[Mapping[str, Any]]:
    """The asks of a page that are newer than number ``after``, in their order."""
    asks = _read(text)
    if not isinstance(asks, list) or len(asks) > MOST_ASKS:
        raise ValueError(UNREAD)
    if not all(isinstance(ask, dict) and type(ask.get("n")) is int for ask in asks):
        raise ValueError(UNREAD)
    return sorted((ask for ask in asks if ask["n"] > after), key=lambda ask: ask["n"])


def _read(text: object, longest: int = LONGEST_ASK) -> Any:
    if not isinstance(text, str) or len(text) > longest:
        raise ValueError(f"a page may ask with {longest:,} characters, no more")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(UNREAD) from None


def is_finite(value: object) -> TypeGuard[float]:
    """Whether a value is a number that can be computed with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
