"""The exact field of a Gaussian mixture.

Source: Gaussian conditioning, component by component. The Jacobian of the velocity is written as what stays
inside the components plus what lies between them: ``(sigma' / sigma) I`` minus a large covariance cancels.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from explorer.maths.fields import Prediction
from explorer.maths.paths import AbstractPath, Level
from explorer.maths.shapes import PerSample, Points, Time
from explorer.maths.targets.base import AbstractExactField, Jacobians
from explorer.maths.targets.components import Oval, Round, deeper
from explorer.maths.targets.mixture import Mixture

HELD = 1 << 17
"""Numbers that one pass over the components may hold at a time; more rows go through in parts."""


class MixtureField(AbstractExactField):
    """Everything about ``p(x_0 | x_t)`` in closed form; predictions are of kind ``"v"`` (see components)."""

    def __init__(self, mixture: Mixture, path: AbstractPath):
        self.mixture, self.path, self.shape, self.labels = mixture, path, mixture.shape, mixture.labels
        self._components: dict[tuple, Round | Oval] = {}

    def __call__(self, x: Points, t: Time) -> Prediction:
        v = self._by_rows(lambda parts, x, level: parts.v(x, level), x, t)
        return Prediction(self.path, x, t, v.reshape(x.shape), "v")

    def log_density(self, x: Points, t: Time) -> PerSample:
        if not self.mixture.has_density:
            self._noisy_level("log_density", t)
        return self._by_rows(lambda parts, x, level: parts.log_joint(x, level).logsumexp(1), x, t)

    def responsibilities(self, x: Points, t: Time) -> Tensor:
        """p(component | x_t = x) [batch, k]; rows sum to 1."""
        return self._by_rows(lambda parts, x, level: parts.responsibilities(x, level), x, t)

    def class_posterior(self, x: Points, t: Time) -> Tensor:
        if self.mixture.classes is None:
            raise ValueError(f"target {self.mixture.name!r} has no classes; make the mixture with `classes`")
        member = torch.nn.functional.one_hot(self.mixture.classes, len(self.labels)).to(x)
        return self.responsibilities(x, t) @ member

    def posterior_covariance(self, x: Points, t: Time) -> Jacobians:
        def part(parts: Round | Oval, x: Tensor, level: Level) -> Tensor:
            g = parts.responsibilities(x, level)
            return parts.within(g, level, level.sigma**2, 0.0 * level.sigma) + _between(parts, g, x, level)

        return self._by_rows(part, x, t, wide=True)

    def velocity_jacobian(self, x: Points, t: Time) -> Jacobians:
        self._noisy_level("velocity_jacobian", t)

        def part(parts: Round | Oval, x: Tensor, level: Level) -> Tensor:
            g = parts.responsibilities(x, level)
            drift, growth = level.alpha * level.alpha_rate, level.sigma * level.sigma_rate
            pull = level.wronskian * level.alpha / level.sigma**3
            return parts.within(g, level, drift, growth) - deeper(pull) * _between(parts, g, x, level)

        return self._by_rows(part, x, t, wide=True)

    def given(self, label: str | int) -> "MixtureField":
        """The field of one class alone."""
        return MixtureField(self.mixture.given(label), self.path)

    def _by_rows(
        self, part: Callable[[Round | Oval, Tensor, Level], Tensor], x: Tensor, t: Time, wide: bool = False
    ) -> Tensor:
        """``part(components, x, level)`` over as many rows at a time as memory and cache like."""
        flat, parts = self._flat(x, t), self._at(x)
        rows = max(1, HELD // (len(self.mixture.weights) * (flat.shape[1] if wide else parts.width)))
        if len(flat) <= rows:
            return part(parts, flat, self._level(t))
        cuts = [slice(i, i + rows) for i in range(0, len(flat), rows)]
        times = [t[cut] if isinstance(t, Tensor) else t for cut in cuts]
        return torch.cat(
            [part(parts, flat[cut], self._level(time)) for cut, time in zip(cuts, times, strict=True)]
        )

    def _at(self, x: Tensor) -> Round | Oval:
        """The components in the dtype and on the device of x, made once for each."""
        key = (x.dtype, x.device)
        if key not in self._components:
            self._components[key] = _components(self.mixture, x)
        return self._components[key]


def _between(parts: Round | Oval, g: Tensor, x: Tensor, level: Level) -> Tensor:
    """The covariance of the component means under g [n, d, d]."""
    means = parts.component_means(x, level)
    away = means - g[:, None, :] @ means
    return away.mT @ (g[..., None] * away)


def _components(mixture: Mixture, x: Tensor) -> Round | Oval:
    """The sums' constants, worked out in float64 and then cast like x."""
    log_weights, means = mixture.weights.log().to(x), mixture.means.to(x)
    if mixture.covariances is not None:
        values, vectors = torch.linalg.eigh(mixture.covariances)
        k, d = mixture.means.shape
        places = torch.einsum("kd,kdi->ki", mixture.means, vectors)
        axes = vectors.permute(1, 0, 2).reshape(d, k * d)
        return Oval(log_weights, means, values.clamp(min=0.0).to(x), axes.to(x), places.to(x))
    variances = mixture.diagonals[:, 0]
    if bool((variances == variances[0]).all()):
        return Round(log_weights, means, float(variances[0]))
    return Round(log_weights, means, variances.to(x))
