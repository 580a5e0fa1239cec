"""Finished runs, kept within a number of bytes, and the key that a result is kept under."""

import hashlib
import json
from collections import OrderedDict
from dataclasses import fields, is_dataclass
from typing import Any

from explorer import __version__
from explorer.labs.scene import Charts, Event, Status


class Kept:
    """Finished runs by key, within a number of bytes."""

    def __init__(self, bound: int):
        self._bound, self._bytes = bound, 0
        self._runs: OrderedDict[str, tuple[list[Event], int]] = OrderedDict()

    def get(self, key: str) -> list[Event] | None:
        if key not in self._runs:
            return None
        self._runs.move_to_end(key)
        return self._runs[key][0]

    def put(self, key: str, events: list[Event]) -> None:
        size = weight(events)
        if size > self._bound or key in self._runs:
            return
        self._runs[key] = (events, size)
        self._bytes += size
        while self._bytes > self._bound:
            self._bytes -= self._runs.popitem(last=False)[1][1]


def settled(events: list[Event]) -> list[Event]:
    """What shows a finished run: its charts and its status as they were last, and all else."""
    last: dict[type, Event] = {type(each): each for each in events if isinstance(each, Charts | Status)}
    return [event for event in events if last.get(type(event), event) is event]


def weight(thing: Any) -> int:
    """About how many bytes events, records and the arrays within them take."""
    if isinstance(size := getattr(thing, "nbytes", None), int):
        return size
    if is_dataclass(thing) and not isinstance(thing, type):
        return 64 + sum(weight(getattr(thing, each.name)) for each in fields(thing))
    if isinstance(thing, dict):
        return 64 + sum(weight(key) + weight(value) for key, value in thing.items())
    if isinstance(thing, list | tuple):
        return 64 + sum(map(weight, thing))
    return len(thing) if isinstance(thing, str | bytes) else 32


def content_key(what: str, device: str) -> str:
    """A digest of all that a result depends on: the lab's own key, the code and the class of device."""
    import torch

    parts = [what, __version__, torch.__version__, device.split(":")[0]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
