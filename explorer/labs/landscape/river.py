"""The river valley: one run split in progress along the bed and swings between the sides, and branches that decay."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from explorer.labs.figures.landscape_river import river_charts, river_footer, river_spec
from explorer.labs.landscape.ground import (
    LOG_TOLERANCE,
    TOLERANCE,
    Ground,
    Picture,
    first_of,
    picture_of,
    pictured,
)
from explorer.labs.landscape.room import Room, room_of, shares_of
from explorer.labs.landscape.state import LandscapeState
from explorer.labs.landscape.subject import Subject, subject_of
from explorer.labs.landscape.training import View, empty, trained
from explorer.labs.scene import Amend, Begin, Block, Charts, Done, Event, Kind, Launched, Moved, Status
from explorer.labs.shelf import Shelf
from explorer.maths.landscape import Directions, Landscape, Plane
from explorer.maths.landscape.training import Descent, River, Run, river
from explorer.maths.landscape.training.river import FEWEST
from explorer.models.problems import parts

HILLS = 2
"""Steepest directions across the river."""
FIRST_BRANCH = 31
"""The slot of the first branch; those of a click come later."""
MARGIN = 1.2
"""By how much the picture is larger than what runs on it."""
BRANCHES = 4
"""Shown at once, the newest first."""


@dataclass(frozen=True, eq=False)
class Course:
    """A run or a branch on the river's plane: at its ``steps`` [K] the ``places`` [K, 2] in units of the weights.

    ``losses`` [s] before each update from step ``first`` on, ``true`` [K] those at the places.
    """

    label: str
    first: int
    steps: Tensor
    places: Tensor
    true: Tensor
    losses: Tensor


@dataclass(frozen=True, eq=False)
class RiverRecord:
    """A run's river, its plane (along the river, up the steepest hill), and the branches that decayed from it.

    ``scale`` [2] is what one length of the plane's directions is in units of the weights; ``picture`` is in those.
    """

    state: LandscapeState
    subject: Subject
    descent: Descent
    river: River
    courses: tuple[Course, ...]
    frame: Landscape
    picture: Picture


@dataclass(frozen=True, eq=False)
class Bed:
    """The plane of a river: ``unit`` [2, P] of length 1 from ``origin`` [P]; ``scale`` and ``centre`` of the view."""

    origin: Tensor
    unit: Tensor
    scale: tuple[float, float]
    centre: tuple[float, float]

    def places(self, points: Tensor) -> Tensor:
        """Coordinates [K, 2] of points [K, P], in units of the weights."""
        return (points.double() - self.origin.double()) @ self.unit.double().T


def events(
    state: LandscapeState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """The river of the chosen run; trained first where it is not, and branched while ``state.decay`` is on."""
    yield Status("running", "entering the valley")
    subject = subject_of(state, shelf, device)
    room = room_of(state, shelf)
    if state.train:
        yield from trained(state, room, View(subject), stop)
    if not _flows(room, state):
        yield Moved({"train": False, "decay": False})
        yield from empty(state, subject, room)
        return
    yield Status("running", "finding the river and its hills")
    try:
        record, bed = _record(state, subject, room)
    except ValueError:  # a run that diverged, or stands still: the sentence is shown, and nothing goes on
        yield Moved({"train": False, "decay": False})
        raise
    if state.decay:
        yield from drawn(record, "")
        for grown in _branching(record, bed, room):
            record = grown
            yield from drawn(record, "")
            yield Status("running", "decaying the learning rate")
            if stop():
                break
    yield Moved({"train": False, "decay": False})
    ground = _ground(record.descent, bed)
    for frame, is_new in pictured(_frames(ground, bed, LOG_TOLERANCE if state.log else TOLERANCE)):
        if is_new:
            record = replace(record, frame=frame, picture=_in_units(frame, bed))
            yield from drawn(record, f"river {id(room.descent)} {state.runner} {room.looks}")
        yield Status("running", "bringing the valley into focus")
        if stop() and not (state.train or state.decay):
            break
    yield Charts(river_charts(record))
    yield Status("done", "done")
    yield Done(record, river_footer(record))


def launch(state: LandscapeState, shelf: Shelf, share: float, pane: int, slot: int) -> Iterator[Event]:
    """A branch that decays from the step of the cursor.

    Raises:
        ValueError: where nothing is trained.
    """
    room = room_of(state, shelf)
    if room.descent is None or not _flows(room, state):
        raise ValueError("nothing is trained yet that could decay; press Train first")
    subject = subject_of(state, shelf)
    record, bed = _record(state, subject, room)
    run = room.descent.run(state.runner)
    at = step_of(run, (1.0 - share) * last_step(state))
    *_, last = room.branched(state.runner, at, state.decay_steps)
    course = _course(last.runs[0], bed)
    yield Launched(slot, pane)
    yield from _blocks(course, slot, last_step(state))
    yield Charts(river_charts(replace(record, courses=(*record.courses[:1], *_branches(room, state, bed)))))


def last_step(state: LandscapeState) -> int:
    """Where the cursor ends: a branch from the last step goes so far."""
    return state.steps + state.decay_steps


def step_of(run: Run, step: float) -> int:
    """The nearest step that a run has made."""
    return min(run.step, max(run.first, round(step)))


def _flows(room: Room, state: LandscapeState) -> bool:
    """Whether there is enough of the chosen run to see a river."""
    return room.descent is not None and len(room.descent.run(state.runner).points) >= FEWEST


def _record(state: LandscapeState, subject: Subject, room: Room) -> tuple[RiverRecord, Bed]:
    descent = room.descent
    assert descent is not None, "asked where there is a training"
    found, run = river(descent, state.runner, HILLS), descent.run(state.runner)
    bed = _bed(found, run)
    frame = first_of(_frames(_ground(descent, bed), bed, TOLERANCE))
    courses = (_course(run, bed), *_branches(room, state, bed))
    return RiverRecord(state, subject, descent, found, courses, frame, _in_units(frame, bed)), bed


def _bed(found: River, run: Run) -> Bed:
    unit = torch.stack([found.direction, found.hills[0]])
    origin = run.points[-1].place
    places = (run.places.double() - origin.double()) @ unit.T
    low, high = places.min(dim=0).values, places.max(dim=0).values
    half = (high - low).clamp(min=1e-9) * (MARGIN / 2)
    # A hill's swings are small beside the way: at least a thirtieth of it is shown.
    rise = max(float(half[1]), float(half[0]) / 30)
    centre = ((low + high) / 2).tolist()
    return Bed(origin, unit, (float(half[0]), rise), (centre[0], centre[1]))


def _ground(descent: Descent, bed: Bed) -> Ground:
    scale = torch.tensor(bed.scale, dtype=torch.float64)[:, None]
    directions = Directions(
        bed.origin, (bed.unit * scale).to(bed.origin), "along the river and up its steepest hill"
    )
    return Ground(Plane(*parts(descent.problem), directions))


def _frames(ground: Ground, bed: Bed, tolerance: float) -> Iterator[Landscape]:
    x, y = (middle / scale for middle, scale in zip(bed.centre, bed.scale, strict=True))
    return ground.frames(1.0, (x, y), tolerance)


def _in_units(frame: Landscape, bed: Bed) -> Picture:
    """The picture in units of the weights."""
    picture = picture_of(frame)
    (wide, tall), box = bed.scale, picture.box
    return replace(picture, box=(box[0] * wide, box[1] * tall, box[2] * wide, box[3] * tall))


def _branching(record: RiverRecord, bed: Bed, room: Room) -> Iterator[RiverRecord]:
    """The record with a branch that grows."""
    state, descent = record.state, record.descent
    at = step_of(descent.run(state.runner), state.decay_from * state.steps)
    for _ in room.branched(state.runner, at, state.decay_steps):
        yield replace(record, courses=(*record.courses[:1], *_branches(room, state, bed)))


def _branches(room: Room, state: LandscapeState, bed: Bed) -> list[Course]:
    wanted = (state.runner, state.decay_steps)
    known = [one for (name, _, steps), one in reversed(room.branches.items()) if (name, steps) == wanted]
    return [_course(one.runs[0], bed) for one in known[:BRANCHES]]


def _course(run: Run, bed: Bed) -> Course:
    true = torch.tensor([mark.loss for mark in run.points], dtype=torch.float64)
    return Course(run.label, run.first, run.steps, bed.places(run.places).cpu(), true, run.losses)


def drawn(record: RiverRecord, places: str) -> Iterator[Event]:
    """The run and its branches on the river's plane."""
    yield Begin(river_spec(record), places)
    last = last_step(record.state)
    for index, course in enumerate(record.courses):
        slot = 1 if not index else FIRST_BRANCH + index
        if index:
            yield Launched(slot, 0, "launched", "decayed")
        yield from _blocks(course, slot, last)
        if not index:
            yield Block(Kind.HEAT, 1, 0, len(course.steps), record.picture.loss.reshape(1, -1, 1))
    if places:
        yield Amend({})
    yield Charts(river_charts(record))


def _blocks(course: Course, slot: int, last: int) -> Iterator[Event]:
    ticks = shares_of(course.steps, last)
    where = torch.cat([course.places, course.true[:, None]], 1).float().numpy()
    yield Block(Kind.TICKS, slot, 0, len(ticks), ticks.reshape(-1, 1, 1))
    yield Block(Kind.STATE, slot, 0, len(ticks), np.ascontiguousarray(where[:, None]))
