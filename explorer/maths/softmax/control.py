"""An optimiser that looks before it steps: a step beyond the softmax radius is shortened, or told of.

The wrapped optimiser makes its step; what it really added to the parameters is measured from where it started, and
taken back in part where it is too long. Its own state (momentum, second moments) stays as after the full step. Lazy:
between measurements r is guessed as the last ``r / |p|`` times the new ``|p|``, and measured again when that guess is
half of the limit, or after ten steps; later after as many as last time, twice or four times as many (up to 160) where
r would stay within the limit if it outgrew its guess once, twice or four times more as it just did, else after half as
many. A step that seems within the limit is looked at by the secant, in two plain passes; the product is asked where
that comes near the limit, and no step is cut on the secant's word. In deep calm (see ``calm``) a step is not followed
at all and could not be taken back. A cap keeps predicted logits from jumping; it does not promise descent.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from explorer.maths.softmax.calm import Calm
from explorer.maths.softmax.glance import Glance, glance
from explorer.maths.softmax.limits import Mode, check_limits, first_of, names_of, part_of
from explorer.maths.softmax.losses import is_known
from explorer.maths.softmax.record import StepRadius
from explorer.maths.softmax.speeds import batch_size, portion, takes_batch_statistics
from explorer.maths.softmax.trail import Trail, slope_of

VERSION = 2
SURE = 1.2
"""What a guess is multiplied by at least before it is held against the limit."""
PATIENCE = 16
"""How many times ``every`` a lazy control may wait at most."""
CURVED = 1.3
"""How many times the secant's r the product's may be: 1.06 on the sheet's nets near r = 1."""
PLAIN = {"loss", "temperature", "soft_cap", "class_dim", "chunk"}
"""Options with which a look by the secant will do: what else is asked for is asked of ``step_radius``."""


@dataclass(frozen=True)
class Event:
    """A step that was not taken whole, or that an alarm tells of.

    ``step`` counts from 1; ``kind`` is capped, skipped or alarm; ``r`` of the whole step (NaN where there is none);
    ``scale`` the part that was taken; ``by`` how r was found, empty where nothing was measured.
    """

    step: int
    kind: str
    r: float
    scale: float
    by: str


