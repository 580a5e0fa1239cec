"""The Landscape lab as the doors know it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from explorer.labs.base import AbstractLab
from explorer.labs.landscape import launch, river, spectrum, surface, training
from explorer.labs.landscape.menus import RIVER, SPECTRUM, STAGE, SURFACE, TRAINING, WAYS
from explorer.labs.landscape.own import Own, brought
from explorer.labs.landscape.recipe import recipe
from explorer.labs.landscape.room import room_key
from explorer.labs.landscape.state import LandscapeState, settled
from explorer.labs.landscape.subject import identity
from explorer.labs.menus import is_own
from explorer.labs.scene import Event
from explorer.labs.shelf import Shelf
from explorer.maths.trajectory import Trajectory

VIEWS = {SURFACE: surface.events, SPECTRUM: spectrum.events, TRAINING: training.events, RIVER: river.events}


class LandscapeLab(AbstractLab[LandscapeState]):
    """The loss surface of a network, its curvature, and what trains on it."""

    name: ClassVar[str] = "landscape"
    label: ClassVar[str] = "Landscape"
    State = LandscapeState
    groups: ClassVar[Mapping[str, str]] = {
        "what": "What",
        "plane": "Plane",
        "train": "Training",
        "how": "Draws",
        "show": "Show",
    }
    layers: ClassVar[Mapping[str, str]] = {
        "map": "the loss on the plane",
        "particles": "where the weights are at this step",
        "paths": "the way of the weights",
    }
    layers_on: ClassVar[Sequence[str]] = ("map", "particles", "paths")
    own: ClassVar[Mapping[str, tuple[type, ...]]] = {"problem": (Own,)}

    def brought(self, choices: Mapping[str, Any], shelf: Shelf) -> dict[str, Any]:
        return brought(choices, shelf)

    def is_batch(self, state: LandscapeState) -> bool:
        return state.view in (TRAINING, RIVER) and (state.train or state.decay)

    def options(self, values: dict[str, Any], name: str, shelf: Shelf) -> dict[str, str]:
        """Of a person's own module with checkpoints, the line to each of them too."""
        options = super().options(values, name, shelf)
        if name not in ("directions", "other") or not is_own(values["problem"]):
            return options
        known = shelf.thing(values["problem"], Own).checkpoints
        if name == "other":
            return {each: each for each in known} or options
        return options | ({STAGE: WAYS[STAGE]} if known else {})

    def changed(self, state: LandscapeState, name: str, value: object, shelf: Shelf) -> LandscapeState:
        """A newcomer to the valley finds what makes one: a rate that swings, and the noise of mini-batches."""
        new = super().changed(state, name, value, shelf)
        start = self.initial()
        is_plain = (new.rows, new.pace) == (start.rows, start.pace)
        room = shelf.unfinished(room_key(new))
        if name == "view" and new.view == RIVER and is_plain and (room is None or room.descent is None):
            return replace(new, rows=32, pace=2.0)
        return new

    def beside(self, state: LandscapeState, name: str, value: object, share: float | None) -> dict[str, Any]:
        """A decay begins at the step where the cursor stands."""
        if name != "decay" or value is not True or share is None or state.view != RIVER:
            return {}
        step = (1.0 - share) * river.last_step(state) / state.steps
        return {"decay_from": min(1.0, max(0.02, round(step, 4)))}

    def settled(self, values: dict[str, Any], just: str) -> dict[str, Any]:
        return settled(values, just)

    def events(
        self,
        state: LandscapeState,
        shelf: Shelf,
        device: str = "cpu",
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Event]:
        return VIEWS[state.view](state, shelf, device, stop)

    def launch(
        self,
        state: LandscapeState,
        x: Sequence[float],
        share: float,
        pane: int,
        slot: int,
        shelf: Shelf,
        device: str = "cpu",
    ) -> Iterator[Event]:
        if state.view == RIVER:
            return river.launch(state, shelf, share, pane, slot)
        return launch.launch(state, x, pane, slot, shelf, device)

    def key(self, state: LandscapeState, shelf: Shelf) -> str:
        return json.dumps(
            [self.name, vars(state), identity(state), *self._room(state, shelf)], sort_keys=True
        )

    def _room(self, state: LandscapeState, shelf: Shelf) -> list[Any]:
        """What a picture of a training depends on beside the state: whose it is, and how far it is."""
        if state.view not in (TRAINING, RIVER):
            return []
        room = shelf.unfinished(room_key(state))
        return [id(shelf), 0 if room is None else room.looks]

    def recipe(self, state: LandscapeState) -> str:
        return recipe(state)

    def runs(self, record: Any) -> list[Trajectory]:
        return []
