"""What rows are trained towards, and how much each counts: targets, class weights and sample weights as shares."""

from functools import cached_property

import torch
from torch import Tensor

from explorer.maths.softmax.losses import Loss


def flat(x: Tensor, class_dim: int) -> Tensor:
    """[.., k, ..] -> [positions, k]."""
    if x.ndim == 2 and class_dim in (-1, 1):
        return x
    return x.movedim(class_dim, -1).reshape(-1, x.shape[class_dim])


def hefts(weights: Tensor, m: int, device: torch.device) -> Tensor:
    """Weights of samples as those of their m rows, float64 and a copy.

    Raises:
        ValueError: unless there is one, zero or positive, for each sample or each row.
    """
    found = weights.detach().reshape(-1).to(device, torch.float64, copy=True)
    if len(found) and weights.ndim == 1 and m % len(found) == 0:
        found = found.repeat_interleave(m // len(found))
    if len(found) != m:
        raise ValueError(f"`weights` must be [n], or one for each of the {m} rows; got {list(weights.shape)}")
    if not bool(((found >= 0) & (found < torch.inf)).all()):
        raise ValueError(
            "`weights` must be numbers of at least 0: a negative one turns a sample's loss around"
        )
    return found


class Aims:
    """What m rows of k classes are trained towards, as ``torch.nn.CrossEntropyLoss`` has it.

    ``labels`` [m] or ``soft`` [m, k], copied from the targets, or neither; ``weight`` [k] of the classes or None;
    ``heft`` [m] of the samples or None; ``counted`` the rows that the loss counts, None for all: labels, soft targets
    and heft are of these.

    Raises:
        ValueError: when the targets do not fit the rows.
    """

    def __init__(
        self,
        loss: Loss,
        class_dim: int,
        targets: Tensor | None,
        weights: Tensor | None,
        m: int,
        k: int,
        device: torch.device,
    ):
        self.m, self.k = m, k
        self.ignored = getattr(loss, "ignore_index", -100)
        self.smoothing = getattr(loss, "label_smoothing", 0.0)
        self.labels: Tensor | None = None
        self.soft: Tensor | None = None
        self.counted: Tensor | None = None
        self.weight = None if loss.weight is None else loss.weight.to(device, torch.float64, copy=True)
        self.heft = None if weights is None else hefts(weights, m, device)
        if targets is not None and targets.is_floating_point():
            self._aim_soft(flat(targets.to(device, torch.float64, copy=True), class_dim), targets)
        elif targets is not None:
            self._aim_hard(targets.reshape(-1).to(device, torch.long, copy=True))
        # What a mean divides by counts soft targets of nothing, too.
        self.whole = float(m if self.heft is None else self.heft.sum())
        if self.heft is not None:
            self._count(self.heft != 0)

    def _aim_soft(self, soft: Tensor, targets: Tensor) -> None:
        if soft.shape != (self.m, self.k):
            raise ValueError(
                f"soft targets must have the logits' shape; got {list(targets.shape)} for {self.m} rows of {self.k}"
            )
        self.soft = soft
        self._count(~(self._shares(0, self.k) <= 0).all(1))  # so that a NaN counts

    def _aim_hard(self, labels: Tensor) -> None:
        m, k = self.m, self.k
        if len(labels) != m:
            raise ValueError(
                f"`targets` must hold one label for each of the {m} rows; got {len(labels)}; see `class_dim`"
            )
        self.labels = labels
        low, high = (int(x) for x in labels.aminmax()) if m else (0, 0)
        if low < 0 or high >= max(k, 1) or low <= self.ignored <= high:
            off = labels == self.ignored
            wrong = ~off & ((labels < 0) | (labels >= k))
            if bool(wrong.any()):
                raise ValueError(
                    f"labels must lie from 0 to {k - 1} or be ignored; got {int(labels[wrong][0])}"
                )
            self._count(~off)
        if self.weight is not None:
            # A label of no weight is a row of no weight, also where smoothing would leave some to others.
            self._count(self.weight[self.labels] != 0)

    def _count(self, keep: Tensor) -> None:
        """Leave out rows of those that are left [m]."""
        if bool(keep.all()):
            return
        places = keep.nonzero()[:, 0]
        self.counted = places if self.counted is None else self.counted[places]
        self.soft, self.labels, self.heft = (
            None if x is None else x[places] for x in (self.soft, self.labels, self.heft)
        )

    def columns(self, first: int, last: int) -> Tensor | None:
        """The shares [m, last - first] of some of the classes, for the rows that count; None without targets."""
        if self.soft is None and self.labels is None:
            return None
        q = self._shares(first, last)
        return q if self.heft is None else q * self.heft[:, None]

    def _shares(self, first: int, last: int) -> Tensor:
        even = self.smoothing / self.k
        if self.labels is None:
            q = (1.0 - self.smoothing) * self.soft[:, first:last] + even  # type: ignore[index] # one of the two
        else:
            shape = (len(self.labels), last - first)
            q = torch.full(shape, even, dtype=torch.float64, device=self.labels.device)
            here = ((self.labels >= first) & (self.labels < last)).nonzero()[:, 0]
            q[here, self.labels[here] - first] += 1.0 - self.smoothing
        return q if self.weight is None else q * self.weight[first:last]

    @property
    def is_hard(self) -> bool:
        """Whether each row is trained towards one class alone, its label."""
        return self.labels is not None and self.smoothing == 0

    @cached_property
    def mass(self) -> Tensor | None:
        """The sum [m] of each row's shares where there are labels, else its weight; None for all ones."""
        if self.labels is None or self.weight is None:
            return self.heft
        mass = self.weight[self.labels]
        return mass if self.heft is None else mass * self.heft

    @property
    def norm(self) -> float:
        """What the mean over the rows divides by."""
        if self.labels is None:
            return self.whole
        return float(len(self.labels) if self.mass is None else self.mass.sum())

    def shares(self) -> Tensor | None:
        """The shares [m, k] of all classes; None without targets."""
        return self.columns(0, self.k)
