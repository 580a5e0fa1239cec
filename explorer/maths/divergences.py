"""The divergences that a generator may be pulled by, each with its weight on the score difference.

Of densities p (the data's) and q (the generator's) with ``r = p/q`` each is ``D = E_q[f(r)]``, f convex and f(1) = 0.
Whatever f is, a generator moves along one and the same direction: with ``h(r) = r^2 f''(r)``
``dD = -E_q[h(r) (score_p - score_q) . dx]``. So h is all that tells two divergences apart: where it is large for
large r, samples hurry to the modes that are missing; where it is flat, nothing calls them.

Source: Xu et al. 2025, arXiv:2502.15681 (f-distill, proposition 1 and table 1). Where we differ: Jensen-Shannon and
squared Hellinger are twice theirs, ``KL(p|m) + KL(q|m)`` and the integral of ``(sqrt p - sqrt q)^2``, as in our sheet.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.maths.names import nearest

LOG_2 = 0.6931471805599453


@dataclass(frozen=True)
class Divergence:
    """One divergence, in closed form. All functions work on tensors of any shape, elementwise.

    ``f`` and ``weight`` (h) are of the ratio r = p/q > 0. ``integrand`` is ``q f(p/q)`` by the logs of p and q, sound
    where either is tiny; ``slope`` is its derivative in log q, ``q (f - r f')``, up to a multiple of q, whose integral
    is 1 for every q.
    """

    key: str
    label: str
    formula: str
    weight_formula: str
    f: Callable[[Tensor], Tensor]
    weight: Callable[[Tensor], Tensor]
    integrand: Callable[[Tensor, Tensor], Tensor]
    slope: Callable[[Tensor, Tensor], Tensor]

    def between(self, log_p: Tensor, log_q: Tensor, spacing: Tensor | float) -> Tensor:
        """D [...] of densities on even grids [..., points], in nats; ``spacing`` [...] is the grid's."""
        return self.integrand(log_p, log_q).sum(-1) * spacing


def as_divergence(divergence: str | Divergence) -> Divergence:
    """A divergence by name or as it is.

    Raises:
        ValueError: for an unknown name, with the nearest ones.
    """
    if isinstance(divergence, Divergence):
        return divergence
    return DIVERGENCES[nearest("divergence", divergence, DIVERGENCES)]


def _middle(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Log of (p + q)/2."""
    return torch.logaddexp(log_p, log_q) - LOG_2


def _jensen_shannon(log_p: Tensor, log_q: Tensor) -> Tensor:
    middle = _middle(log_p, log_q)
    return log_p.exp() * (log_p - middle) + log_q.exp() * (log_q - middle)


DIVERGENCES: dict[str, Divergence] = {
    one.key: one
    for one in (
        Divergence(
            "reverse_kl",
            "Reverse KL",
            "KL(q | p) = E_q[-log r]",
            "h(r) = 1",
            f=lambda r: -r.log(),
            weight=torch.ones_like,
            integrand=lambda p, q: q.exp() * (q - p),
            slope=lambda p, q: q.exp() * (q - p),
        ),
        Divergence(
            "forward_kl",
            "Forward KL",
            "KL(p | q) = E_q[r log r]",
            "h(r) = r",
            f=lambda r: r * r.log(),
            weight=lambda r: r,
            integrand=lambda p, q: p.exp() * (p - q),
            slope=lambda p, q: -p.exp(),
        ),
        Divergence(
            "jensen_shannon",
            "Jensen-Shannon",
            "KL(p | m) + KL(q | m), m = (p + q)/2",
            "h(r) = r / (1 + r)",
            f=lambda r: r * r.log() - (1.0 + r) * ((1.0 + r) / 2.0).log(),
            weight=lambda r: r / (1.0 + r),
            integrand=_jensen_shannon,
            slope=lambda p, q: q.exp() * (q - _middle(p, q)),
        ),
        Divergence(
            "hellinger",
            "Squared Hellinger",
            "integral of (sqrt p - sqrt q)^2 = E_q[2 (1 - sqrt r)] where p and q sum to 1",
            "h(r) = sqrt(r) / 2",
            f=lambda r: 2.0 * (1.0 - r.sqrt()),
            weight=lambda r: r.sqrt() / 2.0,
            integrand=lambda p, q: ((p / 2.0).exp() - (q / 2.0).exp()).square(),
            slope=lambda p, q: -((p + q) / 2.0).exp(),
        ),
        Divergence(
            "jeffreys",
            "Jeffreys",
            "KL(p | q) + KL(q | p) = E_q[(r - 1) log r]",
            "h(r) = 1 + r",
            f=lambda r: (r - 1.0) * r.log(),
            weight=lambda r: 1.0 + r,
            integrand=lambda p, q: (p.exp() - q.exp()) * (p - q),
            slope=lambda p, q: q.exp() * (q - p) - p.exp(),
        ),
    )
}
"""Every divergence by its key, in the order of a menu."""


def ratios(points: int = 161, least: float = 0.05, most: float = 20.0) -> Tensor:
    """Ratios r [points], even in log r, along which weights are drawn."""
    return torch.logspace(
        torch.tensor(least).log10().item(), torch.tensor(most).log10().item(), points, dtype=torch.float64
    )
