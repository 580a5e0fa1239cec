"""The kinds of flow map, by what each may be asked.

Sources: Boffi, Albergo and Vanden-Eijnden 2024, arXiv:2406.07507 (full maps); Song et al. 2023, arXiv:2303.01469
(endpoint maps that are noised again); Frans et al. 2024, arXiv:2410.12557 (halved steps); Shaul et al. 2025,
arXiv:2506.23589 (stochastic transitions).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from explorer.maths.shapes import Points
from explorer.maths.students.flow_map import NEAR, AbstractFlowMap, Jump, Source, drawn


class FullMap(AbstractFlowMap):
    """``X(x, t, s) = x + (s - t) u(x, t, s)`` for any t > s; ``network(x, t, s)`` is the average velocity u."""

    kind: ClassVar[str] = "full"
    label: ClassVar[str] = "full map"
    valid: ClassVar[str] = "from any t to any earlier t_next"

    @torch.no_grad()
    def jump(self, x: Points, t: float, t_next: float, source: Source | None = None) -> Jump:
        """One call."""
        u = self.network(x, t, t_next)
        return Jump(x + (t_next - t) * u, u)


@dataclass(frozen=True, eq=False)
class DyadicMap(FullMap):
    """A full map that was trained on steps of 1/2, 1/4, ... only, each begun at a multiple of itself."""

    finest: int = 64
    """The smallest step is 1 over this."""
    label: ClassVar[str] = "full map on halved steps"
    valid: ClassVar[str] = "by 1, 1/2, 1/4, ... from a multiple of that step"

    def refusal(self, t: float, t_next: float) -> str:
        """Why it cannot go from t to t_next; nothing where it can."""
        parts = round(1.0 / (t - t_next))
        fits = parts & (parts - 1) == 0 and parts <= self.finest and abs((t - t_next) * parts - 1.0) < NEAR
        return "" if fits and abs(t * parts - round(t * parts)) < NEAR else self._refused(t, t_next)


class EndpointMap(AbstractFlowMap):
    """``f(x, t) = x - t n(x, t)`` lands on the data; for t_next > 0 it is noised again: ``(1 - s) f + s eps``."""

    kind: ClassVar[str] = "endpoint"
    label: ClassVar[str] = "endpoint map"
    valid: ClassVar[str] = "from any t to the data, and to t_next > 0 by noise drawn anew"
    is_random: ClassVar[bool] = True

    def draws(self, t_next: float) -> bool:
        """Whether a call to ``t_next`` draws noise."""
        return t_next > 0.0

    @torch.no_grad()
    def jump(self, x: Points, t: float, t_next: float, source: Source | None = None) -> Jump:
        """One call."""
        velocity = self.network(x, t)
        clean = x - t * velocity
        if t_next == 0.0:
            return Jump(clean, velocity)
        return Jump((1.0 - t_next) * clean + t_next * drawn(x, source), velocity)


class PointMap(AbstractFlowMap):
    """``G(z) = z - n(z, 1)``: from noise to data in one call, and nothing else."""

    kind: ClassVar[str] = "point"
    label: ClassVar[str] = "point map"
    valid: ClassVar[str] = "from t = 1 to t_next = 0 only"

    @property
    def most_evals(self) -> int | None:
        """The most evals that it has a use for."""
        return 1

    def refusal(self, t: float, t_next: float) -> str:
        """Why it cannot go from t to t_next; nothing where it can."""
        return "" if t == 1.0 and t_next == 0.0 else self._refused(t, t_next)

    @torch.no_grad()
    def jump(self, x: Points, t: float, t_next: float, source: Source | None = None) -> Jump:
        """One call."""
        velocity = self.network(x, t)
        return Jump(x - t * velocity, velocity)


class GridMaps(AbstractFlowMap):
    """One network for each number of steps M, each good for its own grid t = j/M: an Euler step of 1/M.

    ``network`` is a ModuleDict with keys ``"1"``, ``"2"``, ``"4"``, ...
    """

    kind: ClassVar[str] = "grid"
    label: ClassVar[str] = "map on its grids"
    valid: ClassVar[str] = "by 1/M from t = j/M, for an M that it has a network for"

    @property
    def sizes(self) -> Mapping[int, nn.Module]:
        """Its networks by M."""
        return {int(m): network for m, network in self.network.items()}  # type: ignore[operator] # a ModuleDict

    @property
    def most_evals(self) -> int | None:
        """The most evals that it has a use for."""
        return max(self.sizes)

    def refusal(self, t: float, t_next: float) -> str:
        """Why it cannot go from t to t_next; nothing where it can."""
        size = round(1.0 / (t - t_next))
        fits = size in self.sizes and abs((t - t_next) * size - 1.0) < NEAR
        if fits and abs(t * size - round(t * size)) < NEAR:
            return ""
        return f"{self._refused(t, t_next)}; it has M = {', '.join(map(str, sorted(self.sizes)))}"

    @torch.no_grad()
    def jump(self, x: Points, t: float, t_next: float, source: Source | None = None) -> Jump:
        """One call."""
        velocity = self.sizes[round(1.0 / (t - t_next))](x, t)
        return Jump(x + (t_next - t) * velocity, velocity)


class VelocityMap(AbstractFlowMap):
    """A velocity that is straight enough to be walked in few Euler steps."""

    kind: ClassVar[str] = "velocity"
    label: ClassVar[str] = "velocity"
    valid: ClassVar[str] = "from any t to any earlier t_next, by one Euler step"

    @torch.no_grad()
    def jump(self, x: Points, t: float, t_next: float, source: Source | None = None) -> Jump:
        """One call."""
        velocity = self.network(x, t)
        return Jump(x + (t_next - t) * velocity, velocity)


@dataclass(frozen=True, eq=False)
class StochasticMap(AbstractFlowMap):
    """Draws the step itself: a head flow of ``inner`` Euler steps from fresh noise to ``Y = eps - x_0`` given x_t.

    ``network(y, r, x, t)`` is the head's velocity at inner time r; the step is ``x + (t_next - t) Y``.
    """

    inner: int = 16
    kind: ClassVar[str] = "stochastic"
    label: ClassVar[str] = "stochastic map"
    valid: ClassVar[str] = "from any t to any earlier t_next, by a draw"
    is_random: ClassVar[bool] = True

    @property
    def evals_per_call(self) -> int:
        """Calls of the head that one call of the map costs."""
        return self.inner

    @torch.no_grad()
    def jump(self, x: Points, t: float, t_next: float, source: Source | None = None) -> Jump:
        """One call of the map, ``inner`` of the head."""
        y = drawn(x, source)
        for step in range(self.inner):
            y = y - self.network(y, 1.0 - step / self.inner, x, t) / self.inner
        return Jump(x + (t_next - t) * y, y)


KINDS: dict[str, type[AbstractFlowMap]] = {
    kind.kind: kind for kind in (FullMap, EndpointMap, PointMap, GridMaps, VelocityMap, StochasticMap)
}
"""Every kind of map by its key."""
