"""What a classification loss makes of logits: rows, each a softmax with its own shares of the classes.

Every loss here is a sum over rows of ``w log sum_k exp(z_k) - sum_k q_k z_k`` with ``w = sum_k q_k``: hard and soft
targets, label smoothing, class weights and ignored labels only change q, which moves no singularity. A sigmoid is a
softmax of its logit against 0, one row for each logit. Temperature divides logits and speeds alike; a soft cap
``c tanh(z / c)`` is applied here too, and its own poles limit the radius beside the softmax.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from explorer.maths.softmax.terms import spreads

Loss = nn.CrossEntropyLoss | nn.BCEWithLogitsLoss


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows that the loss sees; float64.

    ``logits``, ``speeds`` [m, k]; ``shares`` [m, k] q, None without targets; ``places`` [m] their positions in the
    module's output, classes apart (for a sigmoid: its positions, logit by logit); ``poles`` [m] distance in steps of
    the nearest pole of a soft cap, inf without one; ``digits`` the precision of the logits' own type; ``norm`` what the
    sum is divided by.
    """

    logits: Tensor
    speeds: Tensor
    shares: Tensor | None
    places: Tensor
    poles: Tensor
    digits: float
    norm: float


@dataclass(frozen=True)
class Head:
    """What stands between a module's logits and its loss; see ``step_radius`` for the words."""

    loss: Loss
    temperature: float = 1.0
    soft_cap: float | None = None
    class_dim: int = -1

    def __post_init__(self):
        if not (self.temperature > 0 and math.isfinite(self.temperature)):
            raise ValueError(f"`temperature` must be a positive number; got {self.temperature!r}")
        if self.soft_cap is not None and not (self.soft_cap > 0 and math.isfinite(self.soft_cap)):
            raise ValueError(f"`soft_cap` must be a positive number or None; got {self.soft_cap!r}")

    def positions(self, logits: Tensor) -> int:
        """How many places for rows a module's output has."""
        whole = isinstance(self.loss, nn.BCEWithLogitsLoss)
        return logits.numel() if whole else logits.numel() // max(1, logits.shape[self.class_dim])

    def rows(self, logits: Tensor, speeds: Tensor, targets: Tensor | None) -> Rows:
        """Rows of a module's output and its speeds, one shape both.

        Raises:
            ValueError: when targets do not fit the logits.
        """
        digits = torch.finfo(logits.dtype).eps
        z, a = logits.double() / self.temperature, speeds.double() / self.temperature
        poles = torch.full_like(z, torch.inf)
        if self.soft_cap is not None:
            c = self.soft_cap
            poles = torch.where(
                a == 0, torch.inf, torch.hypot(z, torch.full_like(z, math.pi * c / 2)) / a.abs()
            )
            a = torch.where(z == -torch.inf, a, a * (1.0 - (z / c).tanh().square()))
            z = torch.where(z == -torch.inf, z, c * (z / c).tanh())
        made = _sigmoid if isinstance(self.loss, nn.BCEWithLogitsLoss) else _softmax
        return made(self, z, a, poles, targets, digits)


def _softmax(head: Head, z: Tensor, a: Tensor, poles: Tensor, targets: Tensor | None, digits: float) -> Rows:
    if z.ndim == 1:
        raise ValueError(
            "a softmax needs logits [n, k] or more; got one number a sample; give BCEWithLogitsLoss()"
        )
    z, a, poles = (_flat(x, head.class_dim) for x in (z, a, poles))
    poles = torch.where(z == -torch.inf, torch.inf, poles).amin(1) if z.shape[1] else poles.sum(1)
    shares, norm = (None, float(len(z))) if targets is None else _shares(head, z, targets)
    keep = (
        torch.ones_like(poles, dtype=torch.bool)
        if shares is None
        else (shares > 0).any(1) | shares.isnan().any(1)
    )
    places = keep.nonzero()[:, 0]
    z, a, poles = z[places], a[places], poles[places]
    shares = None if shares is None else shares[places]
    return Rows(z, a, shares, places, poles, digits, norm)


def _sigmoid(head: Head, z: Tensor, a: Tensor, poles: Tensor, targets: Tensor | None, digits: float) -> Rows:
    """Each logit against 0."""
    pairs = [torch.stack([x.flatten(), torch.zeros_like(x.flatten())], dim=1) for x in (z, a)]
    shares, norm = None, float(z.numel())
    if targets is not None:
        if targets.shape != z.shape:
            raise ValueError(
                f"targets of a sigmoid must be {list(z.shape)} like its logits; got {list(targets.shape)}"
            )
        y = targets.double()
        weight = torch.as_tensor(1.0 if head.loss.weight is None else head.loss.weight).to(y)
        positive = torch.as_tensor(
            1.0 if getattr(head.loss, "pos_weight", None) is None else head.loss.pos_weight
        ).to(y)
        shares = torch.stack([(weight * positive * y).flatten(), (weight * (1 - y)).flatten()], dim=1)
    norm = 1.0 if head.loss.reduction == "sum" else norm
    keep = (
        torch.ones(z.numel(), dtype=torch.bool, device=z.device) if shares is None else (shares != 0).any(1)
    )
    places = keep.nonzero()[:, 0]
    shares = None if shares is None else shares[places]
    z, a = (x[places] for x in pairs)
    return Rows(z, a, shares, places, poles.flatten()[places], digits, norm)


