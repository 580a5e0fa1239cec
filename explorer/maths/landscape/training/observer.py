"""Which probes are made when, so that looking stays cheap beside walking; and what they said so far.

Costs are counted in forward passes (a Hessian-vector product is seven), not in seconds, so that the same
updates are looked at on every machine.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from explorer.maths.landscape.flat import FlatLoss
from explorer.maths.landscape.operator import Hessian
from explorer.maths.landscape.training import probes
from explorer.maths.landscape.training.record import PROBES, Plan, Probes
from explorer.maths.landscape.training.samples import Samples

STEP, GRADIENT, GRAPH, PRODUCT, DERIVATIVE = 2.5, 2.5, 5.0, 7.0, 4.0
"""Forward passes that each is worth: measured 2.5 to 2.8, the same, 4.6 to 5.2, 2.8 to 8.5, 2.5 to 4.3."""
GUESS = {
    "sharpness": GRAPH + 7 * PRODUCT,
    "directional": GRAPH + PRODUCT,
    "critical": 5.0,
    "noise": DERIVATIVE,
    "sam": 1.0,
}
"""What each is worth before it has been made."""
PART = {"sharpness": 0.5, "directional": 0.2, "critical": 0.1, "noise": 0.1, "sam": 0.1}
"""Of the budget."""


@dataclass(frozen=True, eq=False)
class Moment:
    """One update, seen from outside: from ``place`` [P] by ``step`` [P] at learning rate ``rate``.

    ``gradient`` [P] and ``loss`` are those of the whole batch, None where the update saw but some rows. ``scale`` [P]
    is what the optimiser divides by, ``line`` the sharpness at which it turns unstable.
    """

    number: int
    place: Tensor
    step: Tensor
    rate: float
    gradient: Tensor | None
    loss: float | None
    scale: Tensor | None
    line: float


@dataclass(eq=False)
class Observer:
    """The looks at one run. ``seen`` is a ``FlatLoss`` of the whole batch that probes may move."""

    seen: FlatLoss
    samples: Samples
    plan: Plan
    first: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)
    spent: dict[str, float] = field(default_factory=dict)
    expected: dict[str, float] = field(default_factory=lambda: dict(GUESS))
    skipped: dict[str, int] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    warm: Tensor | None = None
    reach: float = 2.0
    seconds: float = 0.0

    @property
    def gap(self) -> int:
        """Updates from look to look: an odd number, so that both sides of a swing are met."""
        return max(1, (self.plan.steps - self.first) // max(1, self.plan.looks)) | 1

    def due(self, number: int) -> list[str]:
        """The probes that are made at update ``number``; those that cost too much are counted as skipped."""
        if not self.plan.probes or (number - self.first) % self.gap:
            return []
        made = []
        for name in self.plan.probes:
            if name in self.notes:
                continue
            if self.expected[name] <= self._room(name, number):
                made.append(name)
            else:
                self.skipped[name] = self.skipped.get(name, 0) + 1
        return made

    def _room(self, name: str, number: int) -> float:
        """What a probe may still cost at update ``number``; its first look may borrow from the steps to come."""
        plan = self.plan
        if plan.budget is None:
            return math.inf
        part = plan.budget * STEP * PART[name] / sum(PART[other] for other in plan.probes)
        steps = number if name in self.spent else plan.steps
        return part * (steps - self.first) - self.spent.get(name, 0.0)

    def look(self, names: list[str], moment: Moment) -> None:
        """Measure ``names`` at one update and keep what they say."""
        begun = time.perf_counter()
        row = dict.fromkeys(PROBES, math.nan) | {"step": float(moment.number), "line": moment.line}
        moment = self._whole(moment, names)
        costs = {name: 0.0 for name in names}
        if bool(torch.isfinite(moment.step).all()) and float(moment.step.norm()) > 0.0:
            self._curved(names, moment, row, costs)
            for name in [name for name in names if name in ("critical", "noise", "sam")]:
                row[name], costs[name] = getattr(self, f"_{name}")(moment)
        for name, cost in costs.items():
            self.spent[name] = self.spent.get(name, 0.0) + cost
            self.expected[name] = max(cost, 1.0)
        if self.warm is not None and len(self.rows) == 0:
            self.expected["sharpness"] *= 0.5  # the next ones begin where this one ended
        self.rows.append(row)
        self.seconds += time.perf_counter() - begun

    def _whole(self, moment: Moment, names: list[str]) -> Moment:
        """The moment with gradient and loss of the whole batch, where they are wanted and not known."""
        if moment.gradient is not None or not {"critical", "sam"} & set(names):
            return moment
        self.seen.place.copy_(moment.place)
        mean = self.seen.mean_with_graph()
        return replace(moment, gradient=self.seen.slopes(mean).detach(), loss=float(mean.detach()))

    def _curved(
        self, names: list[str], moment: Moment, row: dict[str, float], costs: dict[str, float]
    ) -> None:
        """Sharpness and directional sharpness, of one graph."""
        wanted = [name for name in ("sharpness", "directional") if name in names]
        if not wanted:
            return
        self.seen.start = moment.place
        try:
            hessian = Hessian(self.seen)
        except ValueError as fault:
            self.notes |= dict.fromkeys(wanted, str(fault))
            return
        for name in wanted:
            before = hessian.matvecs
            row[name] = (
                self._sharpness(hessian, moment)
                if name == "sharpness"
                else probes.directional(hessian, moment.step)
            )
            costs[name] = GRAPH / len(wanted) + PRODUCT * (hessian.matvecs - before)

    def _sharpness(self, hessian: Hessian, moment: Moment) -> float:
        product: Callable[[Tensor], Tensor] = hessian
        step = moment.step
        if moment.scale is not None:
            product, step = probes.preconditioned(hessian, moment.scale), moment.scale.sqrt() * moment.step
        generator = torch.Generator().manual_seed(self.plan.seed)
        begin = probes.begun_from(self.warm, step, generator)
        products = min(probes.MOST, (self._room("sharpness", moment.number) - GRAPH) / PRODUCT)
        value, self.warm = probes.sharpest(product, begin, generator, int(products))
        return value

    def _critical(self, moment: Moment) -> tuple[float, float]:
        assert moment.gradient is not None
        slope = float(moment.gradient.double() @ moment.step.double())
        found, spent = probes.critical(self.seen, moment.place, moment.step, slope, self.reach)
        if math.isfinite(found) and found > 0.0:
            self.reach = found
        value = math.inf if found == 0.0 else 2.0 / (found * moment.rate)
        return value, float(spent)

    def _noise(self, moment: Moment) -> tuple[float, float]:
        if self.samples.count < 2:
            self.notes["noise"] = (
                "the loss gives no value per sample, so that there is no spread over samples"
            )
            return math.nan, 1.0
        try:
            rates = self.samples.rates(moment.place, moment.step / moment.step.norm())
        except (RuntimeError, NotImplementedError):
            self.notes["noise"] = "torch cannot differentiate this module forwards"
            return math.nan, DERIVATIVE
        return float(rates.var()), DERIVATIVE

    def _sam(self, moment: Moment) -> tuple[float, float]:
        assert moment.gradient is not None and moment.loss is not None
        flat = float(moment.gradient.norm()) == 0.0
        found = 0.0 if flat else probes.sam(self.seen, moment.place, moment.gradient, moment.loss)
        return found, 1.0 if self.plan.rows is None else 1.0 + GRADIENT

    def record(self) -> Probes:
        """Everything so far."""
        columns = {
            name: torch.tensor([row[name] for row in self.rows], dtype=torch.float64)
            for name in (*PROBES, "line", "step")
        }
        return Probes(**columns)

    def memory(self) -> dict[str, Any]:
        """What an observer of the same run needs to go on; copies, so that a record stays as it is."""
        names = ("rows", "spent", "expected", "skipped", "notes")
        kept = {name: getattr(self, name).copy() for name in names}
        return kept | {"warm": self.warm, "reach": self.reach, "seconds": self.seconds}

    def recall(self, memory: dict[str, Any]) -> None:
        """Take up what ``memory`` gave."""
        for name, value in memory.items():
            setattr(self, name, value.copy() if isinstance(value, (dict, list)) else value)
