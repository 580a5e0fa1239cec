"""What a classification loss makes of logits: rows, each a softmax with its own shares of the classes.

Every loss here is a sum over rows of ``w log sum_k exp(z_k) - sum_k q_k z_k`` with ``w = sum_k q_k``: hard and soft
targets, label smoothing, class weights and ignored labels only change q, which moves no singularity. A sigmoid is a
softmax of its logit against 0, one row for each logit. Temperature divides logits and speeds alike; a soft cap
``c tanh(z / c)`` is applied here too, and its own poles limit the radius beside the softmax.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from explorer.maths.softmax.terms import spreads

Loss = nn.CrossEntropyLoss | nn.BCEWithLogitsLoss


Shares = tuple[Tensor | None, float]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows that the loss sees; float64.

    ``logits``, ``speeds`` [m, k]; ``places`` [m] their positions in the module's output, classes apart (for a sigmoid:
    its positions, logit by logit); ``poles`` [m] distance in steps of the nearest pole of a soft cap, None without one;
    ``digits`` the precision of the logits' own type; ``ask`` gives the shares [m, k] q, None without targets, and what
    a mean over them is divided by: r needs neither.
    """

    logits: Tensor
    speeds: Tensor
    places: Tensor
    poles: Tensor | None
    digits: float
    ask: Callable[[], Shares]

    @cached_property
    def shares(self) -> Shares:
        """The shares and the divisor, worked out when first read."""
        return self.ask()

    @cached_property
    def is_finite(self) -> bool:
        """Whether all logits and speeds are, seen by one sum (which may overflow, and then says no)."""
        return math.isfinite(float(self.logits.sum() + self.speeds.sum()))

    @cached_property
    def r(self) -> Tensor:
        """Largest predicted change of a logit difference over pi [m]; a pole that is nearer raises it."""
        if self.is_finite and self.logits.shape[1]:
            r = (self.speeds.amax(1) - self.speeds.amin(1)) / math.pi
        else:
            r = spreads(self.logits, self.speeds) / math.pi
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

    def rows(self, logits: Tensor, speeds: Tensor, targets: Tensor | None) -> Rows:
        """Rows of a module's output and its speeds, one shape both.

        Raises:
            ValueError: when targets do not fit the logits.
        """
        z, a, poles = self.seen(logits, speeds)
        made = _sigmoid if isinstance(self.loss, nn.BCEWithLogitsLoss) else _softmax
        return made(self, z, a, poles, targets, torch.finfo(logits.dtype).eps)


def _softmax(
    head: Head, z: Tensor, a: Tensor, poles: Tensor | None, targets: Tensor | None, digits: float
) -> Rows:
    if z.ndim == 1:
        raise ValueError(
            "a softmax needs logits [n, k] or more; got one number a sample; give BCEWithLogitsLoss()"
        )
    z, a = _flat(z, head.class_dim), _flat(a, head.class_dim)
    m, k = z.shape
    if poles is not None:
        poles = _flat(poles, head.class_dim)
        poles = poles.amin(1) if k else poles.sum(1)
    aims = None if targets is None else Aims(head, targets, m, k, z.device)
    places = None if aims is None else aims.counted
    if places is None:
        places = torch.arange(m, device=z.device)
    else:
        z, a, poles = z[places], a[places], None if poles is None else poles[places]
    return Rows(z, a, places, poles, digits, (lambda: (None, float(m))) if aims is None else aims.shares)


def _sigmoid(
    head: Head, z: Tensor, a: Tensor, poles: Tensor | None, targets: Tensor | None, digits: float
) -> Rows:
    """Each logit against 0."""
    z_rows, a_rows = (torch.stack([x.flatten(), torch.zeros_like(x.flatten())], dim=1) for x in (z, a))
    norm = float(z.numel())
    places, shares = torch.arange(z.numel(), device=z.device), None
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
        places = (shares != 0).any(1).nonzero()[:, 0]
        shares, z_rows, a_rows = shares[places], z_rows[places], a_rows[places]
    poles = None if poles is None else poles.flatten()[places]
    return Rows(z_rows, a_rows, places, poles, digits, lambda: (shares, norm))


