"""The Curvature lab as the doors know it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from explorer.labs.base import AbstractLab
from explorer.labs.curvature import compute, launch
from explorer.labs.curvature.recipe import recipe
from explorer.labs.curvature.state import NOTHING, CurvatureState, settled
from explorer.labs.menus import ANY, NO_TARGET
from explorer.labs.scene import Event
from explorer.labs.shelf import Shelf
from explorer.maths.fields import AbstractField
from explorer.maths.targets import AbstractTarget
from explorer.maths.trajectory import Trajectory
from explorer.models.zoo import CATALOGUE


class CurvatureLab(AbstractLab[CurvatureState]):
    """Where a trajectory bends, how much, and what it costs."""

    name: ClassVar[str] = "curvature"
    label: ClassVar[str] = "Curvature"
    State = CurvatureState
    groups: ClassVar[Mapping[str, str]] = {
        "what": "What",
        "compare": "Beside it",
        "how": "How",
        "show": "Show",
    }
    layers: ClassVar[Mapping[str, str]] = {
        "target": "a draw of the data",
        "map": "the map that colours the ground",
        "particles": "the samples at this time",
        "paths": "the whole way of some particles, in the colour of what was asked",
        "density": "where the particles are dense",
        "pairs": "the same noise in all panes, end points joined",
    }
    layers_on: ClassVar[Sequence[str]] = ("target", "map", "particles", "paths")
    own: ClassVar[Mapping[str, tuple[type, ...]]] = {
        "target": (AbstractTarget,),
        **dict.fromkeys(("model", "second", "third"), (AbstractField, Trajectory)),
    }
    alone: ClassVar[Mapping[str, Any]] = {"second": NOTHING, "third": NOTHING}

    def settled(self, values: dict[str, Any], just: str) -> dict[str, Any]:
        return settled(values, just)

    def events(
        self,
        state: CurvatureState,
        shelf: Shelf,
        device: str = "cpu",
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Event]:
        return compute.events(state, shelf, device, stop)

    def launch(
        self,
        state: CurvatureState,
        x: Sequence[float],
        share: float,
        pane: int,
        slot: int,
        shelf: Shelf,
        device: str = "cpu",
    ) -> Iterator[Event]:
        return launch.launch(state, x, share, pane, slot, shelf, device)

    def key(self, state: CurvatureState, shelf: Shelf) -> str:
        weights = [CATALOGUE[name].sha256 for name in state.models if name in CATALOGUE]
        return json.dumps([self.name, vars(state), weights], sort_keys=True)

    def recipe(self, state: CurvatureState) -> str:
        return recipe(state)

    def runs(self, record: Any) -> list[Trajectory]:
        return [pane.paths.run for pane in record.panes]

    def taken(self, state: CurvatureState, run: Trajectory, shelf: Shelf) -> CurvatureState:
        """The state that measures a run recorded elsewhere, alone."""
        values = vars(self.initial()) | {
            "model": shelf.put_run(run),
            "target": NO_TARGET,
            "second": NOTHING,
            "third": NOTHING,
            "label": ANY,
            "coordinates": state.coordinates,
            "n": max(16, min(self.initial().n, run.states.shape[1])),
        }
        if run.states.dim() != 3 or run.states.shape[2] != 2:
            values["view"] = "chord"
        return self.built(values, shelf)
