"""The Scrub lab's computation: runs first, frame by frame; then what is measured on them."""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from explorer.labs.figures.scrub import FIELD, charts_of, footer_of, spec_of
from explorer.labs.menus import ANY, EXACT, PICTURES
from explorer.labs.scene import Begin, Block, Charts, Done, Event, Kind, Launched, Status
from explorer.labs.scrub.plan import REFERENCE_SEED, Pane, Plan, planned
from explorer.labs.scrub.record import PaneRecord, ScrubRecord
from explorer.labs.scrub.state import ScrubState
from explorer.labs.shelf import Shelf
from explorer.maths.metrics import SlicedTarget
from explorer.maths.samplers import as_sampler, walk
from explorer.maths.samplers.base import Ended, Frame
from explorer.maths.trajectory import collect

FRAMES_PER_MEASURE = 4
"""Distances are shown after every few, so that a long run fills its chart as one watches."""
MEASURED = 2000
"""Most samples that a distance is measured on; its floor is drawn for the same number."""


def events(
    state: ScrubState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """The picture as it comes. ``stop`` is looked at after each step: the part that was computed is kept."""
    plan = planned(state, shelf, device)
    yield Begin(spec_of(plan))
    yield from _target_blocks(plan)
    record = ScrubRecord(plan, ())
    for pane in plan.panes:
        done = yield from _run(plan, pane, stop)
        record = replace(record, panes=(*record.panes, done))
        yield Charts(charts_of(record))
        if done.run.ended.kind == "cancelled":
            break
    yield from measured(record)


def measured(record: ScrubRecord) -> Iterator[Event]:
    """Velocity arrows, distances and errors of runs that are there; ends with Done."""
    for pane in record.panes:
        yield from _arrows(record.plan, pane)
    if record.plan.reference is not None:
        for part in _with_distances(record):
            record = part
            yield Charts(charts_of(record))
    yield _status(record)
    yield Done(record, footer_of(record))


def _run(plan: Plan, pane: Pane, stop: Callable[[], bool]) -> Generator[Event, None, PaneRecord]:
    """Stream one run; the value is its record."""
    frames: list[Frame] = []
    seconds: list[float] = []
    total, begun, spent = len(pane.times), time.perf_counter(), 0.0
    for frame in _walk(plan, pane):
        spent += time.perf_counter() - begun
        frames.append(frame)
        seconds.append(spent)
        if total:
            yield from _frame_blocks(plan, pane, [frame], frame.index, total)
        yield Status(
            "running",
            f"step {frame.index} of {total - 1}" if total else f"step {frame.index}",
            frame.index,
            total,
        )
        if stop() and frame.ended is None:
            ended = Ended(
                "cancelled", frame.index, frame.t, f"cancelled at step {frame.index}, t = {frame.t:.3g}"
            )
            frames[-1] = frame._replace(ended=ended)
            break
        begun = time.perf_counter()  # what the watcher of the stream takes is not the run's
    if not total:
        yield from _frame_blocks(plan, pane, frames, 0, len(frames))
    run = collect(
        frames,
        path=pane.path.name,
        sampler=pane.sampler.name,
        grid=pane.grid,
        seed=plan.state.seed,
        seconds=spent,
    )
    if len(frames) == total or not total:  # a part of a run keeps the ticks that were planned
        yield from _ticks(pane, run.shares)
    return PaneRecord(pane, run, tuple(seconds))


def _walk(plan: Plan, pane: Pane) -> Iterator[Frame]:
    return walk(
        pane.field, pane.sampler, steps=pane.steps, grid=pane.grid, noise=plan.noise, seed=plan.state.seed
    )


def _ticks(pane: Pane, shares: Tensor) -> Iterator[Event]:
    ticks = shares.to(torch.float32).reshape(-1, 1, 1).numpy()
    yield Block(Kind.TICKS, pane.slot, 0, len(ticks), ticks)


def _target_blocks(plan: Plan) -> Iterator[Event]:
    for pane in plan.panes:
        if pane.times:
            yield from _ticks(pane, torch.tensor([pane.path.share(t) for t in pane.times]))
    if plan.reference is not None and len(plan.shape) == 1:
        yield Block(Kind.TARGET, 0, 0, 1, _float32(plan.reference[: plan.state.n])[None])


def _frame_blocks(plan: Plan, pane: Pane, frames: Sequence[Frame], first: int, total: int) -> Iterator[Event]:
    kinds = (Kind.STATE, Kind.DENOISED) if len(plan.shape) == 1 else (Kind.IMAGES, Kind.IMAGES_DENOISED)
    states = [drawn(plan, pane, frame.x, frame.t) for frame in frames]
    clean = [drawn(plan, pane, frame.denoised, 0.0) for frame in frames]
    for kind, arrays in zip(kinds, (states, clean), strict=True):
        yield Block(kind, pane.slot, first, total, np.stack(arrays))


def drawn(plan: Plan, pane: Pane, x: Tensor, t: float) -> np.ndarray:
    """States as they are drawn: points scaled by the path's ``drawn_scale``, pictures as grey values 0 to 255."""
    scaled = x * pane.path.drawn_scale(t)
    if len(plan.shape) == 1:
        return _float32(scaled[:, :2])
    grey = ((scaled[:PICTURES].mean(dim=1) + 1.0) * 127.5).clamp(0, 255)
    return grey.round().to(torch.uint8).flatten(1).cpu().numpy()


def _float32(x: Tensor) -> np.ndarray:
    return x.detach().to(device="cpu", dtype=torch.float32).numpy()


def _arrows(plan: Plan, record: PaneRecord) -> Iterator[Event]:
    """The velocity toward the data, in drawn coordinates, on a grid of places at each moment but the last."""
    if len(plan.shape) != 1 or plan.shape[0] != 2:
        return
    places, times = _places(plan), [float(t) for t in record.run.times]
    total = len(record.pane.times) or len(times)
    for index, t in enumerate(times[:-1]):
        arrows = _drawn_velocity(record.pane, places, t)
        if bool(torch.isfinite(arrows).all()):
            yield Block(Kind.VELOCITY, record.pane.slot, index, total, _float32(arrows)[None])


def _drawn_velocity(pane: Pane, places: Tensor, t: float) -> Tensor:
    """-d(scale x)/dt at drawn places: the sign turns it toward the data."""
    scale, step = pane.path.drawn_scale(t), 1e-6
    rate = (pane.path.drawn_scale(t + step) - pane.path.drawn_scale(t - step)) / (2 * step)
    x = places / scale
    with torch.no_grad():
        return -(scale * pane.field(x, t).velocity + rate * x)


def _places(plan: Plan) -> Tensor:
    (lo_x, lo_y, hi_x, hi_y), (nx, ny) = plan.box, (FIELD["nx"], FIELD["ny"])
    x = lo_x + (torch.arange(nx) + 0.5) / nx * (hi_x - lo_x)
    y = lo_y + (torch.arange(ny) + 0.5) / ny * (hi_y - lo_y)
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(-1, 2)
    return grid.to(plan.noise)


def _with_distances(record: ScrubRecord) -> Iterator[ScrubRecord]:
    """The record with more and more of its distances, all of them in the last."""
    plan, kept = record.plan, min(record.plan.state.n, MEASURED)
    assert plan.target is not None and plan.reference is not None, "a reference comes from a target"
    label = None if plan.state.label == ANY else plan.state.label
    measure = SlicedTarget(plan.reference[:kept].to(plan.noise))
    floor = measure(plan.target.sample(kept, REFERENCE_SEED + 1, label).to(plan.noise))
    record = replace(record, floor=float(floor))
    for slot, pane in enumerate(record.panes):
        distance: list[float | None] = [None] * len(pane.run.times)
        clean = list(distance)
        for index in _coarse_first(len(distance)):
            scale = pane.pane.path.drawn_scale(float(pane.run.times[index]))
            distance[index] = _distance(measure, pane.run.states[index][:kept] * scale)
            clean[index] = _distance(measure, pane.run.denoised[index][:kept])
            if index % FRAMES_PER_MEASURE == 0:
                yield _with_pane(
                    record, slot, replace(pane, distance=tuple(distance), clean_distance=tuple(clean))
                )
        pane = replace(pane, distance=tuple(distance), clean_distance=tuple(clean))
        pane = replace(pane, error=_end_error(plan, pane))
        record = _with_pane(record, slot, pane)
        yield record


def _distance(measure: SlicedTarget, x: Tensor) -> float | None:
    """Not known where the model had turned to NaN."""
    return float(measure(x)) if bool(torch.isfinite(x).all()) else None


def _coarse_first(count: int) -> list[int]:
    """All indices, the last first, then ever finer ones, so that a curve has its shape at once."""
    order, stride = dict.fromkeys([count - 1]), 1 << max(0, count.bit_length() - 2)
    while stride:
        order |= dict.fromkeys(range(0, count, stride))
        stride //= 2
    return list(order)


def _with_pane(record: ScrubRecord, slot: int, pane: PaneRecord) -> ScrubRecord:
    panes = list(record.panes)
    panes[slot] = pane
    return replace(record, panes=tuple(panes))


def _end_error(plan: Plan, record: PaneRecord, kept: int = 256) -> float | None:
    """Root mean square distance of the end points from the exact flow's, from the same noise."""
    sampler, field = record.pane.sampler, record.pane.field
    if (
        sampler.is_random
        or bool(getattr(sampler, "eta", False))
        or len(plan.shape) > 1
        or record.run.ended.kind != "done"
    ):
        return None
    # A network computes in its own precision; a closed form follows its input.
    noise = plan.noise[:kept].double() if plan.state.model == EXACT else plan.noise[:kept]
    *_, last = walk(field, as_sampler("rk45"), noise=noise)
    gap = record.run.states[-1][:kept].to(last.x) - last.x
    return float(gap.square().sum(dim=1).mean().sqrt())


def _status(record: ScrubRecord) -> Status:
    for pane in record.panes:
        if pane.run.ended.kind != "done":
            return Status(pane.run.ended.kind, pane.run.ended.text)
    return Status("done", "done")


def launch(
    state: ScrubState,
    x: Sequence[float],
    share: float,
    pane: int,
    slot: int,
    shelf: Shelf,
    device: str = "cpu",
) -> Iterator[Event]:
    """One extra particle from a drawn place ``x`` at the cursor ``share``, along pane ``pane``'s own steps.

    Raises:
        ValueError: for a place that is not two finite numbers, or a pane that is not there.
    """
    plan = planned(replace(state, n=16), shelf, device)
    if not 0 <= pane < len(plan.panes) or len(x) != 2 or not all(map(math.isfinite, (*x, share))):
        raise ValueError(
            f"a particle starts at two finite numbers in one of {len(plan.panes)} panes; got {x!r} in {pane!r}"
        )
    of = plan.panes[pane]
    times = [t for t in of.times if t > 0 and of.path.share(t) <= share + 1e-6] or [
        of.path.time_of_share(max(share, 0.01))
    ]
    begin = times[0]
    place = torch.tensor([list(map(float, x))]).to(plan.noise) / of.path.drawn_scale(begin)
    sampler = of.sampler if of.times and not of.sampler.takes_last_step else as_sampler("heun")
    frames = list(walk(of.field, sampler, grid=times, start=(place, begin), seed=plan.state.seed))
    shares = torch.tensor([of.path.share(frame.t) for frame in frames])
    launched = replace(of, slot=slot)
    yield Launched(slot, pane)
    yield from _ticks(launched, shares)
    yield from _frame_blocks(plan, launched, frames, 0, len(frames))
