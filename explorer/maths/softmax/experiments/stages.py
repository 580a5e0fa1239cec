"""A classifier on its way: as it first gets four in five right, as it first gets nineteen in twenty, and at the end.

Adam at 2e-3 (1e-2 where there is no hidden layer), batches of 128, sixty epochs; test accuracy is looked at every two
steps.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from torch.optim import Optimizer

from explorer.maths.softmax.experiments.optimisers import made
from explorer.maths.softmax.experiments.split import Split, accuracy

REACHED: Mapping[str, float] = {"early": 0.80, "mid": 0.95}
STAGES = (*REACHED, "final")
"""Every stage, in the order of training."""
BATCH, EPOCHS, LOOK_EVERY = 128, 60, 2


@dataclass(frozen=True, eq=False)
class Stage:
    """A net at one stage: ``module`` in eval mode with the ``optimizer`` that steps it, both copies.

    ``step`` updates were made; ``train`` and ``test`` are accuracies.
    """

    name: str
    step: int
    train: float
    test: float
    module: nn.Module
    optimizer: Optimizer


def stages(
    module: nn.Module, split: Split, *, learning_rate: float = 2e-3, seed: int = 0, epochs: int = EPOCHS
) -> Iterator[Stage]:
    """Train ``module`` in place; its stages as they are reached. A stage that is never reached is left out."""
    optimizer = made("adam", module, learning_rate)
    source, waiting, step = torch.Generator().manual_seed(seed), dict(REACHED), 0
    for _ in range(epochs):
        for few in torch.randperm(len(split.x), generator=source).split(BATCH):
            module.train()
            optimizer.zero_grad()
            functional.cross_entropy(module(split.x[few]), split.y[few]).backward()
            optimizer.step()
            step += 1
            if waiting and step % LOOK_EVERY == 0:
                test = accuracy(module, split.test_x, split.test_y)
                for name in [name for name, least in waiting.items() if test >= least]:
                    del waiting[name]
                    yield _stage(name, step, module, optimizer, split)
    yield _stage("final", step, module, optimizer, split)


def learning_rate_of(net: str) -> float:
    """Adam's for a net by its key."""
    return 1e-2 if net == "linear" else 2e-3


def _stage(name: str, step: int, module: nn.Module, optimizer: Optimizer, split: Split) -> Stage:
    # In one copy, so that the copied optimiser steps the copied parameters.
    own, steps = deepcopy((module, optimizer))
    train, test = (accuracy(own, x, y) for x, y in ((split.x, split.y), (split.test_x, split.test_y)))
    return Stage(name, step, train, test, own.eval(), steps)
