"""Gaussian mixtures, whose field is known exactly. Finite data is a mixture of zero covariance."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from explorer.maths.paths import AbstractPath, as_path
from explorer.maths.targets.base import AbstractExactField, AbstractTarget, Box, drawn_components, square_box


@dataclass(frozen=True, eq=False)
class Mixture(AbstractTarget):
    """A sum of ``w_k N(mu_k, C_k)``: weights [k], means [k, d], covariances [k, d, d] or variances [k].

    Zero variances make finite data: the target is then the weighted law on the means. ``classes`` [k] gives
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
        means = _finite("means", self.means, 2)
        k, d = means.shape
        shape = tuple(self.shape) or (d,)
        if torch.Size(shape).numel() != d:
            raise ValueError(f"`shape` must hold {d} numbers, as many as a mean; got {self.shape}")
        if (self.covariances is None) == (self.variances is None):
            raise ValueError("give one of `covariances` [k, d, d] and `variances` [k]")
        checked = {"means": means, "weights": _weights(self.weights, k), "shape": shape}
        if self.variances is not None:
            checked["variances"] = _variances(self.variances, k)
        else:
            checked["covariances"] = _covariances(self.covariances, k, d)
        checked["classes"], checked["labels"] = _classes(self.classes, tuple(self.labels), k)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def diagonals(self) -> Tensor:
        """Variances of every component's coordinates [k, d]."""
        if self.covariances is not None:
            return self.covariances.diagonal(dim1=1, dim2=2)
        return torch.as_tensor(self.variances)[:, None].expand_as(self.means)

    @property
    def has_density(self) -> bool:
        """Whether clean data has a density: every component has some width in every direction."""
        if self.covariances is not None:
            return bool((torch.linalg.eigvalsh(self.covariances) > 0).all())
        return bool((self.diagonals > 0).all())

    def labelled(
        self, n: int, seed: int = 0, label: str | int | None = None, *, stratified: bool = False
    ) -> tuple[Tensor, Tensor]:
        target = self if label is None else self.given(label)
        generator = torch.Generator().manual_seed(seed)
        index = drawn_components(target.weights, n, generator, stratified)
        noise = torch.randn(n, self.means.shape[1], generator=generator, dtype=torch.float64)
        if target.covariances is not None:
            values, vectors = torch.linalg.eigh(target.covariances)
            # The symmetric root: eigenvectors alone come with signs that differ between machines.
            roots = (vectors * values.clamp(min=0.0).sqrt()[:, None, :]) @ vectors.mT
            noise = torch.einsum("nij,nj->ni", roots[index], noise)
        else:
            noise = target.diagonals[index].sqrt() * noise
        classes = target.classes[index] if target.classes is not None else torch.full((n,), -1)
        return (target.means[index] + noise).float().reshape(n, *self.shape), classes

    def given(self, label: str | int) -> "Mixture":
        index = self.label_index(label)
        chosen = torch.as_tensor(self.classes) == index
        if not bool(chosen.any()):
            raise ValueError(f"target {self.name!r} has no component of class {label!r}")
        kept = {
            name: value[chosen]
            for name in ("weights", "means", "covariances", "variances", "classes")
            if (value := getattr(self, name)) is not None
        }
        return replace(self, **kept)

    def field(self, path: str | AbstractPath = "linear") -> AbstractExactField:
        from explorer.maths.targets.mixture_field import MixtureField  # it knows Mixture

        return MixtureField(self, as_path(path))

    @property
    def box(self) -> Box | None:
        if self.shape != (2,):
            return None
        return square_box(float((self.means.abs() + 3.0 * self.diagonals.sqrt()).max()))


def mixture(
    weights: Tensor | Sequence,
    means: Tensor | Sequence,
    covariances: Tensor | Sequence,
    classes: Tensor | Sequence | None = None,
    labels: Sequence[str] = (),
) -> Mixture:
    """A target from numbers: weights [k], means [k, d], covariances [k, d, d] (or variances [k]).

    Raises:
        ValueError: when they cannot be a mixture, in one sentence.
    """
    places = _finite("means", means, 2)
    if classes is not None:
        classes = torch.as_tensor(classes)
    shares, spread, names = _numbers("weights", weights), _numbers("covariances", covariances), tuple(labels)
    if spread.dim() == 1:
        return Mixture(shares, places, variances=spread, classes=classes, labels=names)
    return Mixture(shares, places, spread, classes=classes, labels=names)


def _numbers(what: str, value: object) -> Tensor:
    try:
        return torch.as_tensor(value, dtype=torch.float64, device="cpu").detach()
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"`{what}` must be numbers in even rows; got {type(value).__name__}") from None


def _finite(what: str, value: object, dims: int) -> Tensor:
    """Value as a finite float64 tensor on the CPU."""
    tensor = _numbers(what, value)
    if tensor.dim() != dims or not tensor.numel():
        sizes = ("k", "k, d", "k, d, d")[dims - 1]
        raise ValueError(f"`{what}` must have shape [{sizes}], none of them 0; got {list(tensor.shape)}")
    if not bool(torch.isfinite(tensor).all()):
        raise ValueError(f"`{what}` must be finite; got NaN or infinity")
    return tensor


def _weights(value: object, k: int) -> Tensor:
    weights = _finite("weights", value, 1)
    if len(weights) != k:
        raise ValueError(f"`weights` must be {k} numbers, one for each mean; got {len(weights)}")
    if not bool((weights > 0).all()):
        raise ValueError(
            f"`weights` must be positive; the least is {float(weights.min()):g}: drop that component"
        )
    return weights / weights.sum()


def _variances(value: object, k: int) -> Tensor:
    variances = _finite("variances", value, 1)
    if len(variances) != k:
        raise ValueError(f"`variances` must be {k} numbers, one for each mean; got {len(variances)}")
    if bool((variances < 0).any()):
        raise ValueError(f"`variances` must not be negative; the least is {float(variances.min()):g}")
    return variances


def _covariances(value: object, k: int, d: int) -> Tensor:
    covariances = _finite("covariances", value, 3)
    if tuple(covariances.shape) != (k, d, d):
        raise ValueError(f"`covariances` must have shape [{k}, {d}, {d}]; got {list(covariances.shape)}")
    scale = covariances.abs().amax((1, 2))
    if bool(((covariances - covariances.mT).abs().amax((1, 2)) > 1e-6 * scale).any()):
        raise ValueError("`covariances` must be symmetric; one of them is not: average it with its transpose")
    covariances = 0.5 * (covariances + covariances.mT)
    least = torch.linalg.eigvalsh(covariances)[:, 0]
    if bool((least < -1e-6 * scale).any()):
        raise ValueError(
            f"`covariances` must have no negative eigenvalue; the least is {float(least.min()):.3g}"
        )
    return covariances


def _classes(value: object, labels: tuple[str, ...], k: int) -> tuple[Tensor | None, tuple[str, ...]]:
    """The class of each component, with as many labels as there are classes."""
    if value is None:
        if labels:
            raise ValueError(
                "`labels` name classes; give `classes` [k] too, which say whose each component is"
            )
        return None, ()
    classes = torch.as_tensor(value).to("cpu", torch.long)
    if tuple(classes.shape) != (k,) or bool((classes < 0).any()):
        raise ValueError(
            f"`classes` must be {k} indices from 0, one for each mean; got {list(classes.shape)}"
        )
    count = int(classes.max()) + 1
    if labels and len(labels) < count:
        raise ValueError(f"`labels` must name {count} classes; got {len(labels)}")
    return classes, labels or tuple(map(str, range(count)))
