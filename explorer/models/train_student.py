"""Training a student as the shipped ones were: from its teacher's file, through the one course, to a card."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from explorer.maths.students import AbstractMethod, DistillProgress, distill
from explorer.maths.targets import as_target
from explorer.models.architectures import built
from explorer.models.card import Card
from explorer.models.checkpoints import rounded, save_network
from explorer.models.entries import RESIDUAL, Entry
from explorer.models.student_figures import evals_of, figures_of_student
from explorer.models.students import method_of, settings_of
from explorer.models.teachers import Teacher
from explorer.models.training_bar import command_of, followed

EVERY = 1.0
"""Seconds between the records of a run that only a bar follows."""


def train_student(entry: Entry, teacher: Teacher, file: Path, state: Path) -> Card:
    """Train, measure, write; the card. The state file goes only when the student is there.

    Students learn on the CPU: their batches are small, and sums are added in one order there.

    Raises:
        ValueError: when the run diverged; nothing was written.
        KeyboardInterrupt: saying where it was; the state file holds the run.
    """
    method = method_of(entry.method, entry.settings)
    records = distill(
        method,
        teacher.field,
        entry.target,
        steps=entry.steps,
        batch=entry.batch,
        learning_rate=entry.learning_rate,
        seed=entry.seed,
        network=_first(entry, method),
        every=EVERY,
        state_file=state,
    )
    last = followed(records, entry, state, _said)
    network = rounded(last.student.network, entry.storage)
    card = save_network(file, network, _card(entry, method, teacher, last, network))
    state.unlink(missing_ok=True)
    return card


def _first(entry: Entry, method: AbstractMethod) -> nn.Module | None:
    """A fresh network of the entry's architecture, where the method's own choice would be another."""
    if method.begins == "teacher" or entry.architecture["kind"] != RESIDUAL["kind"]:
        return None
    return built(entry.architecture, entry.seed)


def _said(last: DistillProgress) -> str:
    return last.doing or f"loss={last.loss:.3f}, w2={last.w2:.3f}"


def _card(
    entry: Entry, method: AbstractMethod, teacher: Teacher, last: DistillProgress, network: nn.Module
) -> Card:
    """The card of a finished run, its figures measured on the weights as they are stored."""
    target = as_target(entry.target)
    student = replace(last.student, network=network)
    evals = evals_of(student)
    figures = figures_of_student(student, teacher.field, target, evals)
    return Card(
        architecture=dict(entry.architecture),
        target=entry.target,
        path=entry.path,
        predicts=entry.predicts,
        shape=target.shape,
        steps=entry.steps,
        batch=entry.batch,
        learning_rate=entry.learning_rate,
        seed=entry.seed,
        seconds=round(last.seconds, 1),
        figures={name: round(value, 6) for name, value in figures.items()},
        command=command_of(entry, entry.name),
        torch=torch.__version__,
        teacher=entry.teacher,
        teacher_weights=teacher.card.weights,
        method=entry.method,
        kind=student.kind,
        evals=evals,
        settings=settings_of(method),
        storage=entry.storage,
    )


def agrees(settings: Mapping[str, object], entry: Entry) -> bool:
    """Whether a card's settings are those that the entry asks for."""
    return dict(settings) == settings_of(method_of(entry.method, entry.settings))
