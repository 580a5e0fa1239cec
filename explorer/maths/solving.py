"""What solvers pay on one field: end-point error against model calls.

All errors are root mean square distances over the samples between end points and those of a fine adaptive run in
float64 on the same field from the same noise, in units of x: they are the solver's and not the model's.

Source: Hairer, Norsett and Wanner, Solving ODEs I, II.4 (local errors), II.10 (work and precision).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.maths.curvature import even_angles
from explorer.maths.fields import AbstractField
from explorer.maths.samplers.registry import SAMPLERS
from explorer.maths.samplers.rk45 import RK45
from explorer.maths.samplers.walk import walk

DETERMINISTIC = tuple(
    name
    for name, sampler in SAMPLERS.items()
    if name == "ddim" or not (sampler.is_random or hasattr(sampler, "eta"))
)
"""Samplers that follow the ODE; DDIM with its eta of 0."""
LANDING = 1e-5
"""Noise share at which the reference lands: its last, straight step errs by about its square."""
NODES = 48
STEPS = (2, 4, 8, 16, 32, 64, 128)
TOLERANCES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)


@dataclass(frozen=True, eq=False)
class Reference:
    """The exact flow as far as float64 goes: ``times`` [M] falling to 0, ``states`` [M, n, *shape]."""

    times: tuple[float, ...]
    states: Tensor

    @property
    def ends(self) -> Tensor:
        """Where the samples arrive [n, *shape]."""
        return self.states[-1]


@dataclass(frozen=True)
class WorkPoint:
    """What one run cost and how far it came: ``error`` in units of x, infinite where it diverged."""

    sampler: str
    grid: str
    steps: int
    evals: int
    error: float


@dataclass(frozen=True, eq=False)
class AdaptiveNotes:
    """An adaptive run by time.

    ``shares`` [T] where each step begins; ``error`` [T, n] over the tolerance, ``stiffness`` [T, n] step times the
    estimated size of the Jacobian; ``step_size`` [T] in noise share; all ``rejections``.
    """

    shares: Tensor
    error: Tensor
    stiffness: Tensor
    step_size: Tensor
    rejections: int


def reference(field: AbstractField, noise: Tensor) -> Reference:
    """The flow of ``noise`` [n, *shape] to about eight digits, seen at moments even in the angle of noise to data.

    Raises:
        ValueError: when no step is short enough, as on a field that is not finite.
    """
    nodes = even_angles(field.path, NODES, getattr(field, "latest", 1.0))
    grid = [*nodes[:-1], field.path.time_of_share(LANDING)]
    wanted, states = set(grid), []
    for frame in walk(field, RK45(rtol=1e-9, atol=1e-11), grid=grid, noise=noise.double()):
        if frame.t in wanted or frame.t == 0.0:
            states.append(frame.x)
        if frame.ended is not None and frame.ended.kind != "done":
            raise ValueError(f"no solver can follow this field: {frame.ended.text}")
    return Reference((*nodes[:-1], 0.0), torch.stack([*states[: len(nodes) - 1], states[-1]]))


def work_precision(
    field: AbstractField,
    noise: Tensor,
    exact: Reference,
    samplers: Sequence[str] = DETERMINISTIC,
    steps: Sequence[int] = STEPS,
    grid: str = "default",
) -> Iterator[WorkPoint]:
    """Error and calls of each sampler at each number of steps (of adaptive ones at tolerances 0.1 to 1e-7)."""
    for name in samplers:
        if SAMPLERS[name].is_adaptive:
            for tolerance in TOLERANCES:
                evals, ends = arrival(field, RK45(rtol=tolerance, atol=tolerance / 100), noise, "default", 0)
                yield WorkPoint(name, "adaptive", 0, evals, rms_gap(ends, exact.ends))
        else:
            for count in steps:
                evals, ends = arrival(field, name, noise, grid, count)
                yield WorkPoint(name, grid, count, evals, rms_gap(ends, exact.ends))


def arrival(field: AbstractField, sampler, noise: Tensor, grid, steps: int) -> tuple[int, Tensor | None]:
    """Calls and end points of a run; no end points where it diverged."""
    *_, last = walk(field, sampler, steps=max(1, steps), grid=grid, noise=noise)
    assert last.ended is not None, "a walk ends"
    return last.evals, last.x if last.ended.kind == "done" else None


def rms_gap(ends: Tensor | None, exact: Tensor) -> float:
    """Root mean square distance over samples; infinite where there are no end points."""
    if ends is None:
        return math.inf
    return float((ends.to(exact) - exact).flatten(1).square().sum(dim=1).mean().sqrt())


def order_guide(points: Sequence[WorkPoint]) -> tuple[list[float], list[float]] | None:
    """A line that falls by the sampler's declared order through its finest point: evals and errors of its two ends."""
    sound = [point for point in points if math.isfinite(point.error) and point.error > 1e-9]
    if len(sound) < 2 or SAMPLERS[sound[0].sampler].is_adaptive:
        return None
    order, finest = SAMPLERS[sound[0].sampler].order, max(sound, key=lambda point: point.evals)
    first = min(sound, key=lambda point: point.evals)
    start = finest.error * (finest.evals / first.evals) ** order
    return [float(first.evals), float(finest.evals)], [start, finest.error]


def adaptive_notes(field: AbstractField, noise: Tensor, rtol: float = 1e-4) -> AdaptiveNotes:
    """What the adaptive method measured on its way."""
    shares, noted = [], []
    for frame in walk(field, RK45(rtol=rtol, atol=rtol / 100), noise=noise):
        if "error" in frame.notes:
            shares.append(float(field.path.share(frame.t)))
            noted.append(frame.notes)
    if not noted:
        raise ValueError("the adaptive method took no step on this field")
    stacked = {name: torch.stack([notes[name] for notes in noted]) for name in noted[0]}
    return AdaptiveNotes(
        torch.tensor(shares, dtype=torch.float64),
        stacked["error"],
        stacked["stiffness"],
        stacked["step_size"],
        int(stacked["rejections"].sum()),
    )
