"""How large a step of a module's parameters is, in the radius of each sample, and what the same product tells beside.

``r`` bounds predicted logit movement: every logit difference moves by at most ``pi r`` where logits are linear along
the step. It is neither necessary nor sufficient for descent. The certificate of descent comes from generalised
self-concordance, ``|K'''| <= spread K''``: up to ``ln(1 + g spread / kappa) / spread`` the loss of linearised logits
falls. Nothing here sees the curvature of the logits themselves; the secant's r beside the JVP's does.

Source: Sao 2026, arXiv:2603.13552 (r). Where we differ: the certificate, and r from the real step of the parameters.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from explorer.maths.softmax.lengths import length
from explorer.maths.softmax.losses import PLAIN, FocalLoss, is_known
from explorer.maths.softmax.record import KEPT, StepRadius, empty
from explorer.maths.softmax.rows import Head, Rows
from explorer.maths.softmax.speeds import Anatomy, Motion, Named, at_once, batch_size, motions
from explorer.maths.softmax.told import Mean, Settled, Told
from explorer.maths.softmax.vocabulary import Body, Swept, sweep

PARTS = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0)
"""Parts of the step at which the linearised loss is told."""


def step_radius(
    module: nn.Module,
    inputs: Any,
    displacement: Named,
    targets: Tensor | None = None,
    *,
    weights: Tensor | None = None,
    loss: nn.Module | None = None,
    temperature: float = 1.0,
    soft_cap: float | None = None,
    class_dim: int = -1,
    at: Sequence[float] = PARTS,
    by: str = "jvp",
    chunk: int | None = None,
    start: Named | None = None,
    head: str | None = None,
) -> StepRadius:
    """How large the step ``displacement`` (by names of ``named_parameters``; none: not moved) is for a batch.

    ``inputs`` is a tensor [n, ..], a tuple or a dict of them; the module gives logits with classes along ``class_dim``.
    ``targets`` are labels or shares of the classes, ``weights`` how much each sample (or each position) counts: 0 drops
    it, and a mean divides by their sum. ``loss`` is a ``torch.nn.CrossEntropyLoss`` (also when None),
    ``BCEWithLogitsLoss`` or ``FocalLoss`` of ``losses`` and brings label smoothing, class weights and ignored labels;
    any other loss has no radius that we know, and the record says "not applicable". The loss sees the logits over
    ``temperature`` and through ``soft_cap * tanh(logits / soft_cap)``. ``start`` are parameters to start from in place
    of the module's own. ``head`` names the linear layer that gives the logits: it is then taken in pieces of the
    vocabulary and no logits are kept. ``chunk`` inputs are asked at once (None: 2,048, fewer where they are long). One
    product in forward mode; ``by="secant"`` takes the whole change instead.

    Raises:
        ValueError: for a displacement, targets or options that do not fit.
    """
    anatomy = Anatomy(module) if head is None else Body(module, head)
    step = anatomy.step(displacement)
    parts = tuple(float(part) for part in at)
    if chunk is not None and (isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1):
        raise ValueError(f"`chunk` must be a whole number of at least 1; got {chunk!r}")
    if not is_known(loss):
        return empty("not applicable", parts)
    if head is not None and (isinstance(loss, nn.BCEWithLogitsLoss | FocalLoss) or class_dim != -1):
        raise ValueError("a `head` in pieces needs a CrossEntropyLoss and classes last; leave `head` out")
    size = length(step.values())
    if not math.isfinite(size):
        return empty("NaN", parts)
    _check_rows(inputs, targets, weights)
    tally = _Tally(Head(loss or PLAIN, temperature, soft_cap, class_dim), parts)
    base = anatomy.base(start)
    for place, motion in motions(anatomy, inputs, step, size, base, by, chunk or at_once(inputs)):
        aims, heft = (None if x is None else x[place] for x in (targets, weights))
        if isinstance(anatomy, Body):
            swept = sweep(
                anatomy, tally.head, motion, base, step, aims, heft, torch.tensor(parts, dtype=torch.float64)
            )
            tally.count(swept, motion, place)
        else:
            tally.add(motion, place, aims, heft)
    return tally.record()


def way_radius(
    module: nn.Module,
    inputs: Any,
    before: Named,
    targets: Tensor | None = None,
    *,
    weights: Tensor | None = None,
    loss: Any = None,
    temperature: float = 1.0,
    soft_cap: float | None = None,
    class_dim: int = -1,
    chunk: int | None = None,
) -> StepRadius:
    """``step_radius`` of the way from ``before`` to where the module stands, by the secant: two passes, no product."""
    _check_rows(inputs, targets, weights)
    anatomy = Anatomy(module)
    tally = _Tally(Head(loss or PLAIN, temperature, soft_cap, class_dim), ())
    base, end = anatomy.base(before), anatomy.base(None)
    for place, motion in motions(
        anatomy, inputs, {}, math.inf, base, "secant", chunk or at_once(inputs), end
    ):
        tally.add(motion, place, *(None if x is None else x[place] for x in (targets, weights)))
    return tally.record()


def record_of(motion: Motion, count: int) -> StepRadius:
    """What one motion of ``count`` inputs tells under the plain loss, without targets."""
    tally = _Tally(Head(PLAIN), ())
    tally.add(motion, slice(0, count), None, None)
    return tally.record()


def _check_rows(inputs: Any, targets: Tensor | None, weights: Tensor | None) -> None:
    count = batch_size(inputs)
    for name, values in (("targets", targets), ("weights", weights)):
        if values is not None and (values.ndim == 0 or len(values) != count):
            raise ValueError(f"`{name}` must be [n, ..] for the {count} inputs; got {list(values.shape)}")


class _Tally:
    """The chunks of a batch: with their rows while these are few, else what they tell."""

    def __init__(self, head: Head, parts: Sequence[float]):
        self.head, self.parts, self.by = head, parts, ""
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

    def add(self, motion: Motion, place: slice, targets: Tensor | None, weights: Tensor | None) -> None:
        rows = self.head.rows(motion.logits, motion.speeds, targets, weights)
        self.r.append(rows.r)
        self.places.append(rows.places + self.positions if self.positions else rows.places)
        self.positions += self.head.positions(motion.logits)
        self.numbers += rows.laid.numel()
        self.inputs += place.stop - place.start
        self.by = motion.by
        self.rows.append(rows)
        self.told.append(Told(rows, self.parts))
        if self.numbers > KEPT:
            self.told = [part.settled() if isinstance(part, Told) else part for part in self.told]
            self.rows.clear()

    def record(self) -> StepRadius:
        r, places = _one(self.r), _one(self.places)
        kept = self.numbers <= KEPT
        usual = kept and all(rows.is_finite and rows.poles is None for rows in self.rows)
        return StepRadius(
            r=r,
            places=places,
            parts=self.parts,
            # Rows that are finite have an r that is, unless a soft cap's poles had a say.
            status="ok" if usual and len(r) else _status(r),
            by=self.by,
            per_input=max(1, self.positions // max(1, self.inputs)),
            z=_one([rows.laid for rows in self.rows]) if kept else None,
            a=_one([rows.a.T for rows in self.rows]) if kept else None,
            told=Mean(self.told, self.head.loss.reduction == "sum"),
            has_others=isinstance(self.head.loss, FocalLoss),
        )


def _status(r: Tensor) -> str:
    if not len(r):
        return "no rows"
    top = float(r.amax())  # a NaN is the largest
    return "NaN" if math.isnan(top) else "infinite" if math.isinf(top) else "ok"


def _one(parts: list[Tensor]) -> Tensor:
    """Parts of a batch as one tensor of the CPU."""
    return (parts[0] if len(parts) == 1 else torch.cat(parts)).cpu()
