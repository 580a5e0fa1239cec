"""Counter-examples: r below 1 is neither enough for descent nor needed for it, and no ghosts is not safety.

- ``conflicting_pair``: two samples at one place with opposite labels. Along the step each logit difference moves by
  less than pi, and the mean loss doubles.
- ``perceptron``: logistic regression on separable data with steps far beyond r = 1 finds an error-free separator
  sooner, while its loss is higher: gradient descent tends to the batch perceptron as the step grows.
- ``least_squares``: squared loss on linear logits has no zeros to come near, its Taylor series never ends, and gradient
  descent still diverges beyond 2 / lambda.

Source: Tyurin 2024, arXiv:2412.08424 (the perceptron limit and normalised descent); the others are elementary.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.maths.names import nearest
from explorer.maths.softmax.experiments.split import Split
from explorer.maths.softmax.step import step_radius

Method = Literal["gradient", "normalised"]


@dataclass(frozen=True)
class PairCurve:
    """``r`` [q] sizes of a step and the mean ``loss`` [q] there, nats; ``loss0`` before; ``exact`` the radius in r."""

    r: tuple[float, ...]
    loss: tuple[float, ...]
    loss0: float
    exact: float


def conflicting_pair(r: tuple[float, ...] = (0.9,), start: float = -0.1) -> PairCurve:
    """One weight, inputs 1 and 1, labels one of each; from ``start`` along minus the gradient by steps of size ``r``.

    Raises:
        ValueError: where ``start`` is 0, since there the gradient is.
    """
    if start == 0:
        raise ValueError("`start` must not be 0, where the two samples agree; give -0.1")
    pair = _Pair(start)
    way = math.pi * (1.0 if start < 0 else -1.0)
    x, y = torch.ones(2, 1, dtype=torch.float64), torch.tensor([0, 1])
    told = step_radius(pair, x, {"weight": torch.tensor(way, dtype=torch.float64)}, y, at=r)
    with torch.no_grad():
        now = functional.cross_entropy(pair(x), y)
    return PairCurve(r, tuple(told.losses.tolist()), float(now), told.radius.batch)


class _Pair(nn.Module):
    """Logits (weight * x, 0)."""

    def __init__(self, weight: float):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        z = self.weight * x[:, 0]
        return torch.stack([z, torch.zeros_like(z)], 1)


@dataclass(frozen=True)
class PerceptronRun:
    """Descent of the logistic loss on two classes, a number for each step from the start on.

    ``loss`` nats, ``errors`` wrong training samples, ``r`` of the step that is made next; ``first`` the first step
    after which none is wrong, None while there is none.
    """

    learning_rate: float
    method: str
    loss: tuple[float, ...]
    errors: tuple[int, ...]
    r: tuple[float, ...]
    first: int | None

    @property
    def median_r(self) -> float:
        """Median r of the steps made before the first error-free one."""
        return float(torch.tensor(self.r[: self.first]).median()) if self.r[: self.first] else math.nan


def signed(split: Split, bias: bool = True) -> Tensor:
    """Training rows [n, d] of two classes times their sign (class 0: minus): ``w`` separates where ``rows @ w > 0``."""
    x = split.x.double()
    if bias:
        x = torch.cat([x, torch.ones(len(x), 1, dtype=torch.float64)], 1)
    return x * (2.0 * split.y.double() - 1.0)[:, None]


def perceptron(
    rows: Tensor, learning_rate: float, method: str = "gradient", *, most: int = 2000, every: int = 20
) -> Iterator[PerceptronRun]:
    """Descent from 0 on ``rows`` [n, d] until none is wrong, at most ``most`` steps; the record so far as it goes.

    "gradient" is plain full-batch gradient descent on the mean loss; "normalised" divides each gradient by the mean
    probability of being wrong, as if the perceptron's step had its full size.

    Raises:
        ValueError: for an unknown method or a learning rate that is not above 0.
    """
    how = nearest("method", method, get_args(Method))
    if not learning_rate > 0:
        raise ValueError(f"`learning_rate` must be above 0; got {learning_rate!r}")
    w = torch.zeros(rows.shape[1], dtype=torch.float64)
    losses: list[float] = []
    errors: list[int] = []
    sizes: list[float] = []
    for step in range(most + 1):
        margins = rows @ w
        wrong = torch.sigmoid(-margins)
        losses.append(float(functional.softplus(-margins).mean()))
        errors.append(int((margins <= 0).sum()))
        way = learning_rate * (wrong @ rows) / len(rows)
        if how == "normalised":
            way = way / wrong.mean()
        # Two classes have one logit difference; the step's r is its largest change over pi.
        sizes.append(float((rows @ way).abs().max() / math.pi))
        first = None if errors[-1] else step
        if first is not None or step == most or (step + 1) % every == 0:
            yield PerceptronRun(learning_rate, method, tuple(losses), tuple(errors), tuple(sizes), first)
        if first is not None:
            return
        w = w + way


@dataclass(frozen=True)
class SquaresRun:
    """Gradient descent on the squared loss of linear logits.

    ``edge`` is 2 / lambda, ``loss`` by step from the start on, ``status`` and ``text`` what ``step_radius`` says of a
    step under this loss: not applicable, which does not mean safe.
    """

    learning_rate: float
    edge: float
    loss: tuple[float, ...]
    status: str
    text: str

    @property
    def diverges(self) -> bool:
        """Whether the loss ends above where it began."""
        return not self.loss[-1] <= self.loss[0]


def least_squares(split: Split, times_edge: float, steps: int = 100) -> SquaresRun:
    """Full-batch descent on ``mean |x W - one_hot(y)|^2 / 2`` from 0, at ``times_edge`` times 2 / lambda.

    Raises:
        ValueError: for a size that is not above 0.
    """
    if not times_edge > 0:
        raise ValueError(f"`times_edge` must be above 0; got {times_edge!r}")
    x, classes = split.x.double(), int(split.y.max()) + 1
    goal = functional.one_hot(split.y, classes).double()
    gram = x.T @ x / len(x)
    edge = 2.0 / float(torch.linalg.eigvalsh(gram)[-1])
    rate, w = times_edge * edge, torch.zeros(x.shape[1], classes, dtype=torch.float64)
    losses: list[float] = []
    for _ in range(steps + 1):
        rest = x @ w - goal
        losses.append(float(rest.square().sum(1).mean() / 2))
        w = w - rate * (x.T @ rest) / len(x)
    told = step_radius(_Pair(1.0), x[:2], {}, loss=nn.MSELoss())
    return SquaresRun(rate, edge, tuple(losses), told.status, told.text)
