"""How the plane of a state is cut: its directions, what is marked on it, and the training that runs on it."""

import json
from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from explorer.labs.landscape.menus import (
    EIGENVECTORS,
    FRESH,
    GRADIENT,
    NOTHING,
    PATH,
    RANDOM,
    ROLES,
    STAGE,
    STUDENT,
    others,
)
from explorer.labs.landscape.state import LandscapeState
from explorer.labs.landscape.subject import Subject
from explorer.labs.scene import Event, Status
from explorer.maths.landscape import (
    Directions,
    FlatLoss,
    between,
    converge,
    eigen_directions,
    random_directions,
)
from explorer.maths.landscape.training import OPTIMISERS, Descent, Tracks, descend, tracks
from explorer.maths.landscape.training.optimisers import next_step
from explorer.models.checkpoints import load_network
from explorer.models.problems import parts
from explorer.models.zoo import CATALOGUE, STUDENT_CATALOGUE

STEPS, PICTURE_STEPS = 200, 60
"""Of the training that a path is of; fewer where samples are pictures, and each step is long."""
LONGER = 2.0
"""A plane of next steps shows so many times the longest of them."""


@dataclass(frozen=True)
class Mark:
    """A place of the plane that has a name."""

    label: str
    x: float
    y: float
    shape: str = "ring"
    role: str = "ink"
    hint: str = ""


@dataclass(frozen=True, eq=False)
class Way:
    """A plane: its ``directions``, ``words`` that name them, and the view that shows it whole.

    ``arrows`` go from the origin to their marks; ``tracks`` is the training on it; on a ``line`` the first direction
    joins two networks, at 0 and 1.
    """

    directions: Directions
    words: str
    marks: tuple[Mark, ...]
    centre: tuple[float, float] = (0.0, 0.0)
    extent: float = 1.0
    arrows: tuple[Mark, ...] = ()
    tracks: Tracks | None = None
    line: bool = False


def way_of(subject: Subject, state: LandscapeState) -> Generator[Event, None, Way]:
    """The plane of a state; what takes a while says so, and is kept."""
    key = f"way {json.dumps([state.directions, state.seed, state.other])}"
    known: Way | None = subject.get(key)
    if known is None:
        yield Status("running", "laying the plane")
        known = subject.put(key, (yield from _MAKERS.get(state.directions, _at_once)(subject, state)))
    return known


def path_steps(state: LandscapeState) -> int:
    """Updates of the training that a path is of."""
    return PICTURE_STEPS if state.problem == "digits/unet" else STEPS


def _at_once(subject: Subject, state: LandscapeState) -> Generator[Event, None, Way]:
    """A plane that takes no longer than a few passes."""
    yield from ()
    flat = FlatLoss(*parts(subject.problem))
    here = Mark("network", 0.0, 0.0, hint="the network itself; the centre of the plane")
    if state.directions in RANDOM:
        directions = random_directions(flat, state.directions, state.seed)
        return Way(directions, f"{directions.by}, seed {state.seed}", (here,))
    if state.directions == GRADIENT:
        return _steps(subject, flat, here)
    return _line(subject, state, flat)


def _path(subject: Subject, state: LandscapeState) -> Generator[Event, None, Way]:
    """The plane of a short training by Adam from fresh weights."""
    begun, steps = subject.begun(0), path_steps(state)
    last: Descent | None = None
    for last in descend(*parts(begun), ["adam"], steps=steps, probes=()):
        yield Status("running", f"training a path, step {last.step:,} of {steps:,}", last.step, steps)
    assert last is not None, "a descent has at least one record"
    run = last.runs[0]
    if run.ended is not None and run.ended.kind == "diverged":
        raise ValueError(f"no path to lay a plane through: {run.ended.text}")
    found = tracks(last)
    words = f"principal directions of {run.step:,} steps of Adam"
    (x, y), (end_x, end_y) = found.tracks[0].coordinates[[0, -1]].tolist()
    marks = (
        Mark("start", x, y, "ring", hint="fresh weights"),
        Mark("end", end_x, end_y, hint=f"after {run.step:,} steps of Adam; the origin of the plane"),
    )
    return Way(found.directions, words, marks, found.centre, found.extent, tracks=found)


