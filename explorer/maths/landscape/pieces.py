"""A gradient that can be differentiated again, whole or in pieces of the batch where its graph is larger than its room.

The graph of a gradient holds every state of the forward and backward pass. It is measured on a few samples first, and
where all of them would take more than there is room for, each product builds and drops the graphs of piece after
piece: half as fast, and as large as one likes.
"""

import os
from collections.abc import Iterator

import torch
from torch import Tensor

from explorer.maths.landscape.batches import samples_in, taken
from explorer.maths.landscape.flat import FlatLoss

FEW = 8
"""Samples on which a graph is measured."""
SHARE = 0.5
"""Of the free memory that a graph may take."""


class Pieces:
    """The batch of a ``FlatLoss``, ``size`` of its ``total`` samples at a time; 0 where it is asked whole.

    ``room`` bytes for a graph; None takes half of what is free now. A loss that is one number, or whose samples look at
    each other, is always asked whole.
    """

    def __init__(self, flat: FlatLoss, room: int | None = None):
        self.flat, self.total, self.size = flat, samples_in(flat.batch), 0
        if room is not None and room < 1:
            raise ValueError(
                f"`room` must be a number of bytes above 0, or None for half of what is free; got {room}"
            )
        limit = free_memory(flat.start.device) * SHARE if room is None else room
        if self.total > FEW:
            try:
                each = self._bytes(FEW) / FEW
            except (
                Exception
            ):  # a loss that cannot do with fewer samples: it is asked whole, and says what is wrong
                return
            if each * self.total > limit and self._is_apart():
                self.size = max(1, int(limit / each))

    def halve(self) -> bool:
        """Go on with pieces of half the size; False where there are none."""
        if not self.size:
            if self.total < 2 or not self._is_apart():
                return False
            self.size = self.total
        if self.size == 1:
            return False
        self.size = (self.size + 1) // 2
        return True

    def slopes(self) -> Iterator[tuple[Tensor, Tensor, float]]:
        """The mean loss and the gradient [P] of piece after piece, with graphs, and its share of the samples."""
        if not self.size:
            mean = self.flat.mean_with_graph()
            yield mean, self.flat.slopes(mean, create_graph=True), 1.0
            return
        for rows in torch.arange(self.total).split(self.size):
            with self.flat.asked_of(taken(self.flat.batch, rows, self.total)):
                mean = self.flat.mean_with_graph()
            yield mean, self.flat.slopes(mean, create_graph=True), len(rows) / self.total

    def gradient(self) -> Tensor:
        """The gradient [P] where the copy stands, with no graph left."""
        if not self.size:
            return self.flat.slopes(self.flat.mean_with_graph()).detach()
        whole = torch.zeros_like(self.flat.start)
        for _, slopes, share in self.slopes():
            whole.add_(slopes.detach(), alpha=share)
        return whole

    def _bytes(self, few: int) -> int:
        """What the graph of the gradient of a few samples holds, the parameters left out."""
        sizes: dict[int, int] = {}

        def seen(kept: Tensor) -> Tensor:
            storage = kept.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
            return kept.detach()

        rows = torch.arange(few)
        with (
            self.flat.asked_of(taken(self.flat.batch, rows, self.total)),
            torch.autograd.graph.saved_tensors_hooks(seen, lambda kept: kept),
        ):
            self.flat.slopes(self.flat.mean_with_graph(), create_graph=True)
        sizes.pop(self.flat.place.untyped_storage().data_ptr(), None)
        return sum(sizes.values())

    def _is_apart(self) -> bool:
        """Whether a few samples have the losses that they have among more."""
        rows, answers = torch.arange(min(FEW, self.total)), []
        for some in (rows, rows[: (len(rows) + 1) // 2]):
            with self.flat.asked_of(taken(self.flat.batch, some, self.total)):
                answers.append(self.flat.answer())
        more, few = answers
        return more.shape == rows.shape and torch.allclose(more[: len(few)], few, rtol=1e-3)


def free_memory(device: torch.device) -> float:
    """Bytes that are free on a device; infinite where the system does not say."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError, AttributeError):
        return float("inf")
