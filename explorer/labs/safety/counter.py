"""Where r says too much or too little: a conflicting pair, the perceptron's limit, squared loss, softmax collapse."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from explorer.labs.controls import chosen_in
from explorer.labs.figures import safety_collapse as collapsing
from explorer.labs.figures import safety_counter as figures
from explorer.labs.safety.menus import COLLAPSE, PAIR, PERCEPTRON, SQUARES
from explorer.labs.safety.plan import SIZES
from explorer.labs.safety.plane import Plane, plane_of
from explorer.labs.safety.state import SafetyState
from explorer.labs.safety.step import drawn
from explorer.labs.scene import Begin, Block, Charts, Done, Event, Kind, Status
from explorer.labs.shelf import Shelf
from explorer.maths.softmax.experiments import (
    CollapseFrame,
    PairCurve,
    PerceptronRun,
    SquaresRun,
    collapse,
    conflicting_pair,
    digits_pair,
    digits_split,
    least_squares,
    perceptron,
    signed,
)

START = -0.1
"""Where the pair begins: the sheet's case."""
RATES = (1.0, 1e4)
"""Learning rates of the perceptron's limit; the paper's."""
TIMES = (0.5, 0.95, 1.05)
"""Learning rates of the squared loss, over 2 / lambda."""
STEPS = 1500
"""Of each training of softmax collapse."""


@dataclass(frozen=True, eq=False)
class PairRecord:
    """A conflicting pair: the loss by size of step, that of the sheet's step of 0.9, and the plane of either sample."""

    state: SafetyState
    curve: PairCurve
    case: PairCurve
    plane: Plane


@dataclass(frozen=True, eq=False)
class PerceptronRecord:
    """Logistic regression at several learning rates, and its normalised descent, so far."""

    state: SafetyState
    runs: tuple[PerceptronRun, ...]


@dataclass(frozen=True, eq=False)
class SquaresRecord:
    """The squared loss below and beyond 2 / lambda."""

    state: SafetyState
    runs: tuple[SquaresRun, ...]


@dataclass(frozen=True, eq=False)
class CollapseRecord:
    """Softmax collapse by case, so far: frames of each."""

    state: SafetyState
    frames: dict[str, tuple[CollapseFrame, ...]]


def events(
    state: SafetyState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """The example of the state."""
    ask = {PAIR: _pair, PERCEPTRON: _perceptron, SQUARES: _squares, COLLAPSE: _collapse}[state.example]
    return ask(state, stop)


def _pair(state: SafetyState, stop: Callable[[], bool]) -> Iterator[Event]:
    # Both samples have the same logits up to the order of the classes, hence one plane.
    plane = plane_of(torch.tensor([START, 0.0]), torch.tensor([math.pi, 0.0]))
    record = PairRecord(state, conflicting_pair(SIZES, START), conflicting_pair((0.9,), START), plane)
    yield from drawn(figures.pair_spec(record), plane)
    yield Charts(figures.pair_charts(record))
    yield Status("done", "done")
    yield Done(record, figures.pair_footer(record))


def _perceptron(state: SafetyState, stop: Callable[[], bool]) -> Iterator[Event]:
    rows = signed(digits_pair(3, 8))
    ways = [perceptron(rows, rate) for rate in RATES] + [perceptron(rows, 1.0, "normalised")]
    runs: list[PerceptronRun] = []
    is_stopped = False
    for way in ways:
        for run in way:
            yield Status("running", f"learning rate {run.learning_rate:g}, step {len(run.loss):,}")
            if is_stopped := stop():
                break
        runs.append(run)
        if is_stopped:
            break
    record = PerceptronRecord(state, tuple(runs))
    yield Begin(figures.perceptron_spec(record))
    for slot, run in enumerate(runs, 1):
        # The last place has no step of its own to be drawn by.
        last = len(run.r) - (run.first is not None)
        yield from _way(slot, run.r[:last], run.loss[:last])
    yield Charts(figures.perceptron_charts(record))
    yield Status("cancelled", "stopped; what was run is shown") if is_stopped else Status("done", "done")
    yield Done(record, figures.perceptron_footer(record))


def _way(slot: int, x: tuple[float, ...], y: tuple[float, ...]) -> Iterator[Event]:
    """One dot that walks over logarithms, its steps evenly on the cursor up to its own last."""
    total = len(x)
    kept = sorted({round(i) for i in np.linspace(0, total - 1, min(total, 200))})
    place = [[math.log10(max(x[i], 1e-6)), math.log10(max(y[i], 1e-6))] for i in kept]
    ticks = np.array([1.0 - i / max(1, total - 1) for i in kept], dtype=np.float32).reshape(-1, 1, 1)
    yield Block(Kind.TICKS, slot, 0, len(kept), ticks)
    yield Block(Kind.STATE, slot, 0, len(kept), np.array(place, dtype=np.float32)[:, None])


def _squares(state: SafetyState, stop: Callable[[], bool]) -> Iterator[Event]:
    split = digits_split()
    record = SquaresRecord(state, tuple(least_squares(split, times, steps=100) for times in TIMES))
    yield Begin(figures.squares_spec(record))
    for slot, run in enumerate(record.runs, 1):
        total = len(run.loss)
        place = [[float(i), math.log10(loss)] for i, loss in enumerate(run.loss)]
        ticks = np.linspace(1.0, 0.0, total, dtype=np.float32).reshape(-1, 1, 1)
        yield Block(Kind.TICKS, slot, 0, total, ticks)
        yield Block(Kind.STATE, slot, 0, total, np.array(place, dtype=np.float32)[:, None])
    yield Charts(figures.squares_charts(record))
    yield Status("done", "done")
    yield Done(record, figures.squares_footer(record))


def _collapse(state: SafetyState, stop: Callable[[], bool]) -> Iterator[Event]:
    frames: dict[str, tuple[CollapseFrame, ...]] = {name: () for name in chosen_in(state.cases)}
    yield Begin(collapsing.collapse_spec(CollapseRecord(state, frames), STEPS))
    total, every = STEPS // collapsing.LOOK + 1, collapsing.LOOK
    is_stopped = False
    for slot, name in enumerate(frames, 1):
        dtype, cure = collapsing.CASES[name]
        for frame in collapse(dtype, cure, steps=STEPS, seed=state.seed, every=every):
            k = len(frames[name])
            frames[name] = (*frames[name], frame)
            dot = np.array([[collapsing.place_of(frame)]], dtype=np.float32)
            # The charts first, so that the newest frame has its numbers.
            yield Charts(collapsing.collapse_charts(CollapseRecord(state, frames), STEPS))
            yield Block(Kind.TICKS, slot, k, total, np.full((1, 1, 1), 1.0 - frame.step / STEPS, np.float32))
            yield Block(Kind.STATE, slot, k, total, dot)
            yield Status("running", f"{collapsing.LABELS[name]}, step {frame.step:,}", slot - 1, len(frames))
            if is_stopped := stop():
                break
        if is_stopped:
            break
    record = CollapseRecord(state, dict(frames))
    yield Charts(collapsing.collapse_charts(record, STEPS))
    yield Status("cancelled", "stopped; what was run is shown") if is_stopped else Status("done", "done")
    yield Done(record, collapsing.collapse_footer(record))