def _eigenvectors(subject: Subject, state: LandscapeState) -> Generator[Event, None, Way]:
    """The plane of the two sharpest directions."""
    found = None
    for found in converge(*parts(subject.problem), k=2):
        yield Status("running", f"finding the sharpest directions, {found.matvecs} products")
    assert found is not None, "a spectrum has at least one record"
    directions = eigen_directions(FlatLoss(*parts(subject.problem)), found.vectors)
    first, second = found.eigenvalues.tolist()
    here = Mark("network", 0.0, 0.0, hint="the network itself")
    return Way(directions, f"eigenvectors of {first:.3g} and {second:.3g}", (here,), extent=0.1)


def _steps(subject: Subject, flat: FlatLoss, here: Mark) -> Way:
    """Downhill and Adam's next step span the plane; the next steps of all lie on it or near."""
    flat.place.copy_(flat.start)
    down = -flat.slopes(flat.mean_with_graph()).detach()
    if not float(down.norm()) > 0.0:
        raise ValueError(
            "the gradient must not be zero to give a direction; it is here; choose other directions"
        )
    moves = {name: next_step(*parts(subject.problem), name) for name in OPTIMISERS}
    length = LONGER * max(float(move.norm()) for move in moves.values())
    first = down / down.norm()
    beside = moves["adam"] - (moves["adam"] @ first) * first
    directions = Directions(
        flat.start, torch.stack([first, beside / beside.norm()]) * length, "downhill and Adam's next step"
    )
    arrows = []
    for name, move in moves.items():
        places, off = directions.project((flat.start + move)[None])
        x, y = places[0].tolist()
        share = float(off[0]) / float(move.norm())
        hint = f"{OPTIMISERS[name].label}: step of length {float(move.norm()):.3g}, {share:.0%} of it off this plane"
        arrows.append(Mark(OPTIMISERS[name].label, x, y, "ring", ROLES.get(name, "ink"), hint))
    return Way(directions, directions.by, (here,), arrows=tuple(arrows))


def _line(subject: Subject, state: LandscapeState, flat: FlatLoss) -> Way:
    """From the network straight to another; up goes a random direction, as long as the line."""
    label, end = _end(subject, state)
    origin = between(flat, subject.problem.module, end)
    along = origin.vectors[0]
    up = random_directions(flat, "filter", state.seed).vectors[1]
    up = up - (up @ along) / (along @ along) * along
    vectors = torch.stack([along, up / up.norm() * along.norm()])
    words = f"straight to {label}; up: random by filter, seed {state.seed}"
    marks = (
        Mark("network", 0.0, 0.0, hint="the network itself"),
        Mark(label, 1.0, 0.0, role="launched", hint=f"{label}: {float(along.norm()):.3g} away"),
    )
    return Way(
        Directions(flat.start, vectors, "between parameters"), words, marks, (0.5, 0.0), 0.9, line=True
    )


def _end(subject: Subject, state: LandscapeState) -> tuple[str, nn.Module | dict[str, Tensor]]:
    named, other = subject.named, state.other
    if state.directions == STUDENT:
        entry = (CATALOGUE | STUDENT_CATALOGUE)[other]
        return entry.label, load_network(entry.file, subject.device)[0]
    if state.directions == STAGE and other == FRESH:
        return "fresh weights", named.start(0).to(subject.device)
    stage = other if other in named.stages else next(iter(named.stages), NOTHING)
    if stage == NOTHING:
        raise ValueError(
            "a line needs another network to go to; give checkpoints={name: module}, or choose other directions"
        )
    return others(vars(state)).get(stage, stage), named.stages[stage]().to(subject.device)


_MAKERS = {PATH: _path, EIGENVECTORS: _eigenvectors}
