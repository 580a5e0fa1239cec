"""Where to cut through the space of parameters: an origin and one or two vectors, so long that 1 is worth seeing.

Random directions are as long as the weights that they move, filter by filter, so that nets whose layers are rescaled
against each other look alike (a symmetry of ReLU and its kin, not of softmax or LayerNorm). They are not made
orthogonal afterwards, which would undo that; coordinates of a point are found by least squares instead.

Source: Li et al. 2018, arXiv:1712.09913 (filter normalisation, planes through the path of a training). Where we differ:
components are Gaussian and not uniform; "none" is as long as all the weights together, so that the three share a scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from explorer.maths.landscape.flat import FlatLoss
from explorer.maths.landscape.lanczos import random_vector
from explorer.maths.landscape.spectrum import spectrum
from explorer.maths.names import nearest

NORMALISE = ("filter", "layer", "none")
"""What a random direction is made as long as: each output filter, each tensor, or all weights at once."""
DIRECTIONS = (*NORMALISE, "gradient", "eigenvectors")
"""Every direction that needs no more than the problem itself."""


@dataclass(frozen=True, eq=False)
class Directions:
    """A line or plane ``origin + a vectors[0] (+ b vectors[1])``: ``origin`` [P], ``vectors`` [1 or 2, P].

    ``by`` says how they were chosen; ``explained`` [d] is the share of a path's
    spread along each, where they come of one.
    """

    origin: Tensor
    vectors: Tensor
    by: str
    explained: Tensor | None = None

    def project(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates [m, d] of points [m, P] by least squares, and their distance [m] from the plane; float64."""
        offset = (points - self.origin).double()
        vectors = self.vectors.double()
        coordinates = torch.linalg.solve(vectors @ vectors.T, vectors @ offset.T).T
        return coordinates, (offset - coordinates @ vectors).norm(dim=1)

    def at(self, coordinates: Tensor) -> Tensor:
        """The points [m, P] at coordinates [m, d]."""
        return self.origin + coordinates.to(self.vectors) @ self.vectors


def random_directions(flat: FlatLoss, normalise: str = "filter", seed: int = 0) -> Directions:
    """A random plane through the start, its vectors drawn from ``seed`` on the CPU.

    ``"filter"`` makes each output filter (first index of tensors with two or more) as long as the weight's own,
    ``"layer"`` each tensor; both leave biases and scales, which have one index, where they are. ``"none"`` moves all.

    Raises:
        ValueError: for an unknown name, or a module with nothing that it would move.
    """
    nearest("directions", normalise, NORMALISE)
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.stack(
        [_normalised(flat, normalise, random_vector(flat.start, generator)) for _ in range(2)]
    )
    if not bool((vectors.norm(dim=1) > 0).all()):
        raise ValueError(
            f"directions {normalise!r} move weights of two or more indices that are not all zero, and the module has "
            "none; ask for 'none'"
        )
    return Directions(
        flat.start, vectors, f"random, normalised by {normalise}" if normalise != "none" else "random"
    )


def path_directions(flat: FlatLoss, path: Sequence[Any]) -> Directions:
    """The plane that a path of parameters keeps nearest to: principal directions about its last point.

    ``path`` holds modules, dicts or vectors, three or more. The two vectors are orthogonal and equally long, so that
    the farthest point of the path has coordinate 1. ``explained`` [2] is the share of the squared distances along each.

    Raises:
        ValueError: for fewer than three, or a path that spans no plane.
    """
    if len(path) < 3:
        raise ValueError(f"a plane is laid through three points of a path or more; got {len(path)}")
    points = torch.stack([flat.flatten(point) for point in path])
    offset = (points - points[-1]).double()
    # The Gram matrix is as small as the path is short; the covariance has P^2 entries.
    values, mix = torch.linalg.eigh(offset @ offset.T)
    values, mix = values.flip(0)[:2], mix.flip(1)[:, :2]
    if not float(values[1]) > 1e-12 * float(values[0]):
        raise ValueError(
            "a path must leave its line to span a plane; this one goes straight or stands still; use `between`"
        )
    vectors = (mix / values.sqrt()).T @ offset
    vectors = vectors * float((offset @ vectors.T).abs().max())
    return Directions(
        points[-1], vectors.to(points), "the path's principal directions", values / offset.square().sum()
    )


