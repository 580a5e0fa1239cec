"""A second, very small lab: what the doors must carry beside those that are there. Also a snippet that plants it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch

from explorer.labs.base import AbstractLab
from explorer.labs.controls import Choice, Seed, Slider, controls_of
from explorer.labs.menus import is_own, targets
from explorer.labs.scene import Begin, Block, Done, Event, Kind, Status
from explorer.maths.targets import AbstractTarget, as_target
from explorer.maths.trajectory import Trajectory, trajectory

PLANTED = """
import sys
sys.path.insert(0, "tests/app")
from draws import LAB
from explorer.labs import LABS
LABS[LAB.name] = LAB
"""


def _targets(values):
    return targets({"model": "exact"} | dict(values))


@dataclass(frozen=True)
class DrawsState:
    """A draw of the data that shrinks to a level."""

    target: Annotated[str, Choice("Target", _targets, "data")] = "two_moons"
    n: Annotated[int, Slider("Samples", 16, 4000, log=True, group="data")] = 500
    steps: Annotated[int, Slider("Moments", 3, 20, group="sizes")] = 5
    level: Annotated[float, Slider("Error level", 1e-5, 0.1, 1e-5, log=True, group="sizes")] = 0.01
    seed: Annotated[int, Seed(group="data")] = 42

    def __post_init__(self):
        values = vars(self)
        for name, control in controls_of(type(self)).items():
            object.__setattr__(self, name, control.checked(name, values[name], values))


class DrawsLab(AbstractLab[DrawsState]):
    """Data that shrinks."""

    name: ClassVar[str] = "draws"
    label: ClassVar[str] = "Draws"
    State = DrawsState
    groups: ClassVar[Mapping[str, str]] = {"sizes": "Sizes", "data": "Data", "show": "Show"}
    layers: ClassVar[Mapping[str, str]] = {
        "map": "a map",
        "particles": "the draw",
        "pairs": "two draws, joined",
    }
    layers_on: ClassVar[Sequence[str]] = ("map", "particles")

    def built(self, values, shelf, just=""):
        return DrawsState(**values)

    def options(self, values, name, shelf):
        return self.controls[name].options(values) | shelf.labels(AbstractTarget)

    def events(self, state, shelf, device="cpu", stop=lambda: False) -> Iterator[Event]:
        target = shelf.target(state.target) if is_own(state.target) else as_target(state.target)
        data = target.sample(state.n, state.seed).double()
        times = torch.linspace(1, 0, state.steps + 1, dtype=torch.float64)
        run = trajectory(
            times, torch.stack([data * (state.level + (1 - state.level) * float(t)) for t in times])
        )
        pane = {"label": "Draw", "note": "", "run": 1, "role": "state", "axes": ["x", "y"]}
        yield Begin({"version": 1, "title": "Draws", "box": [-3, -3, 3, 3], "panes": [pane], "launched": []})
        yield Block(Kind.TICKS, 1, 0, len(times), run.shares.float().reshape(-1, 1, 1).numpy())
        yield Block(Kind.STATE, 1, 0, len(times), run.states.float().numpy())
        yield Status("done", "done")
        yield Done(run, f"{state.steps} moments · 0 evals")

    def launch(self, state, x, share, pane, slot, shelf, device="cpu"):
        raise ValueError("nothing starts from a draw")

    def key(self, state, shelf):
        return json.dumps([self.name, vars(state)])

    def recipe(self, state):
        return f"import explorer as ex\n\nex.target({state.target!r}).sample({state.n}, {state.seed})\n"

    def figures(self, record: Any):
        return {}

    def runs(self, record: Trajectory):
        return [record]


LAB = DrawsLab()
