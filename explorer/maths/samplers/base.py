"""The sampler's promise and the one loop that walks every sampler from noise to data.

A sampler is a final frozen dataclass with ``start`` and ``step``. Its memory goes in and comes back; nothing is
kept on ``self``. ``walk`` is a generator of frames: progress, cancel, streaming and recording are what the
caller does with it.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from explorer.maths.fields import AbstractField, Prediction
from explorer.maths.paths import AbstractPath
from explorer.maths.samplers.grids import times_of
from explorer.maths.shapes import Points, Time

BLOWN_UP = 1e6
"""A state this many times larger than the largest noise of its path has diverged."""


@dataclass(frozen=True)
class Ended:
    """How a run ended: ``kind`` is done, cancelled or diverged; ``text`` is the sentence to show."""

    kind: str
    step: int
    t: float
    text: str


_NO_NOTES: Mapping[str, Tensor] = MappingProxyType({})


class Frame(NamedTuple):
    """One moment of a run.

    ``x``, ``denoised`` and ``velocity`` are [batch, *shape]; ``velocity`` is None in the last frame, where
    ``denoised`` is ``x``. ``evals`` counts the model calls spent to reach ``x``. ``prediction`` is the first that
    the step made (a churning method makes it slightly off ``x``, at its own state and time). ``notes`` holds what
    an adaptive method measured on the step that leaves this frame. ``ended`` is set on the last frame only.
    """

    index: int
    t: float
    x: Tensor
    prediction: Prediction | None
    evals: int
    notes: Mapping[str, Tensor] = _NO_NOTES
    ended: Ended | None = None

    @property
    def denoised(self) -> Tensor:
        """E[x_0 | x_t]."""
        return self.x if self.prediction is None else self.prediction.denoised

    @property
    def velocity(self) -> Tensor | None:
        """dx/dt along the path."""
        return None if self.prediction is None else self.prediction.velocity


class AbstractSampler(ABC):
    """One way to take a step toward the data.

    Subclasses are frozen dataclasses: their fields are the method's own settings and are checked in
    ``__post_init__``.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    order: ClassVar[int]
    """Order of the global error (of weak error for random methods)."""
    evals_per_step: ClassVar[int]
    """Model calls for each step but the last, which takes one; 0 where it varies."""
    is_random: ClassVar[bool] = False
    is_adaptive: ClassVar[bool] = False
    """True where the method chooses its own steps and ``steps`` is only how many are shown at least."""
    source: ClassVar[str]
    takes_last_step: ClassVar[bool] = False
    """True where the method lands at t = 0 in its own way; else the loop lands on the clean prediction."""

    def times(self, path: AbstractPath, grid: "str | Sequence[float]", steps: int, latest: float) -> list[float]:
        """The times of the run, falling, the last exactly 0."""
        return times_of(grid, path, steps, latest)

    def start(self, field: "CountedField", times: Sequence[float], generator: torch.Generator) -> Any:
        """Memory for the first step. ``generator`` (on the CPU) is the path's own noise."""
        return generator if self.is_random else None

    @abstractmethod
    def step(
        self, field: "CountedField", x: Points, t: float, t_next: float, memory: Any
    ) -> tuple[Points, float, Any]:
        """One step: the new state, the time it has reached (t_next unless adaptive), the new memory."""


class CountedField:
    """A field whose calls are counted, and not repeated at the same state and time.

    It keeps the first and the last prediction of a step: the first goes into the record, and a method whose
    last stage is the next step's first (Dormand-Prince) pays for it once.
    """

    __slots__ = ("_first_at", "_last", "evals", "field", "first", "path", "shape")

    def __init__(self, field: AbstractField):
        self.field, self.path, self.shape = field, field.path, field.shape
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

    def next_step(self) -> None:
        """Forget the step's first prediction; the last is kept for one more call."""
        self.first = None


