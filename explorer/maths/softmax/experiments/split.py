"""Labelled inputs in two parts: what a classifier learns from, and what it is judged by."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

DIGITS = 1797


@dataclass(frozen=True, eq=False)
class Split:
    """Inputs ``x`` [n, ..] with labels ``y`` [n] to learn from; ``test_x`` [m, ..] and ``test_y`` [m] to judge by."""

    x: Tensor
    y: Tensor
    test_x: Tensor
    test_y: Tensor

    def batches(self, size: int | None, source: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches without end, each pass over all rows in a new order; None gives all rows every time."""
        while True:
            if size is None or size >= len(self.x):
                yield self.x, self.y
                continue
            for few in torch.randperm(len(self.x), generator=source).split(size):
                yield self.x[few], self.y[few]

    def of(self, *classes: int) -> "Split":
        """The rows of some classes, their labels counted from 0 in the order given."""
        parts = []
        for x, y in ((self.x, self.y), (self.test_x, self.test_y)):
            which = (y[:, None] == torch.tensor(classes)).nonzero()
            parts += [x[which[:, 0]], which[:, 1]]
        return Split(*parts)

    def to(self, dtype: torch.dtype) -> "Split":
        """The same with inputs of another type."""
        return replace(self, x=self.x.to(dtype), test_x=self.test_x.to(dtype))


def digits_split(test: float = 0.3, seed: int = 42) -> Split:
    """The 1,797 digits of scikit-learn, pixels [.., 64] from 0 to 1, every class in the same share in both parts."""
    from sklearn.model_selection import train_test_split  # a second to import

    images, labels = _digits()
    x, y = torch.tensor(images / 16.0).float(), torch.tensor(labels)
    few = train_test_split(range(DIGITS), test_size=test, stratify=labels, random_state=seed)
    train, held = (torch.tensor(part) for part in few)
    return Split(x[train], y[train], x[held], y[held])


def digits_pair(first: int, second: int) -> Split:
    """All digits of two classes, labelled 0 and 1, in both parts: to separate, not to generalise."""
    images, labels = _digits()
    x, y = torch.tensor(images / 16.0).float(), torch.tensor(labels)
    return Split(x, y, x, y).of(first, second)


def digits_by_page(test: float = 0.2) -> Split:
    """The digits with the first pages to judge by: other hands than those that are learnt from."""
    images, labels = _digits()
    x, y, n = torch.tensor(images / 16.0).float(), torch.tensor(labels), int(test * DIGITS)
    return Split(x[n:], y[n:], x[:n], y[:n])


def _digits() -> tuple[Any, Any]:
    from sklearn.datasets import load_digits

    return load_digits(return_X_y=True)


@contextmanager
def in_eval(module: nn.Module) -> Iterator[None]:
    """Dropout off and BatchNorm by its running statistics; each part's mode as before at the end."""
    modes = [(m, m.training) for m in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for m, mode in modes:
            m.training = mode


@torch.no_grad()
def accuracy(module: nn.Module, x: Tensor, y: Tensor) -> float:
    """The share of right answers in eval mode, the modes as before at the end; a NaN answers class 0."""
    return judged(module, x, y)[1]


@torch.no_grad()
def judged(module: nn.Module, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Mean loss and the share of right answers, in eval mode."""
    with in_eval(module):
        logits = module(x)
    right = (logits.nan_to_num(nan=-torch.inf, posinf=None).argmax(1) == y).double().mean()
    return float(functional.cross_entropy(logits, y)), float(right)
