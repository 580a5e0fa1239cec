"""The teacher's first steps, then the student: what diversity comes back when the student is asked late.

Source: Gandikota and Bau 2025, "Distilling Diversity and Control in Diffusion Models", arXiv:2503.10637 (the base model
at the first step, the distilled one after it).
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from torch import Tensor

from explorer.maths.fields import AbstractField
from explorer.maths.frames import Frame
from explorer.maths.metrics import w2
from explorer.maths.modes import modes_of
from explorer.maths.neighbours import precision_recall
from explorer.maths.samplers import as_sampler, walk
from explorer.maths.samplers.base import AbstractSampler
from explorer.maths.shapes import Points
from explorer.maths.students.distill import check_teacher
from explorer.maths.students.flow_map import AbstractFlowMap
from explorer.maths.students.ground import Ground
from explorer.maths.students.leap import Leap
from explorer.maths.targets import AbstractTarget, as_target
from explorer.maths.trajectory import Trajectory, collect


def switched(
    teacher: AbstractField,
    student: AbstractFlowMap,
    k: int,
    *,
    steps: int = 8,
    calls: int = 1,
    sampler: str | AbstractSampler = "heun",
    n: int | None = None,
    noise: Points | None = None,
    seed: int = 0,
) -> Trajectory:
    """One run from noise: the teacher's first ``k`` of ``steps`` steps, then ``calls`` equal calls of the student.

    ``k = 0`` is the student alone, ``k = steps`` the teacher alone. Evals count both. A run whose teacher diverged
    ends there.

    Raises:
        ValueError: for a k out of 0 .. steps, a student that cannot be asked from there (point maps know only the whole
            way), one of another path or shape, or numbers that cannot be.
    """
    check_teacher(teacher, student.shape)
    if isinstance(k, bool) or not isinstance(k, int) or not 0 <= k <= steps:
        raise ValueError(f"`k` must be a whole number of the teacher's steps, from 0 to {steps}; got {k!r}")
    method, begun = as_sampler(sampler), time.perf_counter()
    if method.is_adaptive:
        raise ValueError(
            f"{method.name} chooses its own steps, so none can be counted off; use another `sampler`"
        )
    times = method.times(teacher.path, "default", steps, getattr(teacher, "latest", 1.0))
    if k < steps:
        student.check(late_times(times[k], calls))
    frames = list(_frames(teacher, student, method, k, times, calls, {"n": n, "noise": noise}, seed))
    run = collect(
        frames,
        expected=len(frames),
        path="linear",
        sampler=_named(method, student, k, steps),
        grid="custom",
        seed=seed,
        seconds=time.perf_counter() - begun,
    )
    return run


def late_times(t: float, calls: int) -> list[float]:
    """The times of a student that is asked from t on, in equal calls, down to exactly 0."""
    if isinstance(calls, bool) or not isinstance(calls, int) or calls < 1:
        raise ValueError(f"`calls` must be a whole number of at least 1; got {calls!r}")
    return [t * (1.0 - i / calls) for i in range(calls)] + [0.0]


def _frames(
    teacher: AbstractField,
    student: AbstractFlowMap,
    sampler: AbstractSampler,
    k: int,
    times: list[float],
    calls: int,
    start: dict,
    seed: int,
) -> Iterator[Frame]:
    steps = len(times) - 1
    early = list(islice(walk(teacher, sampler, steps=steps, grid=times, seed=seed, **start), k + 1))
    last = early[-1]
    if k == steps or last.index < k:  # the teacher alone, or one that diverged
        yield from early
        return
    yield from early[:-1]
    late = walk(
        student,
        Leap(student),
        grid=late_times(last.t, calls),
        start=(last.x, last.t),
        seed=seed,
    )
    for frame in late:
        moved = frame._replace(index=frame.index + k, evals=frame.evals + last.evals)
        ended = frame.ended and replace(frame.ended, step=frame.ended.step + k)
        yield moved._replace(ended=ended)


def _named(sampler: AbstractSampler, student: AbstractFlowMap, k: int, steps: int) -> str:
    name = student.method or student.kind
    return sampler.name if k == steps else name if k == 0 else f"{sampler.name} to step {k}, then {name}"


@dataclass(frozen=True, eq=False)
class SwitchPoint:
    """A run that switches after the teacher's step ``k``, or the ``reason`` why there is none.

    ``t`` is the time of the switch, ``w2`` the distance to the data in units of x, ``covered`` modes (NaN where the
    target has none), ``pair_rmse`` the distance to the end of the teacher's own run from the same noise.
    """

    k: int
    t: float
    evals: int = 0
    w2: float = math.nan
    precision: float = math.nan
    recall: float = math.nan
    covered: float = math.nan
    pair_rmse: float = math.nan
    reason: str = ""
    ends: Tensor | None = None


@dataclass(frozen=True, eq=False)
class SwitchCurve:
    """What comes of a switch at each of the teacher's ``steps`` steps, 0 (the student alone) to all (the teacher's)."""

    points: tuple[SwitchPoint, ...]
    student: str
    steps: int
    calls: int
    n: int
    modes: int | None


def switch_curve(
    teacher: AbstractField,
    student: AbstractFlowMap,
    target: str | AbstractTarget,
    *,
    steps: int = 8,
    calls: int = 1,
    sampler: str | AbstractSampler = "heun",
    n: int = 500,
    seed: int = 0,
) -> SwitchCurve:
    """Quality and diversity by the step at which the student takes over, always from the same even noise.

    Raises:
        ValueError: as ``switched``, but for what the student cannot be asked: such points say why.
    """
    data = as_target(target)
    ground = Ground(teacher, data, n, seed)
    options = {"steps": steps, "calls": calls, "sampler": sampler, "noise": ground.noise}
    whole = switched(teacher, student, steps, **options)  # type: ignore[arg-type] # by name
    late_times(1.0, calls)
    points, modes = [], modes_of(whole.states[-1], data)
    for k in range(steps + 1):
        t = float(whole.times[k]) if k < len(whole.times) else 0.0
        try:
            run = whole if k == steps else switched(teacher, student, k, **options)  # type: ignore[arg-type] # by name
        except ValueError as fault:
            points.append(SwitchPoint(k, t, reason=str(fault)))
            continue
        points.append(_measured(run, k, t, ground, data, whole.states[-1]))
    name = student.method or student.kind
    return SwitchCurve(tuple(points), name, steps, calls, n, modes.total if modes else None)


def _measured(
    run: Trajectory, k: int, t: float, ground: Ground, target: AbstractTarget, ends: Tensor
) -> SwitchPoint:
    x = run.states[-1]
    if run.ended.kind != "done":
        return SwitchPoint(k, t, reason=run.ended.text)
    assert ground.data is not None
    data, modes = ground.data.points, modes_of(x, target)
    inside = modes if modes is not None else precision_recall(x, data)
    covered = float(modes.covered) if modes is not None else math.nan
    rmse = float((x - ends).flatten(1).square().sum(1).mean().sqrt())
    evals = int(run.evals[-1])
    return SwitchPoint(k, t, evals, w2(x, data), inside.precision, inside.recall, covered, rmse, "", x)
