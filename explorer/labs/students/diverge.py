"""The divergence playground: what a generator too weak for its target keeps, and where each start ends."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explorer.labs.figures.students_diverge import diverge_charts, diverge_footer, diverge_spec
from explorer.labs.scene import Begin, Block, Charts, Done, Event, Kind, Launched, Status
from explorer.labs.shelf import Shelf
from explorer.labs.shop import SHOP
from explorer.labs.students.menus import ONE
from explorer.labs.students.state import StudentsState
from explorer.maths.playground import WeakFit, weak_fit

FIRST_DOT = 50
"""The slot of the first local minimum that is marked."""
DESCENT, PACE = 60, 0.12
"""Steps of a descent, and how far the first goes."""


@dataclass(frozen=True, eq=False)
class DivergeRecord:
    """A weak generator under one divergence: on clean data, and averaged over noise levels."""

    state: StudentsState
    fits: tuple[WeakFit, WeakFit]


def events(
    state: StudentsState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Two maps of the divergence over the generator's mean and width, its minima marked; densities beside them."""
    yield Status("running", "looking for every minimum")
    record = DivergeRecord(state, (fitted(state, False), fitted(state, True)))
    yield Begin(diverge_spec(record))
    yield from _panes(record)
    yield Charts(diverge_charts(record))
    yield Status("done", "done")
    yield Done(record, diverge_footer(record))


def fitted(state: StudentsState, averaged: bool) -> WeakFit:
    """The fits of a state; kept, for they are the same for everybody."""
    key = f"weak fit {state.divergence} {state.generator} {averaged}"
    known: WeakFit | None = SHOP.get(key)
    if known is None:
        known = weak_fit(state.divergence, "one" if state.generator == ONE else "two", averaged)
        SHOP.put(key, known)
    return known


def _panes(record: DivergeRecord) -> Iterator[Event]:
    slot = FIRST_DOT
    for pane, fit in enumerate(record.fits):
        dots = np.concatenate([_dots(each.bumps.means, each.bumps.stds) for each in fit.fits], axis=1)
        yield Block(Kind.TICKS, pane + 1, 0, 1, np.zeros((1, 1, 1), np.float32))
        yield Block(Kind.STATE, pane + 1, 0, 1, dots)
        if record.state.generator == ONE:
            heat = fit.landscape.float().numpy().reshape(1, -1, 1)
            yield Block(Kind.HEAT, pane + 1, 0, 1, heat)
        for each in fit.fits:
            yield Launched(slot, pane)
            yield Block(Kind.TICKS, slot, 0, 1, np.zeros((1, 1, 1), np.float32))
            yield Block(Kind.STATE, slot, 0, 1, _dots(each.bumps.means, each.bumps.stds))
            slot += 1


def _dots(means: Sequence[float], stds: Sequence[float]) -> np.ndarray:
    """Places on the stage [1, k, 2]."""
    return np.array(
        [[[mean, math.log2(std)] for mean, std in zip(means, stds, strict=True)]], dtype=np.float32
    )


def launch(state: StudentsState, x: Sequence[float], pane: int, slot: int) -> Iterator[Event]:
    """Follow one Gaussian downhill from a mean and a width.

    Raises:
        ValueError: for a pane that is not there, a place that is not two finite numbers, or two components.
    """
    if pane not in (0, 1) or len(x) != 2 or not all(map(math.isfinite, x)):
        raise ValueError(f"a generator starts at two finite numbers in one of 2 panes; got {x!r} in {pane!r}")
    if state.generator != ONE:
        raise ValueError(
            "a click starts one Gaussian, for which mean and width are all; choose that generator"
        )
    path = descent(fitted(state, bool(pane)), x[0], 2.0 ** max(-8.0, min(8.0, x[1])))
    shares = np.linspace(1.0, 0.0, len(path), dtype=np.float32).reshape(-1, 1, 1)
    yield Launched(slot, pane)
    yield Block(Kind.TICKS, slot, 0, len(path), shares)
    yield Block(Kind.STATE, slot, 0, len(path), path)


def descent(fit: WeakFit, mean: float, std: float) -> np.ndarray:
    """Mean and log2 std on the way down the divergence [T, 1, 2], by steps in the metric of a Gaussian's own width."""
    theta = torch.tensor([mean, math.log(std)], dtype=torch.float64)
    places = [theta.clone()]
    value, gradient = _slope(fit, theta)
    pace = PACE
    for _ in range(20 * DESCENT):
        # A mean moves by parts of the width: the same step for a narrow generator and a wide one.
        natural = gradient * torch.stack([(2 * theta[1]).exp(), theta.new_tensor(0.5)])
        step = pace * natural / max(1.0, float(natural.norm()))
        ahead = theta - step
        lower, slope = _slope(fit, ahead)
        if lower > value:
            pace /= 2
            if pace < 1e-5:
                break
            continue
        theta, value, gradient = ahead, lower, slope
        places.append(theta.clone())
        pace = min(1.3 * pace, 2.0)
        if float(step.norm()) < 1e-4:
            break
    kept = np.unique(np.linspace(0, len(places) - 1, min(len(places), DESCENT)).round().astype(int))
    way = torch.stack([places[k] for k in kept])
    way[:, 1] /= math.log(2.0)
    return way[:, None].float().numpy()


def _slope(fit: WeakFit, theta: Tensor) -> tuple[float, Tensor]:
    """The divergence of a Gaussian and its gradient in mean and log std."""
    with torch.enable_grad():
        asked = theta.detach().requires_grad_(True)
        keep = 1.0 - fit.levels[:, None]
        variance = (keep * asked[1].exp()).square() + fit.levels[:, None].square()
        log_q = -0.5 * ((fit.x - keep * asked[0]).square() / variance + (2.0 * math.pi * variance).log())
        value = fit.divergence.between(fit.log_target, log_q, fit.x[:, 1] - fit.x[:, 0]).mean()
        (gradient,) = torch.autograd.grad(value, asked)
    return float(value.detach()), gradient
