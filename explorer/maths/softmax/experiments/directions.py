"""Steps to ask about: the gradient's, a mini-batch's, Adam's, momentum's, a random one; each a whole displacement.

Only the direction matters to a radius in steps of r, but lengths are real: ``learning_rate`` times what the optimiser
would do. Adam's and momentum's memory is filled by ``MEMORY`` mini-batch gradients taken where the module stands;
``next_step`` takes an optimiser's own.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from explorer.maths.names import nearest
from explorer.maths.softmax.experiments.optimisers import made
from explorer.maths.softmax.experiments.split import Split
from explorer.maths.softmax.experiments.training import values

BATCH, MEMORY = 128, 20

Displacement = dict[str, Tensor]


def gradient_of(module: nn.Module, x: Tensor, y: Tensor, temperature: float = 1.0) -> Displacement:
    """The gradient of the mean loss by parameter, in the module's own modes; nothing is written to the module."""
    named = {name: p.detach().requires_grad_(True) for name, p in module.named_parameters()}
    buffers = {name: b.clone() for name, b in module.named_buffers()}
    logits = torch.func.functional_call(module, {**named, **buffers}, (x,))
    loss = functional.cross_entropy(logits / temperature, y)
    found = torch.autograd.grad(loss, tuple(named.values()), allow_unused=True)
    return {
        name: torch.zeros_like(p) if g is None else g
        for (name, p), g in zip(named.items(), found, strict=True)
    }


def gradient(module: nn.Module, split: Split, source: torch.Generator, rate: float) -> Displacement:
    """Minus the gradient of all training rows."""
    return {name: -rate * g for name, g in gradient_of(module, split.x, split.y).items()}


def mini_batch(module: nn.Module, split: Split, source: torch.Generator, rate: float) -> Displacement:
    """Minus the gradient of 128 of them."""
    return {name: -rate * g for name, g in _one_batch(module, split, source).items()}


def random(module: nn.Module, split: Split, source: torch.Generator, rate: float) -> Displacement:
    """Normal numbers: neither up nor down, and as long as the gradient's step of the same rate would be."""
    drawn = {name: torch.randn(p.shape, generator=source).to(p) for name, p in module.named_parameters()}
    goal = _length(gradient_of(module, split.x, split.y))
    unit = rate * goal / _length(drawn)
    return {name: unit * x for name, x in drawn.items()}


def adam(module: nn.Module, split: Split, source: torch.Generator, rate: float) -> Displacement:
    """What Adam would do next."""
    return next_step(copy := deepcopy(module), split, source, made("adam", copy, rate))


def momentum(module: nn.Module, split: Split, source: torch.Generator, rate: float) -> Displacement:
    """What gradient descent with momentum 0.9 would do next."""
    return next_step(copy := deepcopy(module), split, source, made("momentum", copy, rate))


def next_step(
    module: nn.Module,
    split: Split,
    source: torch.Generator,
    optimizer: Optimizer,
    batches: int = MEMORY,
) -> Displacement:
    """What ``optimizer`` of ``module`` does with the last of some mini-batches, all of them at one place.

    One batch where the optimiser has a memory already, which is then that of its training. The parameters are back
    where they were at the end; gradients and the optimiser's memory are not.
    """
    start, own = values(module), dict(module.named_parameters())
    step: Displacement = {}
    for _ in range(batches):
        for name, g in _one_batch(module, split, source).items():
            own[name].grad = g
        optimizer.step()
        with torch.no_grad():
            step = {name: p - start[name] for name, p in own.items()}
            for name, p in own.items():
                p.copy_(start[name])
    return step


Direction = Callable[[nn.Module, Split, torch.Generator, float], Displacement]

DIRECTIONS: Mapping[str, Direction] = {
    "gradient": gradient,
    "mini_batch": mini_batch,
    "adam": adam,
    "momentum": momentum,
    "random": random,
}
"""Every direction by its key, in the order of the menu."""


def direction(
    kind: str, module: nn.Module, split: Split, *, seed: int = 0, learning_rate: float = 2e-3
) -> Displacement:
    """The displacement of one kind by parameter; the module stays as it is.

    Raises:
        ValueError: for an unknown kind.
    """
    ask = DIRECTIONS[nearest("direction", kind, DIRECTIONS)]
    return ask(module, split, torch.Generator().manual_seed(seed), learning_rate)


def _one_batch(module: nn.Module, split: Split, source: torch.Generator) -> Displacement:
    few = torch.randint(0, len(split.x), (min(BATCH, len(split.x)),), generator=source)
    return gradient_of(module, split.x[few], split.y[few])


def _length(values: Displacement) -> float:
    return float(torch.stack([x.double().square().sum() for x in values.values()]).sum().sqrt())
