"""The Step safety lab as the doors know it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from explorer.labs.base import AbstractLab
from explorer.labs.safety import arena, counter, ghosts, onset, samples, step, training
from explorer.labs.safety.menus import (
    ARENA,
    BY_STAGE,
    COLLAPSE,
    COUNTER,
    GHOSTS,
    ONE_NET,
    ONSET,
    SAMPLES,
    STEP,
    TRAINING,
)
from explorer.labs.safety.own import Trial, brought
from explorer.labs.safety.recipe import recipe
from explorer.labs.safety.state import SafetyState, settled
from explorer.labs.scene import Event
from explorer.labs.shelf import Shelf
from explorer.maths.trajectory import Trajectory

EVENTS = {
    STEP: step.events,
    GHOSTS: ghosts.events,
    SAMPLES: samples.events,
    TRAINING: training.events,
    ARENA: arena.events,
    ONSET: onset.events,
    COUNTER: counter.events,
}


class SafetyLab(AbstractLab[SafetyState]):
    """How far a step may go, in the radius of the softmax."""

    name: ClassVar[str] = "safety"
    label: ClassVar[str] = "Step safety"
    State = SafetyState
    groups: ClassVar[Mapping[str, str]] = {
        "what": "What",
        "step": "Step",
        "train": "Training",
        "how": "Draws",
        "show": "Show",
    }
    layers: ClassVar[Mapping[str, str]] = {
        "map": "what colours the ground",
        "particles": "the dots at this moment",
        "paths": "the way of the dots",
    }
    layers_on: ClassVar[Sequence[str]] = ("map", "particles", "paths")
    own: ClassVar[Mapping[str, tuple[type, ...]]] = {"net": (Trial,)}

    def brought(self, choices: Mapping[str, Any], shelf: Shelf) -> dict[str, Any]:
        return brought(choices, shelf)

    def settled(self, values: dict[str, Any], just: str) -> dict[str, Any]:
        return settled(values, just)

    def is_batch(self, state: SafetyState) -> bool:
        is_long = state.view in (TRAINING, ARENA)
        is_long |= state.view == ONSET and state.question not in (BY_STAGE, ONE_NET)
        return is_long or (state.view == COUNTER and state.example == COLLAPSE)

    def events(
        self,
        state: SafetyState,
        shelf: Shelf,
        device: str = "cpu",
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Event]:
        return EVENTS[state.view](state, shelf, device, stop)

    def launch(
        self,
        state: SafetyState,
        x: Sequence[float],
        share: float,
        pane: int,
        slot: int,
        shelf: Shelf,
        device: str = "cpu",
    ) -> Iterator[Event]:
        raise ValueError("nothing is launched here: move the cursor, or choose another sample")

    def key(self, state: SafetyState, shelf: Shelf) -> str:
        return json.dumps([self.name, vars(state)], sort_keys=True)

    def recipe(self, state: SafetyState) -> str:
        return recipe(state)

    def runs(self, record: Any) -> list[Trajectory]:
        return []
