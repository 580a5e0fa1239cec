"""What solvers pay on one field: end-point error against model calls, the adaptive run by time, the steps to take.

The truth is a fine adaptive run of the same field from the same noise (``reference``), so that a network is held to its
own flow and not to the target's.

Source: Hairer, Norsett and Wanner, Solving ODEs I, II.10 (work-precision diagrams), and II, IV.2 (stiffness).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch
from torch import Tensor

from explorer.maths.adapted import AdaptedGrid, adapted_grid
from explorer.maths.fields import AbstractField
from explorer.maths.reference import Reference, adaptive_sampler, precise, reference, run_to_end
from explorer.maths.samplers.base import AbstractSampler
from explorer.maths.samplers.registry import SAMPLERS, as_sampler
from explorer.maths.samplers.rk45 import RK45
from explorer.maths.samplers.walk import walk
from explorer.maths.shapes import Points
from explorer.maths.suggestion import ADAPTED, Suggestion, suggest

__all__ = [
    "ADAPTED",
    "DETERMINISTIC",
    "AdaptedGrid",
    "AdaptiveNotes",
    "Reference",
    "Suggestion",
    "WorkPoint",
    "adapted_grid",
    "adaptive_notes",
    "order_guide",
    "reference",
    "suggest",
    "work_precision",
]

DETERMINISTIC = tuple(name for name, sampler in SAMPLERS.items() if not sampler.is_random)
"""Keys of the methods that follow the flow: theirs is an error against its end."""
STEPS = (2, 4, 8, 16, 32, 64, 128)
TOLERANCES = tuple(10.0**-k for k in range(1, 9))
"""Relative ones of the adaptive method, whose steps are its own."""
OWN_STEPS = "its own"
"""The grid of an adaptive method."""


@dataclass(frozen=True)
class WorkPoint:
    """One run of a method whose declared ``order`` is known.

    ``error`` is the root mean square over samples of |end - reference end|, in units of x; inf if it diverged. ``rtol``
    is that of an adaptive run, None of others. ``is_sound`` is False where the reference is too rough to tell.
    """

    sampler: str
    order: int
    grid: str
    steps: int
    evals: int
    error: float
    rtol: float | None = None
    is_sound: bool = True


@dataclass(frozen=True, eq=False)
class AdaptiveNotes:
    """An adaptive run by its T steps: ``shares`` [T] falling, the noise share that each step leaves from.

    ``error`` [T, n] estimate for each sample over the tolerance, of which the worst is at most 1; ``stiffness`` [T, n]
    ``h rho``, no unit; ``step_size`` [T] in noise share; ``rejections`` [T] tries that failed before; ``evals`` in all.
    """

    shares: Tensor
    error: Tensor
    stiffness: Tensor
    step_size: Tensor
    rejections: Tensor
    evals: int


def work_precision(
    field: AbstractField,
    noise: Points,
    reference: Reference,
    samplers: Sequence[str | AbstractSampler] = DETERMINISTIC,
    steps: Sequence[int] = STEPS,
    grid: str = "default",
) -> Iterator[WorkPoint]:
    """Runs of each method, few steps first and the methods in turn, so that a picture fills from the left.

    Methods take ``steps`` on ``grid``; an adaptive one runs at eight tolerances, 0.1 to 1e-8, right to the data.

    Raises:
        ValueError: for a random method, an unknown name, or noise that is not the reference's.
    """
    methods = [as_sampler(sampler) for sampler in samplers]
    for method in methods:
        if method.is_random:
            raise ValueError(
                f"an end-point error is that of a method without randomness; {method.name} draws noise on its way; "
                f"known: {', '.join(DETERMINISTIC)}"
            )
    name = field.path.grid if grid == "default" else grid
    asked = (TOLERANCES if method.is_adaptive else steps for method in methods)
    for turn in zip_longest(*asked):
        for method, amount in zip(methods, turn, strict=True):
            if amount is not None:
                yield _point(field, noise, reference, method, amount, name)


def _point(
    field: AbstractField,
    noise: Tensor,
    reference: Reference,
    method: AbstractSampler,
    amount: int | float,
    grid: str,
) -> WorkPoint:
    rtol = float(amount) if method.is_adaptive else None
    if rtol is None:
        error, evals, steps = run_to_end(field, method, noise, reference, int(amount), grid)
    else:
        error, evals, steps = run_to_end(
            field, adaptive_sampler(rtol, reference.ends.dtype), noise, reference
        )
    label = grid if rtol is None else OWN_STEPS
    is_sound = error > 0.1 * reference.gap
    return WorkPoint(method.name, method.order, label, steps, evals, error, rtol, is_sound)


def order_guide(points: Sequence[WorkPoint]) -> tuple[list[float], list[float]] | None:
    """Evals and errors of a line through the finest sound point of one method, falling by its declared order.

    On log axes it is straight, over the evals of all points. None where no point is sound. The last step lands at first
    order for every method, so that points may fall more slowly than the line: the line is what is declared.
    """
    sound = [point for point in points if point.is_sound and 0.0 < point.error < float("inf")]
    if not sound:
        return None
    finest = max(sound, key=lambda point: point.evals)
    ends = [float(f(point.evals for point in points)) for f in (min, max)]
    return ends, [finest.error * (finest.evals / evals) ** finest.order for evals in ends]


def adaptive_notes(field: AbstractField, noise: Points, rtol: float = 1e-4) -> AdaptiveNotes:
    """Local error and stiffness, by time, of Dormand-Prince from ``noise`` [n, *shape] at a tolerance.

    Raises:
        ValueError: for noise of another shape, a tolerance out of 1e-13 .. 0.1, or a field that no run gets through.
    """
    sampler = RK45(rtol, rtol / 10)
    frames = [(frame.t, frame) for frame in walk(field, sampler, noise=precise(field, noise))]
    last = frames[-1][1]
    if last.ended is None or last.ended.kind != "done":
        raise ValueError(
            f"this flow cannot be followed to its end: {last.ended.text if last.ended else 'cut short'}"
        )
    taken = [(t, frame.notes) for t, frame in frames if frame.notes]
    rows = {name: torch.stack([notes[name] for _, notes in taken]).cpu() for name in taken[0][1]}
    shares = torch.tensor([float(field.path.share(t)) for t, _ in taken], dtype=torch.float64)
    return AdaptiveNotes(
        shares, rows["error"], rows["stiffness"], rows["step_size"], rows["rejections"], last.evals
    )