def between(flat: FlatLoss, one: Any, other: Any, third: Any = None) -> Directions:
    """The line on which ``one`` is at 0 and ``other`` at 1; with ``third``, the plane that has it at (0, 1).

    Raises:
        ValueError: when the points are the same, or lie on a line.
    """
    origin = flat.flatten(one)
    ends = [flat.flatten(end) for end in (other, third) if end is not None]
    vectors = torch.stack([end - origin for end in ends])
    size = torch.linalg.svdvals(vectors.double())
    if not float(size[-1]) > 1e-9 * float(size[0]):
        raise ValueError(
            f"{len(ends) + 1} points span a line or plane when they differ; these do not; give others"
        )
    return Directions(origin, vectors, "between parameters")


def gradient_directions(flat: FlatLoss, seed: int = 0) -> Directions:
    """Downhill, and a random filter-normalised direction at right angles to it; both as long as the weights.

    Raises:
        ValueError: where the gradient is zero.
    """
    flat.place.copy_(flat.start)
    gradient = flat.slopes(flat.mean_with_graph()).detach()
    if not float(gradient.norm()) > 0.0:
        raise ValueError(
            "the gradient must not be zero to give a direction; it is here; ask for 'eigenvectors'"
        )
    down = -gradient / gradient.norm()
    beside = random_vector(flat.start, torch.Generator().manual_seed(seed))
    beside = beside - (down @ beside) * down
    length = weight_length(flat)
    return Directions(flat.start, torch.stack([down, beside / beside.norm()]) * length, "downhill and random")


def eigen_directions(flat: FlatLoss, vectors: Tensor) -> Directions:
    """The plane of two eigenvectors [2, P], as long as the weights; see ``spectrum``."""
    return Directions(
        flat.start,
        torch.stack([flat.flatten(vector) for vector in vectors]) * weight_length(flat),
        "top eigenvectors",
    )


def chosen(flat: FlatLoss, directions: Any, seed: int = 0) -> Directions:
    """Directions by name, as they are, or as vectors (one or two of what ``flat.flatten`` takes).

    Raises:
        ValueError: for an unknown name, with the nearest ones, or vectors that span nothing.
    """
    if isinstance(directions, Directions):
        if directions.origin.shape != flat.start.shape:
            raise ValueError(
                f"`directions` must be those of this module with {flat.size} parameters; got {len(directions.origin)}"
            )
        return directions
    if isinstance(directions, str):
        name = nearest("directions", directions, DIRECTIONS)
        if name == "gradient":
            return gradient_directions(flat, seed)
        if name == "eigenvectors":
            return eigen_directions(flat, _top_two(flat, seed))
        return random_directions(flat, name, seed)
    if not isinstance(directions, (list, tuple)) or len(directions) not in (1, 2):
        raise ValueError(
            f"`directions` must be one of {', '.join(DIRECTIONS)}, Directions, or one or two vectors; "
            f"got {type(directions).__name__}"
        )
    rows = torch.stack([flat.flatten(direction) for direction in directions])
    size = torch.linalg.svdvals(rows.double())
    if not float(size[-1]) > 1e-9 * float(size[0]):
        raise ValueError("`directions` must span a line or plane; these are zero or parallel; give others")
    return Directions(flat.start, rows, "given")


def weight_length(flat: FlatLoss) -> float:
    """How long all the weights are together, or 1 where they are all zero."""
    return float(flat.start.norm()) or 1.0


def _top_two(flat: FlatLoss, seed: int) -> Tensor:
    if flat.size < 2:
        raise ValueError("a plane of eigenvectors needs two parameters or more; give a line as vectors")
    flat.place.copy_(flat.start)
    return spectrum(flat.loss, flat.module, flat.batch, k=2, seed=seed).vectors


def _normalised(flat: FlatLoss, normalise: str, drawn: Tensor) -> Tensor:
    if normalise == "none":
        return drawn * (weight_length(flat) / drawn.norm())
    weights, pieces = flat.split(flat.start), flat.split(drawn)
    for part in flat.parts:
        weight, piece = weights[part.name], pieces[part.name]
        if len(part.shape) < 2:
            piece.zero_()
            continue
        rows = len(weight) if normalise == "filter" else 1
        lengths = weight.reshape(rows, -1).norm(dim=1) / piece.reshape(rows, -1).norm(dim=1)
        piece.mul_(lengths.reshape(-1, *[1] * (len(part.shape) - 1)))
    return drawn
