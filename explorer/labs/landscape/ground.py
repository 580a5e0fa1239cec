"""A plane of losses that is looked at again and again: what is known of it is kept, for every view of it."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from explorer.labs.landscape.subject import Subject
from explorer.labs.landscape.ways import Way
from explorer.maths.landscape import Landscape, Plane
from explorer.maths.landscape.surface import predicted
from explorer.models.problems import parts

POINTS = 33
"""Points a side: levels of 5, 11, 17 and 33."""
FINE = 129
"""Points a side of what is drawn: the cubic between those that are known, which are among them."""
TOLERANCE, LOG_TOLERANCE = 0.01, 0.005
"""Of the range shown; on a scale by ratio the dip at the centre needs a level more."""


@dataclass(eq=False)
class Ground:
    """A plane, for one thread at a time."""

    plane: Plane
    turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def nbytes(self) -> int:
        """About what it holds: two copies of the parameters, the directions, and what is known."""
        return 6 * self.plane.flat.start.nbytes + 200 * len(self.plane.known) + (1 << 20)

    def frames(self, extent: float, centre: tuple[float, float], tolerance: float) -> Iterator[Landscape]:
        """The plane as it comes into focus."""
        records = self.plane.view(POINTS, extent, centre, tolerance)
        while True:
            with self.turn:
                record = next(records, None)
            if record is None:
                return
            yield record


def ground_of(subject: Subject, way: Way, key: str) -> Ground:
    """The ground of a plane, with all that is known of it."""
    return subject.keep(f"ground {key}", lambda: Ground(Plane(*parts(subject.problem), way.directions)))


@dataclass(frozen=True, eq=False)
class Picture:
    """What is drawn of a landscape: ``loss`` [FINE, FINE] float32, rows upward, on cells of ``box``."""

    box: tuple[float, float, float, float]
    loss: np.ndarray
    low: float
    high: float


def picture_of(frame: Landscape) -> Picture:
    """The cubic through what is known, so fine that a screen may draw it straight from cell to cell."""
    axes = [np.linspace(float(axis[0]), float(axis[-1]), FINE) for axis in frame.axes]
    loss = predicted(frame.values.numpy().T, [nodes.numpy() for nodes in frame.nodes], axes).T
    half = (axes[0][1] - axes[0][0]) / 2
    box = (axes[0][0] - half, axes[1][0] - half, axes[0][-1] + half, axes[1][-1] + half)
    known = loss[np.isfinite(loss)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return Picture(tuple(map(float, box)), np.ascontiguousarray(loss, dtype=np.float32), low, high)  # type: ignore[arg-type] # four


def first_of(frames: Iterator[Landscape]) -> Landscape:
    """The first picture of the whole batch."""
    return next(frame for frame in frames if frame.level and frame.preview is None)


def pictured(frames: Iterator[Landscape]) -> Iterator[tuple[Landscape, bool]]:
    """Each record, and whether it has a picture that was not there before."""
    shown: tuple[int, tuple[int, int] | None] = (0, None)
    for frame in frames:
        is_new = frame.level > 0 and (frame.level, frame.preview) != shown
        shown = (frame.level, frame.preview) if is_new else shown
        yield frame, is_new
