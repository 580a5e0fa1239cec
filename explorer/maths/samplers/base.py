"""The sampler's promise, what a run is made of, and the field that counts its calls.

A sampler is a final frozen dataclass with ``start`` and ``step``. Its memory goes in and comes back; nothing is
kept on ``self``. ``walk`` (in ``walk.py``) is the only loop.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from explorer.maths.fields import Prediction
from explorer.maths.frames import Ended, Frame
from explorer.maths.paths import AbstractPath
from explorer.maths.samplers.grids import times_of
from explorer.maths.shapes import Points, Time

__all__ = ["AbstractSampler", "CountedField", "Ended", "Frame", "draw_noise"]


class AbstractSampler(ABC):
    """One way to take a step toward the data.

    Subclasses are frozen dataclasses: their fields are the method's own settings and are checked in
    ``__post_init__``. Where a setting changes what the class declares (``is_random``, ``evals_per_step``), the
    class says what holds for its defaults and the object what holds for itself; ``declare`` does that.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    order: ClassVar[int]
    """Order of the global error (of weak error for random methods)."""
    evals_per_step: ClassVar[int]
    """Model calls for each step but the last, which takes one; 0 where it varies."""
    is_random: ClassVar[bool] = False
    is_adaptive: ClassVar[bool] = False
    """True where the method chooses its own steps: ``steps`` and a named grid are then not used."""
    source: ClassVar[str]
    takes_last_step: ClassVar[bool] = False
    """True where the method lands at t = 0 in its own way; else the loop lands on the clean prediction."""

    def times(
        self, path: AbstractPath, grid: str | Sequence[float], steps: int, latest: float
    ) -> list[float]:
        """The times of the run, falling, the last exactly 0."""
        return times_of(grid, path, steps, latest)

    def start(self, field: "CountedField", times: Sequence[float], generator: torch.Generator) -> Any:
        """Memory for the first step. ``generator`` (on the CPU) is the path's own noise.

        Memory may carry ``notes`` (tensors measured on the step it comes back from) and ``gave_up`` (a sentence
        that ends the run as diverged).
        """
        return generator if self.is_random else None

    @abstractmethod
    def step(
        self, field: "CountedField", x: Points, t: float, t_next: float, memory: Any
    ) -> tuple[Points, float, Any]:
        """One step: the new state, the time it has reached (t_next unless adaptive), the new memory."""

    def declare(self, **facts: Any) -> None:
        """Facts of this object that differ from its class's; for ``__post_init__`` only."""
        for name, value in facts.items():
            object.__setattr__(self, name, value)


@runtime_checkable
class Shaped(Protocol):
    """What has samples of one shape: a field, a student."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample."""


@runtime_checkable
class Walked(Shaped, Protocol):
    """What the loop takes: a field, or a student beside a sampler that makes the student's own calls."""

    @property
    def path(self) -> AbstractPath:
        """Of its states."""


class CountedField:
    """A field whose calls are counted, and not repeated at the same state and time.

    It keeps the first and the last prediction of a step: the first goes into the record, and a method whose
    last stage is the next step's first (Dormand-Prince) pays for it once.
    """

    __slots__ = ("_last", "evals", "field", "first", "path", "shape")

    def __init__(self, field: Walked):
        self.path, self.shape = field.path, field.shape
        self.field: Any = field  # a student's own sampler never calls it
        self.evals = 0
        self.first: Prediction | None = None
        self._last: Prediction | None = None

    def __call__(self, x: Points, t: Time) -> Prediction:
        for known in (self.first, self._last):
            if known is not None and known.x is x and known.t is t:
                break
        else:
            known = self.field(x, t)
            self.evals += 1
        if self.first is None:
            self.first = known
        self._last = known
        return known

    def answered(self, prediction: Prediction, evals: int) -> None:
        """Take note of what was got from the model in another way than by a call of this object."""
        self.evals += evals
        if self.first is None:
            self.first = prediction
        self._last = prediction

    def next_step(self) -> None:
        """Forget the step's first prediction; the last is kept for one more call, if it is another."""
        if self._last is self.first:
            self._last = None
        self.first = None


def setting(
    what: str, value: object, least: int | float, most: int | float = math.inf, whole: bool = False
) -> None:
    """Check a sampler's own setting.

    Raises:
        ValueError: when it is not a number in [least, most].
    """
    kind = int if whole else (int, float)
    fits = isinstance(value, kind) and not isinstance(value, bool)
    if not fits or not least <= value <= most:  # type: ignore[operator] # a number by now
        bounds = f"from {least:g} to {most:g}" if most < math.inf else f"of at least {least:g}"
        raise ValueError(f"`{what}` must be a {'whole ' if whole else ''}number {bounds}; got {value!r}")


def draw_noise(n: int, shape: Sequence[int], seed: int, dtype: torch.dtype | None = None) -> Tensor:
    """Noise eps [n, *shape], drawn on the CPU so that a seed means the same on every device."""
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"`n` must be a whole number of samples, at least 1; got {n!r}")
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def noise_like(x: Points, generator: torch.Generator) -> Points:
    """Fresh noise of the shape, type and place of x, drawn on the CPU."""
    return torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)


def checked_states(what: str, x: object, field: Shaped) -> Tensor:
    """X as finite floating-point states [n, *field.shape].

    Raises:
        ValueError: naming ``what``, the shape that must hold and the one that came.
    """
    shape = ", ".join(map(str, field.shape))
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = f"{x.dtype} tensor" if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"`{what}` must be a floating-point tensor [n, {shape}]; got a {kind}")
    if x.dim() != 1 + len(field.shape) or tuple(x.shape[1:]) != tuple(field.shape) or not len(x):
        raise ValueError(f"`{what}` must have shape [n, {shape}] with n >= 1; got {list(x.shape)}")
    if not math.isfinite(float(x.detach().abs().amax())):
        raise ValueError(f"`{what}` must be finite; got NaN or infinity")
    return x