def walk(
    field: AbstractField,
    sampler: AbstractSampler,
    *,
    steps: int = 20,
    grid: str | Sequence[float] = "default",
    n: int | None = None,
    noise: Points | None = None,
    start: tuple[Points, float] | None = None,
    seed: int = 0,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> Iterator[Frame]:
    """Walk from noise to data; yields each frame, the first one (pure noise) included.

    Frame k is yielded once the step that leaves it is taken, because the step's first prediction is part of
    it; so recording costs no model calls. The last step, to t = 0 where no field can be asked, lands on the
    clean prediction: it is of first order for every method.

    Give ``n`` (draw n noise vectors with ``seed``), or ``noise`` (eps, [n, *shape]; the first frame is
    sigma(1) * noise), or ``start=(x, t)`` to begin anywhere.

    Raises:
        ValueError: for an argument that cannot be, in one sentence, before the first frame.
    """
    x, first = _first_state(field, n, noise, start, seed, device, dtype)
    if start is None:
        times = sampler.times(field.path, grid, steps, first)
    else:
        times = times_of(grid, field.path, steps, first)
    return _frames(CountedField(field), sampler, x, times, torch.Generator().manual_seed(seed + (1 << 32)))


def _frames(
    field: CountedField, sampler: AbstractSampler, x: Tensor, times: list[float], generator: torch.Generator
) -> Iterator[Frame]:
    memory = sampler.start(field, times, generator)
    bound = BLOWN_UP * max(1.0, field.path.at(times[0]).sigma)
    t, target, index, lands = times[0], 1, 0, not sampler.takes_last_step
    while target < len(times):
        evals, t_next = field.evals, times[target]
        field.next_step()
        with torch.no_grad():
            if t_next == 0.0 and lands:
                x_next, reached = field(x, t).denoised, 0.0
            else:
                x_next, reached, memory = sampler.step(field, x, t, t_next, memory)
            held = bool(x_next.abs().amax() < bound)  # False for NaN too
        frame = Frame(index, t, x, field.first, evals, getattr(memory, "notes", _NO_NOTES))
        if not held:
            text = f"diverged at step {index + 1}, t = {reached:.3g}"
            yield frame._replace(ended=Ended("diverged", index + 1, reached, text))
            return
        yield frame
        x, t, index = x_next, reached, index + 1
        target += reached == t_next
    yield Frame(index, t, x, None, field.evals, _NO_NOTES, Ended("done", index, t, "done"))


def _first_state(field, n, noise, start, seed, device, dtype) -> tuple[Tensor, float]:
    given = [name for name, value in (("n", n), ("noise", noise), ("start", start)) if value is not None]
    if len(given) > 1:
        raise ValueError(f"give one of `n`, `noise` and `start`; got {' and '.join(given)}")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 1 << 32:
        raise ValueError(f"`seed` must be a whole number from 0 to 4294967295; got {seed!r}")
    latest = getattr(field, "latest", 1.0)
    if start is not None:
        x, t = start
        if not 0.0 < t <= latest:
            raise ValueError(f"`start` must begin at a time in (0, {latest}]; got t = {t!r}")
        return _placed(checked_states("start", x, field), device, dtype), float(t)
    if noise is None:
        noise = draw_noise(1000 if n is None else n, field.shape, seed, dtype)
    noise = _placed(checked_states("noise", noise, field), device, dtype)
    return field.path.at(latest).sigma * noise, latest


def draw_noise(n: int, shape: Sequence[int], seed: int, dtype: torch.dtype | None = None) -> Tensor:
    """eps [n, *shape], drawn on the CPU so that a seed means the same on every device."""
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"`n` must be a whole number of samples, at least 1; got {n!r}")
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def checked_states(what: str, x: object, field: AbstractField) -> Tensor:
    """x as finite floating-point states [n, *field.shape].

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


def _placed(x: Tensor, device, dtype) -> Tensor:
    return x.to(device=device, dtype=dtype) if device is not None or dtype is not None else x
