"""What a classification loss makes of logits: rows, each a softmax with its own shares of the classes.

Every loss here is a sum over rows of ``w log sum_k exp(z_k) - sum_k q_k z_k`` with ``w = sum_k q_k``: hard and soft
targets, label smoothing, weights of classes and samples and ignored labels only change q, which moves no singularity.
(The focal loss adds some; see ``losses``.) A sigmoid is a softmax of its logit against 0, one row for each logit.
Temperature divides logits and speeds alike; a soft cap ``c tanh(z / c)`` is applied here too, and its own poles limit
the radius beside the softmax.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from explorer.maths.softmax.aims import Aims, flat, hefts
from explorer.maths.softmax.losses import FocalLoss, Loss
from explorer.maths.softmax.terms import spreads

MANY = 32
"""Classes up to which each is laid out apart: beyond, to turn the logits around costs more than it saves."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows that the loss sees, classes first: sums over few classes are then sums of long rows, several times quicker.

    ``laid`` [m, k] are the logits as the module lays them out; ``z``, ``a`` [k, m] logits and speeds: float64 and each
    class apart up to ``MANY`` classes; beyond, class beside class and in the module's own type. ``places`` [m] their
    positions in the module's output, classes apart (for a sigmoid: its positions, logit by logit); ``poles`` [m]
    distance in steps of the nearest pole of a soft cap, None without one; ``digits`` the precision of the logits' own
    type. ``labels`` [m] where each row is trained towards one class alone, else None; ``mass`` [m] how much such a row
    (without targets: any row) counts, None for 1; ``norm`` what a mean over the rows is divided by; ``ask`` gives the
    shares [m, k] q, None without targets; ``gamma`` of a focal loss. r needs none of these.
    """

    laid: Tensor
    a: Tensor
    places: Tensor
    poles: Tensor | None
    digits: float
    labels: Tensor | None
    mass: Tensor | None
    norm: float
    ask: Callable[[], Tensor | None]
    gamma: float | None = None

    @cached_property
    def z(self) -> Tensor:
        return _columns(self.laid)

    @cached_property
    def logits(self) -> Tensor:
        """The logits [k, m], float64."""
        return self.z.double()

    @cached_property
    def speeds(self) -> Tensor:
        """The speeds [k, m], float64."""
        return self.a.double()

    @cached_property
    def shares(self) -> Tensor | None:
        """The shares [k, m] of the classes, worked out when first read."""
        q = self.ask()
        return None if q is None else q.T.contiguous() if self.z.is_contiguous() else q.T

    @cached_property
    def _spread(self) -> Tensor:
        high, low = self.a.amax(0), self.a.amin(0)
        return high - low if high.dtype == torch.float64 else high.double() - low.double()

    @cached_property
    def is_finite(self) -> bool:
        """Whether all logits and speeds are: a sum may overflow, and then says no; a spread of finite ones is."""
        if not self.laid.numel():
            return not len(self.places)
        kind = torch.float32 if self.digits > 1e-6 else None  # a small type holds few sums
        return math.isfinite(float(self.laid.sum(dtype=kind))) and math.isfinite(float(self._spread.amax()))

    @cached_property
    def r(self) -> Tensor:
        """Largest predicted change of a logit difference over pi [m]; a pole that is nearer raises it."""
        usual = self.is_finite and self.laid.shape[1]
        r = (self._spread if usual else spreads(self.logits.T, self.speeds.T)) / math.pi
        return r if self.poles is None else torch.maximum(r, 1.0 / self.poles)


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

    def aims(
        self, targets: Tensor | None, weights: Tensor | None, m: int, k: int, device: torch.device
    ) -> Aims | None:
        """What m rows of k classes are trained towards; None where neither targets nor weights are given."""
        if targets is None and weights is None:
            return None
        return Aims(self.loss, self.class_dim, targets, weights, m, k, device)

    def scaled(self, logits: Tensor, speeds: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and rates over the temperature [positions, k], before any soft cap; float64."""
        z, a = (flat(x, self.class_dim).double() for x in (logits, speeds))
        return z / self.temperature, a / self.temperature

    def seen(self, logits: Tensor, speeds: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Logits and speeds as the loss sees them, float64, and the distances of the soft cap's poles."""
        z, a = logits.double(), speeds.double()
        if self.temperature != 1.0:
            z, a = z / self.temperature, a / self.temperature
        if self.soft_cap is None:
            return z, a, None
        c, there = self.soft_cap, z != -torch.inf
        poles = torch.hypot(z, torch.full_like(z, math.pi * c / 2)) / a.abs()
        poles = torch.where(there & (a != 0), poles, torch.inf)
        bent = (z / c).tanh()
        return torch.where(there, c * bent, z), torch.where(there, a * (1.0 - bent.square()), a), poles

    def rows(
        self, logits: Tensor, speeds: Tensor, targets: Tensor | None, weights: Tensor | None = None
    ) -> Rows:
        """Rows of a module's output and its speeds, one shape both.

        Raises:
            ValueError: when targets or weights do not fit the logits.
        """
        made = _sigmoid if isinstance(self.loss, nn.BCEWithLogitsLoss) else _softmax
        return made(self, logits, speeds, targets, weights)


def _softmax(
    head: Head, logits: Tensor, speeds: Tensor, targets: Tensor | None, weights: Tensor | None
) -> Rows:
    if logits.ndim == 1:
        raise ValueError(
            "a softmax needs logits [n, k] or more; got one number a sample; give BCEWithLogitsLoss()"
        )
    z, a, poles = flat(logits, head.class_dim), flat(speeds, head.class_dim), None
    if head.temperature != 1.0 or head.soft_cap is not None:
        z, a, poles = head.seen(z, a)
    m, k = z.shape
    if poles is not None:
        poles = poles.amin(1) if k else poles.sum(1)
    digits = torch.finfo(logits.dtype).eps
    aims = head.aims(targets, weights, m, k, z.device)
    if aims is None or aims.counted is None:
        places, z = torch.arange(m, device=z.device), z.clone()  # a module may return what it stores
    else:
        places = aims.counted
        z, a, poles = z[places], a[places], None if poles is None else poles[places]
    a = _columns(a)
    if aims is None:
        return Rows(z, a, places, poles, digits, None, None, float(m), lambda: None)
    gamma = head.loss.gamma if isinstance(head.loss, FocalLoss) else None
    labels = aims.labels if aims.is_hard else None
    return Rows(z, a, places, poles, digits, labels, aims.mass, aims.norm, aims.shares, gamma)


def _sigmoid(
    head: Head, logits: Tensor, speeds: Tensor, targets: Tensor | None, weights: Tensor | None
) -> Rows:
    """Each logit against 0."""
    z, a, poles = head.seen(logits, speeds)
    z_rows, a_rows = (torch.stack([x.flatten(), torch.zeros_like(x.flatten())], dim=1) for x in (z, a))
    heft = None if weights is None else hefts(weights, z.numel(), z.device)
    norm = float(z.numel() if heft is None else heft.sum())
    keep, shares = torch.ones(z.numel(), dtype=torch.bool, device=z.device), None
    if targets is not None:
        if targets.shape != z.shape:
            raise ValueError(
                f"targets of a sigmoid must be {list(z.shape)} like its logits; got {list(targets.shape)}"
            )
        y = targets.to(z)
        weight = torch.as_tensor(1.0 if head.loss.weight is None else head.loss.weight).to(y)
        positive = torch.as_tensor(
            1.0 if getattr(head.loss, "pos_weight", None) is None else head.loss.pos_weight
        ).to(y)
        shares = torch.stack([(weight * positive * y).flatten(), (weight * (1 - y)).flatten()], dim=1)
        shares = shares if heft is None else shares * heft[:, None]
        keep = (shares != 0).any(1)
    elif heft is not None:
        keep = heft != 0
    places = keep.nonzero()[:, 0]
    shares, heft, poles = (
        None if x is None else x[places] for x in (shares, heft, None if poles is None else poles.flatten())
    )
    digits = torch.finfo(logits.dtype).eps
    laid, a = z_rows[places], _columns(a_rows[places])
    return Rows(laid, a, places, poles, digits, None, heft, norm, lambda: shares)


def _columns(x: Tensor) -> Tensor:
    """[m, k] -> [k, m], a copy."""
    if x.shape[1] > MANY:
        return x.T.clone()
    return x.T.to(torch.float64, memory_format=torch.contiguous_format, copy=True)
