"""Closed forms and brute force that the tests hold the package to; nothing here uses the code under test,
but for the shapes of its promises (a field, its path).
"""

from itertools import pairwise

import numpy as np
import torch
from scipy.integrate import solve_ivp
from scipy.stats import multivariate_normal
from torch import Tensor

from explorer.maths.fields import AbstractField, Prediction
from explorer.maths.paths import as_path
from explorer.maths.samplers.base import CountedField


def gaussian_flow(mean: Tensor, covariance: Tensor, x: Tensor, start: tuple, end: tuple) -> Tensor:
    """Where the flow of one Gaussian takes x [n, d]: ``start`` and ``end`` are (alpha, sigma)."""
    (a0, s0), (a1, s1) = start, end
    values, vectors = torch.linalg.eigh(covariance)
    scales = ((a1**2 * values + s1**2) / (a0**2 * values + s0**2)).sqrt()
    return a1 * mean + ((x - a0 * mean) @ vectors * scales) @ vectors.T


def mixture_posterior(weights, means, covariances, x: Tensor, a: float, s: float, points: int = 401):
    """Log-density of x [2], mean and covariance of x_0 given x, by a sum over a fine grid of the plane."""
    line = np.linspace(-6.0, 6.0, points)
    grid = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    prior = sum(
        w * multivariate_normal(m, c).pdf(grid) for w, m, c in zip(weights, means, covariances, strict=True)
    )
    joint = prior * np.exp(-((x.numpy() - a * grid) ** 2).sum(1) / (2 * s * s)) / (2 * np.pi * s * s)
    mass = joint.sum()
    mean = (joint[:, None] * grid).sum(0) / mass
    covariance = (joint[:, None] * (grid - mean)).T @ (grid - mean) / mass
    return np.log(mass * (line[1] - line[0]) ** 2), mean, covariance


def integrate(velocity, x: Tensor, t0: float, t1: float) -> Tensor:
    """dx/dt = velocity(x, t) from t0 to t1 by scipy's Dormand-Prince of order 8, to about 1e-11."""

    def slope(t: float, flat: np.ndarray) -> np.ndarray:
        return velocity(torch.from_numpy(flat).reshape(x.shape), float(t)).reshape(-1).numpy()

    end = solve_ivp(slope, (t0, t1), x.reshape(-1).numpy(), method="DOP853", rtol=1e-11, atol=1e-12)
    return torch.from_numpy(end.y[:, -1]).reshape(x.shape)


class NormalField(AbstractField):
    """The exact field of N(mean, variance I) on a path; keeps the times that it was asked at."""

    def __init__(self, path: str, mean: float = 0.0, variance: float = 0.25, shape: tuple[int, ...] = (2,)):
        self.path, self.shape, self.latest = as_path(path), shape, 1.0
        self.mean, self.variance = mean, variance
        self.asked: list[float] = []

    def __call__(self, x: Tensor, t):
        level = self.path.at(t.reshape(-1, *[1] * (x.dim() - 1)) if isinstance(t, Tensor) else t)
        self.asked.append(t if isinstance(t, float) else float(t.detach()[0]))
        kept = level.alpha * self.variance / (level.alpha**2 * self.variance + level.sigma**2)
        return Prediction(self.path, x, t, self.mean + kept * (x - level.alpha * self.mean), "denoised")


def karras_sigmas(steps: int, low: float = 0.002, high: float = 80.0) -> list[float]:
    """Karras's noise levels and the final 0, retyped from equation 5 of the paper."""
    ends = high ** (1 / 7), low ** (1 / 7)
    return [high] + [(ends[0] + i / (steps - 1) * (ends[1] - ends[0])) ** 7 for i in range(1, steps)] + [0.0]


def exact_std(sampler, field: NormalField, times: list[float], variance: float) -> float:
    """Standard deviation after a run whose steps are x' = F x + S z: no sample is drawn.

    F and S are read off each step: two states, 1 and 0, under noise that is known; the last step lands on the
    clean prediction.
    """
    generator, asked = torch.Generator(), CountedField(field)
    memory, pair = sampler.start(asked, times, generator), torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    z = torch.randn(2, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for t, t_next in pairwise(times[:-1]):
        generator.manual_seed(1)
        one = sampler.step(asked, pair, t, t_next, memory)[0]
        generator.manual_seed(1)
        none, _, memory = sampler.step(asked, 0.0 * pair, t, t_next, memory)
        variance = variance * (one - none)[0].item() ** 2 + (none[1] / z[1]).item() ** 2
    return variance**0.5 * abs(field(pair, times[-2]).denoised[0].item())
