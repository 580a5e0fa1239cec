"""A visitor's own table: what a State cannot hold as a plain value, by content id.

A module or drawn points enter a State as ``"own:<sha256>"``. The table belongs to one visitor; a link with such an
id opens for nobody else, and says so.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import nn

from explorer.maths.fields import AbstractField
from explorer.maths.students import AbstractFlowMap
from explorer.maths.targets import AbstractTarget, drawn
from explorer.maths.trajectory import Trajectory, digest

T = TypeVar("T")
PREFIX = "own:"
RUN_PREFIX = "own:run-"
KEPT = 16
"""Targets, fields, students and runs of one visitor that are kept; the oldest goes first."""
UNFINISHED = 4
"""Pieces of work of one visitor that can be gone on with."""


class Shelf:
    """One visitor's own fields, targets, students and runs."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, object]] = {}
        self._unfinished: dict[str, Any] = {}

    def put_points(self, points: Sequence[Sequence[float]]) -> str:
        """Keep drawn points [m, 2] as a target; its content id."""
        target = drawn(torch.tensor(points, dtype=torch.float64))
        key = PREFIX + hashlib.sha256(repr(points).encode()).hexdigest()[:16]
        return self._put(key, "Drawn by hand", target)

    def put_target(self, target: AbstractTarget) -> str:
        """Keep a target object; its content id."""
        return self._put(PREFIX + _identity(target), target.label, target)

    def put_field(self, field: AbstractField, label: str = "Your model") -> str:
        """Keep a field; its content id."""
        return self._put(PREFIX + _identity(field), label, field)

    def put_run(self, run: Trajectory, label: str = "Your run") -> str:
        """Keep a run that is over; its content id."""
        about = {"path": run.path, "sampler": run.sampler, "seed": run.seed}
        return self._put(
            RUN_PREFIX + digest({"times": run.times, "states": run.states}, about)[:16], label, run
        )

    def put_student(self, student: AbstractFlowMap, label: str = "Your student") -> str:
        """Keep a student; its content id."""
        return self._put(PREFIX + _identity(student), label, student)

    def student(self, key: str) -> AbstractFlowMap:
        """The student of an id. Raises ValueError when this visitor has none."""
        thing = self._get(key)
        if not isinstance(thing, AbstractFlowMap):
            raise ValueError(f"{key} is no student; choose one of those that are shown")
        return thing

    def put_thing(self, thing: object, label: str) -> str:
        """Keep what one lab alone knows how to read, such as a module with its batch; its content id."""
        return self._put(PREFIX + _identity(thing), label, thing)

    def thing(self, key: str, kind: type[T]) -> T:
        """What was kept under an id. Raises ValueError when this visitor has none of that kind."""
        thing = self._get(key)
        if not isinstance(thing, kind):
            raise ValueError(f"{key} is no {kind.__name__.lower()}; choose one of those that are shown")
        return thing

    def unfinished(self, key: str) -> Any:
        """The work that was begun under a name, or None."""
        return self._unfinished.get(key)

    def keep_unfinished(self, key: str, work: Any) -> None:
        """Keep work that can be gone on with, in place of what has waited the longest."""
        self._unfinished.pop(key, None)
        self._unfinished[key] = work
        while len(self._unfinished) > UNFINISHED:
            self._unfinished.pop(next(iter(self._unfinished)))

    def forget(self, key: str) -> None:
        """Work that cannot be gone on with."""
        self._unfinished.pop(key, None)

    def _put(self, key: str, label: str, thing: object) -> str:
        self._held.pop(key, None)
        self._held[key] = (label, thing)
        while len(self._held) > KEPT:
            self._held.pop(next(iter(self._held)))
        return key

    def target(self, key: str) -> AbstractTarget:
        """The target of an id. Raises ValueError when this visitor has none."""
        thing = self._get(key)
        if not isinstance(thing, AbstractTarget):
            raise ValueError(f"{key} is no target; choose one from the menu or draw one")
        return thing

    def field(self, key: str) -> AbstractField:
        """The field of an id. Raises ValueError when this visitor has none."""
        thing = self._get(key)
        if not isinstance(thing, AbstractField):
            raise ValueError(f"{key} is no model; choose one from the menu")
        return thing

    def run(self, key: str) -> Trajectory | None:
        """The run of an id; None where the id is of something else."""
        thing = self._get(key)
        return thing if isinstance(thing, Trajectory) else None

    def _get(self, key: str) -> object:
        if key not in self._held:
            raise ValueError(
                "this link points to something that another visitor drew or loaded; it cannot be shared"
            )
        return self._held[key][1]

    def labels(self, kind: type) -> dict[str, str]:
        """Id -> label of all that is of one kind (AbstractTarget, AbstractField, Trajectory)."""
        return {key: label for key, (label, thing) in self._held.items() if isinstance(thing, kind)}


def _identity(thing: object) -> str:
    """sha256 of what a thing computes with: its tensors, or its own identity where it has none."""
    total = hashlib.sha256(type(thing).__name__.encode())
    module = getattr(thing, "module", None) or getattr(thing, "network", None)
    if isinstance(module, nn.Module):
        for name, value in sorted(module.state_dict().items()):
            total.update(
                name.encode()
                + value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
            )
        total.update(f"{getattr(thing, 'path', '')} {getattr(thing, 'predicts', '')}".encode())
    total.update(str(id(thing)).encode())
    return total.hexdigest()[:16]
