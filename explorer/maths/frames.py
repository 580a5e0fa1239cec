"""What a run is made of: its frames, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from torch import Tensor

from explorer.maths.fields import Prediction


@dataclass(frozen=True)
class Ended:
    """How a run ended: ``kind`` is done, cancelled or diverged; ``text`` is the sentence to show."""

    kind: str
    step: int
    t: float
    text: str


NO_NOTES: Mapping[str, Tensor] = MappingProxyType({})


class Frame(NamedTuple):
    """One moment of a run.

    ``x``, ``denoised`` and ``velocity`` are [batch, *shape]; ``velocity`` is None in the last frame, where
    ``denoised`` is ``x``. ``evals`` counts the model calls spent to reach ``x``. ``prediction`` is the first that
    the step made (a churning method makes it slightly off ``x``, at its own state and time). ``notes`` holds what
    a method measured on the step that leaves this frame. ``ended`` is set on the last frame only.
    """

    index: int  # type: ignore[assignment] # a tuple has a method of that name
    t: float
    x: Tensor
    prediction: Prediction | None
    evals: int
    notes: Mapping[str, Tensor] = NO_NOTES
    ended: Ended | None = None

    @property
    def denoised(self) -> Tensor:
        """E[x_0 | x_t]."""
        return self.x if self.prediction is None else self.prediction.denoised

    @property
    def velocity(self) -> Tensor | None:
        """dx/dt along the path."""
        return None if self.prediction is None else self.prediction.velocity
