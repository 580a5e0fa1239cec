"""Losses of a plane from workers elsewhere: its places in tiles, each of which stands by itself.

A client is whatever has ``submit(function, *arguments)`` and gives a future: an executor of ``concurrent.futures``, or
a ``dask.distributed.Client``. What a loss raises comes back as it is; where a worker was lost, its tile is asked again.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from torch import nn

from explorer.maths.landscape.directions import Directions
from explorer.maths.landscape.flat import FlatLoss, Loss

SECONDS = 0.5
"""Of work in a tile, so that sending it costs little beside."""
MOST, WAVES = 64, 16
"""Places in a tile; tiles that a few places are parted into at least."""
AGAIN = 3
"""Times that a tile is asked again."""
Place = tuple[float, ...]


class Task(NamedTuple):
    """All that a worker needs to know of a plane."""

    loss: Loss
    module: nn.Module
    batch: Any
    directions: Directions


def losses_of(task: Task, places: Sequence[Place]) -> list[float] | Exception:
    """The losses at ``places``, or what the loss has raised: what a worker runs."""
    try:
        flat = FlatLoss(task.loss, task.module, task.batch)
        losses = []
        for place in places:
            flat.move(task.directions.origin, task.directions.vectors, place)
            losses.append(flat.value())
        return losses
    except Exception as error:
        return error


class Tiles:
    """The losses of ``task`` by the workers of ``client``; ``again`` counts the tiles that were asked again."""

    def __init__(self, client: Any, task: Task, seconds: float):
        if not callable(getattr(client, "submit", None)):
            raise ValueError(
                f"`client` must have submit(function, *arguments), as executors and Dask clients do; "
                f"got {type(client).__name__}"
            )
        self.client, self.task, self.seconds, self.again = client, task, seconds, 0

    def values(self, places: Sequence[Place]) -> Iterator[list[float]]:
        """The losses at ``places``, in order, tile by tile; whoever stops pulling cancels those that wait."""
        size = max(1, min(MOST, int(SECONDS / max(self.seconds, 1e-9)), -(-len(places) // WAVES)))
        tiles = [places[begin : begin + size] for begin in range(0, len(places), size)]
        futures = [self._asked(tile) for tile in tiles]
        try:
            for k, tile in enumerate(tiles):
                yield self._had(futures, k, tile)
        finally:
            for future in futures:
                future.cancel()

    def _had(self, futures: list[Any], k: int, tile: Sequence[Place]) -> list[float]:
        for attempt in range(AGAIN + 1):
            try:
                answer = futures[k].result()
                break
            except Exception:  # not the loss's own, which comes back as an answer: the worker was lost
                if attempt == AGAIN:
                    raise
                self.again += 1
                futures[k] = self._asked(tile)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _asked(self, tile: Sequence[Place]) -> Any:
        # Dask takes equal calls for one, and remembers what came of them; executors know no such word.
        words = {"pure": False} if type(self.client).__module__.startswith("distributed") else {}
        return self.client.submit(losses_of, self.task, list(tile), **words)
