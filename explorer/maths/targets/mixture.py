"""Gaussian mixtures and their exact fields; finite data is a mixture of zero covariance.

Source: specification sheet of samplers, section 5. The Jacobian of the velocity is written as what stays
inside the components plus what lies between them: ``(sigma' / sigma) I`` minus a large covariance cancels.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from explorer.maths.fields import Prediction
from explorer.maths.paths import AbstractPath, as_path
from explorer.maths.shapes import PerSample, Points, Time
from explorer.maths.targets.base import (
    AbstractExactField,
    AbstractTarget,
    Box,
    Jacobians,
    drawn_components,
    square_box,
)
from explorer.maths.targets.components import Oval, Round

HELD = 1 << 19
"""Numbers that one pass over the components may hold at a time; more rows go through in parts."""


@dataclass(frozen=True, eq=False)
class Mixture(AbstractTarget):
    """A sum of ``w_k N(mu_k, C_k)``: weights [k], means [k, d], covariances [k, d, d] or variances [k].

    Zero variances make finite data: the target is then the uniform law on the means. ``classes`` [k] gives
    each component's class, an index into ``labels``. Weights are normalised; all is float64 on the CPU.
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor | None = None
    variances: Tensor | None = None
    classes: Tensor | None = None
    labels: tuple[str, ...] = ()
    name: str = "mixture"
    label: str = "Gaussian mixture"
    source: str = "given by hand"
    shape: tuple[int, ...] = ()

    def __post_init__(self):
        set_ = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731 # frozen
        means = _finite("means", self.means, 2)
        k, d = means.shape
        weights = _finite("weights", self.weights, 1)
        if len(weights) != k or bool((weights <= 0).any()):
            raise ValueError(
                f"`weights` must be {k} positive numbers, one for each mean; got {list(weights.shape)}, "
                f"least {float(weights.min()) if len(weights) else 'none'}"
            )
        set_("means", means)
        set_("weights", weights / weights.sum())
        set_("shape", tuple(self.shape) or (d,))
        if torch.Size(self.shape).numel() != d:
            raise ValueError(f"`shape` must hold {d} numbers, as many as a mean; got {self.shape}")
        self._check_spread(k, d, set_)
        self._check_classes(k, set_)

    def _check_spread(self, k: int, d: int, set_: Callable) -> None:
        if (self.covariances is None) == (self.variances is None):
            raise ValueError("give one of `covariances` [k, d, d] and `variances` [k]")
        if self.variances is not None:
            variances = _finite("variances", self.variances, 1)
            if len(variances) != k or bool((variances < 0).any()):
                raise ValueError(
                    f"`variances` must be {k} numbers, none below 0; got {list(variances.shape)}, "
                    f"least {float(variances.min()) if len(variances) else 'none'}"
                )
            set_("variances", variances)
            return
        covariances = _finite("covariances", self.covariances, 3)
        if tuple(covariances.shape) != (k, d, d):
            raise ValueError(f"`covariances` must have shape [{k}, {d}, {d}]; got {list(covariances.shape)}")
        scale = float(covariances.abs().max())
        if float((covariances - covariances.mT).abs().max()) > 1e-6 * scale:
            raise ValueError(
                "`covariances` must be symmetric; one of them is not: average it with its transpose"
            )
        least = float(torch.linalg.eigvalsh(covariances).min())
        if least < -1e-6 * scale:
            raise ValueError(f"`covariances` must have no negative eigenvalue; the least is {least:.3g}")
        set_("covariances", 0.5 * (covariances + covariances.mT))

    def _check_classes(self, k: int, set_: Callable) -> None:
        set_("labels", tuple(self.labels))
        if self.classes is None:
            if self.labels:
                raise ValueError(
                    "`labels` name the classes, and `classes` [k] must say which component is of which"
                )
            return
        classes = torch.as_tensor(self.classes, dtype=torch.long, device="cpu")
        if tuple(classes.shape) != (k,) or bool((classes < 0).any()):
            raise ValueError(
                f"`classes` must be {k} indices from 0, one for each mean; got {list(classes.shape)}"
            )
        count = int(classes.max()) + 1
        labels = self.labels or tuple(map(str, range(count)))
        if len(labels) < count:
            raise ValueError(f"`labels` must name {count} classes; got {len(labels)}")
        set_("classes", classes)
        set_("labels", labels)

    def labelled(
        self, n: int, seed: int = 0, label: str | int | None = None, *, stratified: bool = False
    ) -> tuple[Tensor, Tensor]:
        target = self if label is None else self.given(label)
        generator = torch.Generator().manual_seed(seed)
        index = drawn_components(target.weights, n, generator, stratified)
        noise = torch.randn(n, self.means.shape[1], generator=generator, dtype=torch.float64)
        if target.variances is not None:
            noise = target.variances.sqrt()[index, None] * noise
        else:
            values, vectors = torch.linalg.eigh(target.covariances)
            root = vectors * values.clamp(min=0.0).sqrt()[:, None, :]
            noise = torch.einsum("nij,nj->ni", root[index], noise)
        classes = target.classes[index] if target.classes is not None else torch.full((n,), -1)
        return (target.means[index] + noise).float().reshape(n, *self.shape), classes

    def given(self, label: str | int) -> "Mixture":
        chosen = self.classes == self.label_index(label)
        if not bool(chosen.any()):
            raise ValueError(f"target {self.name!r} has no component of class {label!r}")
        parts = {
            name: None if (value := getattr(self, name)) is None else value[chosen]
            for name in ("weights", "means", "covariances", "variances", "classes")
        }
        return replace(self, **parts)

    def field(self, path: str | AbstractPath = "linear") -> "MixtureField":
        return MixtureField(self, as_path(path))

    @property
    def box(self) -> Box | None:
        if self.shape != (2,):
            return None
        spread = (
            self.variances[:, None]
            if self.variances is not None
            else self.covariances.diagonal(dim1=1, dim2=2)
        )
        return square_box(float((self.means.abs() + 3.0 * spread.sqrt()).max()))


