"""The run of each pane, its blocks for the stage, and what is measured on its end points."""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from explorer.labs.menus import PICTURES
from explorer.labs.scene import Block, Event, Kind, Status
from explorer.labs.students.plan import TEACHER, Plan, StudentPane
from explorer.labs.students.record import Scores
from explorer.maths.frames import Ended, Frame
from explorer.maths.metrics import w2
from explorer.maths.modes import modes_of
from explorer.maths.neighbours import precision_recall
from explorer.maths.samplers import record as record_with
from explorer.maths.samplers import walk
from explorer.maths.students import Leap
from explorer.maths.students.ground import Ground
from explorer.maths.students.switch import switched
from explorer.maths.trajectory import Trajectory, collect

MEASURED, PICTURES_MEASURED = 500, 200
"""Even points that figures are of, and pictures; the floor is that of as many."""


def teacher_run(plan: Plan, stop: Callable[[], bool]) -> Generator[Event, None, Trajectory]:
    """Walk the teacher, showing each step."""
    state, frames = plan.state, list[Frame]()
    spent, begun = 0.0, time.perf_counter()
    for frame in walk(plan.teacher, state.sampler, steps=state.steps, noise=plan.noise, seed=state.seed):
        spent += time.perf_counter() - begun
        frames.append(frame)
        yield Block(kind_of(plan), TEACHER, frame.index, state.steps + 1, drawn(plan, frame.x)[None])
        words = f"teacher, step {frame.index} of {state.steps}"
        yield Status("running", words, frame.index, state.steps + 1)
        if stop() and frame.ended is None:
            words = f"cancelled at step {frame.index}, t = {frame.t:.3g}"
            frames[-1] = frame._replace(ended=Ended("cancelled", frame.index, frame.t, words))
            break
        begun = time.perf_counter()
    return collect(
        frames,
        path="linear",
        sampler=state.sampler,
        grid="default",
        seed=state.seed,
        seconds=spent,
    )


def student_run(plan: Plan, pane: StudentPane) -> Trajectory:
    """A student's calls from the shared noise, or from where the teacher left off."""
    state = plan.state
    if not pane.switch:
        return record_with(
            pane.student, Leap(pane.student), steps=pane.calls, noise=plan.noise, seed=state.seed
        )
    return switched(
        plan.teacher,
        pane.student,
        pane.switch,
        steps=state.steps,
        calls=pane.calls,
        sampler=state.sampler,
        noise=plan.noise,
        seed=state.seed,
    )


def kind_of(plan: Plan) -> Kind:
    """Points or pictures."""
    return Kind.STATE if plan.is_plane else Kind.IMAGES


def drawn(plan: Plan, x: Tensor) -> np.ndarray:
    """States as they are drawn: points, or pictures as grey values 0 to 255."""
    if plan.is_plane:
        return float32(x[:, :2])
    grey = ((x[:PICTURES].mean(dim=1) + 1.0) * 127.5).clamp(0, 255)
    return grey.round().to(torch.uint8).flatten(1).cpu().numpy()


def float32(x: Tensor) -> np.ndarray:
    """As the stage takes it."""
    return x.detach().to(device="cpu", dtype=torch.float32).numpy()


def ticks_of(slot: int, shares: Tensor) -> Block:
    """The moments of a run."""
    return Block(Kind.TICKS, slot, 0, len(shares), float32(shares.reshape(-1, 1, 1)))


def whole(plan: Plan, slot: int, run: Trajectory, most: int = 0) -> Iterator[Event]:
    """Every state of a run at once, or about ``most`` of them, both ends included."""
    last = len(run.times) - 1
    kept = sorted({round(k * last / (most - 1)) for k in range(most)}) if most else list(range(last + 1))
    yield ticks_of(slot, run.shares[kept])
    states = np.stack([drawn(plan, run.states[k]) for k in kept])
    yield Block(kind_of(plan), slot, 0, len(states), states)


def unscored(run: Trajectory) -> Scores:
    """What is known of a run before its end points are measured."""
    return Scores(int(run.evals[-1]), run.seconds)


def ground_of(plan: Plan) -> Ground:
    """What end points are measured on: even draws of points, plain ones of pictures, whatever the picture's seed."""
    n = MEASURED if plan.is_plane else PICTURES_MEASURED
    return Ground(plan.teacher, plan.target, n, is_even=plan.is_plane)


def scores_of(
    plan: Plan, ground: Ground, pane: StudentPane | None, run: Trajectory, rmse: float | None
) -> Scores:
    """How good the end points of a pane are that starts from the ground's noise, as ``run`` does from the picture's."""
    if run.ended.kind != "done":
        return unscored(run)
    even = replace(plan, noise=ground.noise.float().to(plan.noise.device))
    state = plan.state
    if pane is None:
        ends = record_with(plan.teacher, state.sampler, steps=state.steps, noise=even.noise, seed=state.seed)
    else:
        ends = student_run(even, pane)
    made = ends.states[-1].float().cpu()
    if not bool(torch.isfinite(made).all()):
        return unscored(run)
    assert ground.data is not None, "every state has a target"
    data = ground.data.points.float()
    precision, recall, modes, total = _reached(plan, made, data)
    return replace(
        unscored(run),
        w2=w2(made, data),
        precision=precision,
        recall=recall,
        modes=modes,
        total=total,
        rmse=rmse,
    )


def _reached(plan: Plan, made: Tensor, data: Tensor) -> tuple[float, float, int | None, int | None]:
    """Precision and recall by modes where the target has them, by neighbours where not."""
    modes = modes_of(made, plan.target)
    if modes is None:
        inside = precision_recall(made, data)
        return inside.precision, inside.recall, None, None
    return modes.precision, modes.recall, modes.covered, modes.total


def distances(run: Trajectory, teacher: Trajectory) -> Tensor:
    """Of end points from the same noise [n]."""
    gap = run.states[-1].double() - teacher.states[-1].double()
    return gap.flatten(1).norm(dim=1).cpu()


def rmse_of(apart: Tensor) -> float:
    """Root mean square of distances [n]."""
    return float(apart.square().mean().sqrt())
