"""The largest eigenvalues of a loss's Hessian and their vectors, each with its residual, as they converge.

Ranked as numbers on a line, not by size: a large negative curvature is no sharpness. Lanczos sees an eigenvalue that
occurs several times only once (a least-squares head has one copy for each output), so that a few products from a second
start look for copies before the answer is called final.

Source: Lanczos 1950; Ghorbani, Krishnan and Xiao 2019, arXiv:1901.10159; Cohen et al. 2021, arXiv:2103.00065 (what the
largest eigenvalue means beside 2 / learning rate).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from explorer.maths.landscape.flat import FlatLoss, Loss
from explorer.maths.landscape.lanczos import Lanczos, random_vector
from explorer.maths.landscape.operator import Hessian


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The top of a Hessian's spectrum: units of loss over squared units of the parameters.

    ``eigenvalues`` [k] from the largest down (algebraic), ``residuals`` [k] ``|Hv - value v|``, both float64: an
    eigenvalue lies within its residual of the number, and commonly within its square over the gap. ``vectors`` [k, P]
    of length 1, in the order of the module's trainable parameters. ``matvecs`` Hessian-vector products so far;
    ``converged`` whether every residual is within the tolerance; ``by`` how products are made. While they come there
    may be fewer than k.
    """

    eigenvalues: Tensor
    residuals: Tensor
    vectors: Tensor
    matvecs: int
    converged: bool
    by: str


def spectrum(loss: Loss, module: nn.Module, batch: Any, k: int = 5, **options: Any) -> Spectrum:
    """The k largest eigenvalues of the Hessian of ``loss(module, batch)``, with vectors and residuals.

    ``options`` are those of ``converge``, whose last record this is. The module is left exactly as it was.

    Raises:
        ValueError: one sentence, for a k or a loss that cannot be.
    """
    *_, last = converge(loss, module, batch, k, **options)
    return last


def converge(
    loss: Loss,
    module: nn.Module,
    batch: Any,
    k: int = 5,
    *,
    tolerance: float = 3e-3,
    most: int = 300,
    looks: int = 4,
    seed: int = 0,
    warm: Spectrum | None = None,
    room: int | None = None,
) -> Iterator[Spectrum]:
    """The same as it converges: one record a product.

    Ends when every residual is at most ``tolerance`` times its eigenvalue (or a tenth of the largest, for small ones)
    and ``looks`` more products found no copy, or after ``most``. Four find copies that stand well out of the rest of
    the spectrum; one in its neighbourhood takes eight or more (0 saves them). ``warm`` begins from the vectors of an
    earlier answer, as sharpness through a training does. Where the graph of the whole batch is larger than ``room``
    bytes (None: half of what is free), or memory runs out, products are made of some samples after others, and ``by``
    says of how many.
    """
    flat = FlatLoss(loss, module, batch)
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= flat.size:
        raise ValueError(f"`k` must be a whole number from 1 to the {flat.size} parameters; got {k!r}")
    if not 0.0 < tolerance < 1.0:
        raise ValueError(
            f"`tolerance` must lie between 0 and 1, as a share of the eigenvalue; got {tolerance!r}"
        )
    if most < k:
        raise ValueError(f"`most` products must be at least k = {k}; got {most}; ask for more")
    begin = None if warm is None else flat.flatten(warm.vectors.sum(dim=0))
    yield from top(Hessian(flat, room), k, tolerance, most, looks, seed, begin)


def top(
    hessian: Hessian,
    k: int,
    tolerance: float = 3e-3,
    most: int = 300,
    looks: int = 4,
    seed: int = 0,
    begin: Tensor | None = None,
) -> Iterator[Spectrum]:
    """The k largest pairs of an operator, one record a product; see ``converge``."""
    generator = torch.Generator().manual_seed(seed)
    like = hessian.gradient
    run = Lanczos(hessian, random_vector(like, generator) if begin is None else begin, generator)
    found = None
    while hessian.matvecs < most:
        run.grow()
        found = _pairs(run, k, tolerance, hessian)
        done = run.complete or (found.converged and run.steps >= min(2 * k, hessian.size))
        final = done and found.converged and (k == 1 or looks == 0 or run.complete)
        yield replace(found, converged=final)
        if done:
            break
    if found is not None and found.converged and k > 1 and looks > 0 and not run.complete:
        yield from _with_copies(hessian, found, k, tolerance, most, looks, generator)


def _with_copies(
    hessian: Hessian,
    found: Spectrum,
    k: int,
    tolerance: float,
    most: int,
    looks: int,
    generator: torch.Generator,
) -> Iterator[Spectrum]:
    """Look beside the pairs that were found until nothing is above the last of them."""
    locked = found.vectors
    while hessian.matvecs < most:
        fresh = random_vector(hessian.gradient, generator)
        run = Lanczos(hessian, fresh, generator, locked)
        floor = float(found.eigenvalues[-1] + tolerance * _scale(found.eigenvalues)[-1])
        above = 0
        while hessian.matvecs < most and not run.complete:
            run.grow()
            beside = _pairs(run, k, tolerance, hessian)
            above = int((beside.eigenvalues > floor).sum())
            looked = run.steps >= looks and above == 0
            settled = above > 0 and _settled(beside, above, tolerance) and run.steps > above + 1
            if looked or settled:
                break
            yield replace(found, matvecs=hessian.matvecs, converged=False)
        enough = hessian.matvecs < most
        if above == 0:
            yield replace(found, matvecs=hessian.matvecs, converged=enough or run.complete)
            return
        found, locked = _merged(found, beside, above, k, locked, hessian)
        yield found
        if len(locked) >= hessian.size:
            yield replace(found, converged=True)
            return


def _merged(
    found: Spectrum, beside: Spectrum, above: int, k: int, locked: Tensor, hessian: Hessian
) -> tuple[Spectrum, Tensor]:
    values = torch.cat([found.eigenvalues, beside.eigenvalues[:above]])
    order = values.argsort(descending=True)[:k]
    merged = Spectrum(
        values[order],
        torch.cat([found.residuals, beside.residuals[:above]])[order],
        torch.cat([found.vectors, beside.vectors[:above]])[order.to(found.vectors.device)],
        hessian.matvecs,
        False,
        hessian.by,
    )
    return merged, torch.cat([locked, beside.vectors[:above]])


def _pairs(run: Lanczos, k: int, tolerance: float, hessian: Hessian) -> Spectrum:
    values, combine, residuals = run.ritz()
    few = min(k, len(values))
    pairs = Spectrum(
        values[:few], residuals[:few], run.vectors(combine[:, :few]), hessian.matvecs, False, hessian.by
    )
    return replace(pairs, converged=few == k and _settled(pairs, k, tolerance))


def _settled(pairs: Spectrum, few: int, tolerance: float) -> bool:
    return bool((pairs.residuals[:few] <= tolerance * _scale(pairs.eigenvalues)[:few]).all())


def _scale(values: Tensor) -> Tensor:
    return values.abs().clamp(min=0.1 * float(values.abs().max()))
