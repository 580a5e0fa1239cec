"""A student that is being made, in words and curves."""

import math
from typing import Any

from explorer.labs.figures.checks import round_up
from explorer.labs.figures.curves import short
from explorer.labs.figures.students_page import NUMBERS, PAIR_HINT, ROLES, known
from explorer.labs.students.lesson import Lesson
from explorer.labs.students.plan import TEACHER, Plan
from explorer.labs.students.record import StudentsRecord
from explorer.maths.students import DistillProgress, as_method
from explorer.maths.students.methods.f_distill import idle
from explorer.maths.trajectory import Trajectory

STUDENT = TEACHER + 1
MOST = 400
"""Points of a curve."""
PARTS = ("launched", "second", "third", "clean", "fourth", "fifth")
LOSS_HINT = (
    "What is minimised, by its parts, each the mean since the last record. Losses of different methods are different "
    "things: only the W2 beside it can be compared."
)
W2_HINT = (
    "Distance of the averaged weights' samples to the data: always the same 500 points of even noise against the same "
    "data with equal counts in each mode. The student that is kept is the one with the smallest."
)


def train_spec(plan: Plan, lesson: Lesson, run: Trajectory) -> dict[str, Any]:
    """The teacher beside its student, with the pairs between them."""
    method, last = as_method(plan.state.method), lesson.last
    evals = int(run.evals[-1])
    begun = f"update {last.step:,} of {last.steps:,}" if last is not None and last.step else "not trained yet"
    teacher = {
        "label": "Teacher",
        "note": f"{plan.teacher_evals} evals",
        "run": TEACHER,
        "role": ROLES[0],
        "axes": ["x1", "x2"],
    }
    student = {
        "label": method.label,
        "note": f"{evals} eval{'s' if evals > 1 else ''}, {begun}",
        "run": STUDENT,
        "role": ROLES[1],
        "axes": ["x1", "x2"],
        "curves": False,
    }
    pairs = {
        "label": "distance of pairs",
        "lo": 0.0,
        "hi": 2.0,
        "map": "viridis",
        "hint": PAIR_HINT,
        "over": False,
    }
    return {
        "version": 1,
        "title": plan.target.label,
        "subtitle": method.label,
        "box": list(plan.box),
        "panes": [teacher, student],
        "launched": [],
        "images": None
        if plan.is_plane
        else {"height": plan.shape[-2], "width": plan.shape[-1], "columns": 8},
        "can_launch": False,
        "can_draw": False,
        "paths": 60,
        "rest": 0.0,
        "colour": None,
        "heat": None,
        "pairs": pairs if plan.is_plane else None,
    }


def train_charts(plan: Plan, lesson: Lesson, record: StudentsRecord | None) -> dict[str, Any]:
    """Loss and W2 over the updates, and how it stands."""
    return {
        "charts": [_losses(plan, lesson), _distance(plan, lesson)],
        "numbers": _numbers(lesson, record),
    }


def _curve(
    lesson: Lesson, label: str, role: str, points: list[tuple[float, float]], ticks: bool = False
) -> dict:
    stride = max(1, len(points) // MOST)
    kept = points[::stride]
    x, y = ([each[k] for each in kept] for k in (0, 1))
    return {
        "run": STUDENT,
        "label": label,
        "role": role,
        "x": short(x),
        "y": short(known(v) for v in y),
        "ticks": ticks,
    }


def _losses(plan: Plan, lesson: Lesson) -> dict[str, Any]:
    seen = [one for one in lesson.seen if one.parts]
    names = list(dict.fromkeys(name for one in seen for name in one.parts))
    curves = [
        _curve(lesson, name, role, [(float(p.step), p.parts[name]) for p in seen if name in p.parts])
        for role, name in zip(PARTS, names, strict=False)
    ]
    values = [y for curve in curves for y in curve["y"] if y is not None]
    is_log = bool(values) and min(values) > 0
    return {
        "id": "loss",
        "title": "Loss",
        "subtitle": as_method(plan.state.method).equation,
        "caption": _idle_words(lesson.last),
        "hint": LOSS_HINT,
        "x": "update",
        "x_label": "update",
        "x_range": [0, plan.state.updates],
        "y_label": "",
        **({"log": True, "y": [min(values), max(max(values), 1.01 * min(values))]} if is_log else {}),
        "lines": curves,
        "levels": [],
        "empty": "The first losses come in a moment."
        if plan.state.train
        else "Press Train: the student learns here, in front of you.",
    }


def _idle_words(last: DistillProgress | None) -> str:
    """Says so where the weights of a divergence do nothing."""
    words = idle(last.told) if last is not None and last.told else ""
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _distance(plan: Plan, lesson: Lesson) -> dict[str, Any]:
    judged = {one.judged: one.w2 for one in lesson.seen if math.isfinite(one.w2)}
    points = sorted((float(step), value) for step, value in judged.items())
    lines = [_curve(lesson, "student", "launched", points, ticks=True)]
    top = max((y for _, y in points), default=1.0)
    evals = lesson.course.judge.evals
    return {
        "id": "judged",
        "title": "W2 to the data",
        "subtitle": f"at {evals} eval{'s' if evals > 1 else ''}, 500 points",
        "hint": W2_HINT,
        "x": "update",
        "x_label": "update",
        "x_range": [0, plan.state.updates],
        "y_label": "",
        "y": [0, round_up(top)],
        "lines": lines,
        "levels": [],
        "empty": "Nothing to judge yet.",
    }


def _numbers(lesson: Lesson, record: StudentsRecord | None) -> dict[str, Any]:
    """How the training stands; the figures of the end points once it rests."""
    last = lesson.last
    rows = [] if last is None else _standing(last)
    if record is not None:
        for label, name, of, hint in NUMBERS[1:]:
            values = {pane.slot: known(getattr(pane.scores, name)) for pane in record.panes}
            row: dict[str, Any] = {"label": label, "hint": hint, "unit": "", "values": values}
            if of:
                row["of"] = {pane.slot: getattr(pane.scores, of) for pane in record.panes}
            if any(value is not None for value in values.values()):
                rows.append(row)
    return {"title": "Training" if record is None else "At the end", "rows": rows}


def _standing(last: DistillProgress) -> list[dict[str, Any]]:
    facts: list[tuple[str, str, str, float]] = [
        ("update", "Batches learnt from so far.", "", last.step),
        (
            "best at update",
            "The student that is kept: the one with the smallest W2 so far.",
            "",
            last.best_step,
        ),
        ("seconds", "Spent in training; waiting for others is not counted.", "s", last.seconds),
    ]
    facts += [(name, "Told by the method beside its loss.", "", value) for name, value in last.told.items()]
    return [
        {"label": label, "hint": hint, "unit": unit, "values": {STUDENT: known(value)}}
        for label, hint, unit, value in facts
    ]


def train_footer(plan: Plan, lesson: Lesson) -> str:
    """What it cost, in one line."""
    last = lesson.last
    if last is None or not last.step:
        return f"nothing trained yet · {plan.device} · seed {plan.state.seed}"
    words = f"{last.step:,} of {last.steps:,} updates · {last.seconds:.2g} s · best at {last.best_step:,}"
    return f"{words} · {plan.device} · seed {plan.state.seed}"
