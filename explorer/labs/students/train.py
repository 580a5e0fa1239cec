"""Training one student on the page: its cloud forms beside the teacher's while its losses stream."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from explorer.labs.figures.students_train import train_charts, train_footer, train_spec
from explorer.labs.scene import Begin, Block, Charts, Done, Event, Kind, Moved, Status
from explorer.labs.shelf import Shelf
from explorer.labs.shop import SHOP
from explorer.labs.students.lesson import Lesson, lesson_of, shelve
from explorer.labs.students.plan import TEACHER, Plan, StudentPane, planned
from explorer.labs.students.record import PaneRecord, StudentsRecord
from explorer.labs.students.runs import distances, float32, ground_of, rmse_of, scores_of, whole
from explorer.labs.students.state import MOST, StudentsState
from explorer.maths.samplers import record as record_with
from explorer.maths.students import AbstractFlowMap, Leap
from explorer.maths.trajectory import Trajectory

STUDENT = TEACHER + 1
SHOWN = 9
"""Moments of the teacher's run that go over the wire again with each new cloud."""


@dataclass(frozen=True, eq=False)
class TrainRecord(StudentsRecord):
    """The comparison of a teacher and the student that is being made, with what was seen of its way."""

    lesson: Lesson | None = None


def events(
    state: StudentsState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """The student as it is; while ``state.train`` is on, as it comes to be. Stopping keeps the best so far."""
    plan = planned(replace(state, switch=0), shelf, device, chosen=())
    yield Status("running", "the teacher walks")
    teacher = _teacher(plan)
    lesson = lesson_of(plan, shelf)
    if state.train:
        for progress, student in lesson.records():
            if progress.ended is None:
                yield from _picture(plan, lesson, teacher, student)
                yield Status("running", _said(progress), progress.step, progress.steps)
                if stop():
                    break
    yield from _rested(plan, lesson, teacher, shelf)


def _said(progress) -> str:
    if progress.doing:
        return progress.doing
    return f"update {progress.step:,} of {progress.steps:,}, about {progress.seconds_left:.0f} s left"


def _rested(plan: Plan, lesson: Lesson, teacher: Trajectory, shelf: Shelf) -> Iterator[Event]:
    """The best student so far, measured; where it has learnt anything it lies on the shelf and is chosen."""
    last = lesson.last
    run = yield from _picture(plan, lesson, teacher, lesson.best())
    record = _measured(plan, lesson, teacher, run)
    changes: dict[str, object] = {"train": False}
    if last is not None and last.step:
        key = shelve(lesson, shelf)
        others = [each for each in plan.state.chosen if each != key]
        changes["students"] = ",".join([*others[: MOST - 1], key])
    yield Charts(train_charts(plan, lesson, record))
    yield Moved(changes)
    if last is not None and last.ended is not None and last.ended.kind == "diverged":
        shelf.forget(lesson.key)  # to train again is to begin anew
        yield Status("diverged", last.ended.text)
    else:
        yield Status("done", "done")
    yield Done(record, train_footer(plan, lesson))


def _measured(plan: Plan, lesson: Lesson, teacher: Trajectory, run: Trajectory) -> TrainRecord:
    ground, apart = ground_of(plan), distances(run, teacher)
    pane = StudentPane(STUDENT, "", "Student", lesson.best(), _calls(lesson))
    taught = PaneRecord(TEACHER, "Teacher", teacher, scores_of(plan, ground, None, teacher, None))
    made = PaneRecord(
        STUDENT, "Student", run, scores_of(plan, ground, pane, run, rmse_of(apart)), pane, apart
    )
    return TrainRecord(plan, (taught, made), ground.floor(ground.is_even), lesson=lesson)


def _calls(lesson: Lesson) -> int:
    """Calls at which the student is shown and judged."""
    method = lesson.course.learner.method
    return max(1, method.main // lesson.best().evals_per_call)


def _teacher(plan: Plan) -> Trajectory:
    """The teacher's run from the shared noise; kept, for many looks at the student are held against it."""
    state = plan.state
    key = f"taught {state.model} {state.target} {state.sampler} {state.steps} {state.n} {state.seed} {plan.device}"
    known = SHOP.get(key) if not state.model.startswith("own:") else None
    if known is None:
        known = record_with(plan.teacher, state.sampler, steps=state.steps, noise=plan.noise, seed=state.seed)
        SHOP.put(key, known)
    return known


def _picture(plan: Plan, lesson: Lesson, teacher: Trajectory, student: AbstractFlowMap):
    """One picture of the student as it is, with its losses; the value is its run."""
    run = record_with(student, Leap(student), steps=_calls(lesson), noise=plan.noise, seed=plan.state.seed)
    yield Begin(train_spec(plan, lesson, run))
    if plan.is_plane:
        yield Block(Kind.TARGET, 0, 0, 1, float32(plan.reference[: plan.state.n])[None])
    yield from whole(plan, TEACHER, teacher, SHOWN)
    yield from whole(plan, STUDENT, run)
    yield Charts(train_charts(plan, lesson, None))
    return run
