"""The Scrub lab as the doors know it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from explorer.labs.base import AbstractLab
from explorer.labs.scene import Event
from explorer.labs.scrub import compute
from explorer.labs.scrub.loaded import LoadedRecord, events_of
from explorer.labs.scrub.recipe import recipe
from explorer.labs.scrub.state import ScrubState, settled
from explorer.labs.shelf import Shelf
from explorer.maths.fields import AbstractField
from explorer.maths.targets import AbstractTarget
from explorer.maths.trajectory import Trajectory
from explorer.models.zoo import CATALOGUE


class ScrubLab(AbstractLab[ScrubState]):
    """Choose a target, a model and a sampler; drag time."""

    name: ClassVar[str] = "scrub"
    label: ClassVar[str] = "Scrub"
    State = ScrubState
    layers: ClassVar[Mapping[str, str]] = {
        "target": "a draw of the data",
        "particles": "the samples at this time",
        "paths": "the whole way of some particles",
        "clean": "the model's guess at the clean sample, E[x_0 | x_t]",
        "field": "the velocity toward the data",
        "density": "where the particles are dense",
        "pairs": "the same noise in both runs, joined",
    }
    layers_on: ClassVar[Sequence[str]] = ("target", "particles", "paths", "clean")
    own: ClassVar[Mapping[str, tuple[type, ...]]] = {"target": (AbstractTarget,), "model": (AbstractField,)}

    def meant(self, choices: dict[str, Any]) -> dict[str, Any]:
        """A choice for the second run alone asks for the comparison."""
        is_second = any(self.controls[name].group == "compare" for name in choices)
        return {"compare": True} | choices if is_second else choices

    def settled(self, values: dict[str, Any], just: str) -> dict[str, Any]:
        return settled(values, just)

    def events(
        self, state: ScrubState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
    ) -> Iterator[Event]:
        return compute.events(state, shelf, device, stop)

    def launch(
        self,
        state: ScrubState,
        x: Sequence[float],
        share: float,
        pane: int,
        slot: int,
        shelf: Shelf,
        device: str = "cpu",
    ) -> Iterator[Event]:
        return compute.launch(state, x, share, pane, slot, shelf, device)

    def key(self, state: ScrubState, shelf: Shelf) -> str:
        weights = CATALOGUE[state.model].sha256 if state.model in CATALOGUE else ""
        return json.dumps([self.name, vars(state), weights], sort_keys=True)

    def recipe(self, state: ScrubState) -> str:
        return recipe(state)

    def runs(self, record: Any) -> list[Trajectory]:
        if isinstance(record, LoadedRecord):
            return list(record.runs)
        return [pane.run for pane in record.panes]

    def recorded(self, *runs: Trajectory) -> Iterator[Event]:
        return events_of(*runs)