def _flat(x: Tensor, class_dim: int) -> Tensor:
    """[.., k, ..] -> [positions, k]."""
    if x.ndim == 2 and class_dim in (-1, 1):
        return x
    return x.movedim(class_dim, -1).reshape(-1, x.shape[class_dim])


class Aims:
    """What m rows of k classes are trained towards, as ``torch.nn.CrossEntropyLoss`` has it.

    ``labels`` [m] or ``soft`` [m, k], copied from the targets; ``weight`` [k] of the classes or None; ``counted`` the
    rows that the loss counts, None for all: labels and soft targets are of these.

    Raises:
        ValueError: when the targets do not fit the rows.
    """

    def __init__(self, head: Head, targets: Tensor, m: int, k: int, device: torch.device):
        self.m, self.k = m, k
        self.ignored = getattr(head.loss, "ignore_index", -100)
        self.smoothing = getattr(head.loss, "label_smoothing", 0.0)
        weight = head.loss.weight
        self.weight = None if weight is None else weight.to(device, torch.float64, copy=True)
        self.labels = self.soft = torch.empty(0, device=device)
        self.counted: Tensor | None = None
        self.is_soft = targets.is_floating_point()
        if self.is_soft:
            self.soft = _flat(targets.to(device, torch.float64, copy=True), head.class_dim)
            if self.soft.shape != (m, k):
                raise ValueError(
                    f"soft targets must have the logits' shape; got {list(targets.shape)} for {m} rows of {k}"
                )
            self._count(~(self.columns(0, k) <= 0).all(1))  # so that a NaN counts
            return
        self.labels = targets.reshape(-1).to(device, torch.long, copy=True)
        self._check_labels()
        if self.weight is not None:
            # A label of no weight is a row of no weight, also where smoothing would leave some to others.
            self._count(self.weight[self.labels] != 0)

    def _check_labels(self) -> None:
        labels, m, k = self.labels, self.m, self.k
        if len(labels) != m:
            raise ValueError(
                f"`targets` must hold one label for each of the {m} rows; got {len(labels)}; see `class_dim`"
            )
        low, high = (int(x) for x in labels.aminmax()) if m else (0, 0)
        if low >= 0 and high < max(k, 1) and not low <= self.ignored <= high:
            return
        off = labels == self.ignored
        wrong = ~off & ((labels < 0) | (labels >= k))
        if bool(wrong.any()):
            raise ValueError(f"labels must lie from 0 to {k - 1} or be ignored; got {int(labels[wrong][0])}")
        self._count(~off)

    def _count(self, keep: Tensor) -> None:
        """Leave out rows of those that are left [m]."""
        if bool(keep.all()):
            return
        places = keep.nonzero()[:, 0]
        self.counted = places if self.counted is None else self.counted[places]
        if self.is_soft:
            self.soft = self.soft[places]
        else:
            self.labels = self.labels[places]

    def columns(self, first: int, last: int) -> Tensor:
        """The shares [m, last - first] of some of the classes, for the rows that count."""
        even = self.smoothing / self.k
        if self.is_soft:
            q = (1.0 - self.smoothing) * self.soft[:, first:last] + even
        else:
            aim, shape = self.labels[:, None], (len(self.labels), last - first)
            q = torch.full(shape, even, dtype=torch.float64, device=aim.device)
            if last - first == self.k:
                q.scatter_(1, aim, 1.0 - self.smoothing + even)
            else:
                here = ((aim >= first) & (aim < last))[:, 0].nonzero()[:, 0]
                q[here, self.labels[here] - first] += 1.0 - self.smoothing
        return q if self.weight is None else q * self.weight[first:last]

    @property
    def norm(self) -> float:
        """What the mean over the rows divides by."""
        if self.is_soft:
            return float(self.m)
        return float(len(self.labels) if self.weight is None else self.weight[self.labels].sum())

    def shares(self) -> Shares:
        """The shares of all classes, and what a mean is divided by."""
        return self.columns(0, self.k), self.norm
