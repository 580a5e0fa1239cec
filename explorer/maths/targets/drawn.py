"""A target from points that somebody drew: a small Gaussian on each."""

import hashlib

import torch

from explorer.maths.targets.mixture import Mixture

FEWEST, MOST, REACH = 3, 5_000, 4.0
NARROWEST, WIDEST = 0.03, 0.2
"""Bounds of the width: below the first a sampler needs very small steps, above the second a drawing blurs."""


def drawn(points: object, label: str = "Drawn") -> Mixture:
    """Points [m, 2] in [-4, 4], left where they were drawn: 3 to 5,000 of them.

    The width of every component is the median distance to the nearest neighbour, which closes a line drawn
    point by point, but at least 0.03 and at most 0.2.

    Raises:
        ValueError: when the points are too few, too many, out of reach or not finite.
    """
    try:
        means = torch.as_tensor(points, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"`points` must be numbers [m, 2]; got {type(points).__name__}") from None
    if means.dim() != 2 or means.shape[1] != 2:
        raise ValueError(f"`points` must have shape [m, 2]; got {list(means.shape)}")
    if not FEWEST <= len(means) <= MOST:
        raise ValueError(
            f"`points` must be {FEWEST} to {MOST} in number; got {len(means)}: draw more, or fewer"
        )
    if not bool(torch.isfinite(means).all()) or float(means.abs().max()) > REACH:
        raise ValueError(
            f"`points` must be finite and lie in [-{REACH:g}, {REACH:g}] on both axes; got some beyond"
        )
    name = "drawn-" + hashlib.sha256(means.numpy().tobytes()).hexdigest()[:12]
    ones = torch.ones(len(means), dtype=torch.float64)
    return Mixture(
        ones, means, variances=width(means) ** 2 * ones, name=name, label=label, source="drawn by hand"
    )


def width(points: torch.Tensor) -> float:
    """The median distance to the nearest neighbour among points [m, 2], within bounds."""
    least = []
    for part in points.split(512):
        least.append(torch.cdist(part, points).topk(2, dim=1, largest=False).values[:, 1])
    return min(WIDEST, max(NARROWEST, float(torch.cat(least).median())))
