"""A net in training: how far each step moves each sample's logits, in units of pi, live."""

import math
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explorer.labs.figures.safety_training import training_charts, training_footer, training_spec
from explorer.labs.menus import is_own
from explorer.labs.safety.own import Trial
from explorer.labs.safety.state import SafetyState
from explorer.labs.scene import Begin, Block, Charts, Done, Event, Kind, Status
from explorer.labs.shelf import Shelf
from explorer.maths.softmax.experiments import Split, TrainFrame, digits_split, watched_training
from explorer.maths.softmax.experiments.training import taken, values
from explorer.models.classifiers import classifier

WATCHED = 400
"""Samples that are drawn."""
EVERY = 0.25
"""Seconds between two pictures of the charts."""
LEAST = -4.0
"""log10 of r that smaller ones are drawn at."""


@dataclass(frozen=True, eq=False)
class TrainingRecord:
    """A training so far: a frame for each step, and ``cloud`` [T, n, 2]: log10 r and the right logit's lead over pi."""

    state: SafetyState
    frames: tuple[TrainFrame, ...]
    cloud: np.ndarray
    is_whole: bool


def events(
    state: SafetyState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Each step as it is made. Stopping keeps what is there."""
    module, split = started(state, shelf)
    frames: list[TrainFrame] = []
    clouds: list[np.ndarray] = []
    told, shown = 0.0, 0
    yield Begin(training_spec(state))
    for frame, cloud in trained(state, module, split):
        frames.append(frame)
        clouds.append(cloud)
        if time.monotonic() - told > EVERY:
            yield from _news(state, frames, clouds, shown)
            yield Status("running", "training", len(frames), state.updates)
            told, shown = time.monotonic(), len(frames)
        if stop():
            break
    yield from _news(state, frames, clouds, shown)
    record = TrainingRecord(state, tuple(frames), np.stack(clouds), bool(frames[-1].ended))
    yield _status(record)
    yield Done(record, training_footer(record))


def started(state: SafetyState, shelf: Shelf) -> tuple[nn.Module, Split]:
    """A net to train and its samples: a fresh one, or a copy of a person's own."""
    if is_own(state.net):
        trial = shelf.thing(state.net, Trial)
        return deepcopy(trial.module), Split(trial.inputs, trial.targets, trial.inputs, trial.targets)
    return classifier(state.net, state.seed), digits_split()


def trained(state: SafetyState, module: nn.Module, split: Split) -> Iterator[tuple[TrainFrame, np.ndarray]]:
    """Each step with where its samples are: how far their logits move, and how far the right one leads."""
    x, y = split.x[:WATCHED], split.y[:WATCHED]
    before = values(module)
    for frame in watched_training(
        module,
        split,
        state.optimiser,
        learning_rate=state.rate,
        steps=state.updates,
        batch=state.rows,
        seed=state.seed,
        r_max=1.0 if state.guard else None,
    ):
        step = taken(module, before, x)
        before = values(module)
        yield frame, cloud_of(step.r, step.radius.logits, y)


def cloud_of(r: Tensor, logits: Tensor, targets: Tensor) -> np.ndarray:
    """log10 r and the right logit's lead over pi [n, 2]; what is not finite is left out."""
    own = logits.gather(1, targets[:, None])[:, 0]
    best = logits.scatter(1, targets[:, None], -torch.inf).amax(1)
    place = torch.stack([r.log10().clamp(min=LEAST), (own - best) / math.pi], dim=1)
    return place.float().numpy()


def _news(
    state: SafetyState, frames: list[TrainFrame], clouds: list[np.ndarray], shown: int
) -> Iterator[Event]:
    """The frames from ``shown`` on, and the charts that know them."""
    yield Charts(training_charts(TrainingRecord(state, tuple(frames), np.zeros((0, 0, 2)), False)))
    if shown < len(frames):
        shares = np.array(
            [1.0 - k / (state.updates - 1) for k in range(shown, len(frames))], dtype=np.float32
        )
        yield Block(Kind.TICKS, 1, shown, state.updates, shares.reshape(-1, 1, 1))
        yield Block(Kind.STATE, 1, shown, state.updates, np.stack(clouds[shown:]))


def _status(record: TrainingRecord) -> Status:
    ended = record.frames[-1].ended
    if ended == "diverged":
        return Status("diverged", f"the loss is not finite any more at step {record.frames[-1].step}")
    return (
        Status("done", "done")
        if ended
        else Status("cancelled", f"stopped after step {record.frames[-1].step}")
    )
