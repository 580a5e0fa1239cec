"""From a state to the objects that it names: target, and for each pane field, sampler and noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from explorer.labs.menus import ANY, EXACT, is_own
from explorer.labs.scrub.state import SAME, ScrubState, own_eta
from explorer.labs.shelf import Shelf
from explorer.labs.things import target_named
from explorer.maths.fields import AbstractField
from explorer.maths.paths import AbstractPath
from explorer.maths.samplers.base import AbstractSampler, draw_noise
from explorer.maths.targets import AbstractTarget
from explorer.models.schedulers import as_any_sampler
from explorer.models.zoo import from_catalogue

REFERENCE_SEED = 1_000_003
"""The draws of the data that distances are measured against."""
PLAIN_BOX = (-3.2, -3.2, 3.2, 3.2)
NOISE_REACH = 2.4
"""How far from 0 the picture reaches at least; 1.6 % of standard normal numbers lie beyond, and are counted."""


@dataclass(frozen=True, eq=False)
class Pane:
    """One run of the picture."""

    slot: int
    field: AbstractField
    sampler: AbstractSampler
    grid: str
    steps: int
    times: tuple[float, ...]
    """The moments of the run; empty where the method finds them on its way."""

    @property
    def path(self) -> AbstractPath:
        """The path that the field lives on."""
        return self.field.path

    @property
    def evals(self) -> int:
        """Model calls of the whole run, 0 where they are not known before."""
        return self.sampler.evals_per_step * (self.steps - 1) + 1 if self.times else 0


@dataclass(frozen=True, eq=False)
class Plan:
    """All that a state names."""

    state: ScrubState
    target: AbstractTarget | None
    panes: tuple[Pane, ...]
    noise: Tensor
    reference: Tensor | None
    """A draw of the data [m, *shape] that is shown and measured against."""
    device: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.panes[0].field.shape)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The part of the plane that is drawn: all of the data, and the noise but for its outermost."""
        if self.reference is None or len(self.shape) != 1:
            return PLAIN_BOX
        x, y = (max(NOISE_REACH, 1.06 * float(self.reference[:, axis].abs().max())) for axis in (0, 1))
        return (-x, -y, x, y)


def planned(state: ScrubState, shelf: Shelf, device: str = "cpu") -> Plan:
    """The objects of a state.

    Raises:
        ValueError: one sentence, when a name leads nowhere or two choices do not go together.
    """
    target = target_of(state, shelf)
    panes = [_pane(state, shelf, target, 1, device)]
    if state.compare:
        panes.append(_pane(second(state), shelf, target, 2, device))
    dtype = getattr(torch, state.precision)
    noise = draw_noise(state.n, panes[0].field.shape, state.seed, dtype).to(device)
    reference = None
    if target is not None:
        label = None if state.label == ANY else state.label
        reference = target.sample(max(state.n, 256), REFERENCE_SEED, label)
    return Plan(state, target, tuple(panes), noise, reference, device)


def second(state: ScrubState) -> ScrubState:
    """The state of the second pane alone."""
    changes = {"sampler": state.sampler_2, "path": state.path_2}
    kept: dict[str, Any] = {name: value for name, value in changes.items() if value != SAME}
    if "sampler" in kept:
        kept["eta"] = own_eta(state.sampler_2)
    values = vars(state) | kept | {"grid": state.grid_2, "steps": state.steps_2, "compare": False}
    return ScrubState(**values)


class Names(Protocol):
    """What the states of several labs have in common."""

    @property
    def target(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def label(self) -> str: ...


def target_of(state: Names, shelf: Shelf) -> AbstractTarget | None:
    """The target, or None where the model is somebody's own and nothing is known of its data."""
    return target_named(state.target, shelf)


def field_of(state: Names, shelf: Shelf, target: AbstractTarget | None, device: str = "cpu") -> AbstractField:
    """The field that is asked for the velocity."""
    if is_own(state.model):
        field = shelf.field(state.model)
    elif state.model == EXACT:
        if target is None:
            raise ValueError("an exact field needs a target; choose one")
        field = target.field(state.path)
    else:
        field = from_catalogue(state.model, device)
    return field if state.label == ANY else field.given(state.label)


def sampler_of(state: ScrubState) -> AbstractSampler:
    """The sampler with the settings that the state holds for it."""
    sampler = as_any_sampler(state.sampler)
    settings = settings_of(state)
    return type(sampler)(**settings) if settings else sampler


def settings_of(state: ScrubState) -> dict[str, float]:
    """The sampler's own settings that the state carries; empty where it has none."""
    known = {"eta": state.eta, "churn": float(state.churn), "rtol": 10.0**-state.tolerance}
    fields = getattr(type(as_any_sampler(state.sampler)), "__dataclass_fields__", {})
    return {name: value for name, value in known.items() if name in fields}


def _pane(state: ScrubState, shelf: Shelf, target: AbstractTarget | None, slot: int, device: str) -> Pane:
    field, sampler = field_of(state, shelf, target, device), sampler_of(state)
    latest = getattr(field, "latest", 1.0)
    times: Sequence[float] = ()
    if not sampler.is_adaptive:
        times = sampler.times(field.path, state.grid, state.steps, latest)
    return Pane(slot, field, sampler, state.grid, state.steps, tuple(times))
