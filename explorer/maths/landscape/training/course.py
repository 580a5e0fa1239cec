"""Several optimisers from one start, trained side by side on a copy: a generator of records that can be stopped.

A record is whole at every moment: ``resume`` goes on from it to the bit, and ``decay_now`` branches a run of it at any
step that was made.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from explorer.maths.landscape.flat import Loss
from explorer.maths.landscape.training.optimisers import Rule
from explorer.maths.landscape.training.record import PROBES, Descent
from explorer.maths.landscape.training.schedules import AbstractSchedule


def descend(
    loss: Loss,
    module: nn.Module,
    batch: Any,
    optimisers: Sequence[str | Rule] = ("sgd", "adam"),
    *,
    steps: int = 300,
    schedule: str | AbstractSchedule = "constant",
    learning_rate: float | Mapping[str, float] | None = None,
    rows: int | None = None,
    seed: int = 0,
    probes: Sequence[str] = PROBES,
    looks: int = 60,
    budget: float | None = 0.15,
    every: float = 0.1,
) -> Iterator[Descent]:
    """Train a copy of the module by each of ``optimisers`` and yield what there is, about every ``every`` seconds.

    ``learning_rate`` is the peak for all, or for each by name; None takes each optimiser's usual one. ``rows`` is how
    many rows of the batch an update sees (None: all), drawn anew from ``seed`` for each, the same for every optimiser.
    ``probes`` are looked at ``looks`` times in all, as far as ``budget`` allows (see ``Plan``). The last record has
    ``ended``; whoever stops pulling keeps the record in hand. The module, its buffers, mode and gradients, and the
    global generators, are left exactly as they were.

    Raises:
        ValueError: one sentence, for names, numbers or a loss that cannot be.
    """
    raise NotImplementedError
    yield


def resume(descent: Descent, every: float = 0.1) -> Iterator[Descent]:
    """Go on from a record that has not ended, to the bit as if it had never been stopped."""
    raise NotImplementedError
    yield


def decay_now(
    descent: Descent, optimiser: str, at: int, steps: int = 60, every: float = 0.1
) -> Iterator[Descent]:
    """Branch a run at update ``at``: its learning rate falls in a straight line to 0 within ``steps`` more updates.

    The records hold one run, which begins at ``at`` exactly as the run was there (it is gone through again from the
    mark before).

    Raises:
        ValueError: for a step that the run has not reached.
    """
    raise NotImplementedError
    yield
