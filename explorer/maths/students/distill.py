"""Making a student of a teacher."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from torch import nn

from explorer.maths.fields import AbstractField, NetworkField
from explorer.maths.networks import FlowMLP
from explorer.maths.students.course import Course, DistillProgress
from explorer.maths.students.method import AbstractMethod, Task
from explorer.maths.students.registry import as_method
from explorer.maths.targets import AbstractTarget, as_target


def distill(
    method: str | AbstractMethod,
    teacher: AbstractField,
    target: str | AbstractTarget,
    *,
    steps: int | None = None,
    batch: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    network: nn.Module | None = None,
    every: float = 0.1,
    state_file: Path | None = None,
) -> Iterator[DistillProgress]:
    """Make a student; yields a record about every ``every`` seconds, the last with ``ended`` and the student.

    ``target`` is the data, ``teacher`` a field of it on the linear path. ``network`` is the student's own, called
    ``network(x, t)`` and for full maps ``network(x, t, t_next)``; without it a copy of the teacher's network is
    taken where that has an interval input, a fresh one else. Closing the generator stops the run; the last record's
    ``student`` is the best so far. With ``state_file`` the run is saved there as it goes, and goes on from there.

    Raises:
        ValueError: for an unknown method, a teacher of another path or shape than the student, settings that cannot be,
            or a state file of another run.
    """
    chosen, data = as_method(method), as_target(target)
    check_teacher(teacher, data.shape)
    settings = {"steps": steps, "batch": batch, "learning_rate": learning_rate}
    given = {name: value for name, value in settings.items() if value is not None}
    schedule = replace(chosen.schedule, seed=seed, **given)  # type: ignore[arg-type] # settings
    own = network if network is not None else first_network(chosen, teacher, data.shape, seed)
    return Course(
        chosen.learner(Task(data, teacher, own, schedule)), every=every, state_file=state_file
    ).records()


def check_teacher(teacher: AbstractField, shape: tuple[int, ...]) -> None:
    """Raise ValueError where a student of samples of ``shape``, which is on the linear path, cannot learn from it."""
    if teacher.path.name != "linear":
        raise ValueError(
            f"students are on the linear path, and this teacher is on {teacher.path.name!r}; give a teacher that was "
            "trained on the linear path"
        )
    if tuple(teacher.shape) != tuple(shape):
        raise ValueError(
            f"the student learns samples of shape {list(shape)}, and its teacher's are {list(teacher.shape)}; "
            "give the teacher of this target"
        )


def first_network(
    method: AbstractMethod, teacher: AbstractField, shape: tuple[int, ...], seed: int
) -> nn.Module:
    """The network that a student begins as: the teacher's own where the method asks for it and it fits, else fresh."""
    module = teacher.module if isinstance(teacher, NetworkField) else None
    has_interval = getattr(module, "interval", None) is not None
    if isinstance(module, nn.Module) and method.begins == "teacher" and has_interval:
        return deepcopy(module).float().requires_grad_(True)
    dims = 1
    for size in shape:
        dims *= size
    return method.fresh(dims, module.waves if isinstance(module, FlowMLP) else 0, seed)
