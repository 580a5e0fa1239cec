"""A step in units of its radii: what ``ex.step_radius`` gives."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from explorer.maths.softmax.radius import Radius, radius
from explorer.maths.softmax.told import Mean, Settled

KEPT = 1 << 23
"""Most numbers for which logits and speeds stay on the record."""
SENTENCES = {
    "ok": "",
    "no rows": "no sample has a loss: the radius is infinite because nothing was asked",
    "NaN": "a logit or its speed is NaN: this step has no radius and must not be taken",
    "infinite": "a logit's speed is infinite: the radius is 0",
    "not applicable": "this loss has no softmax and no radius, which does not mean that the step is safe",
}


@dataclass(frozen=True, eq=False)
class StepRadius:
    """A step in units of its radii; rows are samples, or positions of a sequence, that the loss counts. Float64.

    ``r`` [m] largest predicted change of a logit difference over pi (a soft cap's poles may raise it); ``places`` [m]
    positions of the rows in the module's output, classes apart; ``parts`` [q] of the step that ``losses`` are told at
    (``at``, as a tensor). ``status`` is ok, no rows, NaN, infinite or not applicable, and ``text`` its sentence. ``by``
    says how the speeds were found, ``per_input`` how many positions an input has, ``has_others`` whether the loss has
    singularities beside those of a softmax (a focal loss): r and rho hold then, certificates do not. All else is worked
    out when first read.
    """

    r: Tensor
    places: Tensor
    parts: Sequence[float]
    status: str
    by: str
    per_input: int
    z: Tensor | None = field(repr=False)
    a: Tensor | None = field(repr=False)
    told: Mean | Settled = field(repr=False)
    has_others: bool = False

    @cached_property
    def logits(self) -> Tensor | None:
        """The logits [m, k] of the rows; None where the batch was too large to keep them."""
        return None if self.z is None else self.z.double()

    @cached_property
    def speeds(self) -> Tensor | None:
        """How far they would move over the whole step [m, k]; None where the batch was too large to keep them."""
        return None if self.a is None else self.a.double()

    @cached_property
    def at(self) -> Tensor:
        """The parts [q] of the step that ``losses`` are told at."""
        return torch.tensor(self.parts, dtype=torch.float64)

    @property
    def g(self) -> float:
        """Minus the slope of the mean loss, for one whole step; NaN without targets."""
        return self.told.g

    @property
    def kappa(self) -> float:
        """The bend that the softmax gives the mean loss, for one whole step (without targets: the mean of it)."""
        return self.told.kappa

    @property
    def losses(self) -> Tensor:
        """Mean loss [q] of the linearised logits at the parts ``at`` of the step; NaN without targets."""
        return self.told.losses

    @property
    def flips(self) -> Tensor:
        """Whether [m] linear logits change the top class by the end of the step."""
        return self.told.flips

    @cached_property
    def absorbed(self) -> float:
        """The share of rows whose label has probability 1 in their own type: g and r are 0, nothing is safe."""
        if len(self.r):
            return float(self.told.absorbed.double().mean())
        return 0.0 if self.status == "no rows" else math.nan

    @property
    def text(self) -> str:
        """The sentence to show; empty when all is well."""
        return SENTENCES[self.status]

    @cached_property
    def r_max(self) -> float:
        """The largest r: 0 for no rows, NaN if any is NaN."""
        return float(self.r.amax()) if len(self.r) else self.quantile(1.0)

    @property
    def r_99(self) -> float:
        """The r that one row in a hundred exceeds: comparable across batch sizes, as the largest is not."""
        return self.quantile(0.99)

    @property
    def r_50(self) -> float:
        """The median r."""
        return self.quantile(0.5)

    def quantile(self, part: float) -> float:
        """The r that ``part`` of the rows stay within, between rows linear; NaN if any is NaN."""
        if not len(self.r):
            return 0.0 if self.status == "no rows" else math.nan
        if self.status == "NaN":
            return math.nan
        if part == 1.0:
            return self.r_max
        spot = part * (len(self.r) - 1)
        low, high = float(self._ranked[math.floor(spot)]), float(self._ranked[math.ceil(spot)])
        # Not low + 0 * (high - low): that makes a NaN of two infinities.
        share = spot - math.floor(spot)
        return low if low == high or share == 0 else low + share * (high - low)

    @cached_property
    def _ranked(self) -> np.ndarray:
        # NumPy's sort is four times as quick as torch's here, and puts a NaN last too.
        return np.sort(self.r.numpy())

    @property
    def rho(self) -> float:
        """``1 / r_max``: the proved lower bound of the batch's radius, in steps; inf where nothing moves."""
        return math.inf if self.r_max == 0 else 1.0 / self.r_max

    @property
    def binding(self) -> int | None:
        """The position of the row with the largest r, or of a NaN; None without rows."""
        return int(self.places[self.r.argmax()]) if len(self.r) else None

    @property
    def binding_input(self) -> int | None:
        """The input that the binding row belongs to."""
        return None if self.binding is None else self.binding // self.per_input

    @property
    def descent(self) -> float:
        """Parts of the step up to which the mean loss of linear logits surely falls; 0 where it rises at once.

        NaN without targets, and for a loss that is not the softmax's own.
        """
        if self.has_others:
            return math.nan
        spread = math.pi * self.r_max
        if math.isnan(self.g) or math.isnan(spread) or math.isnan(self.kappa):
            return math.nan
        if self.g <= 0 or math.isinf(spread):
            return 0.0
        if self.kappa == 0:
            return math.inf
        return self.g / self.kappa if spread == 0 else math.log1p(self.g * spread / self.kappa) / spread

    @property
    def parabola(self) -> float:
        """``2 g / kappa``: where the loss would be back at its start if it bent as at 0; inf without a bend."""
        return 2.0 * self.g / self.kappa if self.kappa else math.copysign(math.inf, self.g)

    @cached_property
    def radius(self) -> Radius:
        """All radii of the rows, each worked out when first read.

        Raises:
            ValueError: when the batch was too large to keep its logits, or for a focal loss.
        """
        if self.has_others:
            raise ValueError(
                "a focal loss has singularities beside the softmax's; only `r` and `rho` hold for it"
            )
        if self.logits is None or self.speeds is None:
            raise ValueError(f"logits of more than {KEPT} numbers are not kept; ask about fewer inputs")
        return radius(self.logits, self.speeds)


def empty(status: str, parts: Sequence[float]) -> StepRadius:
    """The record of a step that has no rows to tell of, for the reason ``status``."""
    none, nan = torch.zeros(0, dtype=torch.float64), math.nan
    few = none.long()
    blank = Settled(
        nan, nan, torch.full((len(parts),), nan, dtype=torch.float64), few.bool(), few.bool(), nan
    )
    return StepRadius(none, few, parts, status, "", 1, None, None, blank)
