"""Dormand-Prince 5(4): steps as long as the tolerance allows, for the worst sample of the batch.

It walks the noise share ``u = sigma / (alpha + sigma)`` on the state ``w = x / (alpha + sigma)``, where
``dw/du = eps - D``: regular at both ends of every path, and the variable in which fewest calls are needed. It stops
at a share of ``stop`` and the loop lands, with an error that goes with the square of it. Seven stages, the last of
which is the next step's first: six calls a try.

Each step notes, for every sample, the ``error`` (over its tolerance; accepted at 1 or less) and the ``stiffness``
``h rho = h |k7 - k6| / |w7 - w6|`` (above 3.25 again and again, the problem is stiff); and ``step_size`` (in share)
and ``rejections``, one number each.

Source: Dormand and Prince 1980; Hairer, Norsett and Wanner, Solving ODEs I, II.4 and II.5, and II, IV.2 (stiffness).
Where we differ: the error norm is the worst sample's, not an average over the batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from explorer.maths.frames import NO_NOTES
from explorer.maths.paths import AbstractPath
from explorer.maths.samplers.base import AbstractSampler, CountedField, setting
from explorer.maths.samplers.grids import times_of
from explorer.maths.shapes import PerSample, Points

STOP = 1e-3
"""The noise share at which the loop lands when nobody says: below it a picture shows no difference."""
NODES = (0.2, 0.3, 0.8, 8 / 9, 1.0, 1.0)
ROWS = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
ERROR_ROW = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
"""Fifth-order weights less fourth-order ones."""
FIRST_STEP, SHORTEST_STEP, MOST_TRIES = 0.05, 1e-9, 5_000


class Attempt(NamedTuple):
    """One try: the state it reached, and per sample its error over the tolerance and h rho."""

    x: Points
    error: PerSample
    stiffness: PerSample

    @property
    def worst(self) -> float:
        """The error of the worst sample; NaN counts as infinite."""
        return float(self.error.nan_to_num(nan=torch.inf).amax())


class Progress(NamedTuple):
    """Memory: the share to try next, what the last step measured, all tries so far."""

    size: float = FIRST_STEP
    tries: int = 0
    notes: Mapping[str, Tensor] = NO_NOTES
    gave_up: str = ""


@dataclass(frozen=True)
class RK45(AbstractSampler):
    """Deterministic, fifth order, adaptive: ``rtol`` and ``atol`` bound the error of each step for each sample."""

    rtol: float = 1e-5
    atol: float = 1e-6
    stop: float = STOP
    name: ClassVar[str] = "rk45"
    label: ClassVar[str] = "Dormand-Prince 5(4)"
    order: ClassVar[int] = 5
    evals_per_step: ClassVar[int] = 0
    is_adaptive: ClassVar[bool] = True
    source: ClassVar[str] = "Dormand and Prince 1980; Hairer, Norsett and Wanner, Solving ODEs I"

    def __post_init__(self):
        setting("rtol", self.rtol, 1e-13, 0.1)
        setting("atol", self.atol, 0.0, 0.1)
        setting("stop", self.stop, SHORTEST_STEP, 0.1)

    def times(
        self, path: AbstractPath, grid: str | Sequence[float], steps: int, latest: float
    ) -> list[float]:
        """From the latest time to the landing; times given as a list are met exactly on the way."""
        wished = [latest, 0.0] if isinstance(grid, str) else times_of(grid, path, steps, latest)
        landing = path.time_of_share(self.stop)
        return [*wished[:-1], landing, 0.0] if wished[-2] > landing else wished

    def start(self, field: CountedField, times: Sequence[float], generator: torch.Generator) -> Progress:
        return Progress()

    def step(self, field: CountedField, x: Points, t: float, t_next: float, memory: Progress):
        share, end = float(field.path.share(t)), float(field.path.share(t_next))
        size, rejections = memory.size, 0
        while True:
            left = share - end
            last = size >= 0.999 * left  # no sliver is left over for one more step
            tried = left if last else size
            reached = t_next if last else field.path.time_of_share(share - tried)
            attempt = self._attempt(field, x, t, reached, share, tried)
            factor = min(5.0, max(0.2, 0.9 * (attempt.worst + 1e-12) ** -0.2))
            if attempt.worst <= 1.0:
                # A step that was cut short by its end says little of what the next may be.
                size = max(size, tried * factor) if last else tried * factor
                notes = _notes(attempt, tried, rejections)
                return attempt.x, reached, Progress(size, memory.tries + rejections + 1, notes)
            size, rejections = tried * factor, rejections + 1
            if size < SHORTEST_STEP:
                why = f"no step is short enough for rtol = {self.rtol:g}; the model's answer jumps or is not finite"
                return x, t, memory._replace(gave_up=why)
            if memory.tries + rejections >= MOST_TRIES:
                why = f"{MOST_TRIES} tries were not enough for rtol = {self.rtol:g}; raise it"
                return x, t, memory._replace(gave_up=why)

    def _attempt(
        self, field: CountedField, x: Points, t: float, reached: float, share: float, size: float
    ) -> Attempt:
        path, state = field.path, x / _total(field.path, t)
        slopes, stages = [_slope(field, x, t)], [state]
        for node, row in zip(NODES, ROWS, strict=True):
            time = reached if node == 1.0 else path.time_of_share(share - node * size)
            stages.append(state - size * _weighted(row, slopes))
            x_stage = stages[-1] * _total(path, time)
            slopes.append(_slope(field, x_stage, time))
        error = size * _weighted(ERROR_ROW, slopes)
        # Rounding alone makes an error of a few units in the last place; no step would be short enough below it.
        rtol = max(self.rtol, 20.0 * torch.finfo(x.dtype).eps)
        allowed = self.atol + rtol * torch.maximum(state.abs(), stages[-1].abs())
        stiffness = size * _norm(slopes[6] - slopes[5]) / _norm(stages[6] - stages[5])
        return Attempt(
            x_stage, (error / allowed).flatten(1).square().mean(1).sqrt(), stiffness.nan_to_num(0.0, 0.0)
        )


def _slope(field: CountedField, x: Points, t: float) -> Points:
    """dw/du: the velocity of the straight path."""
    prediction = field(x, t)
    return prediction.noise - prediction.denoised


def _weighted(row: Sequence[float], slopes: Sequence[Tensor]) -> Tensor:
    terms = [weight * slope for weight, slope in zip(row, slopes, strict=True) if weight]
    return torch.stack(terms).sum(0)


def _total(path: AbstractPath, t: float) -> float:
    level = path.at(t)
    return float(level.alpha + level.sigma)


def _norm(x: Points) -> PerSample:
    return x.flatten(1).norm(dim=1)


def _notes(attempt: Attempt, size: float, rejections: int) -> dict[str, Tensor]:
    numbers = {"step_size": torch.tensor(size, dtype=torch.float64), "rejections": torch.tensor(rejections)}
    return {"error": attempt.error, "stiffness": attempt.stiffness, **numbers}