class MixtureField(AbstractExactField):
    """The exact field of a mixture. Predictions are of kind ``"v"``, whose views all keep their digits."""

    def __init__(self, mixture: Mixture, path: AbstractPath):
        self.mixture, self.path, self.shape, self.labels = mixture, path, mixture.shape, mixture.labels
        self._components: dict[tuple, Round | Oval] = {}

    def __call__(self, x: Points, t: Time) -> Prediction:
        v = self._by_rows(lambda parts, x, t: parts.v(x, self._level(t)), x, t)
        return Prediction(self.path, x, t, v.reshape(x.shape), "v")

    def log_density(self, x: Points, t: Time) -> PerSample:
        if not self._has_density():
            self._noisy_level("log_density", x, t)
        return self._by_rows(lambda parts, x, t: parts.log_joint(x, self._level(t)).logsumexp(1), x, t)

    def responsibilities(self, x: Points, t: Time) -> Tensor:
        """p(component | x_t = x) [batch, k]."""
        return self._by_rows(lambda parts, x, t: parts.responsibilities(x, self._level(t)), x, t)

    def class_posterior(self, x: Points, t: Time) -> Tensor:
        if self.mixture.classes is None:
            raise ValueError(
                f"target {self.mixture.name!r} has no classes; give `classes` when you make the mixture"
            )
        member = torch.nn.functional.one_hot(self.mixture.classes, len(self.labels)).to(x)
        return self.responsibilities(x, t) @ member

    def posterior_covariance(self, x: Points, t: Time) -> Jacobians:
        def part(parts, x, t):
            level = self._level(t)
            g = parts.responsibilities(x, level)
            return parts.within(g, level, level.sigma**2, 0.0 * level.sigma) + _between(parts, g, x, level)

        return self._by_rows(part, x, t, wide=True)

    def velocity_jacobian(self, x: Points, t: Time) -> Jacobians:
        self._noisy_level("velocity_jacobian", x, t)

        def part(parts, x, t):
            level = self._level(t)
            g = parts.responsibilities(x, level)
            drift, growth = level.alpha * level.alpha_rate, level.sigma * level.sigma_rate
            pull = level.wronskian * level.alpha / level.sigma**3
            pull = pull[..., None] if isinstance(pull, Tensor) else pull
            return parts.within(g, level, drift, growth) - pull * _between(parts, g, x, level)

        return self._by_rows(part, x, t, wide=True)

    def given(self, label: str | int) -> "MixtureField":
        """The field of one class alone."""
        return self.mixture.given(label).field(self.path)

    def _has_density(self) -> bool:
        mixture = self.mixture
        if mixture.variances is not None:
            return bool((mixture.variances > 0).all())
        return bool((torch.linalg.eigvalsh(mixture.covariances) > 0).all())

    def _by_rows(self, part: Callable[..., Tensor], x: Tensor, t: Time, wide: bool = False) -> Tensor:
        """``part(components, x, t)`` over as many rows at a time as memory and cache like."""
        flat = self._flat(x, t)
        parts = self._at(x)
        each = len(self.mixture.weights) * (flat.shape[1] if wide else parts.width)
        rows = max(1, HELD // each)
        if len(flat) <= rows:
            return part(parts, flat, t)
        cuts = [slice(i, i + rows) for i in range(0, len(flat), rows)]
        return torch.cat([part(parts, flat[cut], t[cut] if isinstance(t, Tensor) else t) for cut in cuts])

    def _at(self, x: Tensor) -> Round | Oval:
        """The components in the dtype and on the device of x, made once for each."""
        key = (x.dtype, x.device)
        if key not in self._components:
            self._components[key] = _components(self.mixture, x)
        return self._components[key]


def _between(parts: Round | Oval, g: Tensor, x: Tensor, level) -> Tensor:
    """The covariance of the component means under g [n, d, d]."""
    means = parts.component_means(x, level)
    away = (means - (g[:, None, :] @ means)) * g.sqrt()[..., None]
    return away.mT @ away


def _components(mixture: Mixture, x: Tensor) -> Round | Oval:
    log_weights, means = mixture.weights.log().to(x), mixture.means.to(x)
    variances = mixture.variances
    if variances is None:
        values, vectors = torch.linalg.eigh(mixture.covariances)
        k, d = mixture.means.shape
        places = torch.einsum("kd,kdi->ki", mixture.means, vectors)
        axes = vectors.permute(1, 0, 2).reshape(d, k * d)
        return Oval(log_weights, means, values.clamp(min=0.0).to(x), axes.to(x), places.to(x))
    if bool((variances == variances[0]).all()):
        return Round(log_weights, means, float(variances[0]))
    return Round(log_weights, means, variances.to(x))


def _finite(what: str, value: object, dims: int) -> Tensor:
    """Value as a finite float64 tensor on the CPU. Raises ValueError in one sentence."""
    tensor = torch.as_tensor(value, dtype=torch.float64, device="cpu").detach()
    if tensor.dim() != dims or not tensor.numel():
        raise ValueError(
            f"`{what}` must have {dims} axes and at least one entry; got shape {list(tensor.shape)}"
        )
    if not bool(torch.isfinite(tensor).all()):
        raise ValueError(f"`{what}` must be finite; got NaN or infinity")
    return tensor


def mixture(
    weights: object, means: object, covariances: object, classes: object = None, labels: tuple = ()
) -> Mixture:
    """A target from numbers: weights [k], means [k, d], covariances [k, d, d] (or variances [k])."""
    spread = torch.as_tensor(covariances, dtype=torch.float64)
    if spread.dim() == 1:
        return Mixture(
            _finite("weights", weights, 1),
            _finite("means", means, 2),
            variances=spread,
            classes=None if classes is None else torch.as_tensor(classes),
            labels=tuple(labels),
        )
    return Mixture(
        _finite("weights", weights, 1),
        _finite("means", means, 2),
        spread,
        classes=None if classes is None else torch.as_tensor(classes),
        labels=tuple(labels),
    )