def _flat(x: Tensor, class_dim: int) -> Tensor:
    """[.., k, ..] -> [positions, k]."""
    return x.movedim(class_dim, -1).reshape(-1, x.shape[class_dim])


def _shares(head: Head, z: Tensor, targets: Tensor) -> tuple[Tensor, float]:
    """The q [m, k] of each row, and what the mean divides by, as ``torch.nn.CrossEntropyLoss`` has them."""
    loss, (m, k) = head.loss, z.shape
    weight = z.new_ones(k) if loss.weight is None else loss.weight.to(z)
    smoothing = getattr(loss, "label_smoothing", 0.0)
    if targets.is_floating_point():
        q, counted = _flat(targets.double(), head.class_dim).to(z.device), float(m)
        if q.shape != z.shape:
            raise ValueError(
                f"soft targets must have the logits' shape; got {list(targets.shape)} for {m} rows of {k}"
            )
        q = (1.0 - smoothing) * q + smoothing / k
    else:
        labels = targets.reshape(-1).to(z.device)
        if len(labels) != m:
            raise ValueError(
                f"`targets` must hold one label for each of the {m} rows; got {len(labels)}; see `class_dim`"
            )
        ignored = labels == getattr(loss, "ignore_index", -100)
        wrong = ~ignored & ((labels < 0) | (labels >= k))
        if bool(wrong.any()):
            raise ValueError(f"labels must lie from 0 to {k - 1} or be ignored; got {int(labels[wrong][0])}")
        labels = labels.long().masked_fill(ignored, 0)
        q = torch.full_like(z, smoothing / k).scatter_add(
            1, labels[:, None], z.new_full((m, 1), 1.0 - smoothing)
        )
        # A label of no weight is a row of no weight, also where smoothing would leave some to others.
        dropped = ignored | (weight[labels] == 0)
        q = q.masked_fill(dropped[:, None], 0.0)
        counted = float(weight[labels].masked_fill(ignored, 0.0).sum())
    return q * weight, 1.0 if loss.reduction == "sum" else counted


@dataclass(frozen=True, eq=False)
class Told:
    """What rows say about a step, row by row [m] or summed; float64.

    ``spread`` of the speeds; ``g`` sum of minus the loss's slope, ``kappa`` sum of its bend, both for one step;
    ``losses`` [q] sums of the linearised loss at the asked parts of the step; ``flips`` [m] whether the top class
    changes by the end of the step; ``absorbed`` [m] whether the label's probability rounds to 1 in its own type.
    """

    spread: Tensor
    g: float
    kappa: float
    losses: Tensor
    flips: Tensor
    absorbed: Tensor


def told(rows: Rows, at: Tensor) -> Told:
    """All that logits and speeds tell at no further cost; ``at`` [q] are parts of the step."""
    z, a, q = rows.logits, rows.speeds, rows.shares
    if not len(z) or not z.shape[1]:
        zero = math.nan if q is None or len(z) else 0.0
        none = torch.zeros(len(z), dtype=torch.bool, device=z.device)
        return Told(spreads(z, a), zero, zero, at * zero, none, none)
    # Classes first: sums over a few classes are then sums of long rows, several times quicker.
    spread, z, a = spreads(z, a), z.T.contiguous(), a.T.contiguous()
    a = torch.where(z == -torch.inf, 0.0, a)
    mass = torch.softmax(z, dim=0)
    mean = (mass * a).sum(0)
    variance = (mass * (a - mean).square()).sum(0)
    flips = z.argmax(0) != (z + a).argmax(0)
    if q is None:
        blank = torch.full_like(at, torch.nan)
        return Told(spread, math.nan, float(variance.sum()), blank, flips, torch.zeros_like(flips))
    q = q.T.contiguous()
    total = q.sum(0)
    # The share of a class that is not there counts for nothing only where it is 0.
    begun, slope = (torch.where(q == 0, 0.0, q * x).sum() for x in (z, a))
    ends = [(total * (z + t * a).logsumexp(0)).sum() - begun - t * slope for t in at.tolist()]
    losses = torch.stack(ends) if ends else at
    others = mass.scatter(0, q.argmax(0, keepdim=True), 0.0).sum(0)
    absorbed = ((q != 0).sum(0) == 1) & (others < rows.digits / 2)
    g = float(torch.where(q == 0, 0.0, q * (a - mean)).sum())
    return Told(spread, g, float((total * variance).sum()), losses, flips, absorbed)
