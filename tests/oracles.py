"""Closed forms and brute force that the tests hold the package to; nothing here uses the code under test."""

import numpy as np
import torch
from scipy.integrate import solve_ivp
from scipy.stats import multivariate_normal
from torch import Tensor


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
