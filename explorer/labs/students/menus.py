"""What the choices of the Students lab offer, given all the others."""

from explorer.labs.controls import Values, chosen_in
from explorer.labs.menus import EXACT, is_own, shows_images
from explorer.maths.divergences import DIVERGENCES
from explorer.maths.samplers import SAMPLERS
from explorer.maths.solving import DETERMINISTIC
from explorer.maths.students import STUDENTS
from explorer.maths.targets import TARGETS
from explorer.models.zoo import CATALOGUE, is_student, students_of

COMPARE, ANY_STEP, TRAIN, DIVERGE = "compare", "any_step", "train", "divergences"
VIEWS = {
    COMPARE: "Teacher and students",
    ANY_STEP: "Any-step map",
    TRAIN: "Train one live",
    DIVERGE: "Divergences",
}
ERROR, CONSISTENCY = "error", "consistency"
ONE, TWO = "one", "two"


def targets(values: Values) -> dict[str, str]:
    """Every target by its key, and the person's own."""
    known = {name: entry.label for name, entry in TARGETS.items()}
    return known | ({values["target"]: "Yours"} if is_own(values["target"]) else {})


def teachers(values: Values) -> dict[str, str]:
    """What students of the target may learn from: its exact field, and networks of the linear path."""
    known = {EXACT: "Exact (closed form)"}
    known |= {
        name: entry.label
        for name, entry in CATALOGUE.items()
        if entry.target == values["target"]
        and entry.path == "linear"
        and not entry.is_conditional
        and not is_student(entry)
    }
    return known | ({values["model"]: "Your model"} if is_own(values["model"]) else {})


def shipped(values: Values) -> dict[str, str]:
    """The students of the target that come with the product, and the person's own that are shown."""
    known = {name.partition("/")[2]: entry.label for name, entry in students_of(values["target"]).items()}
    own = {key: "Yours" for key in chosen_in(values["students"]) if is_own(key)}
    return {name: short_label(name, label) for name, label in known.items()} | own


SHORT = {
    "reflow": "Reflow",
    "reflow_2": "Reflow twice",
    "rf_plus_plus": "rf++",
    "reflow_distill": "Reflow + pairs",
    "pairs": "Pairs",
    "consistency_distillation": "Consistency",
    "consistency_training": "iCT",
    "continuous_consistency": "sCD",
    "lagrangian_map": "Lagrangian",
    "eulerian_map": "Eulerian",
    "progressive_map": "Progressive map",
    "progressive": "Progressive",
    "improved_mean_flow": "iMF",
    "shortcut": "Shortcut",
    "dmd2": "DMD2",
    "transition_matching": "DTM",
}
"""Names on chips."""


def short_label(name: str, label: str) -> str:
    """A student's name where there is little room."""
    return SHORT.get(name, STUDENTS[name].label if name in STUDENTS else label)


def methods(values: Values) -> dict[str, str]:
    """Every way to make a student."""
    return {name: method.label for name, method in STUDENTS.items()}


def maps(values: Values) -> dict[str, str]:
    """What an any-step map may show."""
    return {ERROR: "Error against the flow", CONSISTENCY: "Two jumps against one"}


def views(values: Values) -> dict[str, str]:
    """The sides of the lab that the target has."""
    kept = VIEWS if not shows_images(values) else {key: VIEWS[key] for key in (COMPARE, TRAIN)}
    return kept if values["view"] != DIVERGE else VIEWS


def divergences(values: Values) -> dict[str, str]:
    """What a generator may be pulled by."""
    return {key: one.label for key, one in DIVERGENCES.items()}


def generators(values: Values) -> dict[str, str]:
    """Generators that are too weak, or just enough."""
    return {ONE: "One Gaussian", TWO: "Two Gaussians"}


def samplers(values: Values) -> dict[str, str]:
    """What may walk the teacher: methods that draw nothing and keep to their steps."""
    return {name: SAMPLERS[name].label for name in DETERMINISTIC if not SAMPLERS[name].is_adaptive}
