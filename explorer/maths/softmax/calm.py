"""When a step need not even be followed: the one before was short, and nothing that makes a step has grown since.

To know how far a step went costs a copy of the parameters and two passes over them, which on a small net is a tenth of
its training. An optimiser's step follows its gradient, its settings and its memory. While its settings and parameters
are the same, the next step is let pass if the guess at the last that was followed, grown as the gradient has since and
as a memory can, stays within the limit. A guess already holds its own doubt, a factor of 2 unless measurements have
borne it out. A memory that sums gradients up, from nothing at the last measurement on, makes the step number ``b``
after it at most ``(b + 1) / (a + 1)`` times as long as the step number ``a``.
"""

import math
from math import hypot
from typing import Any

import torch
from torch.linalg import vector_norm
from torch.optim import Optimizer

from explorer.maths.softmax.lengths import total
from explorer.maths.softmax.trail import slope_of

LEAST = 1 / 16
"""The part of the limit that a step counts as at least: a memory may have cancelled it out just then."""


class Calm:
    """What the last step that was followed was like; ``age`` is how many steps ago the last measurement was.

    ``slope`` is the length of the gradient of the step just asked about, NaN where that was not needed.
    """

    def __init__(self, age: int = 0) -> None:
        self.age, self.slope = age, math.nan
        self._until = self._steepest = 0.0
        self._settings: list[list[Any]] = []
        self._is_cpu = True

    def seen(self, slope: float, optimizer: Optimizer, part: float, wait: int) -> None:
        """A step was followed; the next measurement is due when ``wait`` steps have gone since the last.

        ``slope`` is its gradient's length, ``part`` its guessed r (in doubt) as a part of the limit.
        """
        room = (self.age + 1) / max(part, LEAST) if slope < math.inf else 0.0
        self._until, self._steepest = min(room, wait), slope * room
        self._settings = [[_copied(x) for x in group.values()] for group in optimizer.param_groups]
        self._is_cpu = next((p.is_cpu for group in optimizer.param_groups for p in group["params"]), True)

    def passes(self, optimizer: Optimizer) -> bool:
        """Whether the next step may go unfollowed; it is counted then.

        All in one place: this is asked at every step, where a call more is a part in a thousand of a small net's.
        """
        self.slope = math.nan
        reach = self.age + 2  # gradients that a memory then holds
        if reach > self._until:
            return False
        groups = optimizer.param_groups
        try:
            if self._is_cpu:
                slope = hypot(*[vector_norm(p.grad).item() for group in groups for p in group["params"]])
            else:
                slope = total([p.grad for group in groups for p in group["params"]])
        except (AttributeError, TypeError, RuntimeError):  # one has no gradient, or a sparse one
            slope = slope_of([p for group in groups for p in group["params"]])
        self.slope = slope
        try:
            # Written so that a NaN does not pass.
            if slope * reach <= self._steepest and [list(g.values()) for g in groups] == self._settings:
                self.age += 1
                return True
        except RuntimeError:  # another parameter was held against the one that stood in its place
            pass
        return False


def _copied(x: Any) -> Any:
    """A setting as it can be compared later: what may change in place is copied."""
    return float(x) if isinstance(x, torch.Tensor) else list(x) if isinstance(x, list) else x
