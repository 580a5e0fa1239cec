"""The Students lab as the doors know it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from explorer.labs.base import AbstractLab
from explorer.labs.menus import is_own
from explorer.labs.scene import Event
from explorer.labs.shelf import Shelf
from explorer.labs.students import any_step, compute, diverge, launch, train
from explorer.labs.students.lesson import lesson_key
from explorer.labs.students.menus import ANY_STEP, COMPARE, DIVERGE, TRAIN, TWO
from explorer.labs.students.recipe import recipe
from explorer.labs.students.state import StudentsState, settled
from explorer.maths.fields import AbstractField
from explorer.maths.students import AbstractFlowMap
from explorer.maths.targets import AbstractTarget
from explorer.maths.trajectory import Trajectory
from explorer.models.zoo import CATALOGUE, STUDENT_CATALOGUE

VIEWS = {COMPARE: compute.events, ANY_STEP: any_step.events, TRAIN: train.events, DIVERGE: diverge.events}


class StudentsLab(AbstractLab[StudentsState]):
    """A teacher and its few-step students, from the same noise."""

    name: ClassVar[str] = "students"
    label: ClassVar[str] = "Students"
    State = StudentsState
    groups: ClassVar[Mapping[str, str]] = {
        "what": "What",
        "students": "Students",
        "train": "Train",
        "how": "How",
        "show": "Show",
    }
    layers: ClassVar[Mapping[str, str]] = {
        "target": "a draw of the data",
        "map": "the map that colours the ground",
        "particles": "the samples at this time",
        "paths": "the whole way of some particles; none where noise is drawn anew",
        "density": "where the particles are dense",
        "pairs": "from the teacher's end point to the student's, from the same noise",
    }
    layers_on: ClassVar[Sequence[str]] = ("target", "map", "particles", "pairs")
    own: ClassVar[Mapping[str, tuple[type, ...]]] = {
        "target": (AbstractTarget,),
        "model": (AbstractField,),
        "students": (AbstractFlowMap,),
    }

    def settled(self, values: dict[str, Any], just: str) -> dict[str, Any]:
        return settled(values, just)

    def is_batch(self, state: StudentsState) -> bool:
        slow = state.view == DIVERGE and state.generator == TWO
        return slow or (state.view == TRAIN and state.train)

    def events(
        self,
        state: StudentsState,
        shelf: Shelf,
        device: str = "cpu",
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Event]:
        return VIEWS[state.view](state, shelf, device, stop)

    def launch(
        self,
        state: StudentsState,
        x: Sequence[float],
        share: float,
        pane: int,
        slot: int,
        shelf: Shelf,
        device: str = "cpu",
    ) -> Iterator[Event]:
        if state.view == DIVERGE:
            return diverge.launch(state, x, pane, slot)
        return launch.launch(state, x, share, pane, slot, shelf, device)

    def key(self, state: StudentsState, shelf: Shelf) -> str:
        names = [state.model, *(f"{state.target}/{key}" for key in state.chosen if not is_own(key))]
        known = CATALOGUE | STUDENT_CATALOGUE
        weights = [known[name].sha256 for name in names if name in known]
        return json.dumps([self.name, vars(state), weights, *self._lesson(state, shelf)], sort_keys=True)

    def _lesson(self, state: StudentsState, shelf: Shelf) -> list[Any]:
        """What a picture of a student in the making depends on beside the state: whose it is, and how far it is."""
        if state.view != TRAIN:
            return []
        lesson = shelf.unfinished(lesson_key(state))
        return [id(shelf), 0 if lesson is None else len(lesson.seen)]

    def recipe(self, state: StudentsState) -> str:
        return recipe(state)

    def runs(self, record: Any) -> list[Trajectory]:
        return [pane.run for pane in getattr(record, "panes", ())]
