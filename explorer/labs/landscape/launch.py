"""A click on a surface: one more descent from there, drawn where it goes on the plane."""

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from explorer.labs.landscape.menus import SURFACE
from explorer.labs.landscape.state import LandscapeState
from explorer.labs.landscape.subject import subject_of
from explorer.labs.landscape.ways import Way, way_of
from explorer.labs.scene import Block, Event, Kind, Launched
from explorer.labs.shelf import Shelf
from explorer.maths.landscape.training import descend, tracks
from explorer.models.problems import moved, parts

STEPS = 60
"""Updates of Adam from where a person clicked."""
FAR = 1e3
"""Coordinates beyond which nothing is clicked."""


def launch(
    state: LandscapeState, x: Sequence[float], pane: int, slot: int, shelf: Shelf, device: str = "cpu"
) -> Iterator[Event]:
    """Descend from a place of the plane by Adam, in all directions; its way is drawn as it lies on the plane.

    Raises:
        ValueError: on another side of the lab, or for a place that is not two finite numbers.
    """
    if state.view != SURFACE or pane != 0:
        raise ValueError("a descent begins from a place of the surface; choose that view")
    if len(x) != 2 or not all(math.isfinite(value) and abs(value) < FAR for value in x):
        raise ValueError(f"a descent begins at two finite coordinates; got {x!r}")
    subject = subject_of(state, shelf, device)
    way: Way = _returned(way_of(subject, state))
    place = way.directions.at(torch.tensor([list(x)], dtype=torch.float64))[0]
    begun = replace(subject.problem, module=moved(subject.problem.module, place))
    *_, last = descend(*parts(begun), ["adam"], steps=STEPS, probes=())
    track = tracks(last, way.directions, shadows=False).tracks[0]
    shares = (1.0 - track.steps / max(1, int(track.steps[-1]))).float().numpy()
    where = torch.cat([track.coordinates, track.loss[:, None]], 1).float().numpy()
    yield Launched(slot, pane)
    yield Block(Kind.TICKS, slot, 0, len(shares), shares.reshape(-1, 1, 1))
    yield Block(Kind.STATE, slot, 0, len(shares), np.ascontiguousarray(where[:, None]))


def _returned(steps: Generator[Any, None, Any]) -> Any:
    """What a generator returns in the end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
