"""One extra particle from a click, walked as the pane's own are."""

import math
from collections.abc import Iterator, Sequence

import torch

from explorer.labs.scene import Block, Event, Kind, Launched
from explorer.labs.shelf import Shelf
from explorer.labs.students.menus import COMPARE
from explorer.labs.students.plan import Plan, StudentPane, planned
from explorer.labs.students.runs import float32, ticks_of
from explorer.labs.students.state import StudentsState
from explorer.maths.samplers import record
from explorer.maths.students import Leap
from explorer.maths.trajectory import Trajectory


def launch(
    state: StudentsState,
    x: Sequence[float],
    share: float,
    pane: int,
    slot: int,
    shelf: Shelf,
    device: str = "cpu",
) -> Iterator[Event]:
    """Follow a place of the stage to the data, by the teacher's steps or the student's calls.

    Raises:
        ValueError: for a place that is not two finite numbers, a pane that is not there, or a student that knows no way
            from there.
    """
    plan = planned(state, shelf, device)
    panes = 1 + len(plan.students)
    if not 0 <= pane < panes or len(x) != 2 or not all(map(math.isfinite, (*x, share))):
        raise ValueError(
            f"a particle starts at two finite numbers in one of {panes} panes; got {x!r} in {pane!r}"
        )
    if state.view != COMPARE or plan.shape != (2,):
        raise ValueError("a particle is launched where teacher and students stand beside each other")
    place = torch.tensor([list(map(float, x))], dtype=torch.float32, device=device)
    run = _taught(plan, place, share) if pane == 0 else _leapt(plan, plan.students[pane - 1], place, share)
    yield Launched(slot, pane)
    yield ticks_of(slot, run.shares)
    yield Block(Kind.STATE, slot, 0, len(run.times), float32(run.states))


def _taught(plan: Plan, place: torch.Tensor, share: float) -> Trajectory:
    times = _from(plan.times, share)
    return record(plan.teacher, plan.state.sampler, grid=times, start=(place, times[0]), seed=plan.state.seed)


def _leapt(plan: Plan, pane: StudentPane, place: torch.Tensor, share: float) -> Trajectory:
    """By the student's own times from the one at the cursor on."""
    times = _from(pane.student.times(pane.calls * pane.student.evals_per_call), share)
    if why := pane.student.refusal(times[0], times[1] if len(times) > 1 else 0.0):
        raise ValueError(f"no particle can begin there: {why}")
    start = (place, times[0])
    return record(pane.student, Leap(pane.student), grid=times, start=start, seed=plan.state.seed)


def _from(times: Sequence[float], share: float) -> list[float]:
    """The falling times from the share of noise on; on the linear path t is that share."""
    later = [t for t in times if 0 < t <= share + 1e-6] or [max(min(share, 1.0), 0.01)]
    return [*later, 0.0]
