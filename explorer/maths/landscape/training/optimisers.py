"""Optimisers by name: torch's own where it has them, and two of ours. Each is also a direction in the landscape.

Parameters come as matrices [outputs, rest] where they have two indices or more, and as vectors.

Sources: Kingma and Ba 2014, arXiv:1412.6980 (Adam); Jordan 2024 and Liu et al. 2025, arXiv:2502.16982 (Muon, with the
step length of the latter, so that one learning rate serves matrices and vectors); Lau et al. 2025, arXiv:2505.21799
(PolarGrad); Dubey et al. 2019, arXiv:1909.11015 (diffGrad); Cohen et al. 2021 and 2022, arXiv:2103.00065 and 2207.14484
(where each turns unstable). Where we differ: Muon takes every matrix, the first and last too; PolarGrad takes vectors
as matrices of one column, for which it is gradient descent; no weight decay but for AdamW.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Muon, Optimizer

from explorer.maths.landscape.flat import FlatLoss, Loss
from explorer.maths.names import nearest

BETA = 0.9
"""Momentum of heavy-ball descent and first average of Adam."""
SLOW = 0.95
"""Momentum of the two that work on matrices, as in their papers."""

Parameters = list[nn.Parameter]


class PolarGrad(Optimizer):
    """Steps of the nuclear norm of the averaged gradient, times its exact polar factor: ``lr |M|_* U V'``.

    ``M = momentum M + (1 - momentum) G`` begins at G. Directions in which M is zero to rounding are left out. Whatever
    has more than two indices is flattened to a matrix, and a vector to a column.
    """

    def __init__(self, params: Iterable[Any], lr: float = 0.01, momentum: float = SLOW):
        if not lr >= 0.0 or not 0.0 <= momentum < 1.0:
            raise ValueError(f"`lr` must be at least 0 and `momentum` in [0, 1); got {lr!r} and {momentum!r}")
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override] # one of two
        """One update."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "average" not in state:
                    state["average"] = parameter.grad.clone()
                average = state["average"].lerp_(parameter.grad, 1.0 - group["momentum"])
                matrix = average.reshape(len(average), -1) if average.dim() else average.reshape(1, 1)
                factor, size = polar(matrix)
                parameter.add_(factor.reshape(parameter.shape), alpha=-group["lr"] * size)
        return loss


