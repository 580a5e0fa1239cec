"""The one loop that makes students: a generator of progress records that can be stopped, kept and run on.

Source: the running average of weights after Karras et al. 2022, arXiv:2206.00364; where we differ: its decay rises
with the first updates, so that short runs are not held back by their first weights.
"""

import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from torch import Tensor

from explorer.maths.students.course_state import load_course, save_course
from explorer.maths.students.flow_map import AbstractFlowMap
from explorer.maths.students.judge import UNSEEN, Judge, Reached
from explorer.maths.students.method import Learner
from explorer.maths.training.run import TrainEnded

MEMORY, BLOWN_UP, BEYOND = 200, 100.0, 10.0
"""A loss of so many times the median of the last so many, or a cloud so far beyond the data, has diverged."""
LOOKS = 40
"""How often a student is judged in a whole run."""


@dataclass(frozen=True, eq=False)
class DistillProgress:
    """A student on its way.

    ``loss`` is the mean since the last record, ``parts`` of its parts; ``cloud`` [1000, *shape] what the averaged
    weights make of always the same noise; ``w2`` its distance to the data (500 points, in units of x) when it was last
    judged, at update ``judged``. ``student`` is the best so far, made at update ``best_step``; in a record whose
    ``ended`` says done it is the last one. ``doing`` says what goes on before the first update, ``told`` what the last
    update tells beside its loss (a critic's own loss, the spread of a density ratio). ``reached`` is what the judge saw
    of precision and modes, with the W2.
    """

    method: str
    step: int
    steps: int
    loss: float
    parts: dict[str, float]
    seconds: float
    seconds_left: float
    student: AbstractFlowMap
    best_step: int
    cloud: Tensor
    w2: float
    judged: int
    doing: str = ""
    ended: TrainEnded | None = None
    told: dict[str, float] = field(default_factory=dict)
    reached: Reached = UNSEEN


@dataclass(frozen=True, eq=False)
class Look:
    """What the judge saw."""

    step: int
    student: AbstractFlowMap
    cloud: Tensor
    w2: float
    evals: int
    reached: Reached

    def beats(self, other: "Look") -> bool:
        """Whether it is to be kept for the other: one that knows how to go in fewer evals always is."""
        if other.step == 0 or self.evals != other.evals:
            return other.step == 0 or self.evals < other.evals
        return not self.w2 > other.w2


class Course:
    """A student being made. ``records()`` may be closed at any record and called again: it goes on from there."""

    def __init__(
        self, learner: Learner, *, every: float = 0.1, state_file: Path | None = None, save_every: float = 3.0
    ):
        self.learner, self.every = learner, every
        self.state_file, self.save_every = state_file, save_every
        self.judge = Judge(learner.task.target, learner.method.main)
        self.recent: deque[float] = deque(maxlen=MEMORY)
        self.seconds, self.counted, self.prepared, self.at_rest = 0.0, 0.0, False, True
        self.last = self.best = self.look(learner.student())
        if state_file is not None and state_file.exists():
            load_course(state_file, self)

    def records(self) -> Iterator[DistillProgress]:
        """Go on to the end; the last record has ``ended``."""
        try:
            yield from self._preparing()
            yield from self._learning()
        finally:
            if self.state_file is not None and self.prepared and self.at_rest:
                save_course(self.state_file, self)

    def _preparing(self) -> Iterator[DistillProgress]:
        if self.prepared:
            return
        self.counted = time.perf_counter()
        for share in self.learner.method.prepare(self.learner):
            yield self._record(doing=f"following the teacher, {share:.0%}")
            self.counted = time.perf_counter()
        self._count()
        self.prepared = True

    def _learning(self) -> Iterator[DistillProgress]:
        learner, steps = self.learner, self.learner.schedule.steps
        between, before, first = max(1, steps // LOOKS), self.seconds, learner.step
        since: list[dict[str, float]] = []
        self.counted = shown = saved = time.perf_counter()
        while learner.step < steps:
            number = learner.step + 1
            if learner.turns:
                self.recent.clear()
                since.clear()
            self.at_rest = False  # an interrupt inside the update leaves it half done
            since.append(learner.update())
            self.at_rest = True
            why = self._fault(sum(since[-1].values(), 0.0))
            looked = not why and (number % between == 0 or number == steps)
            if looked:
                why = self._judged()
            if why:
                self.state_file = None  # what is on the disk is from before, and is kept
                yield self._record(since, first, ended=_diverged(number, why, self.best.step))
                return
            if number < steps and (looked or time.perf_counter() - shown >= self.every):
                yield self._record(since, first, before=before)
                since = []
                self.counted = shown = time.perf_counter()
            if self.state_file is not None and time.perf_counter() - saved >= self.save_every:
                self._count()
                save_course(self.state_file, self)
                saved = time.perf_counter()
        self.best = self.last
        yield self._record(since, first, ended=TrainEnded("done", learner.step, "done"))

    def _count(self) -> None:
        """Add what was spent since the last count; a caller's own time between two records is not ours."""
        now = time.perf_counter()
        self.seconds, self.counted = self.seconds + now - self.counted, now

    def look(self, student: AbstractFlowMap) -> Look:
        """What the judge sees of a student, made at the learner's step."""
        cloud = self.judge.cloud(student)
        seen = self.judge.w2(cloud), self.judge.asked(student), self.judge.reached(cloud)
        return Look(self.learner.step, student, cloud, *seen)

    def _judged(self) -> str:
        """Look at the student, keep it if it is the best; why it has diverged, or nothing."""
        look = self.look(self.learner.student())
        size = float(look.cloud.square().mean().sqrt())
        if not math.isfinite(size):
            return "its samples are not finite"
        if size > BEYOND * self.judge.reach:
            return f"its samples lie {size / self.judge.reach:.3g} times as far out as the data"
        self.last = look
        if look.beats(self.best):
            self.best = look
        return ""

    def _fault(self, loss: float) -> str:
        """Why the run has diverged, or nothing."""
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if len(self.recent) == MEMORY and abs(loss) > BLOWN_UP * (usual := median(map(abs, self.recent))):
            return f"the loss {loss:.3g} is over {BLOWN_UP:g} times its median {usual:.3g}"
        self.recent.append(loss)
        return ""

    def _record(
        self,
        since: list[dict[str, float]] | None = None,
        first: int = 0,
        before: float = 0.0,
        doing: str = "",
        ended: TrainEnded | None = None,
    ) -> DistillProgress:
        step, steps = self.learner.step, self.learner.schedule.steps
        names = since[-1] if since else {}
        parts = {name: sum(one[name] for one in since or ()) / len(since or ()) for name in names}
        cloud = self.last.cloud
        if since and not ended and step != self.last.step:
            cloud = self.judge.cloud(self.learner.student())
        self._count()
        return DistillProgress(
            self.learner.method.name,
            step,
            steps,
            sum(parts.values()) if parts else math.nan,
            parts,
            self.seconds,
            (self.seconds - before) / max(1, step - first) * (steps - step),
            self.best.student,
            self.best.step,
            cloud,
            self.last.w2,
            self.last.step,
            doing,
            ended,
            dict(self.learner.told),
            self.last.reached,
        )


def _diverged(step: int, why: str, kept: int) -> TrainEnded:
    text = f"diverged at step {step}: {why}; the weights of step {kept} are kept; try a smaller learning rate"
    return TrainEnded("diverged", step, text)
