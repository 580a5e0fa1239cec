"""What a landscape may be drawn of by name: losses of the shipped networks, and one that learns to add.

A problem stands at its trained weights; it has a start for trainings, and stages that a line may join.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import torch
from torch import nn

from explorer.maths.landscape.flat import Loss
from explorer.maths.landscape.training import (
    Problem,
    descend,
    digits_problem,
    flow_problem,
    modular_problem,
)
from explorer.maths.names import nearest
from explorer.maths.targets import TARGETS, as_target
from explorer.models.architectures import built
from explorer.models.classifiers import classifier
from explorer.models.trained_classifiers import CLASSIFIER_CATALOGUE, trained_classifier
from explorer.models.zoo import CATALOGUE, from_catalogue, is_student

MODULAR = "modular"
TRAINED, FRESH = "trained", "fresh"
STEPS = 200
"""Of AdamW that the transformer is trained by, on all its pairs at once."""
RATE = 3e-3
PICTURES, POINTS, ROWS = 256, 2048, 1024
"""Samples of a loss over pictures, over points, and of a classifier."""


@dataclass(frozen=True, eq=False)
class NamedProblem:
    """A problem by name: ``problem`` at its trained weights, ``label`` on screen.

    ``start(seed)`` makes the weights that a training begins at; ``stages`` others of the same module, earliest first.
    """

    name: str
    label: str
    problem: Problem
    start: Callable[[int], nn.Module]
    stages: dict[str, Callable[[], nn.Module]] = field(default_factory=dict)

    def at(self, module: nn.Module) -> Problem:
        """The same loss and batch at other weights."""
        return replace(self.problem, module=module)


def _flows() -> dict[str, str]:
    plain = {
        name: entry
        for name, entry in CATALOGUE.items()
        if not is_student(entry) and entry.coupling == "independent"
    }
    return {name: f"{TARGETS[entry.target].label}: {_short(entry.label)}" for name, entry in plain.items()}


def _short(label: str) -> str:
    """A network's label without what most of them have."""
    return (
        label.replace(", linear path", "")
        .replace("variance preserving path", "VP")
        .replace(" with classes", "")
    )


PROBLEM_LABELS: dict[str, str] = (
    _flows()
    | {entry.name: f"Digits classifier: {entry.label}" for entry in CLASSIFIER_CATALOGUE.values()}
    | {MODULAR: "a + b mod 23: transformer"}
)
"""Every problem by its key, in the order of the menu."""


def problem(
    name: str,
    *,
    level: float | None = None,
    n: int | None = None,
    seed: int = 0,
    stage: str = TRAINED,
    first: int = 0,
) -> Problem:
    """The loss of a shipped network at its weights, with a frozen batch: ``ex.landscape(*problem)`` draws it.

    ``name`` is that of a shipped network (``"two_moons/linear"``: flow matching, at the noise share ``level`` or
    averaged over all), of a classifier (``"classifier/mlp"``: cross-entropy on digits), or ``"modular"`` (a tiny
    transformer that adds modulo 23; trained in some seconds when first asked for). ``n`` samples; ``seed`` draws them.
    ``stage`` is ``"trained"``, ``"fresh"`` (the weights that a training begins at, drawn from ``first``), or for a
    classifier ``"early"`` or ``"mid"``.

    Raises:
        ValueError: for an unknown name, with the nearest ones, or numbers that cannot be.
    """
    named = named_problem(name, level=level, n=n, seed=seed)
    if stage == TRAINED:
        return named.problem
    nearest("stage", stage, (TRAINED, FRESH, *named.stages))
    return named.at(named.start(first) if stage == FRESH else named.stages[stage]())


def named_problem(
    name: str, *, level: float | None = None, n: int | None = None, seed: int = 0
) -> NamedProblem:
    """``problem`` with its stages; see there."""
    nearest("problem", name, PROBLEM_LABELS)
    if name in CATALOGUE:
        return _flow(name, level, n, seed)
    if level is not None:
        raise ValueError(
            f"only a flow's loss has noise levels; got {level!r} for {name!r}; leave `level` out"
        )
    return _modular(seed) if name == MODULAR else _classifier(name, ROWS if n is None else n, seed)


def _flow(name: str, level: float | None, n: int | None, seed: int) -> NamedProblem:
    entry = CATALOGUE[name]
    target, count = as_target(entry.target), n or usual_rows(name)
    label = f"{PROBLEM_LABELS[name]}, {'all noise levels' if level is None else f'noise level {level:.3g}'}"
    made = flow_problem(from_catalogue(name), target, count, level, seed, label)
    return NamedProblem(
        name, label, made, lambda first: built(entry.architecture, first).requires_grad_(True)
    )


def _classifier(name: str, n: int, seed: int) -> NamedProblem:
    entry = CLASSIFIER_CATALOGUE[name.partition("/")[2]]
    made = replace(digits_problem(trained_classifier(entry.net), n, seed), label=PROBLEM_LABELS[name])
    stages: dict[str, Callable[[], nn.Module]] = {
        name: partial(trained_classifier, entry.net, name) for name in entry.stages if name != "final"
    }
    return NamedProblem(name, made.label, made, lambda first: classifier(entry.net, first).eval(), stages)


def _modular(seed: int) -> NamedProblem:
    begun = modular_problem(seed=seed)
    made = replace(begun, module=adding(seed), label=PROBLEM_LABELS[MODULAR])
    return NamedProblem(MODULAR, made.label, made, lambda first: modular_problem(seed=first).module)


@cache
def adding(seed: int = 0) -> nn.Module:
    """The transformer that has learnt to add, by ``STEPS`` of AdamW; shared by all who ask, and never moved."""
    begun = modular_problem(seed=seed)
    *_, last = descend(*parts(begun), ["adamw"], steps=STEPS, learning_rate=RATE, probes=())
    return moved(begun.module, last.runs[0].last.place)


def parts(problem: Problem) -> tuple[Loss, nn.Module, Any]:
    """Loss, module and batch, as functions take them."""
    return problem.loss, problem.module, problem.batch


def moved(module: nn.Module, place: torch.Tensor) -> nn.Module:
    """A copy of a module with its trainable parameters [P] set, in their order."""
    twin, begin = copy.deepcopy(module), 0
    with torch.no_grad():
        for parameter in twin.parameters():
            if parameter.requires_grad:
                parameter.copy_(place[begin : begin + parameter.numel()].view_as(parameter))
                begin += parameter.numel()
    return twin


def usual_rows(name: str) -> int:
    """Samples that a problem's loss is the mean of unless one says."""
    if name in CATALOGUE:
        return PICTURES if CATALOGUE[name].target == "digits" else POINTS
    return ROWS


def sha256_of(name: str) -> Any:
    """What a shipped problem's weights are, for the key of what is kept."""
    if name in CATALOGUE:
        return CATALOGUE[name].sha256
    net = name.partition("/")[2]
    return CLASSIFIER_CATALOGUE[net].card.weights if net in CLASSIFIER_CATALOGUE else STEPS
