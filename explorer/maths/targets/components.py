"""The sums over Gaussian components, at one dtype on one device: round components and oval ones.

At a level (a, s): ``S_k = a^2 C_k + s^2 I``, ``r_k = x - a mu_k``, responsibilities ``g_k`` = softmax of
``log w_k + log N(x; a mu_k, S_k)``, component means ``m_k = mu_k + a C_k S_k^-1 r_k``. What leaves is
``v = a eps - s D``, from which both ``D`` and ``eps`` follow without cancellation at every level:

``v = sum_k g_k [a s (I - C_k) S_k^-1 r_k - s mu_k]``

Source: Gaussian conditioning (Bishop 2006, section 2.3.3). Where we differ from the usual form: v in place of D,
since in float32 ``eps = (x - a D) / s`` loses its digits at small s and ``D = (x - s eps) / a`` at large s.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.maths.paths import Level

LEAST_SPREAD = 1e-12
"""Floor of S_k: finite data at sigma = 0 would divide by zero."""

FEW_AXES = 3
"""Up to here squared distances are summed axis by axis, which keeps digits that a product would cancel."""


def _spread(level: Level, variances: Tensor | float) -> Tensor | float:
    spread = level.alpha**2 * variances + level.sigma**2
    return spread.clamp(min=LEAST_SPREAD) if isinstance(spread, Tensor) else max(spread, LEAST_SPREAD)


def deeper(value: Tensor | float) -> Tensor | float:
    """A tensor with one more axis at its end; a float as it is."""
    return value[..., None] if isinstance(value, Tensor) else value


def _log(value: Tensor | float) -> Tensor | float:
    return torch.log(value) if isinstance(value, Tensor) else math.log(value)


@dataclass(frozen=True, eq=False)
class Round:
    """Components whose covariance is a variance times I; ``variances`` is one float when all are equal."""

    log_weights: Tensor  # [k]
    means: Tensor  # [k, d]
    variances: Tensor | float  # [k]
    width = 1
    """Numbers held for each row and component."""

    def _squares(self, x: Tensor, level: Level) -> Tensor:
        """|x - a mu_k|^2 [n, k]."""
        if x.shape[1] > FEW_AXES:
            means = self.means
            squares = (means**2).sum(1) * level.alpha**2 - 2.0 * level.alpha * (x @ means.T)
            return squares if isinstance(self.variances, float) else squares + (x**2).sum(1, keepdim=True)
        total = (x[:, 0, None] - level.alpha * self.means[:, 0]) ** 2
        for axis in range(1, x.shape[1]):
            away = x[:, axis, None] - level.alpha * self.means[:, axis]
            total = torch.addcmul(total, away, away)
        return total

    def responsibilities(self, x: Tensor, level: Level) -> Tensor:
        """G [n, k]; terms that all components share are left out."""
        spread = _spread(level, self.variances)
        const = self.log_weights
        if not isinstance(self.variances, float):
            const = const - 0.5 * x.shape[1] * _log(spread)
        return torch.softmax(const - self._squares(x, level) * (0.5 / spread), 1)

    def log_joint(self, x: Tensor, level: Level) -> Tensor:
        """Log w_k + log N(x; a mu_k, S_k) [n, k]."""
        spread, squares = _spread(level, self.variances), self._squares(x, level)
        if x.shape[1] > FEW_AXES and isinstance(self.variances, float):
            squares = squares + (x**2).sum(1, keepdim=True)
        norm = 0.5 * x.shape[1] * (_log(spread) + math.log(2 * math.pi))
        return self.log_weights - norm - squares * (0.5 / spread)

    def v(self, x: Tensor, level: Level) -> Tensor:
        """A eps - s D [n, d]."""
        g = self.responsibilities(x, level)
        pull = level.alpha * level.sigma * (1.0 - self.variances) / _spread(level, self.variances)
        if isinstance(self.variances, float):
            mean = g @ self.means
            return pull * x - (level.alpha * pull + level.sigma) * mean
        drawn = g * pull
        return x * drawn.sum(1, keepdim=True) - (level.alpha * drawn + level.sigma * g) @ self.means

    def component_means(self, x: Tensor, level: Level) -> Tensor:
        """m_k [n, k, d]: where each component alone would put x_0."""
        spread = _spread(level, self.variances)
        keep, pull = level.sigma**2 / spread, level.alpha * self.variances / spread
        return deeper(keep) * self.means + deeper(pull) * x[:, None, :]

    def within(self, g: Tensor, level: Level, drift: float | Tensor, growth: float | Tensor) -> Tensor:
        """sum_k g_k (drift C_k + growth I) S_k^-1 [n, d, d]."""
        share = (g * ((drift * self.variances + growth) / _spread(level, self.variances))).sum(1)
        return share[:, None, None] * torch.eye(self.means.shape[1], dtype=g.dtype, device=g.device)


@dataclass(frozen=True, eq=False)
class Oval:
    """Components with full covariances ``U_k diag(l_k) U_k'``."""

    log_weights: Tensor  # [k]
    means: Tensor  # [k, d]
    variances: Tensor  # l [k, d]
    axes: Tensor  # U as [d, k d], column (k, i) is axis i of component k
    places: Tensor  # the means along their own axes [k, d]

    @property
    def width(self) -> int:
        """Numbers held for each row and component."""
        return self.means.shape[1]

    def _along(self, x: Tensor, level: Level) -> tuple[Tensor, Tensor]:
        """X - a mu_k along the axes of component k [n, k, d], and S_k there [k, d] or [n, k, d]."""
        level = Level(*map(deeper, level))
        along = (x @ self.axes).reshape(len(x), *self.places.shape) - level.alpha * self.places
        return along, torch.as_tensor(_spread(level, self.variances))

    def log_joint(self, x: Tensor, level: Level) -> Tensor:
        """Log w_k + log N(x; a mu_k, S_k) [n, k]."""
        along, spread = self._along(x, level)
        norm = 0.5 * (torch.log(spread).sum(-1) + x.shape[1] * math.log(2 * math.pi))
        return self.log_weights - norm - 0.5 * (along**2 / spread).sum(-1)

    def responsibilities(self, x: Tensor, level: Level) -> Tensor:
        """G [n, k]."""
        return torch.softmax(self.log_joint(x, level), 1)

    def v(self, x: Tensor, level: Level) -> Tensor:
        """A eps - s D [n, d]."""
        along, spread = self._along(x, level)
        g = self.responsibilities(x, level)
        pulled = g[..., None] * (1.0 - self.variances) / spread * along
        return level.alpha * level.sigma * (pulled.flatten(1) @ self.axes.T) - level.sigma * (g @ self.means)

    def component_means(self, x: Tensor, level: Level) -> Tensor:
        """m_k [n, k, d]: where each component alone would put x_0."""
        along, spread = self._along(x, level)
        return self.means + self._back(deeper(level.alpha) * self.variances / spread * along)

    def _back(self, along: Tensor) -> Tensor:
        """From the components' own axes [n, k, d] to the plane's [n, k, d]."""
        k, d = self.places.shape
        return torch.einsum("nki,dki->nkd", along, self.axes.reshape(d, k, d))

    def within(self, g: Tensor, level: Level, drift: float | Tensor, growth: float | Tensor) -> Tensor:
        """sum_k g_k (drift C_k + growth I) S_k^-1 [n, d, d]."""
        level, drift, growth = Level(*map(deeper, level)), deeper(drift), deeper(growth)
        k, d = self.places.shape
        share = g[..., None] * ((drift * self.variances + growth) / _spread(level, self.variances))
        axes = self.axes.reshape(d, k * d)
        return torch.einsum("nj,dj,ej->nde", share.flatten(1), axes, axes)
