"""Ways to take, shorten or leave an optimiser's step: the contenders of the spike arena.

Each is handed a module with gradients, the optimiser and the batch, and makes the step; it returns the part of the
optimiser's own step that was taken (of the longest tensor's, where tensors are cut one by one). The optimiser's memory
always stays as after its whole step.

Source: Loizou et al. 2021, arXiv:2002.10542 (Polyak's step, capped); Armijo 1966; You et al. 2017, arXiv:1708.03888
(steps by the size of each tensor); Sao 2026, arXiv:2603.13552 (the mismatched direction, as its released code has it).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from explorer.maths.names import nearest
from explorer.maths.softmax.control import RadiusControl, part_of
from explorer.maths.softmax.experiments.training import values
from explorer.maths.softmax.step import step_radius

Step = Callable[[Tensor, Tensor, float], float]
"""Makes one step of a batch (inputs, labels, its loss before); the part that was taken."""

SMALL = 0.02
"""Longest step of a tensor that the cap by tensors allows, as a part of the tensor."""
SLOPE, HALVES = 1e-4, 40
"""Armijo's: which part of the promised decrease must come, and how often a step is halved before it is left."""


@dataclass(frozen=True)
class Control:
    """A contender: ``label`` on screen, ``hint`` what it does in a sentence, ``make`` (module, optimiser) -> Step."""

    label: str
    hint: str
    make: Callable[[nn.Module, Optimizer], Step]


class Watched:
    """A module and its optimiser, with the way back."""

    def __init__(self, module: nn.Module, optimizer: Optimizer):
        self.module, self.optimizer = module, optimizer
        self.before: dict[str, Tensor] = {}
        self.way: dict[str, Tensor] = {}

    def go(self) -> None:
        """The optimiser's whole step; ``way`` is what it did to each tensor."""
        self.before = values(self.module)
        self.optimizer.step()
        self.way = {name: p.detach() - self.before[name] for name, p in self.module.named_parameters()}

    @torch.no_grad()
    def keep(self, part: float | Mapping[str, float]) -> None:
        """Stand at a part of the way."""
        for name, p in self.module.named_parameters():
            share = part if isinstance(part, float) else part[name]
            # Not before + 0 * way: that lets a NaN through.
            p.copy_(self.before[name] + share * self.way[name] if share > 0 else self.before[name])

    def slope(self) -> float:
        """The derivative of the loss along the whole step, by the gradients that are there."""
        pairs = ((p.grad, self.way[name]) for name, p in self.module.named_parameters() if p.grad is not None)
        return float(sum((g.double() * way.double()).sum() for g, way in pairs))


def none(module: nn.Module, optimizer: Optimizer) -> Step:
    """The optimiser as it is."""

    def step(x: Tensor, y: Tensor, loss: float) -> float:
        optimizer.step()
        return 1.0

    return step


def clipped(module: nn.Module, optimizer: Optimizer) -> Step:
    """Gradients of length 1 at most. Adam divides their size out again."""

    def step(x: Tensor, y: Tensor, loss: float) -> float:
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        return 1.0

    return step


def matched(module: nn.Module, optimizer: Optimizer, lazy: bool = False, r_max: float = 1.0) -> Step:
    """``RadiusControl``: the radius of the step that is really made."""
    control = RadiusControl(optimizer, module, lazy=lazy, r_max=r_max)

    def step(x: Tensor, y: Tensor, loss: float) -> float:
        control.step(x)
        return control.scale

    return step


def mismatched(module: nn.Module, optimizer: Optimizer) -> Step:
    """The radius along minus the gradient, for a step of the learning rate; its part is applied to another step."""
    watched = Watched(module, optimizer)

    def step(x: Tensor, y: Tensor, loss: float) -> float:
        rate = optimizer.param_groups[0]["lr"]
        down = {name: -rate * p.grad for name, p in module.named_parameters() if p.grad is not None}
        part = part_of(step_radius(module, x, down, at=()).r_max, 1.0)
        watched.go()
        watched.keep(part)
        return part

    return step


def certificate(module: nn.Module, optimizer: Optimizer) -> Step:
    """As far as the loss of linear logits surely falls and r is at most 1; only the latter where a step goes uphill."""
    control = RadiusControl(optimizer, module, lazy=False, descent=True)

    def step(x: Tensor, y: Tensor, loss: float) -> float:
        control.step(x, y)
        return control.scale

    return step


def polyak(module: nn.Module, optimizer: Optimizer) -> Step:
    """As far as a straight line would take the batch's loss to 0, and no step uphill."""
    watched = Watched(module, optimizer)

    def step(x: Tensor, y: Tensor, loss: float) -> float:
        watched.go()
        slope = watched.slope()
        part = min(1.0, -loss / slope) if slope < 0 else 0.0
        watched.keep(part)
        return part

    return step


def armijo(module: nn.Module, optimizer: Optimizer) -> Step:
    """Halved until the batch's loss falls by a part of what its slope promised."""
    watched = Watched(module, optimizer)

    def step(x: Tensor, y: Tensor, loss: float) -> float:
        watched.go()
        slope, part = watched.slope(), 1.0
        for _ in range(HALVES if slope < 0 else 0):
            watched.keep(part)
            with torch.no_grad():
                now = float(functional.cross_entropy(module(x), y))
            if now <= loss + SLOPE * part * slope:
                return part
            part /= 2
        watched.keep(0.0)
        return 0.0

    return step


def by_tensor(module: nn.Module, optimizer: Optimizer) -> Step:
    """No tensor moves by more than a fiftieth of its length."""
    watched = Watched(module, optimizer)

    def step(x: Tensor, y: Tensor, loss: float) -> float:
        watched.go()
        parts = {name: _part(watched.way[name], watched.before[name]) for name in watched.way}
        watched.keep(parts)
        return max(parts.values())

    return step


def _part(way: Tensor, start: Tensor) -> float:
    length, most = float(way.norm()), SMALL * max(float(start.norm()), 1e-3)
    return part_of(length, most) if math.isfinite(length) else 0.0


CONTROLS: dict[str, Control] = {
    "none": Control("no control", "the optimiser's step as it is", none),
    "clip": Control(
        "gradient clipping", "gradients of length 1 at most; Adam divides their size out again", clipped
    ),
    "radius": Control(
        "r ≤ 1", "the step is cut where some predicted logit difference would move by π", matched
    ),
    "lazy": Control(
        "r ≤ 1, lazy",
        "the same, measured every ten steps or when the guessed r passes a half",
        lambda module, optimizer: matched(module, optimizer, lazy=True),
    ),
    "mismatched": Control(
        "r of another direction",
        "r along minus the gradient, but it is the optimiser's step that is cut",
        mismatched,
    ),
    "certificate": Control(
        "descent certificate",
        "as far as the loss of linear logits surely falls, and no farther than r = 1",
        certificate,
    ),
    "polyak": Control("Polyak", "as far as a straight line would take the loss to 0", polyak),
    "armijo": Control("Armijo", "halved until the batch's loss falls as its slope promised", armijo),
    "tensors": Control("cap by tensor", "no tensor moves by more than 0.02 of its length", by_tensor),
}
"""Every contender by its key, in the order of the menu."""


def control_of(name: str) -> Control:
    """The contender called ``name``.

    Raises:
        ValueError: for an unknown name.
    """
    return CONTROLS[nearest("control", name, CONTROLS)]
