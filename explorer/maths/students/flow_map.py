"""Flow maps: what distillation makes. ``student(x, t, t_next)`` goes from one noise level to another in one call.

What a student may be asked stands on its class: a full map takes any ``t >= t_next``, an endpoint map lands on the data
and is noised again on the way, a point map knows only the whole way from noise to data. A pair of times that a map was
not made for raises. All are on the linear path, where ``x_t = (1 - t) x_0 + t eps``.

Sources: Boffi, Albergo and Vanden-Eijnden 2024, arXiv:2406.07507 (flow maps); Song et al. 2023, arXiv:2303.01469
(endpoint maps that are noised again); Shaul et al. 2025, arXiv:2506.23589 (stochastic transitions).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from explorer.maths.paths import AbstractPath, as_path
from explorer.maths.samplers.base import checked_states, noise_like
from explorer.maths.shapes import Points

NEAR = 1e-6
"""Times closer than this are one time: grids are made of floats."""


@runtime_checkable
class NoiseSource(Protocol):
    """Where a map that draws takes its noise from, in place of a generator."""

    def like(self, x: Tensor) -> Tensor:
        """Standard Gaussian noise of the shape, type and place of x."""


Source = torch.Generator | NoiseSource


class Jump(NamedTuple):
    """Where one call leads [batch, *shape], and the velocity it went at: ``x - t velocity`` is its word on the data."""

    x: Tensor
    velocity: Tensor


@dataclass(frozen=True, eq=False)
class AbstractFlowMap(ABC):
    """A student: ``student(x, t, t_next, generator=None)`` gives the state at ``t_next``.

    ``network`` holds the weights, ``shape`` is that of one sample, ``method`` the key in ``STUDENTS`` of what made it.
    """

    network: nn.Module
    shape: tuple[int, ...]
    method: str = ""
    path: AbstractPath = field(default_factory=lambda: as_path("linear"), init=False)

    kind: ClassVar[str]
    """full, endpoint, point, grid, velocity or stochastic."""
    label: ClassVar[str]
    valid: ClassVar[str]
    """The pairs of times it was made for, as a person reads it."""
    is_random: ClassVar[bool] = False
    """Whether it draws noise when it does not go all the way to the data (a stochastic map: always)."""
    latest: ClassVar[float] = 1.0

    @property
    def evals_per_call(self) -> int:
        """Calls of the network that one call of the map costs."""
        return 1

    @property
    def most_evals(self) -> int | None:
        """The most evals that it has a use for; None where more can always be spent."""
        return None

    def refusal(self, t: float, t_next: float) -> str:
        """Why it cannot go from t to t_next, for ``1 >= t > t_next >= 0``; nothing where it can."""
        return ""

    @abstractmethod
    def jump(self, x: Points, t: float, t_next: float, source: Source | None = None) -> Jump:
        """One call, unchecked and without gradients: for loops that have asked ``refusal`` already."""

    def times(self, evals: int) -> list[float]:
        """The falling times of a run with that many evals, from 1 to exactly 0.

        Raises:
            ValueError: when the map cannot be walked with so many.
        """
        if isinstance(evals, bool) or not isinstance(evals, int) or evals < 1 or evals % self.evals_per_call:
            raise ValueError(
                f"`evals` must be a whole number of at least {self.evals_per_call}, in calls of {self.evals_per_call}; "
                f"got {evals!r}"
            )
        calls = evals // self.evals_per_call
        times = [1.0 - i / calls for i in range(calls)] + [0.0]
        self.check(times)
        return times

    def takes(self, evals: int) -> bool:
        """Whether it can be walked with so many evals."""
        try:
            self.times(evals)
        except ValueError:
            return False
        return True

    def check(self, times: list[float]) -> None:
        """Raise ValueError where a pair of neighbouring times is not one it was made for."""
        for t, t_next in pairwise(times):
            if not 0.0 <= t_next < t <= 1.0:
                raise ValueError(
                    f"`times` must fall from at most 1 to at least 0; got {t:g}, then {t_next:g}"
                )
            if why := self.refusal(t, t_next):
                raise ValueError(why)

    def __call__(self, x: Points, t: float, t_next: float, generator: Source | None = None) -> Points:
        """The states at ``t_next`` of states x [batch, *shape] at ``t``; 1 >= t > t_next >= 0.

        ``generator`` is needed where the map draws noise on its way.

        Raises:
            ValueError: for states of another shape, a pair of times it was not made for, or noise without a generator.
        """
        self.check([float(t), float(t_next)])
        checked_states("x", x, self)
        if generator is None and self.draws(float(t_next)):
            raise ValueError(
                f"{self._name} draws noise on its way to t = {t_next:g}; give generator=torch.Generator()"
            )
        return self.jump(x, float(t), float(t_next), generator).x

    def draws(self, t_next: float) -> bool:
        """Whether a call to ``t_next`` draws noise."""
        return self.is_random

    @property
    def _name(self) -> str:
        return f"student {self.method!r}" if self.method else f"this {self.label}"

    def _refused(self, t: float, t_next: float) -> str:
        return f"{self._name} is a {self.label} and goes {self.valid}; got t = {t:g} to {t_next:g}"


def drawn(x: Tensor, source: Source | None) -> Tensor:
    """Fresh noise like x."""
    if source is None:
        raise ValueError("this map draws noise; give generator=torch.Generator().manual_seed(0)")
    return noise_like(x, source) if isinstance(source, torch.Generator) else source.like(x)
