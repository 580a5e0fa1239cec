"""From which size on steps fail: over many nets by stage, for one net live, and over temperatures."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from explorer.labs.figures.safety_onset import (
    FINE,
    HEIGHT,
    onset_charts,
    onset_footer,
    onset_spec,
    rows_of,
)
from explorer.labs.figures.safety_temperature import (
    ROWS,
    WIDE,
    temperature_charts,
    temperature_footer,
    temperature_spec,
    temperature_window,
)
from explorer.labs.menus import is_own
from explorer.labs.safety.menus import BY_STAGE, ONE_NET, TRAIN_AT
from explorer.labs.safety.plan import subject
from explorer.labs.safety.state import SafetyState
from explorer.labs.scene import Begin, Block, Charts, Done, Event, Kind, Launched, Status
from explorer.labs.shelf import Shelf
from explorer.maths.softmax.experiments import (
    OnsetTable,
    TemperatureCurve,
    Temperatures,
    digits_split,
    onset,
    table_of,
    temperatures,
)
from explorer.models.classifiers import classifier
from explorer.models.onsets import shipped_onsets

MARK = 50
"""The slots of large dots begin here."""
SEEDS = 3
"""Of a direction that is drawn, where one net is looked at live."""


@dataclass(frozen=True, eq=False)
class OnsetRecord:
    """Failures by size of step: the table and the state it was asked by."""

    state: SafetyState
    table: OnsetTable
    label: str


@dataclass(frozen=True, eq=False)
class TemperatureRecord:
    """Onsets by temperature and the state they were asked by."""

    state: SafetyState
    found: Temperatures


def events(
    state: SafetyState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """The question of the state."""
    if state.question == BY_STAGE:
        return _shipped(state)
    return _live(state, shelf, stop) if state.question == ONE_NET else _temperatures(state, stop)


def _shipped(state: SafetyState) -> Iterator[Event]:
    table = shipped_onsets()
    record = OnsetRecord(state, table, f"{len(table.nets)} nets, {len(table.seeds)} seeds")
    yield from _picture(record)
    yield Charts(onset_charts(record))
    yield Status("done", "done")
    yield Done(record, onset_footer(record))


def _live(state: SafetyState, shelf: Shelf, stop: Callable[[], bool]) -> Iterator[Event]:
    yield Status("running", "asking the net")
    label, module, split, _ = subject(state, shelf)
    stage = "own" if is_own(state.net) else state.stage
    curves = []
    record = OnsetRecord(state, table_of([]), label)
    seeds = tuple(range(state.seed, state.seed + SEEDS))
    whole = 1 + SEEDS * 3
    for curve in onset(module, split, seeds=seeds, net=state.net, stage=stage):
        curves.append(curve)
        record = OnsetRecord(state, table_of(curves, seeds), label)
        yield from _picture(record)
        yield Charts(onset_charts(record))
        yield Status("running", "asking the net", len(curves), whole)
        if stop():
            break
    yield (
        Status("done", "done")
        if len(curves) == whole
        else Status("cancelled", "stopped between two directions")
    )
    yield Done(record, onset_footer(record))


def _picture(record: OnsetRecord) -> Iterator[Event]:
    """A map for each stage: sizes to the right, a row for each direction, the share that fails as colour."""
    table, count = record.table, len(record.table.r)
    yield Begin(onset_spec(record))
    shares = np.array([1.0 - i / (count - 1) for i in range(count)], dtype=np.float32).reshape(-1, 1, 1)
    for slot, stage in enumerate(table.stages, 1):
        kinds = rows_of(table, stage)
        rows = [(k + 0.5) * HEIGHT for k in range(len(kinds))]
        dots = np.array([[[math.log10(r), y] for y in rows] for r in table.r], dtype=np.float32)
        heat = np.array(
            [table.share(stage, kind, record.state.criterion) for kind in kinds], dtype=np.float32
        )
        yield Block(Kind.TICKS, slot, 0, count, shares)
        yield Block(Kind.STATE, slot, 0, count, dots)
        yield Block(Kind.HEAT, slot, 0, count, heat.repeat(FINE, axis=0).reshape(1, -1, 1))


def _temperatures(state: SafetyState, stop: Callable[[], bool]) -> Iterator[Event]:
    yield Status("running", "training at the first temperature")
    how = "at" if state.question == TRAIN_AT else "loss only"
    found: Temperatures | None = None
    for found in temperatures(_gelu, digits_split(0.2, state.seed), how, seed=state.seed):
        record = TemperatureRecord(state, found)
        yield from _maps(record)
        yield Charts(temperature_charts(record))
        yield Status("running", f"T = {found.curves[-1].temperature:g}", len(found.curves), ROWS)
        if stop():
            break
    assert found is not None, "there is a first temperature"
    record = TemperatureRecord(state, found)
    is_whole = len(found.curves) == ROWS
    yield Status("done", "done") if is_whole else Status("cancelled", "stopped between two temperatures")
    yield Done(record, temperature_footer(record))


def _gelu(seed: int):
    return classifier("mlp_gelu", seed)


def _maps(record: TemperatureRecord) -> Iterator[Event]:
    """Two maps, raw and over rho: sizes to the right, a row for each temperature, what the loss became as colour."""
    curves = record.found.curves
    yield Begin(temperature_spec(record))
    middle = _middle(curves)
    for slot, by_rho in ((1, False), (2, True)):
        rows = np.full((ROWS, WIDE), np.nan, dtype=np.float32)  # those to come are clear
        for k, curve in enumerate(curves):
            rows[k] = _row(curve, by_rho, middle)
        marks = [_onset(curve, k, by_rho, middle) for k, curve in enumerate(curves)]
        yield Block(Kind.TICKS, slot, 0, 1, np.zeros((1, 1, 1), np.float32))
        dots = np.array([marks], dtype=np.float32)
        yield Block(Kind.STATE, slot, 0, 1, dots)
        yield Launched(MARK + slot, slot - 1)  # the same places again, as large dots
        yield Block(Kind.TICKS, MARK + slot, 0, 1, np.zeros((1, 1, 1), np.float32))
        yield Block(Kind.STATE, MARK + slot, 0, 1, dots)
        yield Block(Kind.HEAT, slot, 0, 1, rows.repeat(FINE, axis=0).reshape(1, -1, 1))


def _middle(curves: tuple[TemperatureCurve, ...]) -> float:
    """log10 of the geometric mean of rho: raw steps are drawn in units of it, on the same axis."""
    return float(np.mean([math.log10(curve.rho) for curve in curves]))


def _shift(curve: TemperatureCurve, by_rho: bool, middle: float) -> float:
    return math.log10(curve.rho) if by_rho else middle


def _row(curve: TemperatureCurve, by_rho: bool, middle: float) -> np.ndarray:
    """What the loss is over what it was, across the window; NaN where nothing was tried."""
    low, high = temperature_window()
    centres = low + (np.arange(WIDE) + 0.5) * (high - low) / WIDE
    at = np.log10(np.array(curve.tau)) - _shift(curve, by_rho, middle)
    ratio = np.nan_to_num(np.array(curve.ratio), nan=1e6, posinf=1e6)
    return np.interp(centres, at, ratio, left=np.nan, right=np.nan).astype(np.float32)


def _onset(curve: TemperatureCurve, row: int, by_rho: bool, middle: float) -> tuple[float, float]:
    tau = curve.onset("loss")
    x = math.log10(tau) - _shift(curve, by_rho, middle) if math.isfinite(tau) else math.nan
    return x, (row + 0.5) * HEIGHT
