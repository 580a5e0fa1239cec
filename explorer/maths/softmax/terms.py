"""Rows in a unit of their own: ``F(T) = sum_k exp(weights_k + slopes_k T)`` with slopes from -1/2 to 1/2.

``T = spread * t`` takes the size of the step out, a shift of the weights takes the size of F out, and classes of one
slope are one class with their joint weight. What has no ordinary radius is settled here, once.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Terms:
    """The rows that have zeros to look for; float64.

    ``weights`` [m, k] logarithms, the largest 0, -inf where a class is dropped; ``slopes`` [m, k] rising within a row,
    all different where the weight is finite; ``spread`` [m] the unit of the slopes; ``rows`` [m] their places in the
    batch.
    """

    weights: Tensor
    slopes: Tensor
    spread: Tensor
    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, chosen: Tensor | slice) -> "Terms":
        """Some of the rows, by mask, places or slice."""
        return Terms(self.weights[chosen], self.slopes[chosen], self.spread[chosen], self.rows[chosen])


def spreads(logits: Tensor, speeds: Tensor) -> Tensor:
    """Largest minus smallest speed among the classes that are there: [n, k] -> [n], float64.

    A logit of -inf drops its class whatever its speed. Zero for a single class, inf for an infinite speed, NaN for a
    row with no class, with a NaN, or with a logit of +inf.
    """
    logits, speeds = logits.double(), speeds.double()
    if speeds.shape[1] == 0:
        return speeds.new_full((len(speeds),), torch.nan)
    there = logits != -torch.inf
    high = torch.where(there, speeds, -torch.inf).amax(1)
    low = torch.where(there, speeds, torch.inf).amin(1)
    infinite = (there & speeds.isinf()).any(1)
    bad = (there & (speeds.isnan() | logits.isnan() | (logits == torch.inf))).any(1) | ~there.any(1)
    return torch.where(bad, torch.nan, torch.where(infinite, torch.inf, high - low))


def terms(logits: Tensor, speeds: Tensor, spread: Tensor) -> Terms:
    """The rows of [n, k] whose spread is a positive number, in their own unit."""
    rows = ((spread > 0) & (spread < torch.inf)).nonzero()[:, 0]
    weights, slopes, unit = logits[rows].double(), speeds[rows].double(), spread[rows]
    if not len(rows):
        return Terms(weights, slopes, unit, rows)
    there = weights != -torch.inf
    if not bool(there.all()):
        slopes = torch.where(there, slopes, torch.inf)  # dropped classes sort to the end
    low = slopes.amin(1, keepdim=True)
    slopes, order = ((slopes - low) / unit[:, None] - 0.5).sort(1)
    weights = weights.gather(1, order)
    slopes = torch.where(weights == -torch.inf, 0.5, slopes)
    same = slopes.diff(dim=1) == 0.0
    crowded = same.any(1)
    if bool(crowded.any()):
        weights[crowded], slopes[crowded] = _merged(weights[crowded], slopes[crowded], same[crowded])
    weights = weights - weights.amax(1, keepdim=True)
    return Terms(weights, slopes, unit, rows)


def trivial(spread: Tensor) -> Tensor:
    """Radii of the rows without zeros to look for: inf, 0, or NaN as the spread is 0, inf or NaN; else NaN."""
    return (
        torch.full_like(spread, torch.nan)
        .masked_fill(spread == 0, torch.inf)
        .masked_fill(spread == torch.inf, 0.0)
    )


def _merged(weights: Tensor, slopes: Tensor, same: Tensor) -> tuple[Tensor, Tensor]:
    """Classes of one slope as one class; the places that get free hold no class."""
    group = torch.nn.functional.pad((~same).long().cumsum(1), (1, 0))
    top = torch.full_like(weights, -torch.inf).scatter_reduce(1, group, weights, "amax")
    part = (weights - top.gather(1, group)).exp().nan_to_num(0.0)  # -inf minus -inf: no class at all
    joint = torch.zeros_like(weights).scatter_add(1, group, part)
    kept = torch.full_like(slopes, 0.5).scatter(1, group, slopes)
    return torch.where(joint > 0, top + joint.log(), -torch.inf), kept
