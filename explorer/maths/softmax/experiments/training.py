"""Training with eyes: loss, accuracy, r and the absorbed share at every step, live, under any torch optimiser."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.maths.softmax.control import RadiusControl
from explorer.maths.softmax.experiments.optimisers import Maker, made
from explorer.maths.softmax.experiments.split import Split, accuracy
from explorer.maths.softmax.record import StepRadius
from explorer.maths.softmax.step import step_radius


@dataclass(frozen=True)
class TrainFrame:
    """One step of a training.

    ``step`` counts from 1; ``loss`` and ``right`` (share of right answers) are of the batch before the step; ``r_max``,
    ``r_99`` and ``r_50`` of the step that was taken, over the batch (over ``watch`` rows of it); ``absorbed`` the share
    of its samples whose label has probability 1 in the logits' type; ``scale`` the part of the optimiser's step that
    was taken (1 without control). ``train`` and ``test`` are accuracies in eval mode after the step, None between two
    looks. ``ended`` is "" while it runs, then "done" or "diverged".
    """

    step: int
    loss: float
    right: float
    r_max: float
    r_99: float
    r_50: float
    absorbed: float
    scale: float
    train: float | None = None
    test: float | None = None
    ended: str = ""


def watched_training(
    module: nn.Module,
    split: Split,
    optimiser: str | Maker = "adam",
    *,
    learning_rate: float = 2e-3,
    steps: int = 600,
    batch: int | None = 128,
    seed: int = 0,
    r_max: float | None = None,
    look_every: int = 20,
    watch: int = 256,
) -> Iterator[TrainFrame]:
    """Train ``module`` in place and yield every step.

    ``optimiser`` is a key of ``OPTIMISERS`` or a function (parameters, learning rate) -> torch optimiser; ``batch``
    None takes all rows; ``seed`` is that of the batches' order. With ``r_max`` a ``RadiusControl`` caps each step. The
    caller stops by not asking for more: the module is then as after the last frame. A loss that is not finite ends it.

    Raises:
        ValueError: for an unknown optimiser or numbers that cannot be.
    """
    _check(steps, batch, look_every)
    optimizer = made(optimiser, module, learning_rate)
    control = None if r_max is None else RadiusControl(optimizer, module, r_max=r_max)
    batches = split.batches(batch, torch.Generator().manual_seed(seed))
    for step in range(1, steps + 1):
        x, y = next(batches)
        module.train()
        optimizer.zero_grad()
        logits = module(x)
        loss = functional.cross_entropy(logits, y)
        told_loss = float(loss.detach())
        finite = math.isfinite(told_loss)
        if finite:
            loss.backward()
        before = values(module)
        if finite and control:
            control.step(x)
        elif finite:
            optimizer.step()
        told = taken(module, before, x[:watch], y[:watch])
        look = step % look_every == 0 or step == steps or not finite
        yield TrainFrame(
            step=step,
            loss=told_loss,
            right=float((logits.argmax(1) == y).double().mean()),
            r_max=told.r_max,
            r_99=told.r_99,
            r_50=told.r_50,
            absorbed=told.absorbed,
            scale=control.scale if control else 1.0,
            train=accuracy(module, split.x, split.y) if look else None,
            test=accuracy(module, split.test_x, split.test_y) if look else None,
            ended="diverged" if not finite else "done" if step == steps else "",
        )
        if not finite:
            return


def values(module: nn.Module) -> dict[str, Tensor]:
    """A copy of where the parameters stand."""
    return {name: p.detach().clone() for name, p in module.named_parameters()}


def taken(module: nn.Module, before: dict[str, Tensor], x: Tensor, y: Tensor | None = None) -> StepRadius:
    """The step from ``before`` to where the module's parameters stand now, in units of its radius there."""
    step = {name: p.detach() - before[name] for name, p in module.named_parameters()}
    return step_radius(module, x, step, y, start=before, at=())


def _check(steps: int, batch: int | None, look_every: int) -> None:
    for name, count in (
        ("steps", steps),
        ("batch", 1 if batch is None else batch),
        ("look_every", look_every),
    ):
        if count < 1:
            raise ValueError(f"`{name}` must be a whole number of at least 1; got {count!r}")
