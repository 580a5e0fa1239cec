"""The state of an unfinished course, as one safetensors file that a kill leaves whole.

It holds every network of the learner with its optimiser, the running average, what was prepared, the best student and
the last that was judged, the generator and the last losses, and in its header steps, seconds and what run it is.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from explorer.maths.fields import AbstractField, NetworkField
from explorer.maths.files import write_atomically
from explorer.maths.training.state import fill, read_whole
from explorer.maths.trajectory import digest

if TYPE_CHECKING:
    from explorer.maths.students.course import Course, Look
    from explorer.maths.students.method import Learner

VERSION = 1
KIND = "distillation"


def save_course(file: Path, course: "Course") -> None:
    """Write the state; the old one stands until the new one is whole."""
    tensors = _tensors(course)
    header = {
        "version": VERSION,
        "run": identity(course.learner),
        "step": course.learner.step,
        "best": course.best.step,
        "last": course.last.step,
        "seconds": course.seconds,
    }
    header["sha256"] = digest(tensors, header)
    write_atomically(file, to_bytes(tensors, {KIND: json.dumps(header)}))


def load_course(file: Path, course: "Course") -> None:
    """Put a saved state into a fresh course, which need not prepare again.

    Raises:
        ValueError: when the file is damaged, or is of a run with other settings (both sides are named).
    """
    header, tensors = read_whole(file, KIND, VERSION)
    learner = course.learner
    ours, theirs = identity(learner), header["run"]
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            raise ValueError(
                f"{file.name!r} holds an unfinished student with {name} {theirs.get(name)!r}, and this one has "
                f"{ours.get(name)!r}; give the same settings to go on, or remove the file to begin anew"
            )
    for key, network in learner.networks.items():
        fill(network.state_dict(), tensors, f"networks.{key}.", file)
        _fill_adam(learner.optimisers.get(key), tensors, f"adam.{key}.")
    fill(learner.averaged.state_dict(), tensors, "averaged.", file)
    learner.kept |= _under("kept.", tensors)
    learner.generator.set_state(tensors["generator"])
    course.recent.extend(tensors["losses"].tolist())
    course.best, course.last = (_seen(course, int(header[which]), which, tensors, file) for which in LOOKS)
    learner.step, course.seconds = int(header["step"]), float(header["seconds"])
    course.prepared = True


LOOKS = ("best", "last")


def _seen(course: "Course", step: int, which: str, tensors: dict[str, Tensor], file: Path) -> "Look":
    """A student that was judged, as it was: what it is made of follows from the step, its weights are saved."""
    course.learner.step = step
    student = course.learner.student()
    fill(student.network.state_dict(), tensors, f"{which}.", file)
    return course.look(student)


def _fill_adam(optimiser: torch.optim.Optimizer | None, tensors: dict[str, Tensor], prefix: str) -> None:
    if optimiser is None:  # a network that is not trained, such as an earlier stage
        return
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _under(prefix, tensors).items():
        index, slot = name.split(".", 1)
        state.setdefault(int(index), {})[slot] = value
    optimiser.load_state_dict(optimiser.state_dict() | {"state": state})


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _tensors(course: "Course") -> dict[str, Tensor]:
    learner = course.learner
    modules: dict[str, nn.Module] = {f"networks.{key}": network for key, network in learner.networks.items()}
    modules |= {"averaged": learner.averaged}
    modules |= {which: getattr(course, which).student.network for which in LOOKS}
    parts = {f"{key}.{name}": v for key, module in modules.items() for name, v in module.state_dict().items()}
    for key, optimiser in learner.optimisers.items():
        for i, slots in optimiser.state_dict()["state"].items():
            parts |= {f"adam.{key}.{i}.{slot}": value for slot, value in slots.items()}
    parts |= {f"kept.{name}": value for name, value in learner.kept.items()}
    parts["generator"] = learner.generator.get_state()
    parts["losses"] = torch.tensor(course.recent, dtype=torch.float64)
    # Copies, since networks may share weights with each other, and the file's format refuses that.
    return {name: value.detach().cpu().clone().contiguous() for name, value in parts.items()}


def identity(learner: "Learner") -> dict[str, object]:
    """What makes two courses one and the same, as plain values."""
    task, schedule = learner.task, learner.schedule
    return {
        "method": repr(learner.method),
        "target": task.target.name,
        "data": digest({"samples": task.target.sample(16, seed=0)}, {})[:16],
        "teacher": _identity_of(task.teacher),
        "steps": schedule.steps,
        "batch": schedule.batch,
        "learning rate": schedule.learning_rate,
        "seed": schedule.seed,
        "network": digest({}, {k: list(v.shape) for k, v in learner.averaged.state_dict().items()})[:16],
    }


def _identity_of(teacher: AbstractField) -> str:
    """A network by its weights, any other field by what it says."""
    if isinstance(teacher, NetworkField) and isinstance(teacher.module, nn.Module):
        return digest(dict(teacher.module.state_dict()), {"predicts": teacher.predicts})[:16]
    noise = torch.randn(16, *teacher.shape, generator=torch.Generator().manual_seed(0))
    # Rounded, since the last digits change with the number of threads.
    said = (teacher(noise, 0.5).velocity * 1e3).round().long()
    return f"{type(teacher).__name__} {digest({'said': said}, {})[:16]}"
