"""What can be chosen in the Students lab, within which bounds, and what one choice means for the others."""

from dataclasses import dataclass
from typing import Annotated, Any

from explorer.labs.controls import (
    Action,
    Chips,
    Choice,
    Seed,
    Slider,
    check_texts,
    chosen_in,
    controls_of,
)
from explorer.labs.menus import EXACT, NO_TARGET, PICTURES, is_own, shows_images
from explorer.labs.students import menus
from explorer.labs.students.menus import ANY_STEP, COMPARE, DIVERGE, ERROR, ONE, TRAIN
from explorer.maths.samplers import SAMPLERS

MOST = 3
"""Students beside each other."""
WORK = 400_000
"""Most samples times model calls of one pane."""
PICTURE_WORK = 8
"""What the digits' network's answer weighs, in points through a small one."""


def _in(*views: str) -> Any:
    return lambda values: values["view"] in views


@dataclass(frozen=True)
class StudentsState:
    """Everything that decides the picture: plain values, hashable; the URL, the cache key and the recipe.

    Raises:
        ValueError: one sentence, for a value out of its control's bounds or a run over the budget.
    """

    view: Annotated[
        str, Choice("View", menus.views, "what", "the same lab from four sides; each keeps what is chosen")
    ] = COMPARE
    target: Annotated[
        str,
        Choice(
            "Target",
            menus.targets,
            "what",
            "the distribution at the data end",
            shown=_in(COMPARE, ANY_STEP, TRAIN),
        ),
    ] = "two_moons"
    model: Annotated[
        str,
        Choice(
            "Teacher",
            menus.teachers,
            "what",
            "the field that the students were made of; its exact form may stand in for the network",
            shown=_in(COMPARE, ANY_STEP, TRAIN),
        ),
    ] = "two_moons/linear"
    students: Annotated[
        str,
        Chips(
            "Students",
            menus.shipped,
            MOST,
            group="students",
            hint="up to three, each in its colour; all start from the teacher's noise",
            shown=_in(COMPARE, ANY_STEP),
        ),
    ] = "lagrangian_map,consistency_training,dmd2"
    calls: Annotated[
        int,
        Slider(
            "Student calls",
            1,
            16,
            group="students",
            hint="calls of each student from noise to data; one that cannot use so many takes the most it can",
            shown=_in(COMPARE, ANY_STEP),
        ),
    ] = 1
    switch: Annotated[
        int,
        Slider(
            "Switch at step",
            0,
            64,
            group="students",
            hint="the teacher walks so many of its own steps, the students go on from there; 0: from pure noise",
            shown=_in(COMPARE),
        ),
    ] = 0
    quantity: Annotated[
        str,
        Choice(
            "Map of",
            menus.maps,
            "students",
            "from each time down to each earlier one: distance to the flow's own answer, or of one call to two",
            shown=_in(ANY_STEP),
        ),
    ] = ERROR
    method: Annotated[
        str,
        Choice("Method", menus.methods, "train", "how the student learns of its teacher", shown=_in(TRAIN)),
    ] = "pairs"
    updates: Annotated[
        int,
        Slider(
            "Updates",
            200,
            6000,
            100,
            log=True,
            group="train",
            hint="batches that it learns from; a short run is rough",
            shown=_in(TRAIN),
        ),
    ] = 1500
    train: Annotated[
        bool,
        Action(
            "Train",
            "Stop, keep the best",
            "train",
            "the student is yours when it ends or is stopped; press again to go on",
            shown=_in(TRAIN),
        ),
    ] = False
    divergence: Annotated[
        str,
        Choice(
            "Divergence", menus.divergences, "students", "what the generator is pulled by", shown=_in(DIVERGE)
        ),
    ] = "reverse_kl"
    generator: Annotated[
        str,
        Choice(
            "Generator",
            menus.generators,
            "students",
            "too weak for two modes, or just enough",
            shown=_in(DIVERGE),
        ),
    ] = ONE
    seed: Annotated[int, Seed(shown=_in(COMPARE, TRAIN))] = 42
    sampler: Annotated[
        str,
        Choice(
            "Teacher sampler",
            menus.samplers,
            "how",
            "the method that walks the teacher",
            True,
            _in(COMPARE, TRAIN),
        ),
    ] = "heun"
    steps: Annotated[
        int,
        Slider(
            "Teacher steps",
            1,
            64,
            hint="of the teacher's own run, in the first pane",
            more=True,
            shown=_in(COMPARE, TRAIN),
        ),
    ] = 32
    n: Annotated[
        int,
        Slider(
            "Samples", 16, 4000, log=True, hint="particles in each pane", more=True, shown=_in(COMPARE, TRAIN)
        ),
    ] = 1000

    def __post_init__(self) -> None:
        values = vars(self)
        check_texts(type(self), values)
        for name, control in controls_of(type(self)).items():
            object.__setattr__(self, name, control.checked(name, values[name], values))
        _check_budget(self)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The keys of the students, in their order."""
        return tuple(chosen_in(self.students))


def _check_budget(state: StudentsState) -> None:
    evals = SAMPLERS[state.sampler].evals_per_step * state.steps
    work = state.n * evals * (PICTURE_WORK if shows_images(vars(state)) else 1)
    if work > WORK:
        raise ValueError(
            f"{state.n:,} samples through {evals} evals are {work / WORK:.1f} times what one pane may cost; use fewer "
            "samples or teacher steps"
        )


def settled(values: dict[str, Any], just: str) -> dict[str, Any]:
    """``values`` with what follows from the choice of ``just`` put in order."""
    values = dict(values)
    if just != "train":
        values["train"] = False  # a choice ends what is under way; it goes on from there when asked
    if just == "target":
        values |= _usual(values)
    if just == "model" and is_own(values["model"]) and values["target"] == NO_TARGET:
        values["target"] = StudentsState.target
    if just == "view" and shows_images(values) and values["view"] not in (COMPARE, TRAIN, DIVERGE):
        values |= {"target": StudentsState.target} | _usual(values | {"target": StudentsState.target})
    values["switch"] = min(values["switch"], values["steps"] - 1)
    return values


def _usual(values: dict[str, Any]) -> dict[str, Any]:
    """What tells most of a target: its network where there is one, and of its students those that were shown."""
    offered = [name for name in menus.teachers(values) if name != EXACT and not is_own(name)]
    known = menus.shipped(values | {"students": ""})
    kept = [key for key in chosen_in(values["students"]) if key in known]
    wanted = kept or [key for key in chosen_in(StudentsState.students) if key in known]
    sized = {"n": min(values["n"], PICTURES)} if shows_images(values) else {}
    if not shows_images(values) and values["n"] <= PICTURES:
        sized = {"n": StudentsState.n}
    view = {"view": COMPARE} if shows_images(values) and values["view"] == ANY_STEP else {}
    return {"model": offered[0] if offered else EXACT, "students": ",".join(wanted)} | sized | view
