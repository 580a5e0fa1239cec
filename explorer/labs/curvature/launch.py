"""One extra particle from a click, measured like the others."""

import math
from collections.abc import Iterator, Sequence

import torch

from explorer.labs.curvature.paths import float32, scale_to
from explorer.labs.curvature.plan import dtype_of, planned, times_of
from explorer.labs.curvature.state import CurvatureState
from explorer.labs.scene import Block, Event, Kind, Launched
from explorer.labs.shelf import Shelf
from explorer.maths.motion import in_coordinates, motion_of
from explorer.maths.samplers import record


def launch(
    state: CurvatureState,
    x: Sequence[float],
    share: float,
    pane: int,
    slot: int,
    shelf: Shelf,
    device: str = "cpu",
) -> Iterator[Event]:
    """Follow a place of the stage to the data, in the coordinates of the picture.

    Raises:
        ValueError: for a place that is not two finite numbers, a pane that is not there, or paths with no field behind.
    """
    plan = planned(state, shelf, device)
    if not 0 <= pane < len(plan.panes) or len(x) != 2 or not all(map(math.isfinite, (*x, share))):
        raise ValueError(
            f"a particle starts at two finite numbers in one of {len(plan.panes)} panes; got {x!r} in {pane!r}"
        )
    of = plan.panes[pane]
    if of.field is None:
        raise ValueError(f"{of.label.lower()} have no field to follow; click beside them")
    coordinates = plan.coordinates(of)
    times = [t for t in times_of(of, state.steps) if of.path.share(t) <= share + 1e-6]
    times = [t for t in times if t > 0 and scale_to(of.path, t, coordinates) is not None]
    times = times or [of.path.time_of_share(max(share, 0.01))]
    scale = scale_to(of.path, times[0], coordinates)
    assert scale is not None, "times beyond the coordinates are left out"
    place = torch.tensor([list(map(float, x))], dtype=torch.float64) / scale
    start = (place.to(dtype=dtype_of(of.field), device=device), times[0])
    run = record(of.field, state.sampler, grid=times, start=start, seed=state.seed)
    placed = in_coordinates(motion_of(run), coordinates)
    yield Launched(slot, pane)
    yield Block(Kind.TICKS, slot, 0, len(placed.shares), float32(placed.shares.reshape(-1, 1, 1)))
    yield Block(Kind.STATE, slot, 0, len(placed.shares), float32(placed.states))
