"""A weak generator, one Gaussian or two, fitted to two bumps on a line under any divergence, without samples.

Divergences are integrals on a grid, so that what a fit keeps or drops is the divergence's own doing and not that of a
network or of luck. Averaged over noise levels, where the bumps overlap, the same divergences judge otherwise than on
clean data. All local minima are found, since which one a generator falls into is decided by where it starts.

Source: the setting of Minka 2005, MSR-TR-2005-173 (a Gaussian fitted to two bumps), with the noise levels of
distribution matching; figures in our sheet. The trapezoid rule converges geometrically on such integrands (Trefethen
and Weideman 2014, doi:10.1137/130932132).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from typing import Literal

import torch
from scipy.optimize import minimize
from torch import Tensor

from explorer.maths.bumps import TWO_BUMPS, Bumps, log_bumps
from explorer.maths.divergences import Divergence, as_divergence
from explorer.maths.names import nearest

Components = Literal["one", "two"]
SIZES = {"one": 1, "two": 2}
EARLY, LATE, BINS = 0.02, 0.98, 16
REACH = 10.0
"""Half the width of a grid, in standard deviations of the noisy target."""
FINE, MOST = 5.0, 1_201
"""Grid points in the smallest standard deviation of the target, and the most points of a grid."""
KEPT = 0.25
"""The part of its fair share above which a bump counts as kept."""
SAME = 1e-3
"""Fits whose densities differ by less, integrated, are one and the same."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A local minimum: the generator, its divergence in nats, and what it keeps.

    ``shares`` is the generator's mass at each bump of the target (by the target's own say on clean data), ``kept``
    whether that is above a quarter of the bump's weight. ``log_density`` [levels, points] is on the grid of the record.
    """

    bumps: Bumps
    value: float
    shares: tuple[float, ...]
    kept: tuple[bool, ...]
    log_density: Tensor

    @property
    def density(self) -> Tensor:
        """Its density [levels, points]."""
        return self.log_density.exp()


@dataclass(frozen=True, eq=False)
class WeakFit:
    """Everything that a weak generator may become under one divergence.

    ``fits`` are all local minima that were found, the best first. ``levels`` [levels] are the noise levels that are
    averaged (0 alone for clean data), ``x`` [levels, points] the grid of each, ``log_target`` the log density there. Of
    one Gaussian, ``landscape`` [stds, means] is the divergence over ``means`` and ``stds``; else all three are empty.
    """

    divergence: Divergence
    generator: Components
    averaged: bool
    mixture: Bumps
    fits: tuple[Fit, ...]
    levels: Tensor
    x: Tensor
    log_target: Tensor
    means: Tensor
    stds: Tensor
    landscape: Tensor

    @property
    def best(self) -> Fit:
        """The global minimum."""
        return self.fits[0]

    @property
    def target(self) -> Tensor:
        """The density of the noisy target [levels, points]."""
        return self.log_target.exp()

    def weight(self, fit: Fit) -> Tensor:
        """``h(p/q)`` [levels, points]: how hard the divergence pulls at each place while the generator is this fit.

        Ratios are clamped to e^-30 and e^30, which are met only where neither has any mass.
        """
        return self.divergence.weight((self.log_target - fit.log_density).clamp(-30.0, 30.0).exp())


def weak_fit(
    divergence: str | Divergence,
    generator: Components = "one",
    averaged: bool = True,
    mixture: Bumps = TWO_BUMPS,
) -> WeakFit:
    """Fit one Gaussian, or a mixture of two, to a mixture; on clean data or averaged over noise levels.

    Levels are the middles of 16 equal bins of [.02, .98], unweighted. About 0.1 s for one Gaussian, 1 s for two. Where
    bumps lie so far apart that nothing a float can tell pulls two components out of one, that is among the fits.

    Raises:
        ValueError: for an unknown divergence or generator.
    """
    chosen = as_divergence(divergence)
    nearest("generator", generator, SIZES)
    problem = _Problem.of(chosen, mixture, averaged)
    means = stds = landscape = torch.zeros(0, dtype=torch.float64)
    starts = list(_pairs(mixture))
    if generator == "one":
        means, stds, landscape = _landscape(problem)
        starts = _hollows(means, stds, landscape)
    fits = _distinct([_fitted(problem, start) for start in starts], problem)
    return WeakFit(
        chosen,
        generator,
        averaged,
        mixture,
        fits,
        problem.t,
        problem.x,
        problem.log_p,
        means,
        stds,
        landscape,
    )


@dataclass(frozen=True, eq=False)
class _Problem:
    """A divergence to a fixed target on the grids of some noise levels."""

    divergence: Divergence
    mixture: Bumps
    t: Tensor
    x: Tensor
    log_p: Tensor
    spacing: Tensor = field(repr=False)

    @classmethod
    def of(
        cls, divergence: Divergence, mixture: Bumps, averaged: bool, points: int | None = None
    ) -> "_Problem":
        width = (LATE - EARLY) / BINS
        t = EARLY + width * (torch.arange(BINS, dtype=torch.float64) + 0.5)
        t = t if averaged else t.new_zeros(1)
        finest = (((1.0 - t) * min(mixture.stds)).square() + t.square()).sqrt()
        half = REACH * (((1.0 - t) * mixture.std).square() + t.square()).sqrt()
        needed = math.ceil(float((2.0 * half / finest).max() * FINE))
        points = points or min(MOST, needed) | 1
        x = (1.0 - t)[:, None] * mixture.mean + half[:, None] * torch.linspace(
            -1.0, 1.0, points, dtype=t.dtype
        )
        return cls(divergence, mixture, t, x, mixture.log_density(x, t), 2.0 * half / (points - 1))

    def value(self, log_q: Tensor) -> Tensor:
        """The mean over the levels of the divergence of log q [..., levels, points]."""
        return self.divergence.between(self.log_p, log_q, self.spacing).mean(-1)

    def with_gradient(self, theta: Tensor) -> tuple[float, Tensor]:
        """The value at means, log stds and logits, and its gradient."""
        weights, means, stds = _unpacked(theta)
        parts = log_bumps(self.x, self.t, weights, means, stds)
        log_q = parts.logsumexp(-1)
        owned = (parts - log_q[..., None]).exp()
        keep = (1.0 - self.t)[:, None, None]
        variance = (keep * stds).square() + self.t[:, None, None].square()
        away = self.x[..., None] - keep * means
        slopes = (
            owned * away * keep / variance,
            owned * (away.square() / variance - 1.0) * (keep * stds).square() / variance,
            (owned - weights)[..., 1:],
        )
        pull = self.divergence.slope(self.log_p, log_q) * (self.spacing / len(self.t))[:, None]
        gradient = [torch.einsum("lp,lpk->k", pull, slope) for slope in slopes]
        return float(self.value(log_q)), torch.cat(gradient)


def _unpacked(theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, means and stds [k] of means, log stds and the logits of all but the first."""
    k = (len(theta) + 1) // 3
    weights = torch.cat([theta.new_zeros(1), theta[2 * k :]]).softmax(0)
    return weights, theta[:k], theta[k : 2 * k].exp()


