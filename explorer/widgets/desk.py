"""What a person hands over becomes names that the lab knows: one shelf, and one state to begin with.

A person's own field brings its own path and classes, which the lab's menus do not know; they are added here.
"""

from collections.abc import Mapping
from typing import Any

import torch

from explorer.labs.controls import Choice
from explorer.labs.known import CATALOGUE, PATHS, TARGETS, AbstractField, AbstractTarget, as_target, nearest
from explorer.labs.menus import ANY, EXACT, NO_TARGET, PICTURES, is_own
from explorer.labs.scrub import ScrubLab, ScrubState
from explorer.labs.scrub.plan import target_of
from explorer.labs.scrub.state import SAME
from explorer.labs.shelf import Shelf

SECOND = ("sampler_2", "steps_2", "grid_2", "path_2")


class Desk:
    """The lab over one person's own things."""

    def __init__(self, lab: ScrubLab):
        self.lab, self.shelf = lab, Shelf()
        self._given: dict[
            str, tuple[AbstractField, str]
        ] = {}  # key under a condition -> the field without, the label

    # --- the first state ---

    def state_of(self, thing: object, choices: Mapping[str, Any]) -> ScrubState:
        """The state that shows ``thing`` under ``choices``.

        Raises:
            ValueError: one sentence, for a thing that cannot be sampled or a choice that is not there.
        """
        choices = dict(choices)
        values = vars(self.lab.initial()) | self._named(thing, choices.pop("target", None))
        self._check_names(choices)
        if any(name in choices for name in SECOND):
            choices = {"compare": True} | choices
        label = choices.pop("label", None)
        state = self._checked(self.lab.built(values | choices, self.shelf))
        return state if label is None else self.changed(state, "label", label)

    def _named(self, thing: object, target: object) -> dict[str, Any]:
        """The values that name a thing, what follows from it settled."""
        if isinstance(thing, AbstractField):
            return self._field(thing, target)
        if isinstance(thing, str) and thing in CATALOGUE:
            entry = CATALOGUE[thing]
            home = entry.target if target is None else target
            return self._on(home, {"model": entry.name, "path": entry.path})
        if target is not None:
            raise ValueError("`target` goes with a field; give the target itself, as in ex.scrub(target)")
        if isinstance(thing, str | AbstractTarget):
            return self._on(thing, {})
        raise ValueError(_unfit(thing))

    def _field(self, field: AbstractField, target: object) -> dict[str, Any]:
        known = field.path.name in PATHS and PATHS[field.path.name]() == field.path
        path = {"path": field.path.name} if known else {}
        of = getattr(field, "target", None) or getattr(field, "mixture", None)
        if isinstance(of, AbstractTarget) and known and target is None:
            return self._on(of, {"model": EXACT} | path)
        if tuple(field.shape) == (1,):
            raise ValueError("a field is drawn in the plane or as pictures; got one of a single number")
        home = of if target is None else target
        own = {"model": self.shelf.put_field(field)} | path
        if home is None:
            return own | {"target": NO_TARGET, "n": self._samples(field.shape)}
        return self._on(home, own)

    def _on(self, target: object, values: dict[str, Any]) -> dict[str, Any]:
        """``values`` with the target's name and a fitting number of samples."""
        if isinstance(target, str):
            names = [*TARGETS, *CATALOGUE]
            found = as_target(nearest("target", target, names))
            return {"target": target, "n": self._samples(found.shape)} | values
        if not isinstance(target, AbstractTarget):
            raise ValueError(f"`target` must be a target or its name; got {type(target).__name__}")
        is_listed = target.name in TARGETS and as_target(target.name) is target
        key = target.name if is_listed else self.shelf.put_target(target)
        return {"target": key, "n": self._samples(target.shape)} | values

    def _samples(self, shape: tuple[int, ...]) -> int:
        return PICTURES if len(shape) > 1 else self.lab.initial().n

    def _check_names(self, choices: Mapping[str, Any]) -> None:
        for name in choices:
            if name not in self.lab.controls:
                nearest("choice", name, self.lab.controls)

    # --- one choice ---

    def changed(self, state: ScrubState, name: str, value: object) -> ScrubState:
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
            return self.lab.built(vars(state) | {"target": NO_TARGET, "label": ANY}, self.shelf)
        return self._checked(self.lab.changed(state, name, value, self.shelf))

    def _checked(self, state: ScrubState) -> ScrubState:
        """The state itself, when its model and its target have samples of one shape."""
        if is_own(state.model) and (target := target_of(state, self.shelf)) is not None:
            shape = tuple(self.shelf.field(state.model).shape)
            if shape != tuple(target.shape):
                raise ValueError(
                    f"the model's samples have shape {list(shape)}, those of the target "
                    f"{list(target.shape)}; choose a target of the model's shape"
                )
        return state

    def _brings_labels(self, state: ScrubState) -> bool:
        """Whether the classes are the model's own, not those of a listed target."""
        if not is_own(state.model):
            return False
        return not (state.target in TARGETS and TARGETS[state.target].labels == self._base(state).labels)

    def _base(self, state: ScrubState) -> AbstractField:
        """The person's field without a condition."""
        given = self._given.get(state.model)
        return self.shelf.field(state.model) if given is None else given[0]

    def _conditioned(self, state: ScrubState, value: object) -> ScrubState:
        field = self._base(state)
        label = nearest("label", value, [ANY, *field.labels])
        if label == ANY:
            key = self.shelf.put_field(field)
        else:
            key = self.shelf.put_field(field.given(label), f"Your model, {label}")
            self._given[key] = (field, label)
        return self.lab.built(vars(state) | {"model": key}, self.shelf)

    # --- what is offered ---

    def options(self, state: ScrubState, name: str) -> dict[str, str]:
        """Key -> label of what a choice offers now."""
        options = self.lab.options(dict(vars(state)), name, self.shelf)
        if name == "model":
            options = {
                key: label for key, label in options.items() if key not in self._given or key == state.model
            }
        if not is_own(state.model):
            return options
        if name == "label" and self._brings_labels(state):
            return {ANY: "Any"} | {label: label for label in self._base(state).labels}
        if name in ("path", "path_2"):
            only = self.shelf.field(state.model).path
            same = {SAME: "The same"} if name == "path_2" else {}
            return same or ({only.name: only.label} if only.name in options else {state.path: only.label})
        return options

    def is_shown(self, state: ScrubState, name: str) -> bool:
        """Whether a control has anything to say now."""
        if name == "label":
            return len(self.options(state, name)) > 1
        return self.lab.controls[name].shown(vars(state))

    def value(self, state: ScrubState, name: str) -> Any:
        """What a control shows."""
        if name == "label" and state.model in self._given:
            return self._given[state.model][1]
        return getattr(state, name)

    def recipe(self, state: ScrubState) -> str:
        """The lab's lines, the condition of a person's own field in them."""
        lines = self.lab.recipe(state)
        if state.model in self._given:
            lines = lines.replace(
                "ex.record(field,", f"ex.record(field.given({self._given[state.model][1]!r}),"
            )
        return lines

    def device(self, state: ScrubState) -> str:
        """Where a person's own module lives; the CPU for all others."""
        module = getattr(self.shelf.field(state.model), "module", None) if is_own(state.model) else None
        parameter = next(module.parameters(), None) if isinstance(module, torch.nn.Module) else None
        return "cpu" if parameter is None else str(parameter.device)


def _unfit(thing: object) -> str:
    """Why a thing cannot be shown, and what to do."""
    kind = type(thing).__name__
    if isinstance(thing, torch.nn.Module):
        return (
            f"a module alone does not say what it predicts; got {kind}; wrap it: "
            f'ex.scrub(ex.NetworkField(module, path="linear", predicts="velocity"))'
        )
    return (
        f"ex.scrub shows a target, a field, the name of one of them, or a recorded run; got {kind}; "
        f"see ex.TARGETS, ex.NetworkField and ex.trajectory"
    )
