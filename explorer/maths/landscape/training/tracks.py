"""The ways of several optimisers on one plane, with what the plane leaves out: the distance of every point from it.

The loss of a point and that of its shadow on the plane differ; a contour says the second, the training lived the first.

Source: Li et al. 2018, arXiv:1712.09913, section 7.2. Where we differ: one plane for all, about the best end.
"""

from dataclasses import dataclass

from torch import Tensor

from explorer.maths.landscape.directions import Directions
from explorer.maths.landscape.training.record import Descent


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
        raise NotImplementedError

    @property
    def extent(self) -> float:
        """Half of what they cover, with a margin, the same along both axes."""
        raise NotImplementedError


def tracks(descent: Descent, directions: Directions | None = None) -> Tracks:
    """Every run's points on one plane: that which all of them together keep nearest to, unless one is given.

    Raises:
        ValueError: when the points span no plane yet.
    """
    raise NotImplementedError
