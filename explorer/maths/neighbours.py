"""Precision and recall of samples by balls around their neighbours, where a target has no modes to count.

Source: Kynkäänniemi et al. 2019, arXiv:1904.06991.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

NEIGHBOURS = 3
"""A ball around a point reaches its neighbour of this rank."""

Samples = Float[Tensor, "_ ..."]


class Inside(NamedTuple):
    """The share of what was made that lies among the data, and of the data that lies among what was made."""

    precision: float
    recall: float


def precision_recall(made: Samples, data: Samples, k: int = NEIGHBOURS) -> Inside:
    """Shares in [0, 1]; the ball around a point reaches its k-th neighbour in its own set.

    Blurred samples score high precision, for they sit inside the balls: never quote it without recall.

    Raises:
        ValueError: for sets of different shapes, or of no more than k points.
    """
    return Inside(share_inside(made, data, k), share_inside(data, made, k))


def share_inside(points: Samples, others: Samples, k: int = NEIGHBOURS) -> float:
    """The share of points [n, *shape] inside the ball of some other, which reaches its own k-th neighbour."""
    if points.shape[1:] != others.shape[1:] or not len(points) or len(others) <= k:
        raise ValueError(
            f"both sets must hold samples of one shape, the balls' more than {k}; "
            f"got {list(points.shape)} and {list(others.shape)}"
        )
    points, others = points.flatten(1), others.flatten(1)
    radii = torch.cdist(others, others).kthvalue(k + 1, dim=1).values  # the first is itself
    return float((torch.cdist(points, others) <= radii).any(1).float().mean())
