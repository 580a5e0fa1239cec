"""The any-step map: how true a student is between any two times, and whether two calls agree with one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from explorer.labs.figures.students_any_step import any_step_charts, any_step_footer, any_step_spec
from explorer.labs.menus import is_own
from explorer.labs.scene import Amend, Begin, Block, Charts, Done, Event, Kind, Launched, Status
from explorer.labs.shelf import Shelf
from explorer.labs.shop import SHOP
from explorer.labs.students.menus import ERROR
from explorer.labs.students.plan import Plan, StudentPane, planned
from explorer.labs.students.state import StudentsState
from explorer.maths.students.any_step import AnyStep, any_step
from explorer.models.zoo import STUDENT_CATALOGUE

POINTS = 128
FIRST_DOT = 50
"""The slots of the marks for a student's own calls begin here."""


@dataclass(frozen=True, eq=False)
class AnyStepRecord:
    """A map for each student; ``maps`` by slot."""

    plan: Plan
    maps: dict[int, AnyStep]

    def values(self, slot: int):
        """What is mapped [c, c], rows by t falling, columns by t_next falling."""
        known = self.maps[slot]
        return known.error if self.plan.state.quantity == ERROR else known.consistency


def events(
    state: StudentsState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """A map for each student, the calls that it makes here marked on it."""
    plan = planned(state, shelf, device)
    if not plan.students:
        raise ValueError("choose a student whose map is to be drawn")
    if not plan.is_plane:
        raise ValueError("the map is drawn for points of the plane; choose another target")
    maps: dict[int, AnyStep] = {}
    for pane in plan.students:
        yield Status("running", f"following the flow for {pane.label}", len(maps), len(plan.students))
        maps[pane.slot] = _mapped(plan, pane)
        if stop():
            break
    record = AnyStepRecord(plan, maps)
    yield Begin(any_step_spec(record, None))
    for pane in plan.students:
        if pane.slot in maps:
            yield from _blocks(record, pane)
    yield Amend({"heat": any_step_spec(record, maps)["heat"]})
    yield Charts(any_step_charts(record))
    is_whole = len(maps) == len(plan.students)
    yield Status("done", "done") if is_whole else Status("cancelled", "cancelled between two maps")
    yield Done(record, any_step_footer(record))


def _mapped(plan: Plan, pane: StudentPane) -> AnyStep:
    name = f"{plan.state.target}/{pane.key}"
    entry = STUDENT_CATALOGUE.get(name)
    weights = entry.sha256 if entry is not None else ""
    key = f"any step {plan.state.model} {name} {weights}"
    is_shared = not (is_own(pane.key) or is_own(plan.state.model))
    known: AnyStep | None = SHOP.get(key) if is_shared else None
    if known is None:
        known = any_step(pane.student, plan.teacher, points=POINTS)
        if is_shared:
            SHOP.put(key, known)
    return known


def _blocks(record: AnyStepRecord, pane: StudentPane) -> Iterator[Event]:
    """The map, cells from the data up; and the pairs of times of the student's own calls."""
    times = pane.student.times(pane.calls * pane.student.evals_per_call)
    dots = np.array([[[after, t] for t, after in pairwise(times)]], dtype=np.float32)
    values = record.values(pane.slot).flip(0, 1).float().numpy()
    index = record.plan.students.index(pane)
    for slot in (pane.slot, FIRST_DOT + pane.slot):  # the same places again, as large dots
        if slot != pane.slot:
            yield Launched(slot, index)
        yield Block(Kind.TICKS, slot, 0, 1, np.zeros((1, 1, 1), np.float32))
        yield Block(Kind.STATE, slot, 0, 1, dots)
    if np.isfinite(values).any():
        yield Block(Kind.HEAT, pane.slot, 0, 1, np.ascontiguousarray(values).reshape(1, -1, 1))
