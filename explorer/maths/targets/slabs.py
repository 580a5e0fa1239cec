"""A uniform slab seen through Gaussian noise: its moments, with all digits at every level.

The slab is ``u in [m - h, m + h]``, the state ``x = a u + s e``. With ``y = (x - a m) / s`` and
``w = a h / s`` the noise given x is a standard normal cut to ``[y - w, y + w]``. Three forms, each where it
is exact to rounding:

- narrow (w < 1/2 and w y < 4): 12-point Gauss-Legendre over the slab, since differences would cancel;
- near (y - w <= 1): differences of the error function;
- far: both ends lie in one tail, so the scaled complementary error function carries it.

Source: truncated normal moments (Johnson, Kotz and Balakrishnan 1994, section 10.1); the forms are ours.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

NARROW, BENT, TAIL = 0.5, 4.0, 1.0
_NODES, _SHARES = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(12))
_HALF_LOG_TAU, _ROOT = 0.5 * math.log(2 * math.pi), math.sqrt(0.5)


class Slab(NamedTuple):
    """What noise leaves of slabs, all float64 and of the shape of y."""

    log_mass: Tensor
    """log of s times the density of x."""
    noise: Tensor
    """E[e | x]."""
    place: Tensor
    """E[(u - m) / h | x], in [-1, 1]."""
    variance: Tensor
    """Var[(u - m) / h | x]."""


def slab(y: Tensor, w: Tensor) -> Slab:
    """The moments at y, w >= 0 (float64, one shape)."""
    sign = torch.where(y < 0, -1.0, 1.0).to(y)
    y = y * sign
    narrow = (w < NARROW) & (w * y < BENT)
    near = ~narrow & (y - w <= TAIL)
    far = ~narrow & ~near
    found: tuple[Tensor, ...] = (y,) * 4
    for form, here, calm_y, calm_w in (
        (_narrow, narrow, 1.0, 0.1),
        (_near, near, 0.0, 1.0),
        (_far, far, 8.0, 1.0),
    ):
        if bool(here.any()):
            # Outside its own region a form sees harmless numbers, so that no derivative meets NaN.
            moments = form(torch.where(here, y, calm_y), torch.where(here, w, calm_w))
            found = tuple(torch.where(here, new, old) for new, old in zip(moments, found, strict=True))
    log_mass, noise, place, variance = found
    return Slab(log_mass, sign * noise, sign * place, variance)


def _narrow(y: Tensor, w: Tensor) -> tuple[Tensor, ...]:
    nodes, shares = _NODES.to(y.device), 0.5 * _SHARES.to(y.device)
    along = w[..., None] * nodes
    density = torch.exp(along * (y[..., None] - 0.5 * along))
    mass = density @ shares
    place = density @ (shares * nodes) / mass
    variance = (density * (nodes - place[..., None]) ** 2) @ shares / mass
    return torch.log(mass) - 0.5 * y * y - _HALF_LOG_TAU, y - w * place, place, variance


def _near(y: Tensor, w: Tensor) -> tuple[Tensor, ...]:
    low, high = y - w, y + w
    mass = 0.5 * (torch.erf(high * _ROOT) - torch.erf(low * _ROOT))
    at_low, at_high = (torch.exp(-0.5 * end * end - _HALF_LOG_TAU) / mass for end in (low, high))
    return _of_cut_normal(y, w, torch.log(mass), at_low, at_high)


def _far(y: Tensor, w: Tensor) -> tuple[Tensor, ...]:
    low, high = y - w, y + w
    fall = torch.exp(-2.0 * y * w)  # the density at the far end over that at the near end
    tail = torch.special.erfcx(low * _ROOT) - torch.special.erfcx(high * _ROOT) * fall
    mass = math.sqrt(0.5 * math.pi) * tail
    log_mass = torch.log(mass) - 0.5 * low * low - _HALF_LOG_TAU
    return _of_cut_normal(y, w, log_mass, 1.0 / mass, fall / mass)


def _of_cut_normal(
    y: Tensor, w: Tensor, log_mass: Tensor, at_low: Tensor, at_high: Tensor
) -> tuple[Tensor, ...]:
    """From the two end densities, each over the mass between the ends."""
    noise = at_low - at_high
    variance = 1.0 + (y - w) * at_low - (y + w) * at_high - noise * noise
    return log_mass - torch.log(2.0 * w), noise, (y - noise) / w, variance.clamp(min=0.0) / (w * w)