class DiffGrad(Optimizer):
    """Adam whose step is multiplied, entry by entry, by a friction: sigmoid(|change of the gradient|), from 1/2 to 1.

    The gradient before the first is 0.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (BETA, 0.999),
        eps: float = 1e-8,
    ):
        if not lr >= 0.0 or not all(0.0 <= beta < 1.0 for beta in betas):
            raise ValueError(f"`lr` must be at least 0 and `betas` in [0, 1); got {lr!r} and {betas!r}")
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override] # one of two
        """One update."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)
        return loss

    def _update(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state, (slow, slower) = self.state[parameter], group["betas"]
        if not state:
            state["step"] = 0
            state |= {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq", "previous")}
        state["step"] += 1
        mean = state["exp_avg"].lerp_(gradient, 1.0 - slow)
        square = state["exp_avg_sq"].mul_(slower).addcmul_(gradient, gradient, value=1.0 - slower)
        friction = (state["previous"] - gradient).abs().sigmoid()
        state["previous"].copy_(gradient)
        scale = (square / (1.0 - slower ** state["step"])).sqrt_().add_(group["eps"])
        parameter.addcdiv_(mean * friction, scale, value=-group["lr"] / (1.0 - slow ** state["step"]))


def polar(matrix: Tensor) -> tuple[Tensor, float]:
    """The polar factor U V' of a matrix [a, b], and its nuclear norm; a partial isometry where the rank is not full."""
    if not bool(torch.isfinite(matrix).all()):
        return torch.full_like(matrix, math.nan), math.nan
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    kept = values > max(matrix.shape) * torch.finfo(matrix.dtype).eps * values[0]
    return (left * kept) @ right, float(values.sum())


@dataclass(frozen=True)
class Rule:
    """An optimiser that a person can choose.

    ``make(parameters, learning_rate)`` gives the torch optimisers that share the parameters; ``usual`` is a peak
    learning rate to begin with. ``line(learning_rate)`` is the sharpness above which it is unstable on a quadratic, NaN
    where no such number is known; with ``preconditioned`` the sharpness meant is that of the Hessian between the
    square roots of Adam's own scales.
    """

    name: str
    label: str
    source: str
    make: Callable[[Parameters, float], list[Optimizer]]
    usual: float
    line: Callable[[float], float] = lambda rate: math.nan
    preconditioned: bool = False


def _muon(parameters: Parameters, rate: float) -> list[Optimizer]:
    matrices = [p for p in parameters if p.dim() == 2]
    others = [p for p in parameters if p.dim() != 2]
    made: list[Optimizer] = []
    if matrices:
        made += [Muon(matrices, lr=rate, weight_decay=0.0, momentum=SLOW, adjust_lr_fn="match_rms_adamw")]
    return made + ([Adam(others, lr=rate)] if others else [])


def _plain(rate: float) -> float:
    return 2.0 / rate


def _averaged(rate: float) -> float:
    return (2.0 + 2.0 * BETA) / ((1.0 - BETA) * rate)


RULES = (
    Rule("sgd", "SGD", "plain gradient descent", lambda p, rate: [SGD(p, lr=rate)], 0.2, _plain),
    Rule(
        "momentum",
        "Momentum",
        "Polyak 1964",
        lambda p, rate: [SGD(p, lr=rate, momentum=BETA)],
        0.05,
        lambda rate: (2.0 + 2.0 * BETA) / rate,
    ),
    Rule("adam", "Adam", "arXiv:1412.6980", lambda p, rate: [Adam(p, lr=rate)], 3e-3, _averaged, True),
    Rule("adamw", "AdamW", "arXiv:1711.05101", lambda p, rate: [AdamW(p, lr=rate)], 3e-3, _averaged, True),
    Rule("muon", "Muon", "arXiv:2502.16982", _muon, 1e-2),
    Rule("polargrad", "PolarGrad", "arXiv:2505.21799", lambda p, rate: [PolarGrad(p, lr=rate)], 0.05),
    Rule("diffgrad", "diffGrad", "arXiv:1909.11015", lambda p, rate: [DiffGrad(p, lr=rate)], 3e-3),
)

OPTIMISERS: dict[str, Rule] = {rule.name: rule for rule in RULES}
"""Every optimiser by its key, in the order of the menu."""


def scales(optimiser: Optimizer) -> Tensor:
    """What Adam divides its averaged gradient by [P], as one vector in the order of its parameters."""
    pieces = []
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            state = optimiser.state[parameter]
            corrected = state["exp_avg_sq"] / (1.0 - group["betas"][1] ** float(state["step"]))
            pieces.append((corrected.sqrt() + group["eps"]).reshape(-1))
    return torch.cat(pieces)


def as_rule(optimiser: str | Rule) -> Rule:
    """A rule by name or as it is.

    Raises:
        ValueError: for an unknown name, with the nearest ones.
    """
    return (
        optimiser if isinstance(optimiser, Rule) else OPTIMISERS[nearest("optimiser", optimiser, OPTIMISERS)]
    )


def next_step(
    loss: Loss, module: nn.Module, batch: Any, optimiser: str | Rule, learning_rate: float | None = None
) -> Tensor:
    """The first update [P] that an optimiser would make from where the module stands: a direction for ``landscape``.

    Raises:
        ValueError: for an unknown name, or a loss that cannot be.
    """
    rule, flat = as_rule(optimiser), FlatLoss(loss, module, batch)
    flat.check()
    flat.place.copy_(flat.start)
    slope = flat.slopes(flat.mean_with_graph()).detach()
    place = flat.start.clone()
    parameters = [matrix_like(place, slope, part.begin, part.end, part.shape) for part in flat.parts]
    for one in rule.make(parameters, rule.usual if learning_rate is None else learning_rate):
        one.step()
    return place - flat.start


def matrix_like(place: Tensor, slope: Tensor, begin: int, end: int, shape: torch.Size) -> nn.Parameter:
    """A parameter whose numbers and gradient are views of two vectors [P]; of many indices, as a matrix."""
    seen = (shape[0], -1) if len(shape) > 1 else shape
    parameter = nn.Parameter(place[begin:end].view(seen))
    parameter.grad = slope[begin:end].view(seen)
    return parameter
