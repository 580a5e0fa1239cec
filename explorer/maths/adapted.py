"""A time grid for one field and one method: each step costs the end as much as any other.

The method is made to take one small step from each of many states of an exact run; what it misses by is carried along
the flow to the end. With errors E_k of small steps k and a method of order p, a step over many of them misses by
``(sum E_k^(1/(p+1)))^(p+1)``, and the total is least when that sum is the same for every step (equidistribution). So
no coordinates are chosen: the small steps are the method's own. The last step is the loop's landing, and of another
kind: where it begins is the place at which its own error and that of the steps before are least together.

Source: de Boor 1973, Good approximation by splines with variable knots (equidistribution); Hairer, Norsett and Wanner,
Solving ODEs I, II.3 (local errors and their transport). Where we differ: both are measured, not bounded.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from explorer.maths.fields import AbstractField
from explorer.maths.paths import AbstractPath
from explorer.maths.reference import adaptive_sampler
from explorer.maths.samplers.base import AbstractSampler, CountedField
from explorer.maths.samplers.ddim import DDIM
from explorer.maths.samplers.walk import walk

SMALL_STEPS, HALVINGS = 40, 8
"""Small steps that are even in the angle of noise to data, and how often the last of them is halved."""
FOLLOWED, CARRIED = 128, 24
"""Most samples that are followed, and most whose gaps are carried to the end."""
EVEN = 0.05
"""Of the density, the part that is even in the angle: no step is longer than twenty even ones."""
BETWEEN = 16
"""Places in each small step at which the last step may begin."""
TOLERANCE = 1e-8


@dataclass(frozen=True, eq=False)
class AdaptedGrid:
    """Densities of one field and one method; ``times(steps)`` for any number of steps.

    ``angles`` [K] falling, atan(sigma / alpha) of places on the way; ``sums`` [K] rising from 0, of E^(1/(p+1)) of the
    small steps down to there; ``landing`` [K] the error of landing from there. E and landing are in units of x.
    """

    path: AbstractPath
    latest: float
    order: int
    angles: Tensor
    sums: Tensor
    landing: Tensor

    def times(self, steps: int) -> list[float]:
        """The times of a run of ``steps`` steps, falling from the latest to 0."""
        inner = steps - 1
        if inner < 1:
            return [self.latest, 0.0]
        total = self.sums ** (self.order + 1) / inner**self.order + self.landing
        last = 1 + int(total[1:].argmin())
        wished = torch.linspace(0.0, 1.0, inner + 1, dtype=torch.float64)[1:] * self.sums[last]
        return [self.latest, *(self._time(self._angle(float(s))) for s in wished), 0.0]

    def _angle(self, wished: float) -> float:
        k = min(int(torch.searchsorted(self.sums, wished)), len(self.sums) - 1)
        (low, high), (a, b) = self.sums[k - 1 : k + 1].tolist(), self.angles[k - 1 : k + 1].tolist()
        return float(a + (b - a) * (wished - low) / (high - low))

    def _time(self, angle: float) -> float:
        return float(self.path.time_of(math.tan(angle)))


def adapted_grid(field: AbstractField, sampler: AbstractSampler, noise: Tensor) -> AdaptedGrid:
    """Measure where steps of ``sampler`` cost most on ``field``, along the flow from ``noise`` [n, *shape].

    Raises:
        ValueError: for a flow that cannot be followed to its end.
    """
    latest = getattr(field, "latest", 1.0)
    angles = _small_steps(field.path, latest)
    times = [latest, *(float(field.path.time_of(math.tan(angle))) for angle in angles[1:].tolist())]
    states, end = _exact_states(field, noise[:FOLLOWED], times)
    with torch.no_grad():
        errors = _carried_errors(field, sampler, times, [x[:CARRIED] for x in states])
        landing = [_size(field(x, t).denoised - end) for x, t in zip(states, times, strict=True)]
    parts = torch.tensor(errors, dtype=torch.float64) ** (1.0 / (sampler.order + 1))
    widths = -angles.diff()
    parts = (1.0 - EVEN) * parts + EVEN * parts.sum() * widths / widths.sum()
    sums = torch.cat([parts.new_zeros(1), parts.clamp(min=1e-30).cumsum(dim=0)])
    landed = torch.tensor(landing, dtype=torch.float64).clamp(min=1e-30).log()
    angles, sums, landed = (_refined(values) for values in (angles, sums, landed))
    return AdaptedGrid(field.path, latest, sampler.order, angles, sums, landed.exp())


def _refined(values: Tensor) -> Tensor:
    """Values at the ends of small steps [K], and at places between them, straight from one to the next."""
    count = BETWEEN * (len(values) - 1) + 1
    return interpolate(values[None, None], size=count, mode="linear", align_corners=True)[0, 0]


def _small_steps(path: AbstractPath, latest: float) -> Tensor:
    level = path.at(latest)
    top = math.atan2(level.sigma, level.alpha)
    even = [top * (1.0 - k / SMALL_STEPS) for k in range(SMALL_STEPS)]
    halved = [even[-1] * 0.5**k for k in range(1, HALVINGS + 1)]
    return torch.tensor(even + halved, dtype=torch.float64)


def _exact_states(field: AbstractField, noise: Tensor, times: list[float]) -> tuple[list[Tensor], Tensor]:
    """States at the times, and the end of their flow."""
    wished, states = set(times), []
    for frame in walk(field, adaptive_sampler(TOLERANCE, noise.dtype), grid=times, noise=noise):
        if frame.t in wished:
            states.append(frame.x)
    if frame.ended is None or frame.ended.kind != "done":
        raise ValueError(
            f"this flow cannot be followed to its end: {frame.ended.text if frame.ended else 'cut short'}"
        )
    return states, frame.x


def _carried_errors(
    field: AbstractField, sampler: AbstractSampler, times: list[float], states: list[Tensor]
) -> list[float]:
    """What each small step of the method misses by, once carried to the end; root mean square, units of x."""
    asked, generator = CountedField(field), torch.Generator()
    memory = sampler.start(asked, [*times, 0.0], generator)
    gaps = torch.empty(0, *states[0].shape).to(states[0])
    for k, (t, t_next) in enumerate(pairwise(times)):
        asked.next_step()
        reached, _, memory = sampler.step(asked, states[k], t, t_next, memory)
        missed = (reached - states[k + 1])[None]
        gaps = torch.cat([_carried(field, states[k], gaps, t, t_next), missed])
    return [_size(gap) for gap in _landed(field, states[-1], gaps, times[-1])]


def _carried(field: AbstractField, x: Tensor, gaps: Tensor, t: float, t_next: float) -> Tensor:
    """Gaps [k, n, *shape] to x, one small step on; the step is DDIM's, whose own error cancels in a gap."""
    rows = torch.cat([x[None], x + gaps]).flatten(0, 1)
    moved: Tensor = DDIM().step(CountedField(field), rows, t, t_next, torch.Generator())[0]
    moved = moved.reshape(len(gaps) + 1, *x.shape)
    return moved[1:] - moved[0]


def _landed(field: AbstractField, x: Tensor, gaps: Tensor, t: float) -> Tensor:
    clean = field(torch.cat([x[None], x + gaps]).flatten(0, 1), t).denoised
    clean = clean.reshape(len(gaps) + 1, *x.shape)
    return clean[1:] - clean[0]


def _size(gap: Tensor) -> float:
    return float(gap.double().flatten(1).square().sum(dim=1).mean().sqrt())
