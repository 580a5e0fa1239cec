"""The spectrum: the largest eigenvalues of the Hessian as they converge, all others as a density, and their sum."""

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from explorer.labs.figures.landscape_spectrum import spectrum_charts, spectrum_footer, spectrum_spec
from explorer.labs.landscape.state import LandscapeState
from explorer.labs.landscape.subject import Subject, subject_of
from explorer.labs.scene import Amend, Begin, Block, Charts, Done, Event, Kind, Status
from explorer.labs.shelf import Shelf
from explorer.maths.landscape import Density, Spectrum, Trace, converge, density_by_product, trace_by_product
from explorer.models.problems import parts

T = TypeVar("T")
MOST = 120
"""Products with the Hessian for the largest eigenvalues."""
DEFLATED, PROBES, STEPS = 10, 2, 20
"""Of the density: eigenvalues by themselves, probes of the rest, and products of each."""
FEWEST = 3 * DEFLATED
"""Parameters from which a density has a rest to spread."""
TRACED = 30
"""Products for the trace."""


@dataclass(frozen=True, eq=False)
class SpectrumRecord:
    """``seen`` [m] the spectrum after each product that told of it; ``density`` and ``trace`` once they are known."""

    state: LandscapeState
    subject: Subject
    seen: tuple[Spectrum, ...]
    density: Density | None = None
    trace: Trace | None = None

    @property
    def last(self) -> Spectrum:
        """The newest."""
        return self.seen[-1]

    @property
    def line(self) -> float:
        """2 over the learning rate: gradient descent is unstable along what is sharper."""
        return 2.0 / self.state.rate

    @property
    def top(self) -> float:
        """What the picture reaches up to, in units of the eigenvalues."""
        return max(1e-12, float(self.last.eigenvalues.abs().max())) * 1.08

    @property
    def low(self) -> float:
        """What it reaches down to."""
        values = [float(one.eigenvalues.min()) for one in self.seen[len(self.seen) // 2 :]]
        return min(0.0, *values, -0.16 * self.top)

    @property
    def shares(self) -> list[float]:
        """Where the cursor is at each, from 1 to 0."""
        first, last = self.seen[0].matvecs, self.last.matvecs
        return [1.0 - (one.matvecs - first) / max(1, last - first) for one in self.seen]


def events(
    state: LandscapeState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """The eigenvalues product by product; then the density of all, then the trace."""
    yield Status("running", "laying the graph of the gradient")
    subject = subject_of(state, shelf, device)
    record = yield from _converged(state, subject, stop)
    is_stopped = stop()
    yield from drawn(record)
    for part in (_with_density, _with_trace):
        if is_stopped or stop():
            is_stopped = True
            break
        record = yield from part(record, stop)
        yield Charts(spectrum_charts(record))
        is_stopped = stop()
    yield Charts(spectrum_charts(record))
    yield (
        Status("cancelled", "cancelled; what was known by then is shown")
        if is_stopped
        else Status("done", "done")
    )
    yield Done(record, spectrum_footer(record))


def _converged(
    state: LandscapeState, subject: Subject, stop: Callable[[], bool]
) -> Generator[Event, None, SpectrumRecord]:
    """The record of the largest; kept, for the learning rate changes none of it."""
    key = f"spectrum {state.k} {state.seed}"
    seen: tuple[Spectrum, ...] | None = subject.get(key)
    if seen is not None:
        return SpectrumRecord(state, subject, seen)
    k = min(state.k, sum(p.numel() for p in subject.problem.module.parameters()))
    found: list[Spectrum] = []
    for one in converge(*parts(subject.problem), k=k, seed=state.seed, most=MOST):
        if found and found[-1].matvecs == one.matvecs:
            found.pop()
        found.append(one)
        record = SpectrumRecord(state, subject, tuple(found))
        if len(found) > 1:
            yield from drawn(record)
        yield Status("running", f"{_products(one.matvecs)}; residuals shrink", one.matvecs)
        if stop():
            return record
    # Of all vectors only the last are asked for again; they are as long as the weights.
    kept = (*(replace(one, vectors=one.vectors[:0]) for one in found[:-1]), found[-1])
    return SpectrumRecord(state, subject, subject.put(key, kept))


def _with_density(record: SpectrumRecord, stop: Callable[[], bool]) -> Generator[Event, None, SpectrumRecord]:
    state, problem = record.state, parts(record.subject.problem)
    if sum(p.numel() for p in record.subject.problem.module.parameters() if p.requires_grad) < FEWEST:
        return record
    products = density_by_product(*problem, DEFLATED, PROBES, STEPS, state.seed)
    made = yield from _kept(
        record, f"density {state.seed}", products, "looking at all the others", record.density, stop
    )
    return replace(record, density=made)


def _with_trace(record: SpectrumRecord, stop: Callable[[], bool]) -> Generator[Event, None, SpectrumRecord]:
    state = record.state
    products = trace_by_product(*parts(record.subject.problem), TRACED, state.seed)
    made = yield from _kept(record, f"trace {state.seed}", products, "adding them up", record.trace, stop)
    return replace(record, trace=made)


def _kept(
    record: SpectrumRecord,
    key: str,
    products: Generator[int, None, T],
    words: str,
    nothing: T | None,
    stop: Callable[[], bool],
) -> Generator[Event, None, T | None]:
    """What ``products`` come to, made once for a subject; ``nothing`` when it is stopped before."""
    subject = record.subject
    known: T | None = subject.get(key)
    while known is None:
        try:
            made = next(products)
        except StopIteration as end:
            known = subject.put(key, end.value)
            break
        yield Status("running", f"{words}: {_products(made)}", made)
        if stop():
            return nothing
    return known


def _products(matvecs: int) -> str:
    return "1 product" if matvecs == 1 else f"{matvecs} products"


def drawn(record: SpectrumRecord) -> Iterator[Event]:
    """Each eigenvalue's way over the products, in the colour of its residual."""
    m, k = len(record.seen), max(len(one.eigenvalues) for one in record.seen)
    states, residuals = np.full((m, k, 2), np.nan, np.float32), np.full((m, k, 1), np.nan, np.float32)
    for row, one in enumerate(record.seen):
        few = len(one.eigenvalues)
        states[row, :few, 0] = one.matvecs
        states[row, :few, 1] = one.eigenvalues.numpy()
        scale = one.eigenvalues.abs().clamp(min=1e-30)
        residuals[row, :few, 0] = (one.residuals / scale).clamp(min=1e-9).numpy()
    yield Begin(spectrum_spec(record))
    ticks = np.array(record.shares, np.float32).reshape(-1, 1, 1)
    yield Block(Kind.TICKS, 1, 0, m, ticks)
    yield Block(Kind.STATE, 1, 0, m, states)
    yield Block(Kind.COLOUR, 1, 0, m, residuals)
    yield Amend({})
    yield Charts(spectrum_charts(record))


def verdict(record: SpectrumRecord) -> str:
    """What gradient descent would do here at this learning rate."""
    first = float(record.last.eigenvalues[0])
    if not math.isfinite(first):
        return "not known"
    above = int((record.last.eigenvalues > record.line).sum())
    if not above:
        return "stable: λ1 below 2 / η"
    few = len(record.last.eigenvalues)
    return f"unstable along {above}{' or more' if above == few else ''}"
