"""A first picture in a tenth of a second of work: the losses of a few samples, with the error that this makes.

Where 25 losses of the whole batch take longer than that, the seconds of a loss are taken over a few samples and more of
them, and as many are asked as fit. Each place sees the same samples, spread evenly over the batch, so that the shape of
the surface is truer than its height.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from explorer.maths.borrowed import global_randomness_kept
from explorer.maths.landscape.batches import samples_in, spread_rows, taken
from explorer.maths.landscape.directions import Directions
from explorer.maths.landscape.flat import FlatLoss

BUDGET = 0.06
"""Seconds of one thread for the losses of a first picture."""
PLACES = 25
"""Of a first picture, in one vmap where that is cheaper."""
SOON = 1.25
"""Of the budget that a picture from the whole batch may take before one of a few samples comes first."""
LEAST = 2
"""Samples: with fewer there is no error to speak of."""
JOINED = 0.55
"""Of the seconds of a loss that one takes in a vmap, where calling the module is most of it."""
GROWTH = 8
"""Times as many samples in the next glance, while that is less than a quarter of all."""


class Few(NamedTuple):
    """Mean losses [m] and two standard errors [m] of them, from ``rows`` samples."""

    means: Tensor
    band: Tensor
    rows: int


class Glance:
    """The losses of a few samples of a batch.

    ``total`` samples has the batch; 0 where one's loss cannot be told from another's, or all are cheap enough to be
    asked at once: then there is nothing to glance at. ``centre`` is the mean loss of the few at the start.
    """

    def __init__(self, flat: FlatLoss, directions: Directions):
        self.flat, self.directions = flat, directions
        self.total, self.centre, self.seconds = samples_in(flat.batch), 0.0, 0.0
        self._order = spread_rows(self.total)
        self._costs: list[tuple[int, float]] = []
        try:
            worth = self.total > 2 * LEAST and self._is_worth_it()
        except (
            Exception
        ):  # a loss that cannot do with fewer samples: whoever asks for all learns what is wrong
            worth = False
        if not worth:
            self.total = 0

    @property
    def first(self) -> int:
        """How many samples fit into the first picture."""
        (few, cheap), (many, dear) = self._costs[-2:]  # the dearer one is the first that did not fit
        each = BUDGET / PLACES / (JOINED if self._is_mostly_calling(LEAST) else 1.0)
        slope = max((dear - cheap) / (many - few), 1e-9)
        return max(few, min(self.total // 2, int(few + (each - cheap) / slope)))

    def sizes(self) -> Iterator[int]:
        """Samples of one glance after the other."""
        rows = self.first
        while rows <= self.total // 2:
            yield rows
            rows *= GROWTH
            if rows > self.total // 4:
                return

    def looks(self, places: Sequence[tuple[float, ...]], rows: int) -> Iterator[Few]:
        """The losses at ``places``, in order, as many at a time as are made at a time."""
        coordinates = torch.tensor(places, dtype=torch.float64)
        done, together = 0, PLACES if self._is_mostly_calling(rows) else 1
        with self.flat.asked_of(self._taken(rows)):
            while done < len(places):
                some = coordinates[done : done + together]
                try:
                    losses = self._many(some) if together > 1 else self._one(some)
                except (RuntimeError, ValueError, TypeError, NotImplementedError, AttributeError):
                    if together == 1:
                        raise
                    together = 1  # a module that cannot be batched over its parameters
                    continue
                done += len(some)
                yield self._few(losses)

    def _one(self, some: Tensor) -> Tensor:
        self.flat.move(self.directions.origin, self.directions.vectors, tuple(some[0].tolist()))
        return self.flat.answer()[None]

    def _many(self, some: Tensor) -> Tensor:
        return self.flat.answers(self.directions.at(some))

    def _few(self, losses: Tensor) -> Few:
        rows = losses.shape[1]
        share = 1.0 - rows / self.total  # the error is one of the batch: none when all of it is asked
        return Few(losses.mean(1), 2.0 * losses.std(1) * (share / rows) ** 0.5, rows)

    def _is_mostly_calling(self, rows: int) -> bool:
        """Whether calling the module is what costs: then places in one vmap are cheaper than one at a time."""
        (few, cheap), (many, dear) = self._costs[0], self._costs[-1]
        return rows <= 8 and many <= 8 and dear < 0.8 * cheap * many / few

    def _is_worth_it(self) -> bool:
        """Whether the whole batch takes long, and a few of its samples have the losses that they have among more."""
        if not self._is_measured():
            return False
        self.seconds = max(self._costs[-1][1], self._at(self.total))
        # Two timings of few samples say little of all; on a GPU, though, they may cost the same.
        is_cheaper = self.seconds > 2.0 * self._costs[0][1] or not self.flat.start.is_cuda
        return self.seconds * PLACES > SOON * BUDGET and is_cheaper

    def _is_measured(self) -> bool:
        """Time ever more samples until they are too dear, or are half of all; False where they are not independent.

        False too for a loss that is random or changes the module: whoever asks for all refuses it.
        """
        self.flat.place.copy_(self.flat.start)
        with global_randomness_kept(self.flat.place):  # around all, so that what is random differs
            return self._are_alike() and not self.flat.has_moved

    def _are_alike(self) -> bool:
        rows = LEAST
        known, seconds = self._timed(rows)
        self.centre, self._costs = float(known.mean()), [(rows, seconds)]
        while known.shape == (rows,):
            rows = min(self.total // 2, 4 * rows) if seconds * PLACES < BUDGET else 2 * rows
            more, seconds = self._timed(rows)
            if seconds > 1.5 * self._costs[-1][1] * rows / len(
                known
            ):  # dearer than its rows: something came between
                seconds = min(seconds, self._timed(rows)[1])
            self._costs = [(few, min(cost, seconds)) for few, cost in self._costs] + [(rows, seconds)]
            among = more[: len(known)]
            if more.shape != (rows,) or not torch.allclose(among, known, rtol=1e-3, equal_nan=True):
                return False  # such as BatchNorm's in train mode, whose samples look at each other
            if seconds * PLACES >= BUDGET or rows >= self.total // 2:
                return True
            known = more
        return False

    def _timed(self, rows: int) -> tuple[Tensor, float]:
        begun = self.flat.clock()
        with self.flat.asked_of(self._taken(rows)):
            return self.flat.said(), self.flat.clock() - begun

    def _at(self, rows: int) -> float:
        """Seconds of the loss of so many samples, on the line through the least and the most that were asked."""
        (few, cheap), (many, dear) = self._costs[0], self._costs[-1]
        return cheap + (dear - cheap) * (rows - few) / (many - few)

    def _taken(self, rows: int) -> Any:
        return taken(self.flat.batch, self._order[:rows], self.total)
