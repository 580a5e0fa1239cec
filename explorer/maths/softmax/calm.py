"""When a step need not even be followed: the one before was short, and nothing that makes a step has grown since.

To know how far a step went costs a copy of the parameters and two passes over them, which on a small net is a tenth of
its training. An optimiser's step follows its gradient and its settings. While these settings are the same, and the
guess at the last step that was followed, grown as the gradient has since, stays within the limit, the next step is let
pass. A guess already holds its own doubt, a factor of 2 unless measurements
have borne it out. Memory (momentum, second moments) can lengthen a step in a few steps, so that it is followed again
after 4, 16, 64 .. steps, or after 8, 64 .. where the guess leaves room for a step of twice the length.
"""

from typing import Any

import torch
from torch.optim import Optimizer

SHORT = 0.8
"""The part of the limit within which the guess must lie."""
ROOMY = 0.5 * SHORT
"""The part of the limit up to which a step may grow to twice its length unseen."""
OFTEN, SELDOM = 0x5555_5554, 0o1111111110
"""The bits of 4, 16, 64 .., and of 8, 64, 512 ..: ages at which a step is followed in any case."""


class Calm:
    """What the last step that was followed was like."""

    def __init__(self) -> None:
        self._steepest, self._due = -1.0, OFTEN
        self._settings: list[list[Any]] = []

    def seen(self, slope: float, optimizer: Optimizer, part: float) -> None:
        """A step was followed: its gradient's length, and its guessed r (in doubt) as a part of the limit."""
        self._steepest = SHORT * slope / part if 0.0 < part <= SHORT else -1.0
        self._due = OFTEN if part > ROOMY else SELDOM
        self._settings = settings_of(optimizer)

    def holds(self, slope: float, optimizer: Optimizer, age: int) -> bool:
        """Whether the step number ``age`` after a measurement may pass unfollowed."""
        if not slope <= self._steepest or (age & (age - 1) == 0 and age & self._due):
            return False
        return [list(group.values()) for group in optimizer.param_groups] == self._settings


def settings_of(optimizer: Optimizer) -> list[list[Any]]:
    """All settings as they can be compared later: a rate may be a tensor that is changed in place."""
    return [
        [float(x) if isinstance(x, torch.Tensor) else x for x in group.values()]
        for group in optimizer.param_groups
    ]
