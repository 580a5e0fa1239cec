"""From a state to the objects that it names: target, teacher, students, noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from explorer.labs.menus import EXACT, is_own
from explorer.labs.scrub.plan import NOISE_REACH, PLAIN_BOX, REFERENCE_SEED
from explorer.labs.shelf import Shelf
from explorer.labs.students.menus import short_label
from explorer.labs.students.state import StudentsState
from explorer.labs.things import target_named
from explorer.maths.fields import AbstractField
from explorer.maths.samplers import as_sampler
from explorer.maths.samplers.base import draw_noise
from explorer.maths.students import AbstractFlowMap
from explorer.maths.students.distill import check_teacher
from explorer.maths.students.switch import late_times
from explorer.maths.targets import AbstractTarget
from explorer.models.zoo import from_catalogue, student_from_catalogue, students_of

TEACHER = 1
"""The teacher's slot; students have those after it."""


@dataclass(frozen=True, eq=False)
class StudentPane:
    """One student, and how many calls it makes here."""

    slot: int
    key: str
    label: str
    student: AbstractFlowMap
    calls: int
    switch: int = 0
    """After so many of the teacher's steps it begins; 0 where it begins at noise."""

    @property
    def is_noised_again(self) -> bool:
        """Whether noise is drawn between two of its calls: its states lie on no path then."""
        return self.calls > 1 and self.student.is_random


@dataclass(frozen=True, eq=False)
class Plan:
    """All that a state names."""

    state: StudentsState
    target: AbstractTarget
    teacher: AbstractField
    students: tuple[StudentPane, ...]
    noise: Tensor
    """The noise that every pane starts from [n, *shape], float32."""
    reference: Tensor
    """A draw of the data [n, *shape] that is shown and measured against."""
    device: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.noise.shape[1:])

    @property
    def is_plane(self) -> bool:
        """Whether a sample is a point of the plane, and not a picture."""
        return len(self.shape) == 1

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The part of the plane that is drawn: all of the data, and the noise but for its outermost."""
        if not self.is_plane:
            return PLAIN_BOX
        x, y = (max(NOISE_REACH, 1.06 * float(self.reference[:, axis].abs().max())) for axis in (0, 1))
        return (-x, -y, x, y)

    @property
    def times(self) -> list[float]:
        """The moments of the teacher's own run."""
        sampler, latest = as_sampler(self.state.sampler), getattr(self.teacher, "latest", 1.0)
        return sampler.times(self.teacher.path, "default", self.state.steps, latest)

    @property
    def teacher_evals(self) -> int:
        """Model calls of the teacher's own run."""
        return as_sampler(self.state.sampler).evals_per_step * (self.state.steps - 1) + 1


def planned(
    state: StudentsState, shelf: Shelf, device: str = "cpu", chosen: tuple[str, ...] | None = None
) -> Plan:
    """The objects of a state; ``chosen`` in place of its own students.

    Raises:
        ValueError: one sentence, when a name leads nowhere, a file is not sound, or a student is not of this target.
    """
    target = target_named(state.target, shelf)
    assert target is not None, "the lab's menu has no empty target"
    teacher = teacher_of(state, shelf, target, device)
    check_teacher(teacher, target.shape)
    students = tuple(
        _student(state, shelf, target, slot, key, device)
        for slot, key in enumerate(state.chosen if chosen is None else chosen, TEACHER + 1)
    )
    noise = draw_noise(state.n, target.shape, state.seed, torch.float32).to(device)
    reference = target.sample(max(state.n, 256), REFERENCE_SEED).float()
    plan = Plan(state, target, teacher, students, noise, reference, device)
    if state.switch:
        plan = replace(plan, students=tuple(late(pane, plan.times, state.switch) for pane in students))
    return plan


def teacher_of(state: StudentsState, shelf: Shelf, target: AbstractTarget, device: str) -> AbstractField:
    """The field that students learn from."""
    if is_own(state.model):
        return shelf.field(state.model)
    return target.field("linear") if state.model == EXACT else from_catalogue(state.model, device)


def _student(
    state: StudentsState, shelf: Shelf, target: AbstractTarget, slot: int, key: str, device: str
) -> StudentPane:
    student = shelf.student(key) if is_own(key) else student_from_catalogue(f"{state.target}/{key}", device)
    label = label_of(state, shelf, key)
    check_student(student, label, target)
    return StudentPane(slot, key, label, student, most_calls(student, state.calls))


def late(pane: StudentPane, times: Sequence[float], switch: int) -> StudentPane:
    """The student after ``switch`` of the teacher's steps; from noise where it cannot be asked from there."""
    try:
        pane.student.check(late_times(times[switch], pane.calls))
    except ValueError:
        return pane
    return replace(pane, switch=switch)


def check_student(student: AbstractFlowMap, label: str, target: AbstractTarget) -> None:
    """Raise ValueError where a student's samples are not the target's, or it is on another path than the teachers."""
    if tuple(student.shape) != tuple(target.shape):
        raise ValueError(
            f"{label}: this student makes samples of shape {list(student.shape)}, and those of {target.label} have "
            f"shape {list(target.shape)}; choose a student of this target"
        )
    if student.path.name != "linear":
        raise ValueError(
            f"{label}: this student is on the path {student.path.name!r}, and its teacher on 'linear'; give one of the "
            "linear path"
        )


def label_of(state: StudentsState, shelf: Shelf, key: str) -> str:
    """A student's name on the stage."""
    if is_own(key):
        return shelf.labels(AbstractFlowMap).get(key, "Yours")
    return short_label(key, students_of(state.target)[f"{state.target}/{key}"].label)


def most_calls(student: AbstractFlowMap, calls: int) -> int:
    """The greatest number of calls up to ``calls`` that the student can be walked with."""
    fit = (count for count in range(calls, 0, -1) if student.takes(count * student.evals_per_call))
    return next(fit, 1)
