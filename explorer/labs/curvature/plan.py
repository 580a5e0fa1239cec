"""From a state to the objects that it names: target, noise, and for each pane a field, a recorded run, or pairs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from explorer.labs.curvature.state import CONDITIONAL, OWN, PLANE, CurvatureState
from explorer.labs.menus import ANY, EXACT, NO_TARGET, is_own
from explorer.labs.scrub.plan import NOISE_REACH, PLAIN_BOX, REFERENCE_SEED, field_of, target_of
from explorer.labs.shelf import Shelf
from explorer.maths.curvature import even_angles
from explorer.maths.fields import AbstractField, NetworkField
from explorer.maths.networks import FlowMLP
from explorer.maths.paths import AbstractPath, as_path
from explorer.maths.samplers.base import draw_noise
from explorer.maths.targets import AbstractTarget
from explorer.maths.trajectory import Trajectory, trajectory
from explorer.models.zoo import CATALOGUE

VE_REACH = 4.0
"""Paths of exploding variance come from 80 standard deviations away; the picture shows where they arrive."""


class Named(NamedTuple):
    """What one pane's field is named by."""

    target: str
    model: str
    path: str
    label: str


@dataclass(frozen=True, eq=False)
class Pane:
    """One set of paths: those of a field, or a run that is there already."""

    slot: int
    name: str
    label: str
    field: AbstractField | None
    run: Trajectory | None
    """The paths, where nothing needs to be computed for them."""

    @property
    def path(self) -> AbstractPath:
        """The path that the paths were made on."""
        if self.field is not None:
            return self.field.path
        assert self.run is not None, "a pane has a field or a run"
        return as_path(self.run.path)

    @property
    def latest(self) -> float:
        """The time at which the paths begin."""
        return float(getattr(self.field, "latest", 1.0))


@dataclass(frozen=True, eq=False)
class Plan:
    """All that a state names."""

    state: CurvatureState
    target: AbstractTarget | None
    panes: tuple[Pane, ...]
    noise: Tensor
    """The noise that every pane starts from [n, *shape], float64."""
    reference: Tensor | None
    """A draw of the data [n, *shape] that is shown."""
    device: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.noise.shape[1:])

    @property
    def is_plane(self) -> bool:
        """Whether a sample is a point of the plane."""
        return self.shape == (2,)

    @property
    def draws_plane(self) -> bool:
        """Whether the stage shows the plane itself, and not the view along the chord."""
        return self.is_plane and self.state.view == PLANE

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The part of the plane that is drawn: all of the data, and the noise but for its outermost."""
        if not self.is_plane:
            return PLAIN_BOX
        reach = VE_REACH if any(self.coordinates(pane).name == "ve" for pane in self.panes) else NOISE_REACH
        if self.reference is None:
            return (-max(reach, 3.2), -max(reach, 3.2), max(reach, 3.2), max(reach, 3.2))
        x, y = (max(reach, 1.06 * float(self.reference[:, axis].abs().max())) for axis in (0, 1))
        return (-x, -y, x, y)

    def coordinates(self, pane: Pane) -> AbstractPath:
        """The coordinates that a pane is measured in."""
        return pane.path if self.state.coordinates == OWN else as_path(self.state.coordinates)

    def exact(self, pane: Pane) -> AbstractField | None:
        """The closed form beside a pane's field, on the same path and for the same class."""
        if self.target is None or pane.field is None or self.target.shape != self.shape:
            return None
        field = self.target.field(pane.path)
        return field if self.state.label == ANY else field.given(self.state.label)


def planned(state: CurvatureState, shelf: Shelf, device: str = "cpu") -> Plan:
    """The objects of a state.

    Raises:
        ValueError: one sentence, when a name leads nowhere or two choices do not go together.
    """
    target = target_of(state, shelf)
    first = _pane(state, shelf, target, 1, state.model, device)
    shape = first.field.shape if first.field is not None else _shape(first)
    noise = draw_noise(state.n, shape, state.seed, torch.float64).to(device)
    panes = [first]
    for slot, name in enumerate(state.models[1:], 2):
        if name == CONDITIONAL:
            panes.append(_pairs(state, target, slot, noise))
        else:
            panes.append(_pane(state, shelf, target, slot, name, device))
    if len({tuple(pane.field.shape if pane.field is not None else _shape(pane)) for pane in panes}) > 1:
        raise ValueError("fields side by side must have samples of one shape; choose others")
    reference = None
    if target is not None and target.shape == tuple(shape):
        reference = target.sample(max(state.n, 256), REFERENCE_SEED, _label(state))
    return Plan(state, target, tuple(panes), noise, reference, device)


def _pane(
    state: CurvatureState, shelf: Shelf, target: AbstractTarget | None, slot: int, name: str, device: str
) -> Pane:
    run = shelf.run(name) if is_own(name) else None
    if run is not None:
        return Pane(slot, name, "Your run", None, replace_samples(run, state.n))
    field = field_of(Named(state.target, name, state.path, state.label), shelf, target, device)
    return Pane(slot, name, _named(name), field, None)


def _named(name: str) -> str:
    if name == EXACT:
        return "Exact field"
    return CATALOGUE[name].label if name in CATALOGUE else "Your model"


def _shape(pane: Pane) -> tuple[int, ...]:
    assert pane.run is not None, "a pane has a field or a run"
    return tuple(pane.run.states.shape[2:])


def replace_samples(run: Trajectory, n: int) -> Trajectory:
    """The run of its first n samples; of a run that did not come to its end, the moments that are sound."""
    sound = torch.isfinite(run.states.flatten(1)).all(dim=1)
    whole = len(run.times) if bool(sound.all()) else int(sound.int().cumprod(0).sum())
    if whole < 3:
        raise ValueError(
            f"a curve needs at least three moments with finite states, this run has {whole}; record one that ends"
        )
    return replace(
        run,
        times=run.times[:whole],
        states=run.states[:whole, :n],
        denoised=run.denoised[:whole, :n],
        velocities=run.velocities[:whole, :n],
        evals=run.evals[:whole],
    )


def _pairs(state: CurvatureState, target: AbstractTarget | None, slot: int, noise: Tensor) -> Pane:
    """Data and noise drawn apart and joined: the straight paths that a flow is trained on."""
    if target is None or state.target == NO_TARGET:
        raise ValueError("straight pairs need a target to draw data from; choose one")
    data = target.sample(state.n, state.seed, _label(state)).to(noise)
    path = as_path("linear")
    times = torch.tensor(even_angles(path, state.steps, 1.0), dtype=torch.float64)
    levels = [path.at(float(t)) for t in times]
    states = torch.stack([level.alpha * data + level.sigma * noise for level in levels])
    return Pane(slot, CONDITIONAL, "Straight pairs", None, trajectory(times, states, path.name))


def _label(state: CurvatureState) -> str | None:
    return None if state.label == ANY else state.label


def dtype_of(field: AbstractField) -> torch.dtype:
    """The precision to sample in: float64, but for a module of one's own that computes in another."""
    module = getattr(field, "module", None)
    if (
        not isinstance(field, NetworkField)
        or not isinstance(module, nn.Module)
        or isinstance(module, FlowMLP)
    ):
        return torch.float64
    parameter = next((p for p in module.parameters() if p.is_floating_point()), None)
    return torch.float64 if parameter is None else parameter.dtype


def times_of(pane: Pane, steps: int) -> Sequence[float]:
    """The moments that a field's paths are measured at."""
    return even_angles(pane.path, steps, pane.latest)
