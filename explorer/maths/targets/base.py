"""What a target promises: samples that a seed repeats, and a field that is exact.

A target is a distribution of clean data x_0. Its field knows the mean of x_0 given a noisy state in closed
form, so that every error on the screen is the sampler's or the network's, never the target's.
"""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from explorer.maths.fields import AbstractField
from explorer.maths.names import nearest
from explorer.maths.paths import AbstractPath, Level
from explorer.maths.shapes import PerSample, Points, Time

Jacobians = Float[Tensor, "batch d d"]
"""One symmetric matrix over the flattened sample for each row."""

Box = tuple[float, float, float, float]
"""A part of the plane: (lowest x, lowest y, highest x, highest y)."""


class AbstractExactField(AbstractField):
    """A field in closed form: besides the mean it knows the density and the spread of x_0 given x_t.

    With ``C = Cov[x_0 | x_t]``: ``d denoised / dx = (alpha / sigma^2) C`` and
    ``d velocity / dx = (sigma' / sigma) I - (W alpha / sigma^3) C``, W the path's Wronskian.
    """

    @abstractmethod
    def log_density(self, x: Points, t: Time) -> PerSample:
        """Log p_t(x), in nats."""

    @abstractmethod
    def posterior_covariance(self, x: Points, t: Time) -> Jacobians:
        """Cov[x_0 | x_t = x] of the flattened sample."""

    @abstractmethod
    def class_posterior(self, x: Points, t: Time) -> Tensor:
        """p(class | x_t = x) [batch, classes]; its rows sum to 1."""

    def velocity_jacobian(self, x: Points, t: Time) -> Jacobians:
        """D velocity / dx of the flattened state, symmetric. Raises ValueError where sigma = 0."""
        level = self._noisy_level("velocity_jacobian", t, 2)
        pull = level.wronskian * level.alpha / level.sigma**3
        eye = torch.eye(x[0].numel(), dtype=x.dtype, device=x.device)
        return level.sigma_rate / level.sigma * eye - pull * self.posterior_covariance(x, t)

    def divergence(self, x: Points, t: Time) -> PerSample:
        """The exact trace of the velocity's Jacobian: no probe, no noise."""
        return self.velocity_jacobian(x, t).diagonal(dim1=1, dim2=2).sum(1)

    def _level(self, t: Time, dims: int = 1) -> Level:
        """The path at t; a tensor t is shaped to multiply [batch, ...] with ``dims`` further axes."""
        return self.path.at(t.reshape(-1, *[1] * dims) if isinstance(t, Tensor) else t)

    def _noisy_level(self, what: str, t: Time, dims: int = 1) -> Level:
        level = self._level(t, dims)
        zero = bool((level.sigma == 0).any()) if isinstance(level.sigma, Tensor) else level.sigma == 0
        if zero:
            raise ValueError(
                f"`{what}` needs sigma > 0; at t = 0 the state is the data itself: ask at a later t"
            )
        return level

    def _flat(self, x: Tensor, t: Time) -> Tensor:
        """X as [batch, numbers]. Raises ValueError when x or t has the wrong shape."""
        if not x.is_floating_point() or x.dim() != 1 + len(self.shape) or tuple(x.shape[1:]) != self.shape:
            shape = ", ".join(map(str, self.shape))
            raise ValueError(
                f"`x` must be a floating-point tensor [n, {shape}]; got {x.dtype} {list(x.shape)}"
            )
        if isinstance(t, Tensor) and t.shape != x.shape[:1]:
            raise ValueError(
                f"`t` must be a float or a tensor [{len(x)}], one for each row; got {list(t.shape)}"
            )
        return x.reshape(len(x), -1)


class AbstractTarget(ABC):
    """A distribution of clean samples with an exact field on every path."""

    name: str
    label: str
    """What a menu shows."""
    source: str
    shape: tuple[int, ...]
    """Shape of one sample."""
    labels: tuple[str, ...]
    """Class names; empty when there are no classes."""

    @abstractmethod
    def labelled(
        self, n: int, seed: int = 0, label: str | int | None = None, *, stratified: bool = False
    ) -> tuple[Tensor, Tensor]:
        """N samples [n, *shape] (float32) with their classes [n] (-1 where there are none), on the CPU."""

    @abstractmethod
    def field(self, path: str | AbstractPath = "linear") -> AbstractExactField:
        """The exact field on a path."""

    @abstractmethod
    def given(self, label: str | int) -> "AbstractTarget":
        """The target of one class, by name or index."""

    @property
    @abstractmethod
    def box(self) -> Box | None:
        """A square around 0 that holds data and standard noise in comfort; None off the plane."""

    def sample(self, n: int, seed: int = 0, label: str | int | None = None) -> Tensor:
        """N independent samples [n, *shape]; the seed repeats them."""
        return self.labelled(n, seed, label)[0]

    def stratified(self, n: int, seed: int = 0) -> Tensor:
        """N samples with even counts in every component: the low-noise draw of the distillation protocol."""
        return self.labelled(n, seed, stratified=True)[0]

    def label_index(self, label: str | int) -> int:
        """The index of a class. Raises ValueError for one that is not there."""
        if not self.labels:
            raise ValueError(f"target {self.name!r} has no classes; got {label!r}; leave `label` out")
        if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(self.labels):
            return label
        return self.labels.index(nearest("label", str(label), self.labels))


def drawn_components(weights: Tensor, n: int, generator: torch.Generator, stratified: bool) -> Tensor:
    """Which component each of n samples comes from [n]: independent, or even counts in random order."""
    if isinstance(n, bool) or n < 1:
        raise ValueError(f"`n` must be a whole number of samples, at least 1; got {n!r}")
    if not stratified:
        return torch.multinomial(weights, n, replacement=True, generator=generator)
    marks = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    edges = weights.double().cumsum(0)
    even = torch.searchsorted(edges / edges[-1], marks).clamp(max=len(weights) - 1)
    return even[torch.randperm(n, generator=generator)]


def square_box(reach: float) -> Box:
    """The square of the plane around 0 that holds ``reach`` and three standard deviations of noise."""
    half = max(3.0, reach)
    return (-half, -half, half, half)