class RadiusControl:
    """Wraps a torch optimiser: after ``loss.backward()``, ``control.step(inputs)`` in place of ``optimizer.step()``.

    ``r_max`` is the largest r that passes; ``mode`` "cap" shortens longer steps, "alarm" only logs them. A NaN in the
    gradients, the step or the radius skips the step in either mode. ``lazy`` measures after ``every`` steps, later as
    guesses hold, and at once when the guessed r exceeds ``trigger * r_max`` (up to 0.83 of it once guesses have been
    right); else every step is measured. ``rows`` measures that many inputs of each batch and no more (None: all, while
    all is calm by the secant; all also where a BatchNorm joins them); those of the largest r at the last measurement
    come along while the inputs stay the same tensor. ``quantile`` of the rows must pass, 1 for all. ``descent`` also
    keeps within the certificate of descent, when targets are given and the step goes downhill. Other options are
    ``step_radius``'s.

    ``r`` and ``scale`` are of the last step that was followed (r is a guess where ``last``, the last measurement, is
    older), ``measured`` is how many measurements there were, ``log`` the events. Lazy control trusts that a step
    follows its gradient and its settings; for an optimiser whose steps may jump by themselves give ``lazy=False``.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        module: nn.Module,
        *,
        r_max: float = 1.0,
        mode: Mode = "cap",
        lazy: bool = True,
        every: int = 10,
        trigger: float = 0.5,
        rows: int | None = None,
        quantile: float = 1.0,
        descent: bool = False,
        **options: Any,
    ):
        check_limits(r_max, mode, every, trigger, rows, quantile)
        if not is_known(options.get("loss")):
            raise ValueError(
                f"a {type(options['loss']).__name__} has no softmax radius; control needs a softmax loss"
            )
        self.optimizer, self.module, self.options = optimizer, module, options
        self.r_max, self.mode, self.lazy, self.every, self.trigger = r_max, mode, lazy, every, trigger
        self.rows, self.quantile, self.descent = rows, quantile, descent
        self.log: list[Event] = []
        self._last: StepRadius | Glance | None = None
        self.r, self.scale = 0.0, 1.0
        self.steps = self.measured = 0
        self._rate: float | None = None  # r for a step of unit length, as last measured
        self._wait = every
        self._doubt = max(SURE, 1.0 / trigger)  # what a guess is multiplied by
        self._worst: tuple[Any, Tensor] | None = None
        self._names = names_of(module, optimizer)
        self._trail, self._calm = Trail(self._stepped()), Calm()

    def step(
        self,
        inputs: Any,
        targets: Tensor | None = None,
        closure: Callable[[], Any] | None = None,
        *,
        weights: Tensor | None = None,
    ) -> Any:
        """One step of the optimiser, measured on ``inputs``; returns what ``optimizer.step`` returns.

        ``targets`` and ``weights`` are ``step_radius``'s: rows that the loss leaves out are then left out here too.
        """
        self.steps += 1
        calm = self._calm
        if closure is None and calm.passes(self.optimizer):
            return self.optimizer.step()
        known = self._stepped()
        slope = math.inf
        if closure is None:
            slope = calm.slope if math.isfinite(calm.slope) else slope_of(known)
        if math.isnan(slope):
            # A NaN must not reach the optimiser's memory either: there it would stay.
            self._note("skipped", math.nan, 0.0, "")
            self._calm = Calm(calm.age)
            return None
        if not self._trail.fits(known):
            self._names = names_of(self.module, self.optimizer)
            self._trail, self._calm = Trail(known), Calm(calm.age)
        self._trail.mark()
        answer = self.optimizer.step() if closure is None else self.optimizer.step(closure)
        length = self._trail.length()
        by = ""
        if not math.isfinite(length):
            self.r, scale = math.nan, 0.0
        elif self._must_measure(length):
            scale = self._measure(inputs, targets, weights, length)
            by = self._last.by if self._last else ""
        else:
            self.r, self._calm.age = (self._rate or 0.0) * length, self._calm.age + 1
            scale = 1.0
        guess = (self._rate or math.inf) * length * self._doubt
        part = guess / self.r_max if scale == 1.0 else math.inf
        self._calm.seen(slope, self.optimizer, part, self._wait if self.lazy else 0)
        self._take(scale, by)
        return answer

    def _must_measure(self, length: float) -> bool:
        if not self.lazy or self._rate is None or self._calm.age + 1 >= self._wait:
            return True
        return self._is_near(length)

    def _is_near(self, length: float) -> bool:
        """Whether the guess is not surely within the limit."""
        # Written so that a NaN is near.
        return not (self._rate or 0.0) * length * self._doubt <= self.r_max

    def _measure(self, inputs: Any, targets: Tensor | None, weights: Tensor | None, length: float) -> float:
        """The part of the step to take, from r at where it started."""
        names = [self._names[id(p)] for p in self._trail.parameters]
        before = dict(zip(names, self._trail.before(), strict=True))
        told, chosen = None, None
        if self._may_glance(length):
            told = self._glance(inputs, targets, weights, before)
        if told is None:
            moved = dict(zip(names, self._trail.moved(), strict=True))
            chosen = self._chosen(inputs, self.rows)
            few = inputs if chosen is None else portion(inputs, chosen)
            aims, heft = (x if chosen is None or x is None else x[chosen] for x in (targets, weights))
            told = glance(self.module, few, before, moved, length, aims, heft, **self.options)
        self.measured, self._calm.age, self._last = self.measured + 1, 0, told
        if chosen is not None and self.last:
            self._remember(inputs, chosen, self.last)
        self.r = told.quantile(self.quantile)
        self._learn(length)
        scale = part_of(self.r, self.r_max)
        if self.descent and scale > 0 and self.last and self.last.descent > 0:
            scale = min(scale, self.last.descent)
        return scale

    def _may_glance(self, length: float) -> bool:
        """Whether the secant is asked first: of a step that seems within the limit, in types that hold differences.

        Not of the first: a slope that is no number shows in the product alone.
        """
        is_free = self.lazy and self.rows is None and not self.descent and set(self.options) <= PLAIN
        return is_free and self._trail.is_wide and (self._rate or math.inf) * length <= self.r_max

    def _glance(
        self, inputs: Any, targets: Tensor | None, weights: Tensor | None, before: dict[str, Tensor]
    ) -> Glance | StepRadius | None:
        """What the secant says, if that is within the limit for sure; not where a NaN is, or no row counts."""
        told = glance(self.module, inputs, before, targets=targets, weights=weights, **self.options)
        has_rows = isinstance(told, Glance) or len(told.r)
        return told if has_rows and CURVED * told.quantile(self.quantile) <= self.r_max else None

    def _learn(self, length: float) -> None:
        """How far guesses may be trusted, from how the last one turned out, and what to guess next."""
        if not length:
            return
        most = max(SURE, 1.0 / self.trigger)
        if self._rate:
            ratio = self.r / (self._rate * length)
            grown = max(1.0, ratio)
            # Of a NaN none is within the limit.
            longer = max((n for n in (1, 2, 4) if self.r * grown**n <= self.r_max), default=0.5)
            self._wait = min(max(int(longer * self._wait), self.every), PATIENCE * self.every)
            doubt = max(SURE, SURE * ratio, 0.9 * self._doubt)
            # Written so that a NaN doubts.
            self._doubt = doubt if doubt <= most else most
        # From no r at all nothing can be guessed for the next step.
        self._rate = self.r / length if 0 < self.r < math.inf else None

    def _chosen(self, inputs: Any, rows: int | None) -> Tensor | None:
        """The inputs to measure, spread evenly and shifted each time; None for all."""
        count = batch_size(inputs)
        if rows is None or rows >= count or takes_batch_statistics(self.module.modules()):
            return None
        even = (torch.arange(rows) * count // rows + self.measured) % count
        if self._worst is not None and self._worst[0] is first_of(inputs):
            worst = self._worst[1][: max(1, rows // 4)]
            rest = even[~torch.isin(even, worst)]
            even = torch.cat([worst, rest])[:rows]
        return even.to(first_of(inputs).device)

    def _remember(self, inputs: Any, chosen: Tensor, told: StepRadius) -> None:
        """Which inputs had the largest r."""
        if len(told.r):
            order = chosen.cpu()[told.places[told.r.argsort(descending=True)] // told.per_input].tolist()
            self._worst = first_of(inputs), torch.tensor(list(dict.fromkeys(order)))

    def _take(self, scale: float, by: str) -> None:
        kind = "skipped" if scale == 0.0 else "capped" if scale < 1.0 else ""
        if kind and self.mode == "alarm" and not math.isnan(self.r):
            kind, scale = "alarm", 1.0
        if scale < 1.0:
            self._trail.back(scale)
        self.scale = scale
        if kind:
            self._note(kind, self.r, scale, by)

    def _note(self, kind: str, r: float, scale: float, by: str) -> None:
        self.r, self.scale = r, scale
        self.log.append(Event(self.steps, kind, r, scale, by))

    def _stepped(self) -> list[nn.Parameter]:
        groups = self.optimizer.param_groups
        if len(groups) == 1:  # no copy: this is asked at every step
            return groups[0]["params"]
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    @property
    def last(self) -> StepRadius | None:
        """The last measurement, all it tells worked out when read; None before the first."""
        return self._last.record if isinstance(self._last, Glance) else self._last

    def zero_grad(self, set_to_none: bool = True) -> None:
        """The optimiser's own."""
        self.optimizer.zero_grad(set_to_none=set_to_none)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The optimiser's own; a schedule is given ``control.optimizer``."""
        return self.optimizer.param_groups

    def state_dict(self) -> dict[str, Any]:
        """Plain values and the optimiser's state; limits are not in it, they are given when a control is made."""
        return {
            "version": VERSION,
            "optimizer": self.optimizer.state_dict(),
            "steps": self.steps,
            "measured": self.measured,
            "rate": self._rate,
            "age": self._calm.age,
            "wait": self._wait,
            "doubt": self._doubt,
            "log": [list(astuple(event)) for event in self.log],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on where ``state`` was taken.

        Raises:
            ValueError: for a state of another version.
        """
        if state.get("version") != VERSION:
            raise ValueError(
                f"`state` must be a RadiusControl's, of version {VERSION}; got {state.get('version')!r}"
            )
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps, self.measured = int(state["steps"]), int(state["measured"])
        self._rate, self._calm, self._wait = state["rate"], Calm(int(state["age"])), int(state["wait"])
        self._doubt = float(state["doubt"])
        self.log = [Event(*event) for event in state["log"]]
