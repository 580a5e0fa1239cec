"""What the choices of the Landscape lab offer, given all the others."""

from functools import cache

from explorer.labs.controls import Values, chosen_in
from explorer.labs.menus import is_own
from explorer.maths.landscape.training import OPTIMISERS, SCHEDULES
from explorer.models.problems import PROBLEM_LABELS
from explorer.models.trained_classifiers import CLASSIFIER_CATALOGUE
from explorer.models.zoo import CATALOGUE, STUDENT_CATALOGUE, students_of

SURFACE, SPECTRUM, TRAINING, RIVER = "surface", "spectrum", "training", "river"
VIEWS = {SURFACE: "Surface", SPECTRUM: "Spectrum", TRAINING: "Training room", RIVER: "River valley"}
FILTER, LAYER, NONE = "filter", "layer", "none"
PATH, EIGENVECTORS, STUDENT, STAGE, GRADIENT = "path", "eigenvectors", "student", "stage", "gradient"
RANDOM = (FILTER, LAYER, NONE)
WAYS = {
    FILTER: "Random, by filter",
    LAYER: "Random, by layer",
    NONE: "Random, plain",
    PATH: "Training path (PCA)",
    EIGENVECTORS: "Top Hessian eigenvectors",
    GRADIENT: "Gradient and next steps",
    STUDENT: "Teacher to student",
    STAGE: "Between checkpoints",
}
DRAWN = (*RANDOM, STUDENT, STAGE)
"""Directions in which something is random."""
ALL = "all"
LEVELS = {ALL: "Averaged over all"} | {
    str(share): f"{share:g}" for share in (0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9)
}
NOTHING, FRESH = "nothing", "fresh"
ROLES = {
    "sgd": "state",
    "momentum": "second",
    "adam": "launched",
    "adamw": "fourth",
    "muon": "third",
    "polargrad": "clean",
    "diffgrad": "fifth",
}
"""Optimisers keep their colours on every side of the lab."""


def views(values: Values) -> dict[str, str]:
    """The sides of the lab."""
    return VIEWS


def problems(values: Values) -> dict[str, str]:
    """Losses by name, and the person's own."""
    own = {values["problem"]: "Your module"} if is_own(values["problem"]) else {}
    return PROBLEM_LABELS | own


def is_flow(values: Values) -> bool:
    """Whether the problem has noise levels."""
    return values["problem"] in CATALOGUE


def levels(values: Values) -> dict[str, str]:
    """Noise levels of a flow's loss."""
    return LEVELS if is_flow(values) else {ALL: LEVELS[ALL]}


def ways(values: Values) -> dict[str, str]:
    """Directions that the problem has."""
    left_out = set()
    if not same_shape(values["problem"]):
        left_out.add(STUDENT)
    if is_own(values["problem"]) and values["directions"] != STAGE:
        left_out.add(STAGE)
    return {key: label for key, label in WAYS.items() if key not in left_out}


def others(values: Values) -> dict[str, str]:
    """What a line leads to from the trained weights."""
    name = values["problem"]
    if values["directions"] == STUDENT:
        return same_shape(name) or {NOTHING: "nothing"}
    if is_own(name):
        return {values["other"]: values["other"]}
    stages = {"early": "early", "mid": "midway"}
    net = name.partition("/")[2]
    known = CLASSIFIER_CATALOGUE[net].stages if name.startswith("classifier/") else ()
    return {FRESH: "fresh weights"} | {key: label for key, label in stages.items() if key in known}


@cache
def same_shape(name: str) -> dict[str, str]:
    """The students of a shipped network whose weights are laid out as its own are."""
    if name not in CATALOGUE:
        return {}
    own = CATALOGUE[name].card.architecture
    known = students_of(CATALOGUE[name].target)
    return {
        key: entry.label
        for key, entry in known.items()
        if (CATALOGUE | STUDENT_CATALOGUE)[key].card.architecture == own
    }


def optimisers(values: Values) -> dict[str, str]:
    """What trains."""
    return {name: rule.label for name, rule in OPTIMISERS.items()}


def runners(values: Values) -> dict[str, str]:
    """The optimisers that are chosen to train."""
    return {name: OPTIMISERS[name].label for name in chosen_in(values["optimisers"]) if name in OPTIMISERS}


def schedules(values: Values) -> dict[str, str]:
    """How the learning rate moves."""
    return {name: schedule.label for name, schedule in SCHEDULES.items()}
