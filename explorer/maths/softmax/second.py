"""Where the zeros of F may stand when logits bend along the step: a bound from their second derivative too.

For logits ``z + a t + b t^2 / 2`` a phase spread below pi keeps all terms of F in one open half-plane, so none of its
zeros is nearer than the R at which ``R spread(a) + R^2 spread(b) / 2 = pi``, which is ``2 pi / (spread(a) +
sqrt(spread(a)^2 + 2 pi spread(b)))``. A theorem for quadratic logits; what bends more keeps to it only nearly.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from explorer.maths.forward import jvp
from explorer.maths.softmax.losses import PLAIN
from explorer.maths.softmax.rows import Head
from explorer.maths.softmax.speeds import UNSEEN, Anatomy, Named, quiet
from explorer.maths.softmax.terms import spreads

WIDTH = 1e-3
"""Half of the part of the step over which speeds are compared."""
CLOSE = 1e-2
"""How near to their difference the derivative of the speeds must come, as a part of the largest bend."""


@dataclass(frozen=True, eq=False)
class SecondRadius:
    """Rows are positions of the module's output; float64.

    ``bound`` [m] the bound in steps, ``spread`` and ``bend`` [m] of first and second derivatives of the logits;
    ``by`` "jvp" for a product within a product, "difference" for that of two products, a thousandth of the step to
    either side: where the first cannot be had, or is wrong (torch 2.13 takes the statistics of a LayerNorm for
    constants there, and is 6 % off).
    """

    bound: Tensor
    spread: Tensor
    bend: Tensor
    by: str


def quadratic_bound(spread: Tensor, bend: Tensor) -> Tensor:
    """``2 pi / (spread + sqrt(spread^2 + 2 pi bend))``: ``pi / spread`` without a bend, inf where nothing moves."""
    return 2.0 * math.pi / (spread + (spread.square() + 2.0 * math.pi * bend).sqrt())


def second_radius(
    module: nn.Module,
    inputs: Any,
    displacement: Named,
    *,
    temperature: float = 1.0,
    class_dim: int = -1,
    start: Named | None = None,
) -> SecondRadius:
    """The bound for logits that bend, along the step ``displacement``; the words are ``step_radius``'s.

    Raises:
        ValueError: for a displacement that does not fit.
    """
    anatomy = Anatomy(module)
    step = anatomy.step(displacement)
    base, head = anatomy.base(start), Head(PLAIN, temperature, None, class_dim)

    def along(t: Tensor) -> Tensor:
        return anatomy(inputs, base | {name: base[name] + t * p.to(base[name]) for name, p in step.items()})

    with quiet(anatomy):
        logits, speeds, bends, by = _derivatives(along, next(iter(base.values())))
    spread, bend = (spreads(*head.scaled(logits, rates)) for rates in (speeds, bends))
    return SecondRadius(quadratic_bound(spread, bend), spread, bend, by)


def _derivatives(along: Any, like: Tensor) -> tuple[Tensor, Tensor, Tensor, str]:
    """Logits, their first and second derivative at the start of the step, and how the second was found."""
    zero, one = torch.zeros((), dtype=like.dtype, device=like.device), torch.ones_like(like.flatten()[0])

    def rates(t: Tensor) -> tuple[Tensor, Tensor]:
        return jvp(along, (t,), (one,))

    logits, speeds = rates(zero)
    if not speeds.numel():
        return logits, speeds, speeds, "jvp"
    (_, ahead), (_, behind) = rates(zero + WIDTH), rates(zero - WIDTH)
    compared = (ahead - behind) / (2 * WIDTH)
    try:
        _, (_, bends) = jvp(rates, (zero,), (one,))
    except UNSEEN:
        return logits, speeds, compared, "difference"
    rounding = 10 * torch.finfo(like.dtype).eps * speeds.abs().amax() / WIDTH
    if bool((bends - compared).abs().amax() <= CLOSE * compared.abs().amax() + rounding):
        return logits, speeds, bends, "jvp"
    return logits, speeds, compared, "difference"
