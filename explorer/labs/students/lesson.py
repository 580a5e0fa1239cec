"""A student being made on the page: its course, what was seen of it so far, and whose turn it is."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from explorer.labs.shelf import Shelf
from explorer.labs.students.plan import Plan
from explorer.labs.students.state import StudentsState
from explorer.maths.students import AbstractFlowMap, Course, DistillProgress, Task, as_method
from explorer.maths.students.distill import check_teacher, first_network

EVERY = 0.2
"""Seconds between two pictures of a student that is learning."""


@dataclass(eq=False)
class Lesson:
    """A course that may be interrupted at any record and gone on with; for one thread at a time.

    ``seen`` are its records so far. A run that was dropped may still be inside an update when the next one asks, so
    whoever touches the course holds ``turn``.
    """

    key: str
    course: Course
    seen: list[DistillProgress] = field(default_factory=list)
    shelved: tuple[int, str] = (-1, "")
    """The update whose student lies on the shelf, and its id there."""
    turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def last(self) -> DistillProgress | None:
        """What was seen last."""
        return self.seen[-1] if self.seen else None

    @property
    def has_ended(self) -> bool:
        """Whether there is nothing left to learn."""
        return self.last is not None and self.last.ended is not None

    def records(self) -> Iterator[tuple[DistillProgress, AbstractFlowMap]]:
        """Go on: each record with the student as it is at that moment."""
        records = self.course.records()
        try:
            while True:
                with self.turn:
                    try:
                        progress = next(records)
                    except StopIteration:
                        return
                    self.seen.append(progress)
                    student = progress.student if progress.ended else self.course.learner.student()
                yield progress, student
        finally:
            with self.turn:
                records.close()  # type: ignore[attr-defined] # a generator, said to be an iterator: closing it saves

    def best(self) -> AbstractFlowMap:
        """The best student so far; before the first look, the one it begins as."""
        with self.turn:
            return self.last.student if self.last is not None else self.course.learner.student()


def lesson_key(state: StudentsState) -> str:
    """What a student that is made here depends on."""
    return json.dumps([state.target, state.model, state.method, state.updates, state.seed])


def lesson_of(plan: Plan, shelf: Shelf) -> Lesson:
    """The visitor's lesson of a state: the one that was begun, or a new one.

    Raises:
        ValueError: one sentence, for a method that cannot learn from this teacher.
    """
    state = plan.state
    key = lesson_key(state)
    lesson: Lesson | None = shelf.unfinished(key)
    if lesson is None:
        lesson = Lesson(key, _course(plan))
        shelf.keep_unfinished(key, lesson)
    return lesson


def _course(plan: Plan) -> Course:
    state, method = plan.state, as_method(plan.state.method)
    check_teacher(plan.teacher, plan.target.shape)
    schedule = replace(method.schedule, steps=state.updates, seed=state.seed)
    network = first_network(method, plan.teacher, plan.target.shape, state.seed)
    return Course(method.learner(Task(plan.target, plan.teacher, network, schedule)), every=EVERY)


def shelve(lesson: Lesson, shelf: Shelf) -> str:
    """Put the best student so far on the visitor's shelf; its id there."""
    student, last = lesson.best(), lesson.last
    step = 0 if last is None else last.best_step
    if lesson.shelved[0] != step:
        label = as_method(lesson.course.learner.method).label
        lesson.shelved = (step, shelf.put_student(student, f"Yours: {label}, {step:,} updates"))
    return lesson.shelved[1]
