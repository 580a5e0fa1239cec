"""How all the eigenvalues of a Hessian are spread, and their sum, from a few dozen products.

The largest pairs are taken exactly and put aside; random vectors then see the rest of the spectrum alone. The noise of
plain Lanczos quadrature is that of its random weights on the few large eigenvalues, and is gone with them: at 110
products a tenth of the distance that 80 x 4 = 320 plain ones leave.

Sources: Ghorbani, Krishnan and Xiao 2019, arXiv:1901.10159 (stochastic Lanczos quadrature); Meyer et al. 2021,
arXiv:2010.09649 (Hutch++). Where we differ: deflation first; below 12 products the trace is Hutchinson's plain mean.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from explorer.maths.landscape.flat import FlatLoss, Loss
from explorer.maths.landscape.lanczos import Lanczos, random_vector
from explorer.maths.landscape.operator import Hessian
from explorer.maths.landscape.spectrum import top

T = TypeVar("T")
FEWEST = 12
"""Products below which a sketch for the trace costs more than it brings."""


@dataclass(frozen=True, eq=False)
class Density:
    """The spectrum as a few weighted points: ``values`` [r] falling, ``weights`` [r] that add up to 1, float64.

    ``size`` is how many eigenvalues there are, ``exact`` how many of the points are single ones known by themselves;
    ``matvecs`` Hessian-vector products.
    """

    values: Tensor
    weights: Tensor
    size: int
    exact: int
    matvecs: int

    @property
    def trace(self) -> float:
        """The sum of all eigenvalues, as these points have it."""
        return self.size * float(self.values @ self.weights)

    def curve(self, at: Tensor, width: float) -> Tensor:
        """The density [g] at ``at`` [g], each point spread to a Gaussian of standard deviation ``width``."""
        z = (at.double()[:, None] - self.values) / width
        return (torch.exp(-0.5 * z.square()) * self.weights).sum(dim=1) / (width * math.sqrt(2.0 * math.pi))


@dataclass(frozen=True, eq=False)
class Trace:
    """The sum of all eigenvalues: ``value`` with its standard error ``error``, from ``matvecs`` products."""

    value: float
    error: float
    matvecs: int


def density(
    loss: Loss,
    module: nn.Module,
    batch: Any,
    *,
    k: int = 10,
    probes: int = 2,
    steps: int = 40,
    seed: int = 0,
    room: int | None = None,
) -> Density:
    """The spread of the Hessian's eigenvalues: k of them by themselves, the others by ``probes`` runs of ``steps``.

    ``room`` is that of ``converge``.

    Raises:
        ValueError: for a k that leaves no rest, or fewer than one probe or step.
    """
    return _last_of(density_by_product(loss, module, batch, k, probes, steps, seed, room))


def density_by_product(
    loss: Loss,
    module: nn.Module,
    batch: Any,
    k: int = 10,
    probes: int = 2,
    steps: int = 40,
    seed: int = 0,
    room: int | None = None,
) -> Generator[int, None, Density]:
    """``density`` that says after each product how many there were; whoever stops pulling has cancelled."""
    flat = FlatLoss(loss, module, batch)
    if not 1 <= k < flat.size:
        raise ValueError(f"`k` must leave a rest of the {flat.size} eigenvalues; got {k}; ask for fewer")
    if probes < 1 or steps < 1:
        raise ValueError(f"`probes` and `steps` must be at least 1; got {probes} and {steps}")
    hessian = Hessian(flat, room)
    for found in top(hessian, k, seed=seed):
        pairs = found
        yield hessian.matvecs
    generator = torch.Generator().manual_seed(seed + 1)
    rest = (hessian.size - k) / hessian.size
    values, weights = [pairs.eigenvalues], [torch.full((k,), 1.0 / hessian.size, dtype=torch.float64)]
    for _ in range(probes):
        start = random_vector(hessian.gradient, generator)
        run = Lanczos(hessian, start, generator, _orthonormal(pairs.vectors))
        # A space that closes on itself has said all that its start can say of the spectrum.
        while run.steps < steps and not run.complete and 0.0 not in run.beside:
            run.grow()
            yield hessian.matvecs
        nodes, combine, _ = run.ritz()
        values.append(nodes)
        weights.append(combine[0].square() * rest / probes)
    all_values, all_weights = torch.cat(values), torch.cat(weights)
    order = all_values.argsort(descending=True)
    return Density(all_values[order], all_weights[order], hessian.size, k, hessian.matvecs)


def trace(
    loss: Loss, module: nn.Module, batch: Any, *, matvecs: int = 30, seed: int = 0, room: int | None = None
) -> Trace:
    """The trace of the Hessian by Hutch++, with its standard error, from at most ``matvecs`` products.

    A third of them sketch where the Hessian is large, a third take the trace there exactly, and random signs see the
    rest. With as many products as parameters the trace is exact. ``room`` is that of ``converge``.

    Raises:
        ValueError: for fewer than 2 products, which have no spread.
    """
    return _last_of(trace_by_product(loss, module, batch, matvecs, seed, room))


def trace_by_product(
    loss: Loss, module: nn.Module, batch: Any, matvecs: int = 30, seed: int = 0, room: int | None = None
) -> Generator[int, None, Trace]:
    """``trace`` that says after each product how many there were; whoever stops pulling has cancelled."""
    if matvecs < 2:
        raise ValueError(f"`matvecs` must be at least 2, since one has no spread; got {matvecs}")
    hessian = Hessian(FlatLoss(loss, module, batch), room)
    generator = torch.Generator().manual_seed(seed)
    like = hessian.gradient
    if matvecs >= hessian.size:
        whole = 0.0
        for row in torch.eye(hessian.size, dtype=like.dtype, device=like.device):
            whole += float(row @ hessian(row))
            yield hessian.matvecs
        return Trace(whole, 0.0, hessian.matvecs)
    basis = like.new_zeros(0, hessian.size)
    if matvecs >= FEWEST:
        sketch = []
        while hessian.matvecs < matvecs // 3:
            sketch.append(hessian(_signs(like, generator)))
            yield hessian.matvecs
        basis = _orthonormal(torch.stack(sketch))
    known, seen = 0.0, []
    for row in basis:
        known += float(row @ hessian(row))
        yield hessian.matvecs
    while hessian.matvecs < matvecs:
        probe = _signs(like, generator)
        across = probe - (basis @ probe) @ basis
        seen.append(float(across @ hessian(across)))
        yield hessian.matvecs
    spread = torch.tensor(seen, dtype=torch.float64)
    return Trace(known + float(spread.mean()), float(spread.std()) / math.sqrt(len(seen)), hessian.matvecs)


def _last_of(products: Generator[int, None, T]) -> T:
    """What a generator returns, all its products made."""
    while True:
        try:
            next(products)
        except StopIteration as end:
            return end.value


def _signs(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2, like.shape, generator=generator).mul_(2).sub_(1).to(like)


def _orthonormal(rows: Tensor) -> Tensor:
    """Orthonormal rows that span the same; fewer where they depend on each other."""
    q, r = torch.linalg.qr(rows.T)
    size = r.diagonal().abs()
    return q.T[size > 100.0 * torch.finfo(rows.dtype).eps * size.max()].contiguous()
