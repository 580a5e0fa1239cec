"""The Students lab's computation: runs first, then how far apart their end points are, then quality by evals."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from explorer.labs.figures.students_page import charts_of, footer_of, pairs_of, spec_of
from explorer.labs.scene import Amend, Begin, Block, Charts, Done, Event, Kind, Status
from explorer.labs.shelf import Shelf
from explorer.labs.students.plan import TEACHER, planned
from explorer.labs.students.record import PaneRecord, StudentsRecord
from explorer.labs.students.runs import (
    distances,
    float32,
    ground_of,
    rmse_of,
    scores_of,
    student_run,
    teacher_run,
    ticks_of,
    unscored,
    whole,
)
from explorer.labs.students.state import StudentsState
from explorer.labs.students.studies import is_studied, recalled, studied


def events(
    state: StudentsState, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """The picture as it comes. ``stop`` is looked at after each step: the part that was computed is kept."""
    plan = planned(state, shelf, device)
    yield Begin(spec_of(plan))
    yield ticks_of(TEACHER, torch.tensor([plan.teacher.path.share(t) for t in plan.times]))
    if plan.is_plane:
        yield Block(Kind.TARGET, 0, 0, 1, float32(plan.reference[: state.n])[None])
    teacher = yield from teacher_run(plan, stop)
    record = StudentsRecord(plan, (PaneRecord(TEACHER, "Teacher", teacher, unscored(teacher)),))
    if teacher.ended.kind == "done":
        for part in _with_students(record):
            record = part
            yield from whole(plan, record.panes[-1].slot, record.panes[-1].run)
            if stop():
                break
    yield from _finished(record, stop)


def _with_students(record: StudentsRecord) -> Iterator[StudentsRecord]:
    """The record with one more student at a time."""
    plan, teacher = record.plan, record.panes[0].run
    for pane in plan.students:
        run = student_run(plan, pane)
        made = PaneRecord(pane.slot, pane.label, run, unscored(run), pane, distances(run, teacher))
        record = replace(record, panes=(*record.panes, made))
        yield record


def _scored(record: StudentsRecord) -> Iterator[StudentsRecord]:
    """The record with one more pane measured at a time."""
    plan, ground = record.plan, ground_of(record.plan)
    record = replace(record, floor=ground.floor(ground.is_even))
    for index, pane in enumerate(record.panes):
        rmse = None if pane.distances is None else rmse_of(pane.distances)
        scores = scores_of(plan, ground, pane.pane, pane.run, rmse)
        panes = (*record.panes[:index], replace(pane, scores=scores), *record.panes[index + 1 :])
        record = replace(record, panes=panes)
        yield record


def _finished(record: StudentsRecord, stop: Callable[[], bool]) -> Iterator[Event]:
    """Arrows' colours, charts and the record; then what takes longer, each part shown as it comes."""
    plan = record.plan
    record = recalled(record)
    yield Amend({"pairs": pairs_of(record)})
    yield Charts(charts_of(record))
    for part in _scored(record):
        record = part
        yield Charts(charts_of(record))
    status = _status(record, len(record.panes) == 1 + len(plan.students))
    yield status
    yield Done(record, footer_of(record))
    if status.kind != "done" or is_studied(record):
        return
    for part in studied(record):
        record = part
        yield Charts(charts_of(record))
        yield status  # others have their turn, and a run that nobody wants any more ends here
        if stop():
            break
    yield Done(record, footer_of(record))


def _status(record: StudentsRecord, is_whole: bool) -> Status:
    for pane in record.panes:
        ended = pane.run.ended
        if ended.kind != "done":
            return Status(ended.kind, ended.text)
    return Status("done", "done") if is_whole else Status("cancelled", "cancelled between two students")
