"""The shipped students: lines of the catalogue that are made of a teacher, and what a file of one becomes."""

from collections.abc import Mapping
from dataclasses import fields, replace

import torch
from torch import nn

from explorer.maths.names import nearest
from explorer.maths.students import STUDENTS, AbstractFlowMap, AbstractMethod
from explorer.maths.students.judge import made
from explorer.maths.students.kinds import VelocityMap
from explorer.models.card import Card
from explorer.models.entries import MLP, RESIDUAL, Entry

EVALS = (1, 2, 4, 8)
"""Calls after which the figures of a card say how well a student does, where it can be asked so."""
GRIDS: dict[str, object] = {"kind": "mlp_grid", "levels": 4}
"""What a student on grids has of its teacher's network: one each for 1, 2, 4 and 8 steps."""
PICTURES = {"batch": 256}
"""How students of the digits learn, where that is not the method's own way."""

_TARGETS = ("two_moons", "eight_gaussians", "checkerboard")
_METHODS = (
    *("pairs", "progressive", "reflow_distill", "consistency_distillation", "consistency_training"),
    *("continuous_consistency", "lagrangian_map", "eulerian_map", "progressive_map", "mean_flow"),
    *("improved_mean_flow", "shortcut", "dmd2", "f_distill", "transition_matching"),
)
"""What ships for each of these targets, beside the straighter networks of the zoo, which are students too."""
_DIGITS: Mapping[str, Mapping[str, object]] = {
    "pairs": {"pairs": 16_384},
    "consistency_distillation": {"cells": 32},
    "lagrangian_map": {},
}
"""Settings of the students of the digits."""


def student_entry(teacher: Entry, method: str) -> Entry:
    """The line of a student that learns from the network of ``teacher`` by a key of ``STUDENTS``.

    Raises:
        ValueError: for an unknown method, or one that has no network for such samples.
    """
    kind = STUDENTS[nearest("method", method, STUDENTS)]
    of_pictures = teacher.architecture["kind"] == RESIDUAL["kind"]
    plan = replace(kind.schedule, **(PICTURES if of_pictures else {}))
    return Entry(
        f"{teacher.target}/{method}",
        kind.label,
        teacher.target,
        architecture=_architecture(kind, teacher),
        steps=plan.steps,
        batch=plan.batch,
        learning_rate=plan.learning_rate,
        teacher=teacher.name,
        method=method,
        settings=_DIGITS.get(method, {}) if of_pictures else {},
        storage="float16",
    )


def _architecture(kind: type[AbstractMethod], teacher: Entry) -> Mapping[str, object]:
    """The teacher's own, but for students of several networks, or of a head: these there are for the plane only."""
    own = teacher.architecture
    if kind.kind not in ("grid", "stochastic"):
        return own
    if own["kind"] != MLP["kind"]:
        raise ValueError(f"{kind.name!r} has networks for the plane only; {teacher.target!r} is not of it")
    if kind.kind == "grid":
        return {**own, **GRIDS}
    return {"kind": "head_mlp", **{name: own[name] for name in ("dims", "width", "depth", "waves")}}


def shipped_students(teachers: Mapping[str, Entry]) -> dict[str, Entry]:
    """Every line of a student that ships, given those of the teachers."""
    lines = [(f"{target}/linear", method) for target in _TARGETS for method in _METHODS]
    lines += [("digits/mlp", method) for method in _DIGITS]
    entries = (student_entry(teachers[teacher], method) for teacher, method in lines)
    return {entry.name: entry for entry in entries}


def method_of(name: str, settings: Mapping[str, object]) -> AbstractMethod:
    """A method with settings of its own.

    Raises:
        ValueError: for settings that it does not have, or that cannot be.
    """
    kind = STUDENTS[nearest("method", name, STUDENTS)]
    known = [entry.name for entry in fields(kind)]
    if strange := set(settings) - set(known):
        raise ValueError(
            f"`settings` of {name!r} must be among {', '.join(known) or 'none'}; got {', '.join(strange)[:200]}"
        )
    return kind(**settings)


def settings_of(method: AbstractMethod) -> dict[str, object]:
    """Every setting of a method, for its student's card."""
    return {entry.name: getattr(method, entry.name) for entry in fields(method)}


def student_from(network: nn.Module, card: Card, file: str = "this file") -> AbstractFlowMap:
    """The flow map of a network that was loaded with its card. It is asked once, at one sample.

    Raises:
        ValueError: naming ``file``, when the card is no student's, or network, method and kind do not fit.
    """
    try:
        student = method_of(card.method, card.settings).flow_map(network, card.shape)
        if student.kind != card.kind:
            raise ValueError(f"its card says that it is a map of kind {card.kind!r}; it is {student.kind!r}")
        for count in card.evals:
            student.times(count)
        device = next(network.parameters()).device
        answer = made(student, torch.zeros(1, *card.shape, device=device), card.evals[0])
        if answer.shape != (1, *card.shape):
            raise ValueError(
                f"it answers with shape {list(answer.shape[1:])}, and its card says {list(card.shape)}"
            )
    except (ValueError, TypeError, RuntimeError, KeyError, IndexError, AttributeError) as fault:
        raise ValueError(f"{file!r} was not loaded: it is no student ({str(fault)[:300]})") from None
    return student


def velocity_student(network: nn.Module, card: Card, name: str) -> AbstractFlowMap:
    """The student that a straightened field is: its velocity, walked in few Euler steps.

    Raises:
        ValueError: for a field that is not a velocity on the linear path, or that asks for classes.
    """
    if (card.path, card.predicts) != ("linear", "velocity") or card.labels:
        raise ValueError(
            f"a student is a velocity on the linear path without classes; {name!r} predicts {card.predicts} on the "
            f"{card.path} path{' with classes' if card.labels else ''}; give one of the linear path"
        )
    return VelocityMap(network, card.shape, velocity_method(card))


def velocity_method(card: Card | Entry) -> str:
    """The key in ``STUDENTS`` of what a network of the zoo is, where it learnt the pairs of a teacher; else nothing."""
    if card.coupling != "teacher":
        return ""
    return "rf_plus_plus" if card.times == "ends" else "reflow"
