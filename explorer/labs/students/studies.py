"""What takes longer than the picture: quality by evals over seeds, and what a late student brings back."""

import json
from collections.abc import Iterator
from dataclasses import replace

from explorer.labs.faults import sentence
from explorer.labs.menus import is_own
from explorer.labs.shop import SHOP
from explorer.labs.students.plan import Plan, StudentPane
from explorer.labs.students.record import StudentsRecord
from explorer.maths.metrics import w2
from explorer.maths.students.compare import comparing
from explorer.maths.students.comparison import Comparison
from explorer.maths.students.ground import Ground
from explorer.maths.students.switch import SwitchCurve, switch_curve
from explorer.models.zoo import CATALOGUE, STUDENT_CATALOGUE

EVALS = (1, 2, 4, 8, 16)
N, SEEDS = 500, (0, 1, 2)
PICTURES = (200, (0,))
"""Samples and seeds where each is a picture."""
STEPS = 8
"""Of the teacher whose steps a student takes over from."""
QUALITY, NOISE, SWITCH, TROUBLE = "quality", "noise", "switch", "trouble"


def _key(plan: Plan, what: str, *more: object) -> str:
    known = CATALOGUE | STUDENT_CATALOGUE
    names = [plan.state.model, *(f"{plan.state.target}/{pane.key}" for pane in plan.students)]
    weights = [known[name].sha256 for name in names if name in known]
    own = [str(id(pane.student)) for pane in plan.students if is_own(pane.key)]
    teacher = str(id(plan.teacher)) if is_own(plan.state.model) else ""
    return json.dumps([what, plan.state.target, names, weights, own, teacher, *more])


def _switch_key(plan: Plan, pane: StudentPane) -> str:
    return _key(plan, SWITCH, pane.key, pane.calls, plan.state.sampler)


def recalled(record: StudentsRecord) -> StudentsRecord:
    """The record with what was studied before: neither calls, nor samples, nor the seed of the picture change it."""
    plan, found = record.plan, dict(record.studies)
    if (known := SHOP.get(_key(plan, QUALITY))) is not None:
        found |= known
    curves = {pane.slot: SHOP.get(_switch_key(plan, pane)) for pane in plan.students}
    found[SWITCH] = {slot: curve for slot, curve in curves.items() if curve is not None}
    return replace(record, studies=found)


def is_studied(record: StudentsRecord) -> bool:
    """Whether nothing is left to study."""
    studies, plan = record.studies, record.plan
    if TROUBLE in studies:
        return True
    table: Comparison | None = studies.get(QUALITY)
    is_whole = table is not None and table.done == len(table.seeds)
    return is_whole and len(studies.get(SWITCH, {})) == len(switching(plan))


def switching(plan: Plan) -> tuple[StudentPane, ...]:
    """The students that can be asked late."""
    if not plan.is_plane:
        return ()
    return tuple(pane for pane in plan.students if not pane.student.refusal(0.5, 0.0))


def studied(record: StudentsRecord) -> Iterator[StudentsRecord]:
    """The record with one row more of its table at a time, then with a curve for each student that can begin late."""
    try:
        if not _is_whole(record):
            for part in _compared(record):
                record = part
                yield record
        for pane in switching(record.plan):
            if pane.slot not in record.studies[SWITCH]:
                record = _with_curve(record, pane)
                yield record
    except ValueError as fault:  # a teacher that no sampler gets through
        yield replace(record, studies={**record.studies, TROUBLE: sentence(fault)})


def _is_whole(record: StudentsRecord) -> bool:
    table = record.studies.get(QUALITY)
    return table is not None and table.done == len(table.seeds)


def _compared(record: StudentsRecord) -> Iterator[StudentsRecord]:
    plan = record.plan
    n, seeds = (N, SEEDS) if plan.is_plane else PICTURES
    ground = Ground(plan.teacher, plan.target, n, is_even=plan.is_plane)
    noise = w2(ground.noise, ground.data.points)  # type: ignore[union-attr] # the target is known
    students = {pane.label: pane.student for pane in plan.students}
    for table in comparing(
        plan.teacher, students, plan.target, evals=EVALS, n=n, seeds=seeds, even=plan.is_plane
    ):
        record = replace(record, studies={**record.studies, QUALITY: table, NOISE: noise})
        yield record
    SHOP.put(_key(plan, QUALITY), {QUALITY: record.studies[QUALITY], NOISE: noise})


def _with_curve(record: StudentsRecord, pane: StudentPane) -> StudentsRecord:
    plan = record.plan
    calls = pane.calls
    curve: SwitchCurve = switch_curve(
        plan.teacher, pane.student, plan.target, steps=STEPS, calls=calls, sampler=plan.state.sampler, n=N
    )
    SHOP.put(_switch_key(plan, pane), curve)
    curves = {**record.studies[SWITCH], pane.slot: curve}
    return replace(record, studies={**record.studies, SWITCH: curves})
