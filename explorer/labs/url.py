"""A lab's state as the query of a link, and back: short, typed, versioned.

Only what differs from the defaults of ``VERSION`` is written. Whoever changes a default or renames a control raises
the version and adds an entry to ``EARLIER``, so that links that were sent stay good. Nothing in a link can raise: what
cannot be taken is left at its default, and a sentence says so.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from explorer.labs.base import AbstractLab
from explorer.labs.controls import Action, Chips, Choice, Seed, Slider, Switch, chosen_in
from explorer.labs.shelf import PREFIX, Shelf

VERSION = 1
EARLIER: Mapping[int, Callable[[dict[str, str]], dict[str, str]]] = {}
"""Version -> what turns its texts into those of the next version."""
LONGEST = 2048
SHARE = "at"
"""The cursor's name in a link."""


@dataclass(frozen=True)
class Opened:
    """What a link led to: the state, the cursor where it names one, and a sentence for each thing left out."""

    state: Any
    share: float | None = None
    notes: tuple[str, ...] = ()


def link_of(lab: AbstractLab, state: Any, share: float | None = None) -> str:
    """The query that opens ``state`` with the cursor at ``share``, without its question mark."""
    start = vars(lab.initial())
    texts = {"v": str(VERSION), "lab": lab.name}
    known = {name for name, control in lab.controls.items() if not isinstance(control, Action)}
    texts |= {
        name: _text(value) for name, value in vars(state).items() if value != start[name] and name in known
    }
    if share is not None:
        texts[SHARE] = f"{share:.3f}".rstrip("0").rstrip(".")
    return urlencode(texts, safe="/:,")


def opened(lab: AbstractLab, query: str, shelf: Shelf) -> Opened:
    """The state that a query names, as far as it can be had."""
    if len(query) > LONGEST:
        return Opened(
            lab.initial(),
            notes=(f"a link may have {LONGEST:,} characters, this one has more; opened afresh",),
        )
    try:
        texts = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=64))
    except ValueError:
        return Opened(lab.initial(), notes=("this link holds too many entries; opened afresh",))
    there = texts.pop("lab", lab.name)
    texts, notes = _of_this_version(texts)
    if there != lab.name:
        notes.insert(0, f"this link names the lab {there[:30]!r}, which is not there; {lab.label} was opened")
    share = _share(texts.pop(SHARE, None), notes)
    values = _values(lab, texts, shelf, notes)
    return Opened(_built(lab, values, shelf, notes), share, tuple(notes))


def carried(lab: AbstractLab, state: Any, other: AbstractLab, shelf: Shelf) -> Any:
    """The state of another lab that holds what was chosen in this one, as far as both know it.

    A control of the same name and label is the same choice. What was not chosen stays as a newcomer to the other
    lab sees it, and so does what does not fit there.
    """
    start, new = lab.initial(), other.initial()
    for name, control in other.controls.items():
        here = lab.controls.get(name)
        if here is None or here.label != control.label:
            continue
        value = getattr(state, name)
        if not _is_strange(other, name, str(value), shelf) and value not in (
            getattr(start, name),
            getattr(new, name),
        ):
            with suppress(ValueError):
                new = other.changed(new, name, value, shelf)
    return new


def _is_strange(lab: AbstractLab, name: str, text: str, shelf: Shelf) -> bool:
    """Whether a value names things of another visitor."""
    own = [each for each in chosen_in(text) if each.startswith(PREFIX)]
    if not own or not isinstance(lab.controls[name], Choice | Chips):
        return False
    return not set(own) <= set(lab.options(vars(lab.initial()), name, shelf))


def _of_this_version(texts: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    said = texts.pop("v", str(VERSION))
    version = int(said) if said.isascii() and said.isdigit() and len(said) < 6 else 0
    if not 1 <= version <= VERSION:
        return texts, ["this link comes from another version; what it names in common was opened"]
    for earlier in range(version, VERSION):
        texts = EARLIER[earlier](texts)
    return texts, []


def _share(text: str | None, notes: list[str]) -> float | None:
    if text is None:
        return None
    share = _number(text)
    if share is None or not 0 <= share <= 1:
        notes.append(f"the time {text[:20]!r} in this link is no noise share from 0 to 1")
        return None
    return share


def _values(lab: AbstractLab, texts: Mapping[str, str], shelf: Shelf, notes: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in texts.items():
        if name not in lab.controls:
            notes.append(f"this link names {name[:30]!r}, which is not known here")
        elif isinstance(lab.controls[name], Action):
            notes.append(f"what {name[:30]!r} starts is started by hand, never by a link")
        elif _is_strange(lab, name, text, shelf):
            notes.append(
                f"the {name} of this link was drawn or loaded by another visitor and cannot be shared"
            )
        elif (value := _read(lab.controls[name], text)) is None:
            notes.append(f"the {name} {text[:30]!r} in this link cannot be read; the default was taken")
        else:
            values[name] = value
    return values


def _built(lab: AbstractLab, values: dict[str, Any], shelf: Shelf, notes: list[str]) -> Any:
    """All values at once where they go together; else one after another, leaving out what does not fit."""
    state = lab.initial()
    try:
        return lab.built(vars(state) | values, shelf)
    except ValueError:
        pass
    for name in lab.controls:
        if name in values:
            try:
                state = lab.changed(state, name, values[name], shelf)
            except ValueError as fault:
                notes.append(f"from this link, {fault}")
    return state


def _read(control: Any, text: str) -> Any:
    match control:
        case Choice():
            return text[:80]
        case Chips():
            return text[:240]
        case Switch():
            return {"1": True, "0": False}.get(text)
        case Slider() if not control.whole:
            return _number(text)
        case Slider() | Seed():
            number = _number(text)
            return int(number) if number is not None and number == int(number) else None
    return None


def _number(text: str) -> float | None:
    try:
        number = float(text) if len(text) <= 24 else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
