"""What can be chosen in the Landscape lab, within which bounds, and what one choice means for the others."""

from dataclasses import dataclass
from typing import Annotated, Any

from explorer.labs.controls import (
    Action,
    Chips,
    Choice,
    Seed,
    Slider,
    Switch,
    Values,
    check_texts,
    chosen_in,
    controls_of,
)
from explorer.labs.landscape import menus
from explorer.labs.landscape.menus import DRAWN, RIVER, SPECTRUM, STAGE, STUDENT, SURFACE, TRAINING
from explorer.labs.menus import is_own
from explorer.models.problems import MODULAR, usual_rows

MOST = 7
"""Optimisers side by side."""
ROWS = 2048


def _in(*views: str) -> Any:
    return lambda values: values["view"] in views


def _level(values: Values) -> bool:
    return menus.is_flow(values)


def _rows(values: Values) -> bool:
    return values["problem"] != MODULAR and not is_own(values["problem"])


def _other(values: Values) -> bool:
    return values["view"] == SURFACE and values["directions"] in (STUDENT, STAGE)


def _seed(values: Values) -> bool:
    return values["view"] in (SPECTRUM, TRAINING) or (
        values["view"] == SURFACE and values["directions"] in DRAWN
    )


@dataclass(frozen=True)
class LandscapeState:
    """Everything that decides the picture: plain values, hashable; the URL, the cache key and the recipe.

    Raises:
        ValueError: one sentence, for a value out of its control's bounds.
    """

    view: Annotated[
        str, Choice("View", menus.views, "what", "the same lab from four sides; each keeps what is chosen")
    ] = SURFACE
    problem: Annotated[
        str,
        Choice(
            "Problem",
            menus.problems,
            "what",
            "whose loss: flow matching of a shipped network, a digits classifier, a transformer that adds; "
            "one's own in a cell",
        ),
    ] = "two_moons/linear"
    level: Annotated[
        str,
        Choice(
            "Noise level",
            menus.levels,
            "what",
            "the noise share at which the loss is taken; pairs of sample and noise are frozen",
            shown=_level,
        ),
    ] = menus.ALL
    directions: Annotated[
        str,
        Choice(
            "Directions",
            menus.ways,
            "plane",
            "along what the plane is cut; random ones are as long as the weights: by filter, by layer, or in all",
            shown=_in(SURFACE),
        ),
    ] = menus.FILTER
    other: Annotated[
        str,
        Choice("To", menus.others, "plane", "where the straight line from the network ends", shown=_other),
    ] = menus.NOTHING
    extent: Annotated[
        float,
        Slider(
            "Extent",
            0.01,
            10.0,
            0.01,
            log=True,
            unit="×",
            group="plane",
            hint="half the side of the picture, in lengths of the directions; points that are known are kept",
            shown=_in(SURFACE),
        ),
    ] = 1.0
    optimisers: Annotated[
        str,
        Chips(
            "Optimisers",
            menus.optimisers,
            MOST,
            1,
            "train",
            "all of them from one start, each on its own way",
            shown=_in(TRAINING),
        ),
    ] = "sgd,momentum,adam,muon"
    schedule: Annotated[
        str,
        Choice(
            "Schedule", menus.schedules, "train", "how the learning rate moves", shown=_in(TRAINING, RIVER)
        ),
    ] = "constant"
    pace: Annotated[
        float,
        Slider(
            "Rate",
            0.05,
            20.0,
            0.01,
            log=True,
            unit="× usual",
            group="train",
            hint="each optimiser's usual rate times this; large ones diverge, and say where",
            shown=_in(TRAINING),
        ),
    ] = 1.0
    steps: Annotated[
        int,
        Slider(
            "Steps",
            50,
            2000,
            10,
            log=True,
            group="train",
            hint="updates of each optimiser",
            shown=_in(TRAINING),
        ),
    ] = 300
    runner: Annotated[
        str,
        Choice("Run of", menus.runners, "train", "whose way is split in river and hills", shown=_in(RIVER)),
    ] = "momentum"
    train: Annotated[
        bool,
        Action(
            "Train",
            "Stop, keep what is there",
            "train",
            "live; stopped runs go on where they were when pressed again",
            shown=_in(TRAINING, RIVER),
        ),
    ] = False
    decay_from: Annotated[
        float,
        Slider(
            "Decay from",
            0.02,
            1.0,
            0.01,
            group="train",
            hint="share of the steps; Decay now takes the cursor's step once it was moved",
            shown=_in(RIVER),
        ),
    ] = 0.6
    decay: Annotated[
        bool,
        Action(
            "Decay now",
            "Stop, keep what is there",
            "train",
            "branches the run at the cursor's step: its learning rate falls to 0",
            shown=_in(RIVER),
        ),
    ] = False
    k: Annotated[
        int,
        Slider(
            "Eigenvalues",
            1,
            20,
            group="plane",
            hint="the largest of the Hessian, to be found",
            shown=_in(SPECTRUM),
        ),
    ] = 5
    rate: Annotated[
        float,
        Slider(
            "Learning rate η",
            1e-4,
            10.0,
            1e-4,
            log=True,
            group="plane",
            hint="gradient descent is unstable along every eigenvalue above 2 / η",
            shown=_in(SPECTRUM),
        ),
    ] = 0.05
    seed: Annotated[
        int,
        Seed(
            hint="of random directions, of first weights and mini-batches; the data are frozen", shown=_seed
        ),
    ] = 0
    log: Annotated[
        bool,
        Switch(
            "Log colour",
            "show",
            "colours and heights by ratio",
            more=True,
            shown=_in(SURFACE, TRAINING, RIVER),
        ),
    ] = True
    x: Annotated[
        float,
        Slider(
            "Centre, first",
            -3.0,
            3.0,
            0.05,
            group="show",
            hint="in lengths of the direction",
            more=True,
            shown=_in(SURFACE),
        ),
    ] = 0.0
    y: Annotated[
        float,
        Slider(
            "Centre, second",
            -3.0,
            3.0,
            0.05,
            group="show",
            hint="in lengths of the direction",
            more=True,
            shown=_in(SURFACE),
        ),
    ] = 0.0
    full: Annotated[
        bool,
        Switch(
            "Every point",
            "show",
            "evaluate the whole grid, whatever the error estimate says",
            more=True,
            shown=_in(SURFACE),
        ),
    ] = False
    n: Annotated[
        int,
        Slider(
            "Batch",
            16,
            ROWS,
            log=True,
            unit="samples",
            group="show",
            hint="that the loss is the mean of",
            more=True,
        ),
    ] = ROWS
    rows: Annotated[
        int,
        Slider(
            "Mini-batch",
            0,
            512,
            16,
            group="train",
            hint="samples of each update; 0: all of them",
            more=True,
            shown=_in(TRAINING, RIVER),
        ),
    ] = 0
    decay_steps: Annotated[
        int,
        Slider(
            "Decay over",
            10,
            500,
            10,
            log=True,
            unit="steps",
            group="train",
            hint="until the rate is 0",
            more=True,
            shown=_in(RIVER),
        ),
    ] = 60

    def __post_init__(self) -> None:
        values = vars(self)
        check_texts(type(self), values)
        for name, control in controls_of(type(self)).items():
            # What a choice offers is asked only where it is shown: the rest waits for its turn.
            if name in ("other", "runner") and values[name] not in control.options(values):  # type: ignore[union-attr] # a choice
                object.__setattr__(self, name, next(iter(control.options(values))))  # type: ignore[union-attr] # a choice
            object.__setattr__(self, name, control.checked(name, values[name], values))

    @property
    def share(self) -> float | None:
        """The noise level; None for all."""
        return None if self.level == menus.ALL else float(self.level)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The keys of the optimisers, in their order."""
        return tuple(chosen_in(self.optimisers))


def settled(values: dict[str, Any], just: str) -> dict[str, Any]:
    """``values`` with what follows from the choice of ``just`` put in order."""
    values = dict(values)
    if just not in ("train", "decay"):
        values |= {"train": False, "decay": False}  # a choice ends what is under way; it goes on when asked
    if just in ("train", "decay") and values[just]:
        values["decay" if just == "train" else "train"] = False
    if just == "problem":
        values |= {"x": 0.0, "y": 0.0, "extent": 1.0}
        if not is_own(values["problem"]):
            values["n"] = usual_rows(values["problem"])
        if not menus.is_flow(values):
            values["level"] = menus.ALL
        if values["directions"] not in menus.ways(values):
            values["directions"] = menus.FILTER
    if just == "directions":
        values |= {"x": 0.0, "y": 0.0, "extent": 1.0}
    if just in ("problem", "directions") and values["other"] not in menus.others(values):
        values["other"] = next(iter(menus.others(values)))
    if just == "optimisers" and values["runner"] not in menus.runners(values):
        values["runner"] = next(iter(menus.runners(values)), values["runner"])
    return values
