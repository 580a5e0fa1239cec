"""Log-likelihood by the instantaneous change of variables, with an exact divergence or with probes.

``log p_t(x) = log p_T(x_T) + int_t^T div v ds`` along the flow through x, and p_T is the noise that a run starts
from, N(0, sigma(T)^2). So the number belongs to what the sampler makes. A field that knows its own divergence is
asked for it; else it is the trace of the Jacobian, one reverse pass for each number of a sample.

Hutchinson's estimate ``e' J e`` with random e needs one pass whatever the dimension, and pays with variance: with S
the symmetric part of J, ``2 sum_{i != j} S_ij^2`` for signs (Rademacher) and ``2 |S|^2`` for normal probes. In the
plane it is a lesson, not a saving.

Source: Chen et al. 2018, arXiv:1806.07366, theorem 1; Grathwohl et al. 2019, arXiv:1810.01367 (probes);
Song et al. 2021, arXiv:2011.13456, section D.2.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from explorer.maths.fields import AbstractField
from explorer.maths.names import nearest
from explorer.maths.samplers.base import checked_states
from explorer.maths.shapes import PerSample, Points

Divergence = Literal["exact", "rademacher", "gaussian"]
Trace = Callable[[Tensor, float], Tensor]
LARGEST = 256
"""Most numbers in a sample for which the exact trace is taken by reverse passes."""
EARLIEST_SHARE = 1e-3
"""Where the density is measured when nobody says: the data with a thousandth of noise."""


@dataclass(frozen=True, eq=False)
class Likelihood:
    """What was found, with its evidence."""

    nats: Tensor
    """log p_t(x) of each sample [n], in nats."""
    end: Tensor
    """The noise that each sample came from: its state at the latest time [n, *shape]."""
    change: Tensor
    """int div v dt along the way [n]."""
    t: float
    """The time at which the density was measured."""
    evals: int
    """Points on the way at which velocity and divergence were asked."""


def log_likelihood(
    field: AbstractField,
    x: Points,
    *,
    t: float | None = None,
    steps: int = 200,
    divergence: Divergence = "exact",
    probes: int = 1,
    seed: int = 0,
) -> Likelihood:
    """Log-density of samples x [n, *shape] under the flow of ``field``, at a small time ``t``.

    ``divergence`` is ``"exact"``, or the kind of ``probes`` whose mean replaces it. The steps are Runge and Kutta's
    of order 4, ``steps`` of them, finer toward the data; states and sums are float64, the field sees x's own type.

    Raises:
        ValueError: for x of another shape, ``t`` out of range, or a sample too large for the exact trace.
    """
    x = checked_states("x", x, field)
    latest = getattr(field, "latest", 1.0)
    first = field.path.time_of_share(EARLIEST_SHARE) if t is None else t
    if not 0.0 < first < latest:
        raise ValueError(
            f"`t` must lie above 0 and below {latest:g}; got {t!r}; leave it out for a small one"
        )
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ValueError(f"`steps` must be a whole number of at least 1; got {steps!r}")
    trace = _tracer(field, x, divergence, probes, seed)
    end, change = _carried(field, trace, x, first, latest, steps)
    sigma, size = float(field.path.at(latest).sigma), x[0].numel()
    rest = -0.5 * (end.flatten(1) / sigma).square().sum(1) - size * (
        math.log(sigma) + 0.5 * math.log(2 * math.pi)
    )
    return Likelihood(rest + change, end, change, first, 4 * steps)


def trace_of_jacobian(field: AbstractField, x: Points, t: float) -> PerSample:
    """Div v at (x, t): the field's own ``divergence`` where it has one, else one reverse pass for each number.

    Raises:
        ValueError: for a sample of more than 256 numbers and a field without a divergence of its own.
    """
    if hasattr(field, "divergence"):
        return field.divergence(x, t)
    size = x[0].numel()
    if size > LARGEST:
        raise ValueError(
            f"the exact trace needs samples of at most {LARGEST} numbers; got {size}; use divergence='rademacher'"
        )
    x, velocity = _with_graph(field, x, t)
    diagonal = []
    for i in range(size):
        (row,) = torch.autograd.grad(velocity.flatten(1)[:, i].sum(), x, retain_graph=i + 1 < size)
        diagonal.append(row.flatten(1)[:, i])
    return torch.stack(diagonal).sum(0)


def hutchinson(field: AbstractField, x: Points, t: float, probes: Tensor) -> PerSample:
    """The mean of ``e' J e`` over probes [m, n, *shape]: unbiased for div v, one reverse pass each."""
    x, velocity = _with_graph(field, x, t)
    found = []
    for i, probe in enumerate(probes):
        (pulled,) = torch.autograd.grad(velocity, x, probe, retain_graph=i + 1 < len(probes))
        found.append((pulled * probe).flatten(1).sum(1))
    return torch.stack(found).mean(0)


