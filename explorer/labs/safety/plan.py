"""What a state of the Step safety lab means: the net, its samples, and one step of its parameters with r = 1."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from explorer.labs.menus import is_own
from explorer.labs.safety.menus import NETS, OWN, STAGES, WAYS
from explorer.labs.safety.own import Trial
from explorer.labs.safety.state import SafetyState
from explorer.labs.shelf import Shelf
from explorer.labs.shop import SHOP
from explorer.maths.softmax.experiments import Split, digits_split, direction
from explorer.maths.softmax.radius import radius
from explorer.maths.softmax.record import StepRadius
from explorer.maths.softmax.speeds import Anatomy, Named, quiet
from explorer.maths.softmax.step import step_radius
from explorer.models.trained_classifiers import trained_classifier

LO, HI, POINTS = 0.01, 100.0, 97
"""Sizes of a step, in r: the ends of the cursor, and how many stops it has."""
SIZES = tuple(float(LO * (HI / LO) ** (i / (POINTS - 1))) for i in range(POINTS))
SHARES = tuple(1.0 - i / (POINTS - 1) for i in range(POINTS))
RANKED = 100
"""Samples that can be looked at, the smallest radius first."""
CURSOR = {
    "label": "step size r",
    "from": "0.01",
    "to": "100",
    "lo": LO,
    "hi": HI,
    "log": True,
    "unit": "",
    "steps": False,
}


def share_of(r: float) -> float:
    """Where a size of the step lies on the cursor, 1 at the left end; beyond its ends where r is."""
    if not r > 0:
        return 2.0
    return -1.0 if math.isinf(r) else 1.0 - math.log(r / LO) / math.log(HI / LO)


@dataclass(frozen=True, eq=False)
class Plan:
    """A net, its samples, and ``unit``: the step along the chosen direction whose r is 1.

    ``told`` is that step's record with the linearised losses at ``SIZES``; ``raw`` the r of the displacement as it
    came; ``key`` names all of it for what is kept, empty where it may not be.
    """

    state: SafetyState
    label: str
    module: nn.Module
    split: Split
    unit: dict[str, Tensor]
    told: StepRadius
    raw: float
    keep: Callable[[str, Callable[[], Any]], Any]

    @property
    def where(self) -> str:
        """Net, stage and direction in words."""
        state = self.state
        way = "your step" if state.direction == OWN else WAYS[state.direction]
        return f"{self.label}, {way[:1].lower()}{way[1:]}"

    def ranked(self) -> tuple[Tensor, Tensor]:
        """Rows [m] with the smallest exact radius first, at most ``RANKED``, and their radii [m]."""
        return self.keep("ranked", lambda: _ranked(self.told))


def _ranked(told: StepRadius) -> tuple[Tensor, Tensor]:
    """The certified bound, mostly within a tenth of the exact radius, says which samples are solved."""
    found = told.radius
    few = found.certified.argsort()[:RANKED]
    exact = radius(found.logits[few], found.speeds[few]).exact
    order = exact.argsort(stable=True)
    return few[order], exact[order]


def planned(state: SafetyState, shelf: Shelf) -> Plan:
    """The plan of a state; made once for all who ask for the same.

    Raises:
        ValueError: one sentence, for a step that moves nothing or nothing finite.
    """
    keep = keeper(state, shelf)
    plan: Plan = keep("plan", lambda: _made(state, shelf, keep))
    return replace(plan, state=state)


def keeper(state: SafetyState, shelf: Shelf) -> Callable[[str, Callable[[], Any]], Any]:
    """Keeps what depends on net, stage, direction, batch and seed alone: own things with the person, others for all."""
    parts = [state.net, state.stage, state.direction, state.batch, state.seed]
    if is_own(state.net):
        trial = shelf.thing(state.net, Trial)
        return lambda what, make: trial.kept(json.dumps([what, *parts[2:]]), make)

    def kept(what: str, make: Callable[[], Any]) -> Any:
        key = json.dumps(["safety", what, *parts])
        known = SHOP.get(key)
        return SHOP.put(key, make()) if known is None else known

    return kept


def _made(state: SafetyState, shelf: Shelf, keep: Callable[[str, Callable[[], Any]], Any]) -> Plan:
    label, module, split, own = subject(state, shelf)
    step = own if state.direction == OWN and own is not None else None
    if step is None:
        kind = "gradient" if state.direction == OWN else state.direction
        step = direction(kind, module, split, seed=state.seed)
    raw = step_radius(module, split.x, step, at=()).r_max
    if not 0 < raw < math.inf:
        raise ValueError(
            f"this step has r = {raw:g}: a step must move some logit by something finite; choose another direction"
        )
    unit = {name: value.detach() / raw for name, value in step.items()}
    told = step_radius(module, split.x, unit, split.y, at=SIZES)
    return Plan(state, label, module, split, unit, told, raw, keep)


def subject(state: SafetyState, shelf: Shelf) -> tuple[str, nn.Module, Split, dict[str, Tensor] | None]:
    """The net of a state with ``state.batch`` training samples; a person's own with all of theirs, and their step."""
    if is_own(state.net):
        trial = shelf.thing(state.net, Trial)
        x, y = trial.inputs, trial.targets
        step = None if trial.displacement is None else dict(trial.displacement)
        return "Your module", trial.module, Split(x, y, x, y), step
    whole = digits_split()
    few = whole
    if state.batch < len(whole.x):
        order = torch.randperm(len(whole.x), generator=torch.Generator().manual_seed(state.seed))[
            : state.batch
        ]
        few = replace(whole, x=whole.x[order], y=whole.y[order])
    label = f"{NETS.get(state.net, state.net)}, {STAGES[state.stage].split(' ')[0]}"
    return label, trained_classifier(state.net, state.stage), few, None


@dataclass(frozen=True, eq=False)
class Walk:
    """What the net really does at some sizes of the step.

    ``r`` [q], ``loss`` [q], ``accuracy`` [q] of the test part, ``flips`` [q] the share of the batch whose answer
    differs from that before the step.
    """

    r: tuple[float, ...]
    loss: tuple[float, ...]
    accuracy: tuple[float, ...]
    flips: tuple[float, ...]


def walked(plan: Plan, sizes: tuple[float, ...]) -> Iterator[Walk]:
    """The net asked at every size, one at a time."""
    ask = Anatomy(plan.module)
    base = ask.base(None)
    split = plan.split
    with quiet(ask):
        start = ask(split.x, base).argmax(1)
    loss: list[float] = []
    accuracy: list[float] = []
    flips: list[float] = []
    for size in sizes:
        at: Named = base | {
            name: base[name] + (size * step).to(base[name])
            for name, step in plan.unit.items()
            if name in base
        }
        with quiet(ask):
            logits = ask(split.x, at)
            test = logits if split.test_x is split.x else ask(split.test_x, at)
        loss.append(float(nn.functional.cross_entropy(logits.double(), split.y)))
        right = (test.argmax(1) == split.test_y) & ~test.isnan().any(1)
        accuracy.append(float(right.double().mean()))
        flips.append(float((logits.argmax(1) != start).double().mean()))
        yield Walk(sizes[: len(loss)], tuple(loss), tuple(accuracy), tuple(flips))
