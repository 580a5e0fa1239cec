"""The surface: a plane of losses that comes into focus, with what lies on it."""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from explorer.labs.figures.landscape_surface import surface_footer, surface_spec
from explorer.labs.figures.landscape_surface_charts import surface_charts
from explorer.labs.landscape.ground import LOG_TOLERANCE, TOLERANCE, Picture, ground_of, picture_of, pictured
from explorer.labs.landscape.state import LandscapeState
from explorer.labs.landscape.subject import Subject, subject_of
from explorer.labs.landscape.ways import Way, way_of
from explorer.labs.scene import Amend, Begin, Block, Charts, Done, Event, Kind, Status
from explorer.labs.shelf import Shelf
from explorer.maths.landscape import Directions, FlatLoss, Landscape, landscape
from explorer.models.problems import parts

TOLD_EVERY = 0.05
"""Seconds between two words on how far the next level is."""
LINE = 65
"""Losses along a straight line between two networks."""
PATH = 1
"""The slot of the path, or of the mark where there is none."""


@dataclass(frozen=True)
class Level:
    """One level of refinement: nodes a side, the estimated error over the range shown, and losses so far."""

    nodes: int
    error: float
    evals: int


@dataclass(frozen=True, eq=False)
class SurfaceRecord:
    """A plane in focus as far as it came. ``line`` joins two networks, where the plane's directions do."""

    state: LandscapeState
    subject: Subject
    way: Way
    frame: Landscape
    picture: Picture
    levels: tuple[Level, ...]
    line: Landscape | None = None

    @property
    def barrier(self) -> float | None:
        """The highest loss on the straight line less the straight line between the losses of its ends."""
        if self.line is None:
            return None
        inside = (self.line.x >= 0.0) & (self.line.x <= 1.0)
        x, loss = self.line.x[inside], self.line.loss[inside]
        return float((loss - torch.lerp(loss[0], loss[-1], x)).max())


def events(
    state: LandscapeState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """A first picture from 25 losses; then finer ones in its place, until the error is too small to be seen."""
    yield Status("running", "laying the plane")
    subject = subject_of(state, shelf, device)
    way = yield from way_of(subject, state)
    ground = ground_of(subject, way, json.dumps([state.directions, state.seed, state.other]))
    line = _line(subject, way)
    centre = tuple(c + offset * way.extent for c, offset in zip(way.centre, (state.x, state.y), strict=True))
    tolerance = 0.0 if state.full else LOG_TOLERANCE if state.log else TOLERANCE
    record: SurfaceRecord | None = None
    levels: tuple[Level, ...] = ()
    is_stopped, told = False, 0.0
    frames = ground.frames(way.extent * state.extent, centre, tolerance)  # type: ignore[arg-type] # two of them
    for frame, is_new in pictured(frames):
        if is_new:
            picture = picture_of(frame)
            if frame.preview is None:
                reach = picture.high - picture.low
                levels = (*levels, Level(frame.level, frame.error / reach if reach else 0.0, frame.evals))
            record = SurfaceRecord(state, subject, way, frame, picture, levels, line)
            yield from drawn(record)
        if record is not None:
            record = replace(record, frame=replace(frame, note=frame.note or record.frame.note))
        if stop() and record is not None:
            is_stopped = True
            break
        if is_new or time.monotonic() - told > TOLD_EVERY:
            told = time.monotonic()
            yield Status("running", _doing(levels), frame.evals)
    assert record is not None, "a plane has at least one level"
    yield Charts(surface_charts(record))
    yield (
        Status("cancelled", "cancelled; what was known by then is shown")
        if is_stopped
        else Status("done", "done")
    )
    yield Done(record, surface_footer(record))


def _doing(levels: tuple[Level, ...]) -> str:
    if not levels:
        return "asking for the first losses"
    return f"{levels[-1].nodes} points a side are known; asking between them"


def _line(subject: Subject, way: Way) -> Landscape | None:
    """The losses straight from one network to the other, a little beyond both."""
    if not way.line:
        return None
    directions = Directions(way.directions.origin, way.directions.vectors[:1], "between parameters")
    return subject.keep(
        f"line {way.words}",
        lambda: landscape(
            *parts(subject.problem), directions, points=LINE, extent=0.64, centre=(0.5,), tolerance=0.0
        ),
    )


def drawn(record: SurfaceRecord) -> Iterator[Event]:
    """One picture, in place of the one before where it is the same view."""
    box = ",".join(f"{edge:.6g}" for edge in record.picture.box)
    yield Begin(surface_spec(record), f"surface {record.subject.named.label} {record.way.words} {box}")
    places, ticks = way_points(record)
    total = len(ticks)
    yield Block(Kind.TICKS, PATH, 0, total, ticks.reshape(-1, 1, 1))
    yield Block(Kind.STATE, PATH, 0, total, places[:, None])
    yield Block(Kind.HEAT, PATH, 0, total, heat_of(record.picture, total))
    yield Amend({})
    yield Charts(surface_charts(record))


def heat_of(picture: Picture, total: int) -> np.ndarray:
    """The map at the first moment, which holds for all later ones."""
    return picture.loss.reshape(1, -1, 1)


def way_points(record: SurfaceRecord) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates and loss [K, 3] on the plane, and the share [K] of each."""
    way = record.way
    if way.tracks is None:
        here = [[0.0, 0.0, record.frame.centre]]
        return np.array(here, np.float32), np.zeros(1, np.float32)
    track = way.tracks.tracks[0]
    places = torch.cat([track.coordinates, track.loss[:, None]], 1)
    shares = 1.0 - track.steps / max(1, int(track.steps[-1]))
    return places.float().numpy(), shares.float().numpy()


def layers_of(record: SurfaceRecord) -> list[tuple[str, float, float]]:
    """Of each parameter its name, its length, and that of the first direction in it, the longest first."""
    flat = FlatLoss(*parts(record.subject.problem))
    weights, moved = flat.split(flat.start), flat.split(record.way.directions.vectors[0])
    rows = [(name, float(weights[name].norm()), float(moved[name].norm())) for name in weights]
    return sorted((row for row in rows if not math.isnan(row[2])), key=lambda row: -row[2])
