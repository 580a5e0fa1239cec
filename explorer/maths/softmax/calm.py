"""When a step need not even be followed: the one before was short, and nothing that makes a step has grown since.

To know how far a step went costs a copy of the parameters and two passes over them, which on a small net is a tenth of
its training. An optimiser's step follows its gradient, its settings and its memory. While its settings and parameters
are the same, the next step is let pass if the guess at the last that was followed, grown as the gradient has since and
as a memory can, stays within the limit. A guess already holds its own doubt, a factor of 2 unless measurements have
borne it out. A memory that sums gradients up, from nothing at the last measurement on, makes the step number ``b``
after it at most ``(b + 1) / (a + 1)`` times as long as the step number ``a``.
"""

import math
from typing import Any

import torch
from torch.optim import Optimizer

LEAST = 1 / 16
"""The part of the limit that a step counts as at least: a memory may have cancelled it out just then."""


class Calm:
    """What the last step that was followed was like."""

    def __init__(self) -> None:
        self._room = self._steepest = 0.0
        self._settings: list[list[Any]] = []

    def seen(self, slope: float, optimizer: Optimizer, part: float, age: int) -> None:
        """The step number ``age`` after a measurement was followed.

        ``slope`` is its gradient's length, ``part`` its guessed r (in doubt) as a part of the limit.
        """
        self._room = (age + 1) / max(part, LEAST) if slope < math.inf else 0.0
        self._steepest = slope * self._room
        self._settings = settings_of(optimizer)

    def holds(self, slope: float, optimizer: Optimizer, age: int) -> bool:
        """Whether the step number ``age`` after a measurement may pass unfollowed."""
        if not (age + 1 <= self._room and slope * (age + 1) <= self._steepest):  # so that a NaN does not
            return False
        try:
            return [list(group.values()) for group in optimizer.param_groups] == self._settings
        except RuntimeError:  # another parameter was held against the one that stood in its place
            return False


def settings_of(optimizer: Optimizer) -> list[list[Any]]:
    """All settings, and the parameters, as they can be compared later; what may change in place is copied."""
    return [[_copied(x) for x in group.values()] for group in optimizer.param_groups]


def _copied(x: Any) -> Any:
    return float(x) if isinstance(x, torch.Tensor) else list(x) if isinstance(x, list) else x
