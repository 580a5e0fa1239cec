"""The paths of each pane: sampled as they are shown, and kept for every other question about them."""

import json
import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from explorer.labs.curvature.plan import Pane, Plan, dtype_of, times_of
from explorer.labs.curvature.record import Paths
from explorer.labs.menus import is_own
from explorer.labs.scene import Block, Event, Kind, Status
from explorer.labs.shop import SHOP
from explorer.maths.frames import Ended, Frame
from explorer.maths.motion import Placed, in_coordinates, motion_of
from explorer.maths.paths import AbstractPath
from explorer.maths.samplers import walk
from explorer.maths.trajectory import collect
from explorer.models.zoo import CATALOGUE

ROWS = 256
"""Paths whose curvature comes from the model's own derivative; these are coloured."""


def pane_key(plan: Plan, pane: Pane) -> str:
    """What the paths of a pane depend on, beside the code."""
    state = plan.state
    weights = CATALOGUE[pane.name].sha256 if pane.name in CATALOGUE else ""
    parts = [pane.name, weights, state.target, state.label, state.sampler, state.steps, state.n, state.seed]
    return json.dumps([*parts, state.path if pane.field is not None else "", plan.device, _own(pane)])


def _own(pane: Pane) -> str:
    """An own field's id holds its weights; they may be trained on, so it is the object that counts."""
    return str(id(pane.field)) if is_own(pane.name) else ""


def sampled(plan: Plan, pane: Pane, stop: Callable[[], bool]) -> Generator[Event, None, Paths]:
    """The paths of a pane, streamed where they are new; the value holds them all."""
    key = pane_key(plan, pane)
    paths: Paths | None = SHOP.get(key)
    if paths is not None:
        yield from _whole(plan, pane, paths)
        return paths
    run = pane.run
    if run is None:
        frames: list[Frame] = []
        seconds = yield from _walked(plan, pane, frames, stop)
        run = collect(
            frames,
            expected=len(frames),
            path=pane.path.name,
            sampler=plan.state.sampler,
            grid="even angles",
            seed=plan.state.seed,
            seconds=seconds,
        )
    yield Status("running", "asking the model how its prediction turns")
    is_whole = run.ended.kind == "done"
    paths = Paths(run, motion_of(run, pane.field if is_whole else None, rows=ROWS))
    if pane.run is not None:
        yield from _whole(plan, pane, paths)
    return SHOP.put(key, paths) if is_whole else paths


def _walked(
    plan: Plan, pane: Pane, frames: list[Frame], stop: Callable[[], bool]
) -> Generator[Event, None, float]:
    """Walk into ``frames``, showing each; the seconds that the sampler took."""
    assert pane.field is not None, "only a field is walked"
    times = times_of(pane, plan.state.steps)
    noise = plan.noise.to(dtype_of(pane.field))
    spent, begun = 0.0, time.perf_counter()
    for frame in walk(pane.field, plan.state.sampler, grid=times, noise=noise, seed=plan.state.seed):
        spent += time.perf_counter() - begun
        frames.append(frame)
        if plan.draws_plane:
            yield from _shown(plan, pane, frame, times)
        yield Status("running", f"step {frame.index} of {len(times) - 1}", frame.index, len(times))
        if stop() and frame.ended is None:
            words = f"cancelled at step {frame.index}, t = {frame.t:.3g}"
            frames[-1] = frame._replace(ended=Ended("cancelled", frame.index, frame.t, words))
            break
        begun = time.perf_counter()
    return spent


def _whole(plan: Plan, pane: Pane, paths: Paths) -> Iterator[Event]:
    """Every state at once."""
    if plan.draws_plane:
        view = float32(placed(plan, pane, paths).states[..., :2])
        yield Block(Kind.STATE, pane.slot, 0, len(view), view)


def placed(plan: Plan, pane: Pane, paths: Paths) -> Placed:
    """The paths in the coordinates that the state names; kept, since they are asked for more than once."""
    path = plan.coordinates(pane)
    if paths.run.ended.kind != "done":  # a part of a run must not stand for the whole
        return in_coordinates(paths.motion, path)
    key = f"placed {pane_key(plan, pane)} {path.name}"
    known: Placed | None = SHOP.get(key)
    return known if known is not None else SHOP.put(key, in_coordinates(paths.motion, path))


def _shown(plan: Plan, pane: Pane, frame: Frame, times: Sequence[float]) -> Iterator[Event]:
    coordinates = plan.coordinates(pane)
    scales = [scale_to(pane.path, t, coordinates) for t in times]
    first = sum(scale is None for scale in scales)
    scale = scales[frame.index] if frame.index < len(scales) else None
    if scale is not None:
        array = float32(frame.x * scale)[None]
        yield Block(Kind.STATE, pane.slot, frame.index - first, len(times) - first, array)


def scale_to(home: AbstractPath, t: float, path: AbstractPath) -> float | None:
    """What a state of ``home`` at t is multiplied by to stand in coordinates ``path``; None beyond their end."""
    level = home.at(t)
    ratio = level.sigma / level.alpha if level.alpha else math.inf
    u = float(path.time_of(ratio))
    if not u <= 1.0 + 1e-12:
        return None
    there = path.at(min(u, 1.0))
    return float((there.alpha + there.sigma) / (level.alpha + level.sigma))


def float32(x: Tensor) -> np.ndarray:
    """As the stage takes it."""
    return x.detach().to(device="cpu", dtype=torch.float32).numpy()
