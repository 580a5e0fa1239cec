"""The ways of several optimisers on one plane, with what the plane leaves out: the distance of every point from it.

The loss of a point and that of its shadow on the plane differ; a contour says the second, the training lived the first.

Source: Li et al. 2018, arXiv:1712.09913, section 7.2. Where we differ: one plane for all, about the best end.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.maths.landscape.directions import Directions, path_directions
from explorer.maths.landscape.flat import FlatLoss
from explorer.maths.landscape.training.record import Descent, Run

AWAY = 10.0
"""A point whose loss has risen by so many times what it was at the start (or by so much) lays no plane."""
MARGIN = 1.15
"""By how much a picture is larger than what runs on it."""


@dataclass(frozen=True, eq=False)
class Track:
    """One run on a plane, in float64.

    At each of its ``steps`` [K] the ``coordinates`` [K, 2], the ``distance`` [K] of the point from the plane (in units
    of the parameters), its true ``loss`` [K], and ``shadow`` [K], the loss of the point of the plane nearest to it.
    """

    optimiser: str
    steps: Tensor
    coordinates: Tensor
    distance: Tensor
    loss: Tensor
    shadow: Tensor


@dataclass(frozen=True, eq=False)
class Tracks:
    """All of them on ``directions``, whose ``explained`` [2] are the shares of their squared distances along each axis.

    ``landscape(*problem, directions, extent=tracks.extent, centre=tracks.centre)`` draws what they run on.
    """

    directions: Directions
    tracks: tuple[Track, ...]

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of what they cover, in coordinates of the plane."""
        low, high = self._box()
        x, y = ((low + high) / 2.0).tolist()
        return x, y

    @property
    def extent(self) -> float:
        """Half of what they cover, with a margin, the same along both axes."""
        low, high = self._box()
        return MARGIN * float((high - low).max()) / 2.0 or 1.0

    def _box(self) -> tuple[Tensor, Tensor]:
        seen = torch.cat([track.coordinates[_near(track.loss)] for track in self.tracks])
        return seen.min(dim=0).values, seen.max(dim=0).values


def tracks(descent: Descent, directions: Directions | None = None, shadows: bool = True) -> Tracks:
    """Every run's points on one plane: that which all of them together keep nearest to, unless one is given.

    What has diverged is left out of the choice. ``shadows`` costs one loss for each point; without it they are NaN.

    Raises:
        ValueError: when the points span no plane yet.
    """
    flat = FlatLoss(*descent.problem)
    plane = _union(flat, descent) if directions is None else directions
    return Tracks(plane, tuple(_track(flat, run, plane, shadows) for run in descent.runs))


def _union(flat: FlatLoss, descent: Descent) -> Directions:
    """The plane through the best end."""
    points = [mark for run in descent.runs for mark in run.points]
    near = _near(torch.tensor([mark.loss for mark in points], dtype=torch.float64))
    kept = [mark for mark, good in zip(points, near.tolist(), strict=True) if good]
    best = min(
        (run.points[-1] for run in descent.runs), key=lambda mark: mark.loss if mark in kept else math.inf
    )
    return path_directions(flat, [mark.place for mark in kept if mark is not best] + [best.place])


def _track(flat: FlatLoss, run: Run, plane: Directions, shadows: bool) -> Track:
    coordinates, distance = plane.project(run.places)
    losses = torch.tensor([mark.loss for mark in run.points], dtype=torch.float64)
    shadow = torch.full_like(losses, math.nan)
    if shadows:
        shadow = torch.tensor([flat.value(point) for point in plane.at(coordinates)], dtype=torch.float64)
    return Track(run.optimiser, run.steps, coordinates.cpu(), distance.cpu(), losses, shadow)


def _near(losses: Tensor) -> Tensor:
    """Which points [K] have not run away from where the first of them was."""
    first = float(losses[0])
    return torch.isfinite(losses) & (losses - first <= AWAY * max(1.0, abs(first)))
