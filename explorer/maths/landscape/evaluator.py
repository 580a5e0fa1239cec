"""Losses at many places of one plane, by whichever is quicker: one at a time, or many in one vmap.

vmap wins only where a forward pass is so small that calling it is what costs (below 1 to 3 million operations, up to
six times); above that it is slower. So both are timed once, on the first places that are asked for anyway.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from explorer.maths.landscape.directions import Directions
from explorer.maths.landscape.flat import FlatLoss
from explorer.maths.landscape.glance import Glance
from explorer.maths.landscape.tiles import Task, Tiles

SMALL = 5e-4
"""Seconds of one loss above which vmap has nothing to win on a CPU."""
TOGETHER = 64
"""Losses in one vmap on a CPU: their states still fit its caches."""
MOST = 256
SHARE = 0.5
"""Of the free memory of a GPU that one vmap may take."""
Place = tuple[float, ...]


class Evaluator:
    """Mean losses at coordinates of ``directions``.

    ``by`` is ``"loop"``, ``"vmap"`` or, of a ``client``'s workers, ``"tiles"``; ``note`` says what went otherwise.
    ``centre`` is the loss at the module's own parameters, ``origin_loss`` at the origin of the directions: NaN until
    ``settle``, where that takes long enough for a ``glance`` at few samples to come first. ``seconds`` is what one loss
    costs in the loop.

    Raises:
        ValueError: for a loss that is random, changes the module, or is no scalar or row of samples.
    """

    def __init__(self, flat: FlatLoss, directions: Directions, client: Any = None):
        self.flat, self.directions = flat, directions
        self.by, self.note, self.chunk = "", "", 1
        self.glance = Glance(flat, directions)
        self.centre = self.origin_loss = math.nan
        self.seconds, self._is_settled = self.glance.seconds, False
        if not self.glance.total:
            self.settle()
        task = Task(flat.loss, flat.module, flat.batch, directions)
        self.tiles = None if client is None else Tiles(client, task, self.seconds)

    def settle(self) -> bool:
        """Ask for the losses at the module's own parameters and at the origin; False when they are known."""
        if self._is_settled:
            return False
        self._is_settled = True
        self.centre = self.flat.check() if not self.glance.total else self.flat.value(self.flat.start)
        is_there = self.directions.origin is self.flat.start or torch.equal(
            self.directions.origin, self.flat.start
        )
        if is_there and self.glance.total:
            self.origin_loss = self.centre
            return True
        begun = self.flat.clock()
        self.origin_loss = self._one((0.0,) * len(self.directions.vectors))
        self.seconds = self.flat.clock() - begun
        return True

    def values(self, places: Sequence[Place]) -> Iterator[list[float]]:
        """The losses at ``places``, in order, as many at a time as are made at a time."""
        if self.tiles is not None:
            self.by = "tiles"
            for losses in self.tiles.values(places):
                if self.tiles.again:
                    self.note = f"{self.tiles.again} tiles were asked again, since their workers were lost"
                yield losses
            return
        done = 0
        while done < len(places):
            if not self.by:
                self._choose(places[done:])
            batched = self.by == "vmap"
            made = self._many(places[done : done + self.chunk]) if batched else [self._one(places[done])]
            yield made
            done += len(made)

    def _one(self, place: Place) -> float:
        self.flat.move(self.directions.origin, self.directions.vectors, place)
        return self.flat.value()

    def _many(self, places: Sequence[Place]) -> list[float]:
        """A vmap of ``places``, or of as many of the first of them as memory has room for."""
        while True:
            some = places[: self.chunk]
            coordinates = torch.tensor(some, dtype=torch.float64)
            try:
                return self.flat.values(self.directions.at(coordinates)).tolist()
            except torch.OutOfMemoryError:
                if self.chunk == 1:
                    raise
                self.chunk = max(1, self.chunk // 2)
                self.note = f"memory ran out; goes on with {self.chunk} losses at a time"

    def _choose(self, places: Sequence[Place]) -> None:
        """Time both on places that are wanted, unless the loop has won already."""
        self.by = "loop"
        on_gpu = self.flat.start.is_cuda
        if not on_gpu and (self.seconds > SMALL or len(places) < 8):
            return
        self.chunk = min(len(places), self._room() if on_gpu else TOGETHER)
        some = places[: self.chunk]
        try:
            self._many(some)  # the first call of a kind pays for what the next ones find ready
            begun = self.flat.clock()
            together = self._many(some)
            each = (self.flat.clock() - begun) / len(together)
        except (RuntimeError, ValueError, TypeError, NotImplementedError, AttributeError):
            return  # a module that cannot be batched over its parameters: train-mode BatchNorm, recurrences, .item()
        begun = self.flat.clock()
        alone = self._one(some[0])
        alone_again = self.flat.clock() - begun
        close = abs(together[0] - alone) <= 1e-4 * abs(alone) or together[0] == alone
        if close and each < alone_again:
            self.by = "vmap"
            self.chunk = max(1, min(self._room() if on_gpu else TOGETHER, MOST))

    def _room(self) -> int:
        device = self.flat.start.device
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        self._one((0.0,) * len(self.directions.vectors))
        each = torch.cuda.max_memory_allocated(device) - before + self.flat.start.nbytes
        free, _ = torch.cuda.mem_get_info(device)
        return max(1, min(MOST, int(SHARE * free / max(each, 1))))
