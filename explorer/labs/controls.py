"""Controls as data: what a person may choose, within which bounds, said in which words.

A lab's ``State`` carries them in its annotations (``Annotated[int, Slider(...)]``). Every door turns them into
its toolkit's widgets, and every value is checked here again, since a widget is no boundary.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from explorer.maths.names import nearest

Values = Mapping[str, Any]
Options = Callable[[Values], dict[str, str]]
Shown = Callable[[Values], bool]


def always(values: Values) -> bool:
    """Shown in every state."""
    return True


def _said(bound: float) -> str:
    return f"{int(bound):,}" if float(bound).is_integer() else f"{bound:g}"


@dataclass(frozen=True)
class Choice:
    """One of several names. ``options(values)`` gives key -> label, given the other values."""

    label: str
    options: Options
    group: str = "how"
    hint: str = ""
    more: bool = False
    shown: Shown = always

    def checked(self, name: str, value: object, values: Values) -> str:
        """The value itself, or a sentence with the nearest options."""
        return nearest(name, value, self.options(values))


@dataclass(frozen=True)
class Chips:
    """Up to ``most`` of several names, at least ``fewest``: one text, the names as they were chosen, with commas."""

    label: str
    options: Options
    most: int = 3
    fewest: int = 0
    group: str = "how"
    hint: str = ""
    more: bool = False
    shown: Shown = always

    def checked(self, name: str, value: object, values: Values) -> str:
        """The value itself, or a sentence with the nearest options or the most that there may be."""
        return self.among(name, value, self.options(values))

    def among(self, name: str, value: object, options: Mapping[str, str]) -> str:
        """The value itself, where all of its names are among ``options``; else a sentence."""
        chosen = chosen_in(value)
        for each in chosen:
            nearest(name, each, options)
        if not self.fewest <= len(chosen) <= self.most or len(set(chosen)) < len(chosen):
            raise ValueError(
                f"`{name}` must be {self.fewest} to {self.most} different names; got {len(chosen)}: "
                f"{', '.join(chosen)[:80]}"
            )
        return ",".join(chosen)


def chosen_in(value: object) -> list[str]:
    """The names in the value of chips, or the one name of a choice."""
    return [each for each in str(value).split(",") if each]


@dataclass(frozen=True)
class Slider:
    """A number in [lo, hi] on a step; ``log`` spaces the slider by ratio."""

    label: str
    lo: float
    hi: float
    step: float = 1
    log: bool = False
    unit: str = ""
    group: str = "how"
    hint: str = ""
    more: bool = False
    shown: Shown = always

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return all(float(v).is_integer() for v in (self.lo, self.hi, self.step))

    def checked(self, name: str, value: object, values: Values) -> float | int:
        """The value as int or float, or a sentence with the bounds."""
        number: Any = value
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or not self.lo <= number <= self.hi or (self.whole and number != int(number)):
            kind = "a whole number" if self.whole else "a number"
            # Raised where it is made: kept in a variable it would keep its own frame, and a visitor's things in it.
            raise ValueError(
                f"`{name}` must be {kind} from {_said(self.lo)} to {_said(self.hi)}; got {str(value)[:40]!r}"
            )
        return int(number) if self.whole else float(number)


@dataclass(frozen=True)
class Seed:
    """A whole number that fixes every draw; with a button that draws another."""

    label: str = "Seed"
    group: str = "how"
    hint: str = "the same seed gives the same noise, on every device"
    more: bool = False
    shown: Shown = always

    def checked(self, name: str, value: object, values: Values) -> int:
        """The value itself, or a sentence with the bounds."""
        return int(Slider(self.label, 0, 2**32 - 1).checked(name, value, values))


@dataclass(frozen=True)
class Switch:
    """On or off."""

    label: str
    group: str = "how"
    hint: str = ""
    more: bool = False
    shown: Shown = always

    def checked(self, name: str, value: object, values: Values) -> bool:
        """The value itself, or a sentence."""
        if not isinstance(value, bool):
            raise ValueError(f"`{name}` must be true or false; got {str(value)[:40]}")
        return value


@dataclass(frozen=True)
class Action:
    """Work that goes on while this is on: a button, with its words for either case. No link carries it."""

    label: str
    label_on: str
    group: str = "how"
    hint: str = ""
    more: bool = False
    shown: Shown = always

    def checked(self, name: str, value: object, values: Values) -> bool:
        """The value itself, or a sentence."""
        return Switch(self.label).checked(name, value, values)


Control = Choice | Chips | Slider | Seed | Switch | Action


def controls_of(state: type) -> dict[str, Control]:
    """The controls that a State carries, by field name, in their order."""
    hints = get_type_hints(state, include_extras=True)
    return {name: hints[name].__metadata__[0] for name in state.__dataclass_fields__}  # type: ignore[attr-defined] # a dataclass


def check_texts(state: type, values: Values) -> None:
    """Names must be text before any option is derived from them. Raises ValueError naming the first that is not."""
    for name, control in controls_of(state).items():
        if isinstance(control, Choice | Chips) and not isinstance(values[name], str):
            raise ValueError(f"`{name}` must be one of the known names; got {str(values[name])[:40]!r}")
