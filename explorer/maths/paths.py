"""Paths: how much data and how much noise a state holds at time t.

``x_t = alpha(t) x_0 + sigma(t) eps``, t = 0 data, t = 1 noise. All paths carry the same curves up to a
scaling: with ``ratio = sigma / alpha`` and ``y = x / alpha`` the flow reads ``dy / dratio = eps`` on each of them
(Karras et al. 2022, arXiv:2206.00364, section 2).
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from explorer.maths.names import nearest

Scalars = float | Float[Tensor, "..."]
"""A number, or a tensor of numbers of any shape: what comes back has the shape of what went in."""


class Level(NamedTuple):
    """A path at one time: the two shares and their rates in t (floats, or tensors shaped like t)."""

    alpha: Scalars
    sigma: Scalars
    alpha_rate: Scalars
    sigma_rate: Scalars

    @property
    def wronskian(self) -> Scalars:
        """The value of alpha sigma' - sigma alpha' > 0: what dividing by turns a velocity into x_0 and eps."""
        return self.alpha * self.sigma_rate - self.sigma * self.alpha_rate


def _lib(t: Scalars):
    """``math`` for a float (ten times quicker in the loop), ``torch`` for a tensor: same names."""
    return torch if isinstance(t, Tensor) else math


class AbstractPath(ABC):
    """Two shares of time, ``alpha`` and ``sigma``, with their rates, and the way back from a noise ratio."""

    name: ClassVar[str]
    label: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str]
    grid: ClassVar[str] = "uniform"
    """Name of the time grid that suits the path when nobody chooses one."""

    @abstractmethod
    def at(self, t: Scalars) -> Level:
        """alpha, sigma and their rates at t in [0, 1]. A rate may be infinite at t = 0."""

    @abstractmethod
    def time_of(self, ratio: Scalars) -> Scalars:
        """The time at which sigma / alpha equals ``ratio`` (in [0, inf])."""

    def alpha(self, t: Scalars) -> Scalars:
        """Share of data in the state."""
        return self.at(t).alpha

    def sigma(self, t: Scalars) -> Scalars:
        """Share of noise in the state, in the units of x."""
        return self.at(t).sigma

    def share(self, t: Scalars) -> Scalars:
        """The noise share sigma / (alpha + sigma) in [0, 1]: the cursor that all runs have in common."""
        level = self.at(t)
        return level.sigma / (level.alpha + level.sigma)

    def time_of_share(self, share: float) -> float:
        """The time at which the noise share equals ``share``; shares beyond the path's end give its end."""
        if share >= self.share(1.0):
            return 1.0
        return float(self.time_of(share / (1.0 - share)))

    def drawn_scale(self, t: Scalars) -> Scalars:
        """What a state is multiplied by when it is drawn: 1, but for a path whose noise has no bound."""
        return 1.0 + 0.0 * t


@dataclass(frozen=True)
class Linear(AbstractPath):
    """Straight interpolation, the path of rectified flows."""

    name: ClassVar[str] = "linear"
    label: ClassVar[str] = "Linear (rectified flow)"
    formula: ClassVar[str] = "alpha = 1 - t, sigma = t"
    source: ClassVar[str] = "Liu et al. 2022, arXiv:2209.03003"

    def at(self, t: Scalars) -> Level:
        one = 1.0 + 0.0 * t
        return Level(1.0 - t, t, -one, one)

    def time_of(self, ratio: Scalars) -> Scalars:
        ratio = _finite(ratio)
        return ratio / (1.0 + ratio)


@dataclass(frozen=True)
class Trig(AbstractPath):
    """A quarter circle at constant speed (TrigFlow): the variance of unit data is kept."""

    name: ClassVar[str] = "trig"
    label: ClassVar[str] = "Trigonometric (TrigFlow)"
    formula: ClassVar[str] = "alpha = cos(pi t / 2), sigma = sin(pi t / 2)"
    source: ClassVar[str] = "Lu and Song 2024, arXiv:2410.11081"

    def at(self, t: Scalars) -> Level:
        m, quarter = _lib(t), math.pi / 2
        # The sine of the complement is exactly zero at t = 1, where the cosine keeps 6e-17.
        alpha, sigma = m.sin(quarter * (1.0 - t)), m.sin(quarter * t)
        return Level(alpha, sigma, -quarter * sigma, quarter * alpha)

    def time_of(self, ratio: Scalars) -> Scalars:
        return _lib(ratio).atan(ratio) * 2 / math.pi


