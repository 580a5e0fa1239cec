"""Several of several, as a row of buttons; and a button for work that goes on."""

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
from traitlets import Bool, Unicode

from explorer.labs.controls import Action, Chips, chosen_in


class ChipRow(widgets.VBox):
    """``value`` holds the chosen keys joined by commas, in the order of choice."""

    value = Unicode("")

    def __init__(self, control: Chips, label: str, hint: str):
        self._control, self._is_quiet = control, False
        self._options: tuple[tuple[str, str], ...] = ()
        name = widgets.Label(label, tooltip=hint)
        self._row = widgets.Box()
        self._row.add_class("ex-chip-row")
        super().__init__([name, self._row])
        self.observe(lambda _: self._press(), "value")

    @property
    def options(self) -> tuple[tuple[str, str], ...]:
        """Label and key of each chip."""
        return self._options

    @options.setter
    def options(self, options: Sequence[tuple[str, str]]) -> None:
        self._options = tuple(options)
        for old in self._row.children:
            old.close()
        self._row.children = tuple(self._chip(label, key) for label, key in self._options)
        self._press()

    def _chip(self, label: str, key: str) -> widgets.ToggleButton:
        chip = widgets.ToggleButton(description=label)
        chip.add_class("ex-chip")
        chip.observe(lambda change: self._hear(key, change["new"]), "value")
        return chip

    def _hear(self, key: str, is_on: bool) -> None:
        if self._is_quiet:
            return
        chosen = [each for each in chosen_in(self.value) if each != key]
        if is_on:
            chosen = [*chosen[: self._control.most - 1], key]
        if len(chosen) < self._control.fewest:
            self._press()  # the last one stays
        else:
            self.value = ",".join(chosen)

    def _press(self) -> None:
        """Show what is chosen, each in the colour of its place."""
        chosen, self._is_quiet = chosen_in(self.value), True
        for (_, key), chip in zip(self._options, self._row.children, strict=True):
            chip.value = key in chosen
            for place in range(self._control.most):
                (chip.add_class if chosen[place : place + 1] == [key] else chip.remove_class)(
                    f"ex-place-{place}"
                )
        self._is_quiet = False


class ActionButton(widgets.ToggleButton):
    """On while the work goes on."""

    value = Bool(False).tag(sync=True)

    def __init__(self, control: Action, hint: str):
        self._control = control
        super().__init__(description=control.label, tooltip=hint)
        self.observe(self._say, "value")

    def _say(self, change: dict[str, Any]) -> None:
        self.description = self._control.label_on if change["new"] else self._control.label
