"""A training that goes on in front of a person: what is there of it, whose turn it is, and its branches."""

import json
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from explorer.labs.landscape.state import LandscapeState
from explorer.labs.landscape.subject import Subject
from explorer.labs.shelf import Shelf
from explorer.maths.landscape.training import OPTIMISERS, PROBES, Descent, decay_now, descend, resume
from explorer.models.problems import parts

EVERY = 0.3
"""Seconds between two looks at a training."""
FIRST_BESIDE = 11
"""The slot of the second run on the plane."""
ROLES = ("launched", "second", "third", "state", "clean", "fourth", "fifth")
"""Of the optimisers in the order in which they were chosen."""


@dataclass(eq=False)
class Room:
    """A descent that may be interrupted at any record and gone on with; for one thread at a time.

    ``branches`` holds what was decayed, by optimiser, step and length.
    """

    key: str
    descent: Descent | None = None
    branches: dict[tuple[str, int, int], Descent] = field(default_factory=dict)
    looks: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to train."""
        return self.descent is not None and self.descent.ended is not None

    def records(self, subject: Subject, state: LandscapeState) -> Iterator[Descent]:
        """Go on: each record of the training as it comes."""
        yield from self._kept(self._training(subject, state))

    def branched(self, optimiser: str, at: int, steps: int) -> Iterator[Descent]:
        """A run decayed from one of its steps: each record of the branch as it comes."""
        assert self.descent is not None, "asked where there is a training"
        records = decay_now(self.descent, optimiser, at, steps, every=EVERY)
        while (one := self._next(records)) is not None:
            self.branches[optimiser, at, steps] = one
            self.looks += 1
            yield one

    def _training(self, subject: Subject, state: LandscapeState) -> Iterator[Descent]:
        if self.descent is not None:
            return iter(()) if self.has_ended else resume(self.descent, every=EVERY)
        return descend(
            *parts(subject.begun(state.seed)),
            list(state.chosen),
            steps=state.steps,
            schedule=state.schedule,
            learning_rate={name: OPTIMISERS[name].usual * state.pace for name in state.chosen},
            rows=min(state.rows, subject.rows or state.rows) or None,
            seed=state.seed,
            probes=PROBES if state.looks else (),
            looks=max(1, state.looks),
            budget=None,  # as many looks as were asked for; the page says what they took
            every=EVERY,
        )

    def _kept(self, records: Iterator[Descent]) -> Iterator[Descent]:
        while (one := self._next(records)) is not None:
            self.descent = one
            self.looks += 1
            yield one

    def _next(self, records: Iterator[Descent]) -> Descent | None:
        # A run that was dropped may still be inside an update when the next one asks.
        with self.turn:
            return next(records, None)


def room_key(state: LandscapeState) -> str:
    """What a training depends on."""
    names = ("problem", "level", "n", "optimisers", "schedule", "pace", "steps", "rows", "seed", "looks")
    return json.dumps(["room", *(getattr(state, name) for name in names)])


def room_of(state: LandscapeState, shelf: Shelf) -> Room:
    """The visitor's room of a state: the one where a training was begun, or an empty one."""
    key = room_key(state)
    room: Room | None = shelf.unfinished(key)
    if room is None:
        room = Room(key)
        shelf.keep_unfinished(key, room)
    return room


def role_of(index: int) -> str:
    """The colour of an optimiser: that of its chip."""
    return ROLES[index % len(ROLES)]


def slot_of(index: int) -> int:
    """The slot of a run of a training."""
    return FIRST_BESIDE + index - 1 if index else 1


def shares_of(steps: Tensor, last: int) -> np.ndarray:
    """The cursor's share at each step, from 1 at the start."""
    return (1.0 - steps.double() / max(1, last)).float().numpy()


def at_steps(known: Tensor, values: Tensor, wanted: Tensor) -> list[float]:
    """What was last known [k] at each of the steps that are asked for; NaN before the first."""
    there = values.isfinite()
    known, values = known[there].double(), values[there]
    places = torch.searchsorted(known, wanted.double(), right=True) - 1
    return [float(values[i]) if i >= 0 else math.nan for i in places.tolist()]
