"""The spike arena: the learning rate jumps, and several controls meet it from the same starts."""

import math
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from torch import nn

from explorer.labs.figures.safety_arena import arena_charts, arena_footer, arena_spec
from explorer.labs.menus import is_own
from explorer.labs.safety.own import Trial
from explorer.labs.safety.state import SafetyState
from explorer.labs.scene import Begin, Block, Charts, Done, Event, Kind, Status
from explorer.labs.shelf import Shelf
from explorer.maths.softmax.experiments import Arena, ArenaRun, Spike, Split, arena, digits_split
from explorer.models.arena_nets import arena_net

STEPS, AT = 200, 50
PANES = 4
EVERY = 0.3
"""Seconds between two pictures of the charts."""
SMALL, LARGE = -3.0, 5.0
"""Ends of log10 r as it is drawn."""


@dataclass(frozen=True, eq=False)
class ArenaRecord:
    """An arena and the state it was asked by."""

    state: SafetyState
    arena: Arena


def events(
    state: SafetyState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Seed after seed, all controls of a seed together."""
    told, seed, shown = 0.0, None, 0
    found: Arena | None = None
    yield Status("running", "training up to the spike")
    for found in asked(state, shelf):
        if found.seed != seed:
            # Dots of one more seed are places of their own: the picture begins anew, whole as far as it is known.
            seed, shown = found.seed, 0
            yield Begin(arena_spec(state, found))
        if time.monotonic() - told > EVERY or found.step == STEPS or not shown:
            yield Charts(arena_charts(ArenaRecord(state, found)))
            yield from _blocks(found, shown)
            told, shown = time.monotonic(), found.step
            done = round(found.share * STEPS * len(found.seeds))
            words = f"seed {found.seeds.index(found.seed) + 1} of {len(found.seeds)}"
            yield Status("running", words, done, STEPS * len(found.seeds))
        if stop():
            break
    assert found is not None, "an arena yields at least once"
    record = ArenaRecord(state, found)
    yield Charts(arena_charts(record))
    yield Status("done", "done") if found.done else Status("cancelled", "stopped; what was run is shown")
    yield Done(record, arena_footer(record))


def asked(state: SafetyState, shelf: Shelf) -> Iterator[Arena]:
    """The arena of a state."""
    net, data = entrants(state, shelf)
    return arena(
        net,
        data,
        state.optimiser,
        learning_rate=state.rate,
        spike=Spike(state.spike, float(state.times), AT),
        controls=state.chosen,
        batch=state.rows,
        steps=STEPS,
        seeds=tuple(range(state.seeds)),
    )


def entrants(
    state: SafetyState, shelf: Shelf
) -> tuple[Callable[[int], nn.Module], Split | Callable[[int], Split]]:
    """Who is trained, on what: 80 % of the digits in a split of each seed, or a person's own."""
    if is_own(state.net):
        trial = shelf.thing(state.net, Trial)
        whole = Split(trial.inputs, trial.targets, trial.inputs, trial.targets)
        return lambda seed: deepcopy(trial.module), whole
    return lambda seed: arena_net(state.net, seed), lambda seed: digits_split(0.2, seed)


def _blocks(found: Arena, shown: int) -> Iterator[Event]:
    """Frames from ``shown`` to the step reached; a dot for each seed begun, r to the right, accuracy up."""
    frames = range(shown, found.step)
    shares = np.array([1.0 - i / (STEPS - 1) for i in frames], dtype=np.float32).reshape(-1, 1, 1)
    for slot, name in enumerate(found.controls[:PANES], 1):
        runs = found.of(name)
        dots = [[_dot(run, i) for run in runs] for i in frames]
        yield Block(Kind.TICKS, slot, shown, STEPS, shares)
        yield Block(Kind.STATE, slot, shown, STEPS, np.array(dots, dtype=np.float32))


def _dot(run: ArenaRun, i: int) -> tuple[float, float]:
    r = run.r[i]
    x = SMALL if not r > 0 else math.log10(r) if math.isfinite(r) else LARGE
    x = LARGE if math.isnan(r) else x
    return min(LARGE, max(SMALL, x)), run.accuracy[i]
