"""The samples of a batch by their radius: which one binds it, and how long a step the others would allow."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explorer.labs.figures.safety_samples import samples_charts, samples_footer, samples_spec
from explorer.labs.safety.plan import Plan, planned
from explorer.labs.safety.state import SafetyState
from explorer.labs.scene import Begin, Block, Charts, Done, Event, Kind, Status
from explorer.labs.shelf import Shelf

SHOWN = 24
"""Pictures of the most fragile samples."""


@dataclass(frozen=True)
class Fragile:
    """One sample that a short step reaches.

    Its ``place`` in the batch, ``label``, top class and the next, ``margin`` between these, logit ``speed`` for a step
    of r = 1, and ``exact`` radius in r.
    """

    place: int
    label: int
    top: int
    second: int
    margin: float
    speed: float
    exact: float


@dataclass(frozen=True, eq=False)
class SamplesRecord:
    """A batch by radius: ``bound`` and ``certified`` [m] in r, the most fragile samples, and their ``images``.

    ``images`` [f, height, width] from 0 to 1, None where inputs are no pictures.
    """

    plan: Plan
    bound: Tensor
    certified: Tensor
    fragile: tuple[Fragile, ...]
    images: Tensor | None


def events(
    state: SafetyState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """The most fragile samples as pictures, or as points where they are none; the radii of all beside them."""
    yield Status("running", "measuring the step")
    record = samples_of(planned(state, shelf))
    yield Begin(samples_spec(record))
    yield Block(Kind.TICKS, 1, 0, 1, np.zeros((1, 1, 1), np.float32))
    if record.images is None:
        yield Block(Kind.STATE, 1, 0, 1, _points(record))
    else:
        pictures = (255 * record.images.clamp(0, 1)).round().to(torch.uint8).flatten(1).numpy()
        yield Block(Kind.IMAGES, 1, 0, 1, pictures[None])
    yield Charts(samples_charts(record))
    yield Status("done", "done")
    yield Done(record, samples_footer(record))


def samples_of(plan: Plan) -> SamplesRecord:
    """The record of a plan."""
    found = plan.told.radius
    rows, exact = (values[:SHOWN] for values in plan.ranked())
    top = found.logits.topk(2)
    fragile = tuple(
        Fragile(
            int(plan.told.places[row]),
            int(plan.split.y[plan.told.places[row]]),
            int(top.indices[row, 0]),
            int(top.indices[row, 1]),
            float(top.values[row, 0] - top.values[row, 1]),
            float(found.spread[row]),
            float(r),
        )
        for row, r in zip(rows.tolist(), exact.tolist(), strict=True)
    )
    pictures = images_of(plan.split.x[[each.place for each in fragile]])
    return SamplesRecord(plan, found.bound, found.certified, fragile, pictures)


def images_of(inputs: Tensor) -> Tensor | None:
    """Inputs as pictures [n, height, width]: those with two axes, one grey channel, or a square number of pixels."""
    x = inputs.detach().cpu()
    if not x.is_floating_point():
        return None
    if x.ndim == 4 and x.shape[1] in (1, 3):
        x = x.mean(1)
    if x.ndim == 2 and (side := math.isqrt(x.shape[1])) ** 2 == x.shape[1] and side >= 4:
        x = x.unflatten(1, (side, side))
    if x.ndim != 3 or not len(x):
        return None
    low, high = x.amin(), x.amax()
    return (x - low) / (high - low) if high > low else torch.zeros_like(x)


def _points(record: SamplesRecord) -> np.ndarray:
    """Where there are no pictures: log10 of each sample's r against its margin over pi, [1, m, 2]."""
    found = record.plan.told.radius
    top = found.logits.topk(2).values
    margin = (top[:, 0] - top[:, 1]) / math.pi
    return torch.stack([found.r.log10().clamp(min=-6.0), margin], dim=1).float().numpy()[None]