def hutchinson_variance(jacobian: Tensor, kind: Divergence) -> PerSample:
    """Variance of one probe's estimate, for Jacobians [n, d, d]: 0 for ``"exact"``."""
    symmetric = 0.5 * (jacobian + jacobian.transpose(1, 2))
    squares = symmetric.square().sum((1, 2))
    own = symmetric.diagonal(dim1=1, dim2=2).square().sum(1)
    return {"exact": 0.0 * squares, "rademacher": 2.0 * (squares - own), "gaussian": 2.0 * squares}[kind]


def draw_probes(kind: Divergence, m: int, x: Points, seed: int) -> Tensor:
    """Probes [m, n, *shape] of mean 0 and covariance I: signs, or normal numbers."""
    normal = torch.randn(m, *x.shape, generator=torch.Generator().manual_seed(seed), dtype=x.dtype).to(
        x.device
    )
    return normal.sign() if kind == "rademacher" else normal


def _with_graph(field: AbstractField, x: Points, t: float) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        return x, field(x, t).velocity


def _tracer(field: AbstractField, x: Points, kind: Divergence, probes: int, seed: int) -> Trace:
    if nearest("divergence", kind, get_args(Divergence)) == "exact":
        return lambda x, t: trace_of_jacobian(field, x, t)
    if isinstance(probes, bool) or not isinstance(probes, int) or probes < 1:
        raise ValueError(f"`probes` must be a whole number of at least 1; got {probes!r}")
    drawn = draw_probes(kind, probes, x, seed)
    return lambda x, t: hutchinson(field, x, t, drawn)


def _carried(
    field: AbstractField, trace: Trace, x: Points, t: float, latest: float, steps: int
) -> tuple[Tensor, Tensor]:
    """The states at the latest time and int div v dt on the way there, in float64.

    As in ``rk45.py`` the state is ``w = x / (alpha + sigma)`` and runs with the noise share, where nothing grows
    without bound; the scaling adds its own logarithm to the integral. The share is a square of q in [0, 1].
    """
    path, dtype, size = field.path, x.dtype, x[0].numel()
    begin, end = float(path.share(t)), float(path.share(latest))

    def slope(w: Tensor, q: float) -> tuple[Tensor, Tensor]:
        t = path.time_of_share(begin + (end - begin) * q * q)
        level, pace = path.at(t), 2.0 * q * (end - begin)
        total = float(level.alpha + level.sigma)
        asked, per_share = (w * total).to(dtype), total**2 / float(level.wronskian)
        with torch.no_grad():
            prediction = field(asked, t)
            straight = (prediction.noise - prediction.denoised).double()
        growth = size * float(level.alpha_rate + level.sigma_rate) / total
        return pace * straight, pace * per_share * (trace(asked, t).detach().double() - growth)

    scales = [float(path.alpha(s) + path.sigma(s)) for s in (t, latest)]
    w, change = runge_kutta(slope, x.double() / scales[0], steps)
    return w * scales[1], change + size * math.log(scales[1] / scales[0])


def runge_kutta(
    slope: Callable[[Tensor, float], tuple[Tensor, Tensor]], x: Tensor, steps: int
) -> tuple[Tensor, Tensor]:
    """State and sum after q = 0 .. 1 in equal steps of order 4; ``slope`` gives the rates of both."""
    h, total = 1.0 / steps, x.new_zeros(len(x))
    for i in range(steps):
        k1, s1 = slope(x, i * h)
        k2, s2 = slope(x + 0.5 * h * k1, (i + 0.5) * h)
        k3, s3 = slope(x + 0.5 * h * k2, (i + 0.5) * h)
        k4, s4 = slope(x + h * k3, min(1.0, (i + 1) * h))
        x = x + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        total = total + h / 6.0 * (s1 + 2.0 * s2 + 2.0 * s3 + s4)
    return x, total
