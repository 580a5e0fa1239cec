"""The problem of a state, and what is kept of it: shared things for all, a person's own with the person."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from explorer.labs.landscape.own import Own
from explorer.labs.landscape.state import LandscapeState
from explorer.labs.menus import is_own
from explorer.labs.shelf import Shelf
from explorer.labs.shop import SHOP
from explorer.maths.landscape.training import Problem
from explorer.models.problems import MODULAR, NamedProblem, named_problem, sha256_of

T = TypeVar("T")
DIGITS = 1797
"""How many there are."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A problem with its name; ``rows`` samples in its batch. ``get`` and ``put`` keep what depends on it alone."""

    named: NamedProblem
    rows: int | None
    device: str
    get: Callable[[str], Any]
    put: Callable[[str, Any], Any]

    def keep(self, what: str, make: Callable[[], T]) -> T:
        """What was made under a name before, or is made now."""
        known = self.get(what)
        return self.put(what, make()) if known is None else known

    @property
    def problem(self) -> Problem:
        """At its trained weights."""
        return self.named.problem

    def begun(self, seed: int) -> Problem:
        """At the weights that a training begins from."""
        return replace(self.problem, module=self.named.start(seed).to(self.device))


def subject_of(state: LandscapeState, shelf: Shelf, device: str = "cpu") -> Subject:
    """The subject of a state; a shared one is made once for all who ask."""
    if is_own(state.problem):
        return _own(shelf.thing(state.problem, Own), state.problem)
    parts = [state.problem, state.level, state.n, device]
    key = json.dumps(["landscape", *parts])

    named: NamedProblem = SHOP.get(key) or SHOP.put(key, _named(state, device))
    return Subject(
        named,
        rows_of(named.problem.batch),
        device,
        lambda what: SHOP.get(key + what),
        lambda what, piece: SHOP.put(key + what, piece),
    )


def _named(state: LandscapeState, device: str) -> NamedProblem:
    n = None if state.problem == MODULAR else state.n
    if state.problem.startswith("classifier/"):
        n = min(state.n, DIGITS)
    named = named_problem(state.problem, level=state.share, n=n)
    return named if device == "cpu" else replace(named, problem=_on(named.problem, device))


def _on(problem: Problem, device: str) -> Problem:
    """A problem moved; the shared module stays where it is."""
    batch = tree_map(lambda leaf: leaf.to(device) if isinstance(leaf, Tensor) else leaf, problem.batch)
    return replace(problem, module=copy.deepcopy(problem.module).to(device), batch=batch)


def _own(own: Own, key: str) -> Subject:
    stages: dict[str, Callable[[], nn.Module]] = {
        name: _giving(module) for name, module in own.checkpoints.items()
    }
    named = NamedProblem(key, "Your module", own.problem, lambda seed: own.module, stages)
    return Subject(named, rows_of(own.problem.batch), _device_of(own.module), own.known.get, own.keep)


def _giving(module: nn.Module) -> Callable[[], nn.Module]:
    return lambda: module


def _device_of(module: nn.Module) -> str:
    first = next(module.parameters(), torch.zeros(()))
    return str(first.device)


def rows_of(batch: Any) -> int | None:
    """How many samples a batch has: the length of its first tensor; None where it holds none."""
    return next((len(leaf) for leaf in tree_leaves(batch) if isinstance(leaf, Tensor) and leaf.dim()), None)


def identity(state: LandscapeState) -> Any:
    """What a shared problem's weights are, for the key of finished pictures."""
    return None if is_own(state.problem) else sha256_of(state.problem)
