"""Does the radius carry a softmax's temperature? Onsets over temperatures, raw and divided by rho.

``train`` "at": a net is trained at each temperature. ``train`` "loss only": one net, trained at 1, and the temperature
enters the loss alone; then accuracy does not know of it, and dividing by rho spreads its onsets.

Source: Sao 2026, arXiv:2603.13552, the temperature fingerprint (protocol).
"""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from explorer.maths.names import nearest
from explorer.maths.softmax.experiments.directions import gradient_of
from explorer.maths.softmax.experiments.optimisers import made
from explorer.maths.softmax.experiments.split import Split
from explorer.maths.softmax.step import step_radius

Train = Literal["at", "loss only"]
TEMPERATURES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0)
SIZES = 160
LONGEST, SHORTEST = 300.0, 0.02
"""Steps that are tried, in units of rho."""


@dataclass(frozen=True)
class TemperatureCurve:
    """One step along minus the gradient at one temperature, in ``SIZES`` sizes.

    ``tau`` [q] lengths of the step, ``rho`` the lower bound of the radius in lengths; ``ratio`` [q] loss over the loss
    before; ``kept`` [q] accuracy on the test part over that before.
    """

    temperature: float
    rho: float
    tau: tuple[float, ...]
    ratio: tuple[float, ...]
    kept: tuple[float, ...]

    def onset(self, what: str = "loss") -> float:
        """The length at which the loss has doubled ("loss") or accuracy has halved ("accuracy"); inf where it has not.

        Raises:
            ValueError: for another word.
        """
        of_loss = nearest("what", what, ("loss", "accuracy")) == "loss"
        over = [not x < 2.0 for x in self.ratio] if of_loss else [not x > 0.5 for x in self.kept]
        return next((tau for tau, failed in zip(self.tau, over, strict=True) if failed), math.inf)


@dataclass(frozen=True)
class Temperatures:
    """The curves of one seed by temperature."""

    train: str
    seed: int
    curves: tuple[TemperatureCurve, ...]

    def spread(self, what: str = "loss", by_rho: bool = True) -> float:
        """Standard deviation of log10 of the onset over the temperatures, raw or over rho; NaN below two onsets."""
        found = [(curve.onset(what), curve.rho) for curve in self.curves]
        logs = [math.log10(tau / rho if by_rho else tau) for tau, rho in found if math.isfinite(tau)]
        return statistics.pstdev(logs) if len(logs) > 1 else math.nan


def spread_of_medians(records: Sequence[Temperatures], what: str = "loss", by_rho: bool = True) -> float:
    """The same over seeds: at each temperature the median of its onset, then the deviation over temperatures."""
    at: dict[float, list[float]] = {}
    for curve in (curve for record in records for curve in record.curves):
        onset = curve.onset(what)
        if math.isfinite(onset):
            at.setdefault(curve.temperature, []).append(math.log10(onset / curve.rho if by_rho else onset))
    medians = [statistics.median(logs) for logs in at.values()]
    return statistics.pstdev(medians) if len(medians) > 1 else math.nan


def temperatures(
    net: Callable[[int], nn.Module],
    split: Split,
    train: str = "at",
    *,
    at: Sequence[float] = TEMPERATURES,
    seed: int = 0,
    steps: int = 120,
    batch: int = 256,
    learning_rate: float = 1e-2,
) -> Iterator[Temperatures]:
    """The record so far after each temperature; ``net`` makes the module of a seed.

    Raises:
        ValueError: for an unknown ``train`` or a temperature that is not above 0.
    """
    how = nearest("train", train, get_args(Train))
    if not at or not all(0 < t < math.inf for t in at):
        raise ValueError(f"temperatures must be numbers above 0; got {list(at)}")
    found: tuple[TemperatureCurve, ...] = ()
    module: nn.Module | None = None
    for temperature in at:
        if module is None or how == "at":
            warm = temperature if how == "at" else 1.0
            module = _trained(net(seed), split, warm, seed, steps, batch, learning_rate)
        found = (*found, temperature_curve(module, split, temperature))
        yield Temperatures(train, seed, found)


def temperature_curve(module: nn.Module, split: Split, temperature: float) -> TemperatureCurve:
    """The curve of a trained module, in the modes that it is in, at a temperature of the loss."""
    down = {name: -g for name, g in gradient_of(module, split.x, split.y, temperature).items()}
    length = math.sqrt(sum(float(x.double().square().sum()) for x in down.values()))
    unit = {name: x / length for name, x in down.items()}
    rho = step_radius(module, split.x, unit, temperature=temperature, at=()).rho
    start = {name: p.detach() for name, p in module.named_parameters()}

    @torch.no_grad()
    def at(tau: float) -> tuple[float, float]:
        moved = {name: p + tau * unit[name] for name, p in start.items()}
        loss = functional.cross_entropy(functional_call(module, moved, (split.x,)) / temperature, split.y)
        right = functional_call(module, moved, (split.test_x,)).argmax(1) == split.test_y
        return float(loss), float(right.double().mean())

    ends = math.log(SHORTEST), math.log(LONGEST)
    taus = tuple(rho * math.exp(ends[0] + (ends[1] - ends[0]) * i / (SIZES - 1)) for i in range(SIZES))
    loss0, right0 = at(0.0)
    losses, rights = zip(*(at(tau) for tau in taus), strict=True)
    return TemperatureCurve(
        temperature, rho, taus, tuple(x / loss0 for x in losses), tuple(x / right0 for x in rights)
    )


def _trained(
    module: nn.Module,
    split: Split,
    temperature: float,
    seed: int,
    steps: int,
    batch: int,
    learning_rate: float,
) -> nn.Module:
    optimizer = made("adam", module, learning_rate)
    batches = split.batches(batch, torch.Generator().manual_seed(seed))
    for _ in range(steps):
        x, y = next(batches)
        optimizer.zero_grad()
        functional.cross_entropy(module(x) / temperature, y).backward()
        optimizer.step()
    return module.eval()
