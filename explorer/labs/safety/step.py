"""One step of a net: its loss along the step, what Taylor polynomials make of it, and the ghosts of one sample."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from explorer.labs.figures.safety_step import step_charts, step_footer, step_spec
from explorer.labs.safety.plan import POINTS, SHARES, SIZES, Plan, Walk, planned, walked
from explorer.labs.safety.plane import Plane, plane_of
from explorer.labs.safety.state import SafetyState
from explorer.labs.scene import Begin, Block, Charts, Done, Event, Kind, Launched, Status
from explorer.labs.shelf import Shelf
from explorer.maths.softmax.series import taylor_coefficients
from explorer.maths.softmax.step import step_radius

ORDERS = (1, 2, 4, 8, 16, 32)
"""Of the Taylor polynomials that are drawn."""
COARSE, EVERY = 8, 2
"""Between how many stops the net itself is asked at first, and in the end."""
MARK = 50
"""The slot of the dot that stands at the cursor's step."""
ROWS = 4096
"""Most rows times coefficients at once."""


@dataclass(frozen=True, eq=False)
class Along:
    """What the linear logits say of the whole step, in units of r.

    ``taylor`` order -> [q] the polynomial of the mean loss at ``SIZES``; ``flips`` [q] the share of rows whose
    top class changes; ``exact``, ``certified`` the batch's radii; ``secant`` {size: r of the logits' real change
    over r}.
    """

    taylor: dict[int, Tensor]
    flips: Tensor
    exact: float
    certified: float
    secant: dict[float, float]


@dataclass(frozen=True, eq=False)
class StepRecord:
    """A step in units of its r: the plan, what linear logits say, what the net does, and one sample's plane.

    ``row`` is the place of the sample among the rows.
    """

    plan: Plan
    along: Along
    plane: Plane
    row: int
    walk: Walk


def events(
    state: SafetyState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """The plane at once; the loss of linear logits with it; the net's own loss as it is asked."""
    yield Status("running", "measuring the step")
    plan = planned(state, shelf)
    ranked, _ = plan.ranked()
    row = int(ranked[min(state.rank, len(ranked) - 1)])
    radius = plan.told.radius
    plane = plane_of(radius.logits[row], radius.speeds[row])
    along: Along = plan.keep("along", lambda: along_of(plan))
    record = StepRecord(plan, along, plane, row, Walk((), (), (), ()))
    yield from drawn(step_spec(record), plane)
    whole = plan.keep("walk", lambda: {})
    if "walk" not in whole:
        yield Charts(step_charts(record))
        for part in _asked(plan):
            record = replace(record, walk=part)
            yield Charts(step_charts(record))
            yield Status("running", "asking the net", len(part.r), 1 + (POINTS - 1) // EVERY)
            if stop():
                break
        else:
            whole["walk"] = record.walk
    record = replace(record, walk=whole.get("walk", record.walk))
    yield Charts(step_charts(record))
    yield (
        Status("done", "done")
        if "walk" in whole
        else Status("cancelled", "cancelled; what was asked is shown")
    )
    yield Done(record, step_footer(record))


def drawn(spec: dict, plane: Plane) -> Iterator[Event]:
    """A plane on the stage: its map, and the step walking along the real line."""
    box = ",".join(f"{edge:g}" for edge in plane.box)
    yield Begin(spec, f"plane {box}")
    way = np.zeros((POINTS, 1, 2), dtype=np.float32)
    way[:, 0, 0] = SIZES
    ticks = np.array(SHARES, dtype=np.float32).reshape(-1, 1, 1)
    for slot in (1, MARK):  # the same way again, as a large dot
        if slot == MARK:
            yield Launched(slot, 0)
        yield Block(Kind.TICKS, slot, 0, POINTS, ticks)
        yield Block(Kind.STATE, slot, 0, POINTS, way)
    yield Block(Kind.HEAT, 1, 0, POINTS, np.ascontiguousarray(plane.depth).reshape(1, -1, 1))


def _asked(plan: Plan) -> Iterator[Walk]:
    """The net's loss, coarse first and then between."""
    known: dict[float, tuple[float, float, float]] = {}
    for stride in (COARSE, EVERY):
        for part in walked(plan, tuple(size for size in SIZES[::stride] if size not in known)):
            known[part.r[-1]] = part.loss[-1], part.accuracy[-1], part.flips[-1]
            yield joined(known)


def joined(known: dict[float, tuple[float, float, float]]) -> Walk:
    """What was asked so far, by size."""
    sizes = tuple(sorted(known))
    return Walk(sizes, *(tuple(known[size][k] for size in sizes) for k in range(3)))


def along_of(plan: Plan) -> Along:
    """The Taylor polynomials, the flips and the batch's radii, from logits and slopes alone."""
    radius = plan.told.radius
    sizes = torch.tensor(SIZES, dtype=torch.float64)
    coefficients = mean_series(radius.logits, radius.speeds, plan.split.y[plan.told.places])
    return Along(
        {order: polynomial(coefficients[: order + 1], sizes) for order in ORDERS},
        flips_of(radius.logits, radius.speeds, sizes),
        float(plan.ranked()[1][0]),
        float(radius.certified.amin()),
        {size: secant(plan, size) for size in (1.0, 10.0)},
    )


def mean_series(logits: Tensor, speeds: Tensor, targets: Tensor) -> Tensor:
    """Taylor coefficients [33] of the mean loss along the step."""
    parts = [
        taylor_coefficients(z, a, max(ORDERS)).sum(0)
        for z, a in zip(logits.split(ROWS), speeds.split(ROWS), strict=True)
    ]
    total = torch.stack(parts).sum(0) / len(logits)
    own = targets[:, None].to(logits.device)
    total[0] -= logits.gather(1, own).mean()
    total[1] -= speeds.gather(1, own).mean()
    return total


def polynomial(coefficients: Tensor, at: Tensor) -> Tensor:
    """The polynomial of ``coefficients`` [n + 1] at ``at`` [q], by Horner's rule."""
    value = torch.zeros_like(at)
    for coefficient in coefficients.flip(0):
        value = value * at + coefficient
    return value


def flips_of(logits: Tensor, speeds: Tensor, at: Tensor) -> Tensor:
    """The share [q] of rows whose top class is another one at each size of the step."""
    first = logits.argmax(1)
    return torch.stack([((logits + size * speeds).argmax(1) != first).double().mean() for size in at])


def secant(plan: Plan, size: float) -> float:
    """The r of the logits' real change over a step of ``size``, over that size: 1 where logits are linear."""
    step = {name: size * value for name, value in plan.unit.items()}
    told = step_radius(plan.module, plan.split.x, step, by="secant", at=())
    return told.r_max / size if math.isfinite(told.r_max) else math.nan
