"""How large a step of a module's parameters is, in the radius of each sample, and what the same product tells beside.

``r`` bounds predicted logit movement: every logit difference moves by at most ``pi r`` where logits are linear along
the step. It is neither necessary nor sufficient for descent. The certificate of descent comes from generalised
self-concordance, ``|K'''| <= spread K''``: up to ``ln(1 + g spread / kappa) / spread`` the loss of linearised logits
falls. Nothing here sees the curvature of the logits themselves; the secant's r beside the JVP's does.

Source: Sao 2026, arXiv:2603.13552 (r). Where we differ: the certificate, and r from the real step of the parameters.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from explorer.maths.names import nearest
from explorer.maths.softmax.radius import Radius, radius
from explorer.maths.softmax.rows import Head, Loss, Rows
from explorer.maths.softmax.speeds import Anatomy, Motion, Named, batch_size, length, motions
from explorer.maths.softmax.told import Mean, Settled, Told
from explorer.maths.softmax.vocabulary import Body, Swept, sweep

CHUNK = 1024
"""Inputs asked at once."""
KEPT = 1 << 23
"""Most numbers for which logits and speeds stay on the record."""
PARTS = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0)
"""Parts of the step at which the linearised loss is told."""
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
    positions of the rows in the module's output, classes apart; ``at`` [q] the parts of the step that ``losses`` are
    told at. ``status`` is ok, no rows, NaN, infinite or not applicable, and ``text`` its sentence. ``by`` says how the
    speeds were found, ``per_input`` how many positions an input has. All else is worked out when first read.
    """

    r: Tensor
    places: Tensor
    at: Tensor
    status: str
    by: str
    per_input: int
    logits: Tensor | None
    speeds: Tensor | None
    told: Mean | Settled = field(repr=False)

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

    @property
    def r_max(self) -> float:
        """The largest r: 0 for no rows, NaN if any is NaN."""
        return self.quantile(1.0)

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
        spot = part * (len(self.r) - 1)
        low, high = self._ranked[math.floor(spot)], self._ranked[math.ceil(spot)]
        # Not low + 0 * (high - low): that makes a NaN of two infinities.
        share = spot - math.floor(spot)
        return low if low == high or share == 0 else low + share * (high - low)

    @cached_property
    def _ranked(self) -> list[float]:
        return self.r.sort().values.tolist()

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
        """Parts of the step up to which the mean loss of linear logits surely falls; 0 where it rises at once."""
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
            ValueError: when the batch was too large to keep its logits.
        """
        if self.logits is None or self.speeds is None:
            raise ValueError(f"logits of more than {KEPT} numbers are not kept; ask about fewer inputs")
        return radius(self.logits, self.speeds)


def step_radius(
    module: nn.Module,
    inputs: Any,
    displacement: Named,
    targets: Tensor | None = None,
    *,
    loss: nn.Module | None = None,
    temperature: float = 1.0,
    soft_cap: float | None = None,
    class_dim: int = -1,
    at: Sequence[float] = PARTS,
    by: str = "jvp",
    chunk: int = CHUNK,
    start: Named | None = None,
    head: str | None = None,
) -> StepRadius:
    """How large the step ``displacement`` (by names of ``named_parameters``; none: not moved) is for a batch.

    ``inputs`` is a tensor [n, ..], a tuple or a dict of them; the module gives logits with classes along ``class_dim``.
    ``targets`` are labels or shares of the classes; ``loss`` is a ``torch.nn.CrossEntropyLoss`` (also when None) or
    ``BCEWithLogitsLoss`` and brings label smoothing, class weights and ignored labels. The loss sees the logits over
    ``temperature`` and through ``soft_cap * tanh(logits / soft_cap)``. ``start`` are parameters to start from in place
    of the module's own. ``head`` names the linear layer that gives the logits: it is then taken in pieces of the
    vocabulary and no logits are kept. One product in forward mode; ``by="secant"`` takes the change over the whole step.

    Raises:
        ValueError: for a displacement, targets or options that do not fit.
    """
    anatomy = Anatomy(module) if head is None else Body(module, head)
    step = _checked_step(anatomy, displacement)
    parts = torch.tensor(list(at), dtype=torch.float64)
    if isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1:
        raise ValueError(f"`chunk` must be a whole number of at least 1; got {chunk!r}")
    if loss is not None and not isinstance(loss, Loss):
        return _empty("not applicable", parts)
    if head is not None and (isinstance(loss, nn.BCEWithLogitsLoss) or class_dim != -1):
        raise ValueError("a `head` in pieces needs a CrossEntropyLoss and classes last; leave `head` out")
    size = length(step.values())
    if not math.isfinite(size):
        return _empty("NaN", parts)
    _check_targets(inputs, targets)
    tally = _Tally(Head(loss or nn.CrossEntropyLoss(), temperature, soft_cap, class_dim), parts)
    base = anatomy.base(start)
    for place, motion in motions(anatomy, inputs, step, size, base, by, chunk):
        aims = None if targets is None else targets[place]
        if isinstance(anatomy, Body):
            tally.count(sweep(anatomy, tally.head, motion, base, step, aims, parts), motion, place)
        else:
            tally.add(motion, place, aims)
    return tally.record()


class _Tally:
    """The chunks of a batch: with their rows while these are few, else what they tell."""

    def __init__(self, head: Head, at: Tensor):
        self.head, self.at, self.by = head, at, ""
        self.rows: list[Rows] = []
        self.told: list[Told | Settled] = []
        self.r: list[Tensor] = []
        self.places: list[Tensor] = []
        self.positions = self.numbers = self.inputs = 0

    def count(self, swept: Swept, motion: Motion, place: slice) -> None:
        """A chunk whose logits are gone."""
        self.r.append(swept.r)
        self.places.append(swept.places + self.positions)
        self.told.append(swept.told)
        self.positions += motion.logits.numel() // max(1, motion.logits.shape[-1])
        self.numbers = KEPT + 1
        self.inputs += place.stop - place.start
        self.by = motion.by

    def add(self, motion: Motion, place: slice, targets: Tensor | None) -> None:
        rows = self.head.rows(motion.logits, motion.speeds, targets)
        self.r.append(rows.r)
        self.places.append(rows.places + self.positions if self.positions else rows.places)
        self.positions += self.head.positions(motion.logits)
        self.numbers += rows.logits.numel()
        self.inputs += place.stop - place.start
        self.by = motion.by
        self.rows.append(rows)
        self.told.append(Told(rows, self.at.to(rows.logits)))
        if self.numbers > KEPT:
            self.told = [part.settled() if isinstance(part, Told) else part for part in self.told]
            self.rows.clear()

    def record(self) -> StepRadius:
        r, places = _one(self.r), _one(self.places)
        kept = self.numbers <= KEPT
        return StepRadius(
            r=r,
            places=places,
            at=self.at,
            status=_status(r),
            by=self.by,
            per_input=max(1, self.positions // max(1, self.inputs)),
            logits=_one([rows.logits for rows in self.rows]) if kept else None,
            speeds=_one([rows.speeds for rows in self.rows]) if kept else None,
            told=Mean(self.told, self.head.loss.reduction == "sum"),
        )


def _status(r: Tensor) -> str:
    if not len(r):
        return "no rows"
    top = float(r.amax())  # a NaN is the largest
    return "NaN" if math.isnan(top) else "infinite" if math.isinf(top) else "ok"


def _one(parts: list[Tensor]) -> Tensor:
    """Parts of a batch as one tensor of the CPU."""
    return (parts[0] if len(parts) == 1 else torch.cat(parts)).cpu()


def _checked_step(anatomy: Anatomy, displacement: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The step by the first of each parameter's names; a tied weight has several and moves once.

    Raises:
        ValueError: for a name or shape that is not the module's.
    """
    step = {}
    for name, value in displacement.items():
        known = name if name in anatomy.parameters else nearest("displacement", name, anatomy.parameters)
        own = anatomy.parameters[known]
        if value.shape != own.shape:
            raise ValueError(
                f"`displacement` of {name!r} must be {list(own.shape)} like the parameter; got {list(value.shape)}"
            )
        step[anatomy.first[known]] = value.detach()
    return step


def _check_targets(inputs: Any, targets: Tensor | None) -> None:
    if targets is not None and (targets.ndim == 0 or len(targets) != batch_size(inputs)):
        raise ValueError(
            f"`targets` must be [n, ..] for the {batch_size(inputs)} inputs; got {list(targets.shape)}"
        )


def _empty(status: str, at: Tensor) -> StepRadius:
    none, nan = torch.zeros(0, dtype=torch.float64), math.nan
    few = none.long()
    blank = Settled(nan, nan, torch.full_like(at, nan), few.bool(), few.bool(), nan)
    return StepRadius(none, few, at, status, "", 1, None, None, blank)
