"""Which parts of a known target samples reach: precision, modes covered, recall.

A sample belongs to the nearest component within 4 standard deviations. Components that follow one another less than
3 standard deviations apart have hardly a valley between them; such a chain is cut into bins of about 8 neighbours (of
equal weight), and each bin is a mode: 16 of two moons. Components that stand apart are modes themselves: 8 of eight
Gaussians. Of uniform boxes each box is a mode, and only what lies in it belongs to it: their edges are sharp, so no
width is granted.

Source: the mode count of Srivastava et al. 2017, arXiv:1705.07761. Where we differ: a mode counts from 25 % of its fair
share on, not from one sample; recall is the mean of min(1, share / fair share).
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from explorer.maths.targets import AbstractTarget, Mixture, UniformBoxes

REACH = 4.0
"""Standard deviations from its component at which a sample no longer belongs to it."""
APART = 3.0
"""Standard deviations between neighbours of a chain, at most."""
BIN, BINS, MOST = 8, 32, 64
"""Components in a bin, at least; bins of the longest chains, about; modes that a few hundred samples can tell apart."""
COVERED = 0.25


@dataclass(frozen=True, eq=False)
class Modes:
    """Where samples lie: ``shares`` [total] of all samples in each mode, ``fair`` [total] what the target gives it."""

    shares: Tensor
    fair: Tensor

    @property
    def precision(self) -> float:
        """The share of samples that belong to some mode."""
        return float(self.shares.sum())

    @property
    def total(self) -> int:
        """Modes of the target."""
        return len(self.fair)

    @property
    def reached(self) -> Tensor:
        """Which modes hold more than a quarter of their fair share [total]."""
        return self.shares > COVERED * self.fair

    @property
    def covered(self) -> int:
        """How many modes hold more than a quarter of their fair share."""
        return int(self.reached.sum())

    @property
    def recall(self) -> float:
        """The mean over modes of min(1, share / fair share)."""
        return float((self.shares / self.fair).clamp(max=1.0).mean())


def modes_of(x: Tensor, target: AbstractTarget) -> Modes | None:
    """The modes that samples x [n, *shape] reach; None for a target without modes (finite data, scattered points).

    Samples that are not finite belong to none.

    Raises:
        ValueError: for samples of another shape than the target's, or none.
    """
    if tuple(x.shape[1:]) != tuple(target.shape) or not len(x):
        raise ValueError(
            f"`x` must be samples [n, {', '.join(map(str, target.shape))}] with n >= 1; got {list(x.shape)}"
        )
    parts = parts_of(target)
    if parts is None:
        return None
    index = parts.of(x.detach().cpu().double().flatten(1))
    counts = torch.bincount(index[index >= 0], minlength=len(parts.fair))
    return Modes(counts / len(x), parts.fair)


@lru_cache(maxsize=16)
def parts_of(target: AbstractTarget) -> "_Chains | _Boxes | None":
    """How the target is cut into modes; None where it cannot be."""
    if isinstance(target, UniformBoxes):
        boxes = len(target.lows)
        fair = torch.full((boxes,), 1.0 / boxes, dtype=torch.float64)
        return _Boxes(target.lows, target.highs, fair) if boxes <= MOST else None
    if not isinstance(target, Mixture) or not target.has_density:
        return None
    roots = _inverse_roots(target)
    bins = _bins(target, roots)
    total = int(bins[-1]) + 1
    if total > MOST:
        return None
    fair = torch.zeros(total, dtype=torch.float64).index_add(0, bins, target.weights)
    return _Chains(target.means, roots, bins, fair)


@dataclass(frozen=True, eq=False)
class _Chains:
    """Components [k, d] with the inverse roots of their covariances [k, d, d], and the mode of each [k]."""

    means: Tensor
    roots: Tensor
    bins: Tensor
    fair: Tensor

    def of(self, x: Tensor) -> Tensor:
        """The mode of each sample [n]; -1 where it has none."""
        away = torch.einsum("kij,nkj->nki", self.roots, x[:, None] - self.means)
        squares, nearest = away.square().sum(-1).min(1)
        return torch.where(squares <= REACH**2, self.bins[nearest], -1)  # NaN is beyond


@dataclass(frozen=True, eq=False)
class _Boxes:
    """Boxes from ``lows`` to ``highs`` [k, d]."""

    lows: Tensor
    highs: Tensor
    fair: Tensor

    def of(self, x: Tensor) -> Tensor:
        """The box of each sample [n]; -1 where it has none."""
        inside = ((x[:, None] >= self.lows) & (x[:, None] <= self.highs)).all(-1)
        return torch.where(inside.any(1), inside.int().argmax(1), -1)


def _inverse_roots(target: Mixture) -> Tensor:
    """S with |S (x - mu)| the distance in standard deviations [k, d, d]."""
    if target.covariances is None:
        return torch.diag_embed(target.diagonals.rsqrt())
    values, vectors = torch.linalg.eigh(target.covariances)
    return values.rsqrt()[:, :, None] * vectors.mT


def _bins(target: Mixture, roots: Tensor) -> Tensor:
    """The mode of each component [k], counted from 0 in the order in which the components stand."""
    k, length = len(target.means), max(BIN, -(-len(target.means) // BINS))
    steps = target.means.diff(dim=0)
    sizes = [(root @ steps[..., None]).squeeze(-1).norm(dim=1) for root in (roots[:-1], roots[1:])]
    joined = torch.minimum(*sizes) < APART
    if target.classes is not None:
        joined &= target.classes.diff() == 0
    ends = [0, *((~joined).nonzero().flatten() + 1).tolist(), k]
    bins, first = torch.empty(k, dtype=torch.long), 0
    for start, stop in pairwise(ends):
        count = max(1, round((stop - start) / length))
        weights = target.weights[start:stop]
        middles = (weights.cumsum(0) - 0.5 * weights) / weights.sum()
        bins[start:stop] = first + (count * middles).long().clamp(max=count - 1)
        first += count
    return bins
