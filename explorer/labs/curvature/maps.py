"""Maps of a field over the plane, by time: how far it is from a gradient, and from the exact one."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from explorer.labs.curvature.paths import float32, scale_to
from explorer.labs.curvature.plan import Pane, Plan, dtype_of
from explorer.labs.curvature.record import CurvatureLabRecord, PaneRecord
from explorer.labs.scene import Amend, Block, Event, Kind, Status
from explorer.maths.conservativity import asymmetry, loop_work, velocity_error
from explorer.maths.fields import AbstractField
from explorer.maths.trajectory import Trajectory

CELLS = {"nx": 48, "ny": 40}
MOMENTS = 16
LOOP_RADIUS, LOOP_POINTS = 0.5, 32
"""Of the circles: radius in standard deviations of the noise, for a score bends within one of them; and places."""
NEAR = 0.22
"""A place counts where a sample is at least this near, as drawn: elsewhere no path ever asks the field."""


def moments_of(run: Trajectory, count: int = MOMENTS) -> list[int]:
    """Frames of a run at which its field is studied; never the data end, where none can be asked."""
    last = len(run.times) - 2
    return sorted({round(k * last / (count - 1)) for k in range(count)}) if last > 0 else []


def heat_blocks(
    record: CurvatureLabRecord, heat: Callable[[CurvatureLabRecord, float], dict], stop
) -> Iterator[Event]:
    """The map that the state asks for, in every pane that has a field; the scale is that of all of them."""
    plan, computed = record.plan, []
    for pane in record.panes:
        if pane.pane.field is None:
            continue
        left_out = len(pane.paths.run.times) - len(pane.bend.shares)
        for frame in moments_of(pane.paths.run):
            if frame < left_out:  # more noise than the coordinates know
                continue
            values = _values(plan, pane, pane.pane.field, frame)
            computed.append((pane, frame - left_out, values))
            yield Status("running", f"mapping {pane.pane.label.lower()}", len(computed))
            if stop():
                return
    known = torch.cat([values[torch.isfinite(values)].abs() for _, _, values in computed] or [torch.zeros(0)])
    yield Amend({"heat": heat(record, float(known.quantile(0.98)) if len(known) else 0.0)})
    for pane, index, values in computed:
        yield Block(Kind.HEAT, pane.pane.slot, index, len(pane.bend.shares), float32(values)[None, :, None])


def _values(plan: Plan, pane: PaneRecord, field: AbstractField, frame: int) -> Tensor:
    """One number for each cell [nx * ny]; NaN where no path comes near."""
    run = pane.paths.run
    t = float(run.times[frame])
    scale = scale_to(pane.pane.path, t, plan.coordinates(pane.pane))
    assert scale is not None, "a measured moment lies within the coordinates"
    places = cells_of(plan.box)
    states = run.states[frame].double().cpu() * scale
    near = torch.cdist(places, states).amin(dim=1) <= NEAR
    values = torch.full((len(places),), torch.nan, dtype=torch.float64)
    if bool(near.any()):
        x = (places[near] / scale).to(device=plan.device, dtype=dtype_of(field))
        values[near] = _asked(plan, pane.pane, field, x, t).double().cpu()
    return values


def _asked(plan: Plan, pane: Pane, field: AbstractField, x: Tensor, t: float) -> Tensor:
    match plan.state.colour:
        case "loop":
            return loop_work(field, x, loop_radius(field, t), t, points=LOOP_POINTS).relative
        case "error":
            exact = plan.exact(pane)
            assert exact is not None, "the choice is offered where a target is known"
            return velocity_error(field, exact, x, t)
    return asymmetry(field, x, t).value


def loop_radius(field: AbstractField, t: float) -> float:
    """Of the circles at a time, in units of x."""
    return LOOP_RADIUS * float(field.path.at(t).sigma)


def cells_of(box: tuple[float, float, float, float]) -> Tensor:
    """Centres of the cells of the map [nx * ny, 2], row by row upward."""
    (lo_x, lo_y, hi_x, hi_y), (nx, ny) = box, (CELLS["nx"], CELLS["ny"])
    x = lo_x + (torch.arange(nx, dtype=torch.float64) + 0.5) / nx * (hi_x - lo_x)
    y = lo_y + (torch.arange(ny, dtype=torch.float64) + 0.5) / ny * (hi_y - lo_y)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(-1, 2)
