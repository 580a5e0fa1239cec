"""The Curvature lab's computation: paths first, then how they bend, then what was asked of their fields."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from explorer.labs.curvature.maps import heat_blocks
from explorer.labs.curvature.paths import float32, pane_key, placed, sampled
from explorer.labs.curvature.plan import Pane, Plan, planned
from explorer.labs.curvature.record import Bend, CurvatureLabRecord, PaneRecord, Paths
from explorer.labs.curvature.state import MAP_COLOURS, CurvatureState
from explorer.labs.curvature.studies import checked, is_studied, recalled, solved
from explorer.labs.figures.checks import round_up
from explorer.labs.figures.curvature import (
    charts_of,
    colour_of,
    footer_of,
    heat_of,
    of_bend,
    spec_of,
)
from explorer.labs.scene import Amend, Begin, Block, Charts, Done, Event, Kind, Status
from explorer.labs.shelf import Shelf
from explorer.labs.shop import SHOP
from explorer.maths.curvature import measured
from explorer.maths.dimension import chord_view
from explorer.maths.paths import PATHS

DECADES = 1000.0
"""Greatest colour over least, by ratio: a path bends a hundred times more at its turn than on its way there."""
STUDY_EVERY = 0.15
"""Seconds between two sets of charts while studies go on."""


def events(
    state: CurvatureState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """The picture as it comes. ``stop`` is looked at after each step: the part that was computed is kept."""
    plan = planned(state, shelf, device)
    if plan.draws_plane:  # the view along the chord is known when the paths are
        yield Begin(spec_of(plan, None), places_of(plan))
        yield from _target(plan)
    record = CurvatureLabRecord(plan, ())
    for pane in plan.panes:
        paths = yield from sampled(plan, pane, stop)
        record = replace(record, panes=(*record.panes, bent(plan, pane, paths)))
        if paths.run.ended.kind != "done":
            break
    record = recalled(record)
    yield from _drawn(record)
    status, is_whole = _status(record), len(record.panes) == len(plan.panes)
    if status.kind == "done" and is_whole and state.colour in MAP_COLOURS:
        yield from heat_blocks(record, heat_of, stop)
    yield status
    yield Done(record, footer_of(record))  # the picture is whole; what is asked of the fields comes after it
    if status.kind == "done" and is_whole and not is_studied(record):
        yield from _studied(record, status, stop)


def bent(plan: Plan, pane: Pane, paths: Paths) -> PaneRecord:
    """How the paths of a pane bend in the state's coordinates; asks no model."""
    key = f"bent {pane_key(plan, pane)} {plan.coordinates(pane).name}"
    known: Bend | None = SHOP.get(key) if paths.run.ended.kind == "done" else None
    if known is None:
        known = Bend.of(measured(paths.motion, placed(plan, pane, paths)))
        if paths.run.ended.kind == "done":
            SHOP.put(key, known)
    return PaneRecord(pane, paths, known.measured, known.spreads)


def _drawn(record: CurvatureLabRecord) -> Iterator[Event]:
    """The whole picture at once: states, colours, charts."""
    plan = record.plan
    views: list[np.ndarray] = []
    if not plan.draws_plane:
        views = [_along(plan, pane) for pane in record.panes]
        yield Begin(spec_of(plan, _box(views)), places_of(plan))
    record = replace(record, scale=scale_of(record))
    is_map = plan.state.colour in MAP_COLOURS
    yield Amend({"colour": None if is_map else colour_of(record)})
    for index, pane in enumerate(record.panes):
        slot, total = pane.pane.slot, len(pane.bend.shares)
        yield Block(Kind.TICKS, slot, 0, total, float32(pane.bend.shares.reshape(-1, 1, 1)))
        if views:
            yield Block(Kind.STATE, slot, 0, total, views[index])
        if not is_map:
            yield Block(Kind.COLOUR, slot, 0, total, float32(of_bend(pane, plan.state.colour))[..., None])
    yield Charts(charts_of(record))


def _studied(record: CurvatureLabRecord, status: Status, stop: Callable[[], bool]) -> Iterator[Event]:
    """What solvers pay, and whether the fields are gradients: each shown as it comes, all of it in a last record."""
    yield from _laid_by(record, status)
    shown = time.perf_counter()
    for study in (solved, checked):
        for part in study(record):
            record = part
            if time.perf_counter() - shown > STUDY_EVERY:
                yield Charts(charts_of(record))
                shown = time.perf_counter()
            yield status  # others have their turn, and a run that nobody wants any more ends here
            if stop():
                break
    yield Charts(charts_of(record))
    yield Done(record, footer_of(record))


def _laid_by(record: CurvatureLabRecord, status: Status) -> Iterator[Event]:
    """Measure in the other coordinates too, so that a change of them is painted at once."""
    for name in PATHS:
        plan = replace(record.plan, state=replace(record.plan.state, coordinates=name))
        for pane in record.panes:
            with suppress(ValueError):  # coordinates that hold too few moments of a short run
                bent(plan, pane.pane, pane.paths)
            yield status


def places_of(plan: Plan) -> str:
    """All that the places on the stage depend on: the paths, and what they are drawn in."""
    drawn = [f"{pane_key(plan, pane)} {plan.coordinates(pane).name}" for pane in plan.panes]
    return json.dumps([*drawn, plan.state.view])


def scale_of(record: CurvatureLabRecord) -> tuple[float, float]:
    """Least and greatest colour, one scale for all panes, up to a round number that nearly all values stay below."""
    name = record.plan.state.colour if record.plan.state.colour not in MAP_COLOURS else "bend"
    top = round_up(max(pane.spreads[name].top for pane in record.panes))
    return top / DECADES, top


def _along(plan: Plan, pane: PaneRecord) -> np.ndarray:
    """The states along and off their chords [T, n, 2]."""
    return float32(chord_view(placed(plan, pane.pane, pane.paths).states))


def _box(views: Sequence[np.ndarray]) -> tuple[float, float, float, float]:
    """What holds nearly all of the paths, with room."""
    points = np.concatenate([view.reshape(-1, 2) for view in views])
    points = points[np.isfinite(points).all(axis=1)]
    lo, hi = np.quantile(points, 0.005, axis=0), np.quantile(points, 0.995, axis=0)
    room = 0.08 * np.maximum(hi - lo, 1e-6)
    x, y = (
        float(hi[0] + room[0]),
        float(max(abs(lo[1] - room[1]), abs(hi[1] + room[1]), 0.2 * (hi[0] - lo[0]))),
    )
    return (min(float(lo[0] - room[0]), -0.05 * x), -y, x, y)


def _target(plan: Plan) -> Iterator[Event]:
    if plan.reference is not None:
        yield Block(Kind.TARGET, 0, 0, 1, float32(plan.reference[: plan.state.n])[None])


def _status(record: CurvatureLabRecord) -> Status:
    for pane in record.panes:
        ended = pane.paths.run.ended
        if ended.kind != "done":
            return Status(ended.kind, ended.text)
    return Status("done", "done")
