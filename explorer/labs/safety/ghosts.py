"""The ghosts of one made-up sample: where its F vanishes, and what margin, spread, temperature, classes do to that."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.labs.figures.safety_ghosts import ghosts_charts, ghosts_footer, ghosts_spec
from explorer.labs.safety.plan import SIZES
from explorer.labs.safety.plane import Plane, plane_of
from explorer.labs.safety.state import SafetyState
from explorer.labs.safety.step import ORDERS, drawn, mean_series, polynomial
from explorer.labs.scene import Charts, Done, Event, Status
from explorer.labs.shelf import Shelf


@dataclass(frozen=True, eq=False)
class GhostRecord:
    """A made-up sample: ``logits`` [k] and ``slopes`` [k] as the loss sees them (over the temperature), its plane.

    Steps are told in units of pi over the spread of the slopes at temperature 1; ``sizes`` [q] those of the cursor.
    ``loss`` [q], ``taylor`` order -> [q], ``mass`` [q, k] the softmax at each size.
    """

    state: SafetyState
    logits: Tensor
    slopes: Tensor
    plane: Plane
    loss: Tensor
    taylor: dict[int, Tensor]
    mass: Tensor


def sample_of(state: SafetyState) -> tuple[Tensor, Tensor]:
    """Logits and slopes [k] per step: the top class falls, the second is ``margin`` below it, the others lower still.

    The slopes lie between -spread / 2, the top class's, and spread / 2, the second's; the others are drawn.
    """
    source = torch.Generator().manual_seed(state.seed)
    others = state.classes - 2
    below = -state.margin - 2.0 * torch.rand(others, generator=source, dtype=torch.float64)
    within = torch.rand(others, generator=source, dtype=torch.float64) - 0.5
    logits = torch.cat([torch.tensor([0.0, -state.margin], dtype=torch.float64), below])
    slopes = state.spread * torch.cat([torch.tensor([-0.5, 0.5], dtype=torch.float64), within])
    return logits, slopes


def events(
    state: SafetyState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """The plane and the loss along its real line, at once."""
    record = ghosts_of(state)
    yield from drawn(ghosts_spec(record), record.plane)
    yield Charts(ghosts_charts(record))
    yield Status("done", "done")
    yield Done(record, ghosts_footer(record))


def ghosts_of(state: SafetyState) -> GhostRecord:
    """The record of a state."""
    logits, slopes = (values / state.temperature for values in sample_of(state))
    sizes = torch.tensor(SIZES, dtype=torch.float64)
    moved = logits + sizes[:, None] * slopes
    series = mean_series(logits[None], slopes[None], torch.zeros(1, dtype=torch.long))
    return GhostRecord(
        state,
        logits,
        slopes,
        plane_of(logits, slopes),
        moved.logsumexp(1) - moved[:, 0],
        {order: polynomial(series[: order + 1], sizes) for order in ORDERS},
        moved.softmax(1),
    )
