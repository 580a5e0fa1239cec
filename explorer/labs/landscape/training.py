"""The training room: several optimisers from one start, live, on the plane that all of them keep nearest to."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from explorer.labs.figures.landscape_training import training_footer, training_spec
from explorer.labs.figures.landscape_training_charts import training_charts
from explorer.labs.landscape.ground import (
    LOG_TOLERANCE,
    TOLERANCE,
    Ground,
    Picture,
    first_of,
    picture_of,
    pictured,
)
from explorer.labs.landscape.room import Room, role_of, room_of, shares_of, slot_of
from explorer.labs.landscape.state import LandscapeState
from explorer.labs.landscape.subject import Subject, subject_of
from explorer.labs.scene import Amend, Begin, Block, Charts, Done, Event, Kind, Launched, Moved, Status
from explorer.labs.shelf import Shelf
from explorer.maths.landscape import Landscape, Plane
from explorer.maths.landscape.training import Descent, Tracks, tracks
from explorer.models.problems import parts

ROOM = 1.35
"""Of a plane on which a training goes on, beside what it covers so far."""
AGAIN = 1.7
"""A plane is laid anew once the training has come so many times as far."""
LEAST = 4
"""Updates before there is a plane to lay."""


@dataclass(frozen=True, eq=False)
class TrainingRecord:
    """A training as far as it came, its plane, and what is known of the loss there."""

    state: LandscapeState
    subject: Subject
    descent: Descent | None
    tracks: Tracks | None = None
    frame: Landscape | None = None
    picture: Picture | None = None


@dataclass(eq=False)
class View:
    """The plane of a training that goes on: laid anew now and then, and only looked at in between."""

    subject: Subject
    at: int = 0
    tracks: Tracks | None = None
    ground: Ground | None = None
    frame: Landscape | None = None
    picture: Picture | None = None

    def look(self, descent: Descent) -> None:
        """Follow a record."""
        if descent.step < LEAST:
            return
        if self.tracks is None or descent.step >= AGAIN * self.at:
            self.lay(descent, shadows=False)
            assert self.ground is not None, "it was just laid"
            self.focus(next(frame for frame in self.frames(ROOM, TOLERANCE) if frame.level))
        else:
            self.tracks = tracks(descent, self.tracks.directions, shadows=False)

    def lay(self, descent: Descent, shadows: bool) -> None:
        """The plane that all of them together keep nearest to."""
        self.tracks, self.at = tracks(descent, shadows=shadows), descent.step
        self.ground = Ground(Plane(*parts(descent.problem), self.tracks.directions))

    def frames(self, room: float, tolerance: float) -> Iterator[Landscape]:
        """The losses on it, coming into focus."""
        assert self.tracks is not None and self.ground is not None, "it is laid"
        return self.ground.frames(room * self.tracks.extent, self.tracks.centre, tolerance)

    def focus(self, frame: Landscape) -> None:
        """Take a picture."""
        self.frame, self.picture = frame, picture_of(frame)

    def record(self, state: LandscapeState, descent: Descent) -> TrainingRecord:
        """All of it, frozen."""
        return TrainingRecord(state, self.subject, descent, self.tracks, self.frame, self.picture)


def events(
    state: LandscapeState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """The training as it goes while ``state.train`` is on; at rest its plane comes into focus. Stopping keeps it."""
    yield Status("running", "entering the training room")
    subject = subject_of(state, shelf, device)
    room, view = room_of(state, shelf), View(subject)
    if state.train:
        yield from trained(state, room, view, stop)
    yield Moved({"train": False})
    if room.descent is None or room.descent.step < LEAST:
        yield from empty(state, subject, room)
        return
    record = yield from _rested(state, room.descent, view, lambda: stop() and not state.train)
    yield Status(*_ended(room.descent))
    yield Done(record, training_footer(record))


def trained(state: LandscapeState, room: Room, view: View, stop: Callable[[], bool]) -> Iterator[Event]:
    """Go on with a training, showing it now and then."""
    for descent in room.records(view.subject, state):
        view.look(descent)
        if view.picture is not None:
            yield from drawn(view.record(state, descent), "")
        steps = sum(run.step - run.first for run in descent.runs)
        words = f"step {descent.step:,} of {descent.plan.steps:,}, about {descent.seconds_left:.0f} s left"
        yield Status("running", words, steps, descent.plan.steps * len(descent.runs))
        if stop():
            return


def _ended(descent: Descent | None) -> tuple[str, str]:
    if descent is None or descent.ended is None:
        return "done", "done"
    return descent.ended.kind, descent.ended.text


def empty(state: LandscapeState, subject: Subject, room: Room) -> Iterator[Event]:
    """Before anything is trained: the start, on a random plane about it; and why there is no more, if that is known."""
    begun = subject.begun(state.seed)
    ground = Ground(Plane(*parts(begun), "filter", state.seed))
    frame = first_of(ground.frames(1.0, (0.0, 0.0), TOLERANCE))
    record = TrainingRecord(state, subject, None, None, frame, picture_of(frame))
    yield Begin(training_spec(record))
    here = np.array([[[0.0, 0.0, frame.centre]]], np.float32)
    yield Block(Kind.TICKS, 1, 0, 1, np.ones((1, 1, 1), np.float32))
    yield Block(Kind.STATE, 1, 0, 1, here)
    yield Block(Kind.HEAT, 1, 0, 1, record.picture.loss.reshape(1, -1, 1))  # type: ignore[union-attr] # just made
    yield Charts(training_charts(record))
    yield Status(*_ended(room.descent))
    yield Done(record, training_footer(record))


def _rested(
    state: LandscapeState, descent: Descent, view: View, stop: Callable[[], bool]
) -> Generator[Event, None, TrainingRecord]:
    """The plane in focus, with the true loss of every point beside the plane's own."""
    view.lay(descent, shadows=True)
    has_picture = False
    for frame, is_new in pictured(view.frames(1.0, LOG_TOLERANCE if state.log else TOLERANCE)):
        if is_new:
            has_picture = True
            view.focus(frame)
            yield from drawn(view.record(state, descent), f"rested {id(descent)}")
        if has_picture and stop():
            break
        yield Status("running", "bringing the plane into focus")
    return view.record(state, descent)


def drawn(record: TrainingRecord, places: str) -> Iterator[Event]:
    """Every run's way on the plane, the map under them, and the charts."""
    descent, picture = record.descent, record.picture
    assert descent is not None and record.tracks is not None and picture is not None, "there is a plane"
    yield Begin(training_spec(record), places)
    for index, (run, track) in enumerate(zip(descent.runs, record.tracks.tracks, strict=True)):
        slot = slot_of(index)
        if index:
            yield Launched(slot, 0, role_of(index), run.label)
        ticks = shares_of(track.steps, descent.plan.steps)
        where = torch.cat([track.coordinates, track.loss[:, None]], 1).float().numpy()
        yield Block(Kind.TICKS, slot, 0, len(ticks), ticks.reshape(-1, 1, 1))
        yield Block(Kind.STATE, slot, 0, len(ticks), where[:, None])
        if not index:
            yield Block(Kind.HEAT, slot, 0, len(ticks), picture.loss.reshape(1, -1, 1))
    if places:
        yield Amend({})
    yield Charts(training_charts(record))