def _landscape(problem: _Problem) -> tuple[Tensor, Tensor, Tensor]:
    """Means [33], stds [15] and the divergence of each such Gaussian [15, 33], on a grid half as fine."""
    mixture = problem.mixture
    low, high = min(mixture.means) - 0.5 * mixture.std, max(mixture.means) + 0.5 * mixture.std
    means = torch.linspace(low, high, 33, dtype=torch.float64)
    stds = torch.linspace(math.log(0.6 * min(mixture.stds)), math.log(1.6 * mixture.std), 15).double().exp()
    coarse = _Problem.of(problem.divergence, mixture, len(problem.t) > 1, max(101, problem.x.shape[1] // 2))
    keep = 1.0 - coarse.t
    rows = []
    for std in stds:
        variance = ((keep * std).square() + coarse.t.square())[:, None]
        away = coarse.x - (means[:, None] * keep)[..., None]
        rows.append(coarse.value(-0.5 * (away.square() / variance + (2.0 * math.pi * variance).log())))
    return means, stds, torch.stack(rows)


def _hollows(means: Tensor, stds: Tensor, landscape: Tensor) -> list[Tensor]:
    """Where the landscape is lower than all around: mean and log std of each."""
    wide = torch.nn.functional.pad(landscape[None], (1, 1, 1, 1), value=torch.inf)
    around = -torch.nn.functional.max_pool2d(-wide, 3, 1)[0]
    places = (landscape <= around).nonzero()
    return [torch.stack([means[column], stds[row].log()]) for row, column in places]


def _pairs(mixture: Bumps) -> Iterator[Tensor]:
    """First guesses of two components: on the bumps, between them, together or apart, narrow or wide."""
    low, high = min(mixture.means), max(mixture.means)
    for places in combinations_with_replacement((low, 0.5 * (low + high), high), 2):
        for std in (min(mixture.stds), 0.5 * mixture.std):
            apart = 0.05 * mixture.std if places[0] == places[1] else 0.0
            log_stds = math.log(std), math.log(1.2 * std)
            yield torch.tensor([places[0] - apart, places[1] + apart, *log_stds, 0.0], dtype=torch.float64)


def _fitted(problem: _Problem, start: Tensor) -> tuple[float, Tensor]:
    """The local minimum that a start falls into, and where it is."""
    mixture, k = problem.mixture, (len(start) + 1) // 3
    spread = 2.0 * mixture.std
    bounds = [(min(mixture.means) - spread, max(mixture.means) + spread)] * k
    bounds += [(math.log(0.2 * min(mixture.stds)), math.log(4.0 * mixture.std))] * k + [(-9.0, 9.0)] * (k - 1)

    def asked(theta):
        value, gradient = problem.with_gradient(torch.from_numpy(theta))
        return value, gradient.numpy()

    found = minimize(
        asked,
        start.numpy(),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"ftol": 1e-14, "gtol": 1e-8, "maxiter": 500},
    )
    return float(found.fun), torch.from_numpy(found.x)


def _distinct(found: list[tuple[float, Tensor]], problem: _Problem) -> tuple[Fit, ...]:
    """Minima whose densities differ, the lowest first."""
    fits: list[Fit] = []
    for value, theta in sorted(found, key=lambda one: one[0]):
        fit = _fit(value, theta, problem)
        gaps = [((fit.density - other.density).abs().sum(1) * problem.spacing).max() for other in fits]
        if all(float(gap) > SAME for gap in gaps):
            fits.append(fit)
    return tuple(fits)


def _fit(value: float, theta: Tensor, problem: _Problem) -> Fit:
    weights, means, stds = _unpacked(theta)
    order = means.argsort()
    bumps = Bumps(*(tuple(part[order].tolist()) for part in (weights, means, stds)))
    clean = _Problem.of(problem.divergence, problem.mixture, averaged=False)
    mass = bumps.log_density(clean.x, clean.t).exp() * clean.spacing[:, None]
    belongs = (problem.mixture.log_parts(clean.x, clean.t) - clean.log_p[..., None]).exp()
    shares = tuple((mass[..., None] * belongs).sum((0, 1)).tolist())
    fair = problem.mixture.weights
    kept = tuple(share > KEPT * weight for share, weight in zip(shares, fair, strict=True))
    return Fit(bumps, max(0.0, value), shares, kept, bumps.log_density(problem.x, problem.t))