@dataclass(frozen=True)
class VP(AbstractPath):
    """Variance preserving with a rate of noise that grows linearly from 0.1 to 20 (score SDE, DDPM)."""

    beta_min: float = 0.1
    beta_max: float = 20.0
    name: ClassVar[str] = "vp"
    label: ClassVar[str] = "Variance preserving (VP)"
    formula: ClassVar[str] = (
        "alpha = exp(-(beta_max - beta_min) t^2 / 4 - beta_min t / 2), alpha^2 + sigma^2 = 1"
    )
    source: ClassVar[str] = "Song et al. 2021, arXiv:2011.13456, equation 33"

    def at(self, t: Scalars) -> Level:
        m, spread = _lib(t), self.beta_max - self.beta_min
        log_alpha = -t * (0.25 * spread * t + 0.5 * self.beta_min)
        alpha, sigma = m.exp(log_alpha), m.sqrt(-m.expm1(2.0 * log_alpha))
        alpha_rate = -0.5 * (self.beta_min + spread * t) * alpha
        return Level(alpha, sigma, alpha_rate, _divide(-alpha * alpha_rate, sigma))

    def time_of(self, ratio: Scalars) -> Scalars:
        m, spread = _lib(ratio), self.beta_max - self.beta_min
        ratio = _finite(ratio)
        need = m.log1p(ratio * ratio)  # = -2 log alpha = spread t^2 / 2 + beta_min t
        return 2.0 * need / (self.beta_min + m.sqrt(self.beta_min**2 + 2.0 * spread * need))


@dataclass(frozen=True)
class Cosine(AbstractPath):
    """Variance preserving with a squared-cosine signal, shifted so that the first noise is not too small."""

    shift: float = 0.008
    name: ClassVar[str] = "cosine"
    label: ClassVar[str] = "Cosine (improved DDPM)"
    formula: ClassVar[str] = "alpha = cos(u) / cos(u_0), u = pi (t + s) / (2 + 2 s), alpha^2 + sigma^2 = 1"
    source: ClassVar[str] = "Nichol and Dhariwal 2021, arXiv:2102.09672, equation 17"

    def at(self, t: Scalars) -> Level:
        m, rate, first = _lib(t), 0.5 * math.pi / (1.0 + self.shift), self._angle(0.0)
        alpha = m.sin(rate * (1.0 - t)) / math.cos(first)  # = cos(u) / cos(u_0), exactly 0 at t = 1
        u = self._angle(t)
        # sin(u - u_0) sin(u + u_0) = sin(u)^2 - sin(u_0)^2 keeps its digits where 1 - alpha^2 loses them.
        sigma = m.sqrt(m.sin(u - first) * m.sin(u + first)) / math.cos(first)
        alpha_rate = -rate * m.sin(u) / math.cos(first)
        return Level(alpha, sigma, alpha_rate, _divide(-alpha * alpha_rate, sigma))

    def _angle(self, t: Scalars) -> Scalars:
        return 0.5 * math.pi * (t + self.shift) / (1.0 + self.shift)

    def time_of(self, ratio: Scalars) -> Scalars:
        m, first = _lib(ratio), self._angle(0.0)
        # tan(angle) = ratio for the angle of (alpha, sigma); then sin(u)^2 = sin(u_0)^2 + (sigma cos u_0)^2.
        sigma = m.sin(m.atan(ratio))
        sine = m.sqrt(math.sin(first) ** 2 + (sigma * math.cos(first)) ** 2)
        cosine = m.cos(m.atan(ratio)) * math.cos(first)
        return m.atan2(sine, cosine) * 2 * (1.0 + self.shift) / math.pi - self.shift


@dataclass(frozen=True)
class VE(AbstractPath):
    """Noise is added and nothing is taken away; sigma grows linearly to 80 (EDM's coordinates)."""

    sigma_max: float = 80.0
    name: ClassVar[str] = "ve"
    label: ClassVar[str] = "Variance exploding (EDM)"
    formula: ClassVar[str] = "alpha = 1, sigma = 80 t"
    source: ClassVar[str] = "Karras et al. 2022, arXiv:2206.00364"
    grid: ClassVar[str] = "karras"

    def at(self, t: Scalars) -> Level:
        one = 1.0 + 0.0 * t
        return Level(one, self.sigma_max * t, 0.0 * one, self.sigma_max * one)

    def time_of(self, ratio: Scalars) -> Scalars:
        return ratio / self.sigma_max

    def drawn_scale(self, t: Scalars) -> Scalars:
        """1 / sqrt(1 + sigma^2): without it the picture would shrink to a dot as the noise goes."""
        return 1.0 / (1.0 + (self.sigma_max * t) ** 2) ** 0.5


def _finite(ratio: Scalars) -> Scalars:
    """No data left at all, ratio = inf, as a number so large that nothing tells them apart, square included."""
    if isinstance(ratio, Tensor):
        return ratio.clamp(max=torch.finfo(ratio.dtype).max ** 0.49)
    return min(ratio, 1e150)


def _divide(top: Scalars, bottom: Scalars) -> Scalars:
    """The quotient, top / bottom, infinite where bottom is zero (the rate of sigma at the data end)."""
    if isinstance(bottom, Tensor):
        return top / bottom
    return top / bottom if bottom else math.inf


PATHS: dict[str, type[AbstractPath]] = {p.name: p for p in (Linear, VP, Cosine, VE, Trig)}
"""Every path by its key."""


def as_path(path: str | AbstractPath) -> AbstractPath:
    """A path by name or as it is.

    Raises:
        ValueError: for an unknown name, with the nearest ones.
    """
    if isinstance(path, AbstractPath):
        return path
    return PATHS[nearest("path", path, PATHS)]()
