"""One lab over one person's own things: a shelf, and what the controls say of what lies on it.

A person's own field brings its own path and classes, which the lab's menus do not know; they are added here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from explorer.labs.base import AbstractLab
from explorer.labs.controls import Choice
from explorer.labs.known import PATHS, TARGETS, AbstractField, nearest
from explorer.labs.menus import ANY, NO_TARGET, is_own
from explorer.labs.shelf import Shelf
from explorer.labs.things import fitting, state_of


class Desk:
    """A lab over one person's own things."""

    def __init__(self, lab: AbstractLab):
        self.lab, self.shelf = lab, Shelf()
        self._given: dict[
            str, tuple[AbstractField, str]
        ] = {}  # key under a condition -> the field without, the label

    # --- states ---

    def state_of(self, things: Sequence[object], choices: Mapping[str, Any]) -> Any:
        """The state that shows things under ``choices``; None for a recorded run that the lab shows with no state.

        Raises:
            ValueError: one sentence, for a thing that cannot be shown or a choice that is not there.
        """
        choices = dict(choices)
        label = choices.pop("label", None)
        state = state_of(self.lab, self.shelf, things, choices)
        return state if label is None or state is None else self.changed(state, "label", label)

    def changed(self, state: Any, name: str, value: object) -> Any:
        """The state after one choice.

        Raises:
            ValueError: one sentence, for a choice that cannot be.
        """
        if name == "label" and self._brings_labels(state):
            return self._conditioned(state, value)
        if isinstance(self.lab.controls.get(name), Choice) and value not in (
            options := self.options(state, name)
        ):
            nearest(name, value, options)
        if name == "target" and value == NO_TARGET:
            without = vars(state) | self.lab.alone | {"target": NO_TARGET, "label": ANY}
            return self.lab.built(without, self.shelf, just="label")
        return fitting(self.lab.changed(state, name, value, self.shelf), self.shelf)

    # --- one's own field ---

    def own_field(self, state: Any) -> AbstractField | None:
        """The person's field that is shown, under its condition where it has one."""
        key = _model(state)
        return self.shelf.field(key) if is_own(key) and self.shelf.run(key) is None else None

    def _base(self, state: Any) -> AbstractField | None:
        """The person's field without a condition."""
        given = self._given.get(_model(state))
        return self.own_field(state) if given is None else given[0]

    def _brings_labels(self, state: Any) -> bool:
        """Whether the classes are the model's own, not those of a listed target."""
        field = self._base(state)
        return field is not None and not (
            state.target in TARGETS and TARGETS[state.target].labels == field.labels
        )

    def _conditioned(self, state: Any, value: object) -> Any:
        field = self._base(state)
        assert field is not None, "only a field brings classes"
        label = nearest("label", value, [ANY, *field.labels])
        if label == ANY:
            key = self.shelf.put_field(field)
        else:
            key = self.shelf.put_field(field.given(label), f"Your model, {label}")
            self._given[key] = (field, label)
        return self.lab.built(vars(state) | {"model": key}, self.shelf)

    # --- what is offered ---

    def options(self, state: Any, name: str) -> dict[str, str]:
        """Key -> label of what a choice offers now."""
        options = self.lab.options(dict(vars(state)), name, self.shelf)
        value = getattr(state, name)
        options = {key: label for key, label in options.items() if key not in self._given or key == value}
        field = self.own_field(state)
        if field is None:
            return options
        if name == "label" and self._brings_labels(state):
            return {ANY: "Any"} | {label: label for label in self._base(state).labels}  # type: ignore[union-attr] # a field
        if name == "path":
            only = field.path
            return {only.name: only.label} if only.name in options else {state.path: only.label}
        if name == "path_2":  # beside a field of one's own stands the same path only
            return {key: label for key, label in options.items() if key not in PATHS}
        return options

    def is_shown(self, state: Any, name: str) -> bool:
        """Whether a control has anything to say now."""
        if name == "label":
            return len(self.options(state, name)) > 1
        return self.lab.controls[name].shown(vars(state))

    def value(self, state: Any, name: str) -> Any:
        """What a control shows."""
        if name == "label" and _model(state) in self._given:
            return self._given[state.model][1]
        return getattr(state, name)

    def recipe(self, state: Any) -> str:
        """The lab's lines, the condition of a person's own field in them."""
        lines = self.lab.recipe(state)
        if _model(state) in self._given:
            lines = lines.replace("(field,", f"(field.given({self._given[state.model][1]!r}),")
        return lines

    def name(self, state: Any) -> str:
        """The state in a few words that do not change from run to run."""
        places = [name for name in ("target", "model", "net", *self.lab.alone) if hasattr(state, name)]
        shown = {name: getattr(state, name) for name in places}
        words = [self._word(name, key) for name, key in shown.items() if self.lab.alone.get(name) != key]
        if is_own(_model(state)) and (run := self.shelf.run(state.model)) is not None:
            return ", ".join([*words, f"{run.steps} steps"])
        if not hasattr(state, "steps"):
            return ", ".join([*words, state.view])
        return ", ".join([*words, *filter(None, [getattr(state, "sampler", "")]), f"{state.steps} steps"])

    def _word(self, name: str, key: str) -> str:
        if not is_own(key):
            return key
        if name == "target":
            return "own target"
        run = self.shelf.run(key)
        return "own model" if run is None else f"recorded {run.sampler or 'run'}"

    def device(self, state: Any) -> str:
        """Where a person's own module lives; the CPU for all others."""
        module = getattr(self.own_field(state), "module", None)
        parameter = next(module.parameters(), None) if isinstance(module, torch.nn.Module) else None
        return "cpu" if parameter is None else str(parameter.device)


def _model(state: Any) -> str:
    """The key of the model that is asked; empty where a lab asks none."""
    return getattr(state, "model", "")
