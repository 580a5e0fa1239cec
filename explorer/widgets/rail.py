"""The controls of a lab as ipywidgets, in the groups of the dashboard's left rail."""

import html
import math
import secrets
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ipywidgets as widgets

from explorer.labs.controls import Action, Chips, Choice, Control, Seed, Slider
from explorer.widgets.chips import ActionButton, ChipRow
from explorer.widgets.desk import Desk

STOPS = 120
Ask = Callable[[str, Any], None]


class Rail(widgets.VBox):
    """One control for each field of the state; a choice is passed to ``ask``, and ``update`` shows the answer."""

    def __init__(self, desk: Desk, state: Any, ask: Ask):
        self._desk, self._ask, self._is_quiet, self._is_open = desk, ask, False, False
        self.controls = {name: self._built(name, control) for name, control in desk.lab.controls.items()}
        self._headings = {key: _heading(key, words) for key, words in desk.lab.groups.items()}
        self._more = widgets.Button(tooltip="the controls that are seldom needed")
        self._more.add_class("ex-more")
        self._more.on_click(self._flip)
        self.note = widgets.HTML()
        self.note.add_class("ex-note")
        super().__init__()
        self.add_class("ex-rail")
        self.update(state)

    # --- building ---

    def _built(self, name: str, control: Control) -> Any:
        label = self._desk.lab.label_of(control)
        about = {"description": label, "tooltip": _hint(control)}
        if isinstance(control, Choice):
            shown: Any = widgets.Dropdown(**about)
        elif isinstance(control, Chips):
            shown = ChipRow(control, label, _hint(control))
        elif isinstance(control, Action):
            shown = ActionButton(control, _hint(control))
        elif isinstance(control, Slider):
            shown = widgets.SelectionSlider(options=[control.lo], continuous_update=False, **about)
        elif isinstance(control, Seed):
            # Not a bounded one: that would change a wrong number in silence, and the lab answers with a sentence.
            shown = widgets.IntText(continuous_update=False, **about)
        else:
            shown = widgets.ToggleButton(**(about | {"description": label.lower()}))
        shown.add_class(f"ex-{type(control).__name__.lower()}")
        shown.observe(lambda change: self._hear(name, change["new"]), "value")
        return self._with_roll(name, shown) if isinstance(control, Seed) else shown

    def _with_roll(self, name: str, shown: Any) -> widgets.HBox:
        roll = widgets.Button(description="↻", tooltip="draw another seed")
        roll.add_class("ex-roll")
        roll.on_click(lambda _: self._ask(name, secrets.randbelow(10_000)))
        row = widgets.HBox([shown, roll])
        row.add_class("ex-seed-row")
        return row

    def _hear(self, name: str, value: Any) -> None:
        if not self._is_quiet:
            self._ask(name, value)

    def _flip(self, _button: object) -> None:
        self._is_open = not self._is_open
        self._place()

    # --- showing ---

    def update(self, state: Any, note: str = "") -> None:
        """Show the state, and a sentence where something was refused."""
        self._state, self._is_quiet = state, True
        try:
            for name, control in self._desk.lab.controls.items():
                self._fill(name, control)
        finally:
            self._is_quiet = False
        self.note.value = html.escape(note)
        self._place()

    def _fill(self, name: str, control: Control) -> None:
        shown, value = self.input(name), self._desk.value(self._state, name)
        if isinstance(control, Choice | Chips):
            options = self._desk.options(self._state, name)
            _offer(shown, tuple((_label(key, words), key) for key, words in options.items()))
        elif isinstance(control, Slider):
            _offer(shown, tuple((said(stop), stop) for stop in stops_of(control, value)))
        if shown.value != value:
            shown.value = value

    def parts(self) -> list[Any]:
        """All that the rail ever shows."""
        seeds = [part for shown in self.controls.values() for part in getattr(shown, "children", ())]
        return [*seeds, *self.controls.values(), *self._headings.values(), self._more, self.note]

    def input(self, name: str) -> Any:
        """The very widget that holds a control's value."""
        shown = self.controls[name]
        return shown.children[0] if isinstance(shown, widgets.HBox) else shown

    def _place(self) -> None:
        controls = self._desk.lab.controls.items()
        seen = {name: control for name, control in controls if self._desk.is_shown(self._state, name)}
        rest = [name for name, control in seen.items() if control.more]
        children: list[Any] = []
        for key in self._headings:
            names = [name for name, control in seen.items() if control.group == key and not control.more]
            if names:
                children += [self._headings[key], *(self.controls[name] for name in names)]
        if rest:
            self._more.description = "Fewer" if self._is_open else f"More: {', '.join(map(self._word, rest))}"
            children += [self._more, *(self.controls[name] for name in rest if self._is_open)]
        children.append(self.note)
        self.children = tuple(children)

    def _word(self, name: str) -> str:
        return self._desk.lab.controls[name].label.split(",")[-1].strip().lower()


def close_whole(widget: widgets.DOMWidget) -> None:
    """Close a widget with its layout and its style, which outlive it otherwise."""
    for part in (getattr(widget, "style", None), widget.layout, widget):
        if part is not None:
            part.close()


def stops_of(control: Slider, value: float) -> list[float]:
    """The places of a slider: every step, or about 120 by ratio; ``value`` is among them.

    Those by ratio have two digits where numbers are whole, and three else.
    """
    if control.log:
        ratio, digits = control.hi / control.lo, 2 if control.whole else 3
        stops = {_rounded(control.lo * ratio ** (i / STOPS), digits, control.step) for i in range(STOPS + 1)}
    else:
        count = round((control.hi - control.lo) / control.step)
        stops = {float(f"{control.lo + i * control.step:.12g}") for i in range(count + 1)}
    kind = int if control.whole else float
    inside = {
        kind(stop) for stop in (*stops, control.lo, control.hi, value) if control.lo <= stop <= control.hi
    }
    return sorted(inside)


def _rounded(exact: float, digits: int, step: float) -> float:
    unit = max(step, 10.0 ** (math.floor(math.log10(exact) + 1e-9) + 1 - digits))
    return float(f"{round(exact / unit) * unit:.12g}")


def said(value: float) -> str:
    """A number on screen: whole ones in groups of three, others with three digits and no exponent."""
    if float(value).is_integer():
        return f"{int(value):,}".replace(",", " ")
    return format(Decimal(f"{value:.3g}"), "f")


def _offer(shown: Any, options: tuple[tuple[str, Any], ...]) -> None:
    if tuple(shown.options) != options:
        shown.options = options


def _label(key: str, words: str) -> str:
    """Some schedulers of diffusers have the names of our own samplers."""
    return f"diffusers: {words}" if key.startswith("diffusers/") else words


def _hint(control: Control) -> str:
    bounds = f"{said(control.lo)} to {said(control.hi)}" if isinstance(control, Slider) else ""
    return "; ".join(filter(None, (control.hint, bounds)))


def _heading(key: str, words: str) -> widgets.HTML:
    heading = widgets.HTML(words)
    heading.add_class("ex-heading")
    heading.add_class(f"ex-heading-{key}")
    return heading
