"""The controls of the Landscape lab: what can be chosen, within which bounds, said in which words."""

from typing import Any

from explorer.labs.controls import Action, Chips, Choice, Seed, Slider, Switch, Values
from explorer.labs.landscape import menus
from explorer.labs.landscape.menus import DRAWN, RIVER, SPECTRUM, STAGE, STUDENT, SURFACE, TRAINING
from explorer.labs.menus import is_own
from explorer.models.problems import MODULAR

MOST = 7
"""Optimisers side by side."""
MOST_ROWS = 2048
"""Samples in a batch."""


def _in(*views: str) -> Any:
    return lambda values: values["view"] in views


def _level(values: Values) -> bool:
    return values["view"] in (SURFACE, SPECTRUM) and menus.is_flow(values)


def _rows(values: Values) -> bool:
    return values["problem"] != MODULAR and not is_own(values["problem"])


def _other(values: Values) -> bool:
    return values["view"] == SURFACE and values["directions"] in (STUDENT, STAGE)


def _seed(values: Values) -> bool:
    return values["view"] in (SPECTRUM, TRAINING) or (
        values["view"] == SURFACE and values["directions"] in DRAWN
    )


VIEW = Choice("View", menus.views, "what", "the same lab from four sides; each keeps what is chosen")
PROBLEM = Choice(
    "Problem",
    menus.problems,
    "what",
    "whose loss: flow matching of a shipped network, a digits classifier, a transformer that adds; "
    "one's own in a cell",
)
LEVEL = Choice(
    "Noise level",
    menus.levels,
    "what",
    "the noise share at which the loss is taken; pairs of sample and noise are frozen",
    shown=_level,
)
DIRECTIONS = Choice(
    "Directions",
    menus.ways,
    "plane",
    "along what the plane is cut; random ones are as long as the weights: by filter, by layer, or in all",
    shown=_in(SURFACE),
)
OTHER = Choice("To", menus.others, "plane", "where the straight line from the network ends", shown=_other)
EXTENT = Slider(
    "Extent",
    0.01,
    10.0,
    0.01,
    log=True,
    unit="×",
    group="plane",
    hint="half the side of the picture, in lengths of the directions; points that are known are kept",
    shown=_in(SURFACE),
)
OPTIMISERS = Chips(
    "Optimisers",
    menus.optimisers,
    MOST,
    1,
    "train",
    "all of them from one start, each on its own way",
    shown=_in(TRAINING),
)
SCHEDULE = Choice("Schedule", menus.schedules, "train", "how the learning rate moves", shown=_in(TRAINING))
PACE = Slider(
    "Rate",
    0.05,
    20.0,
    0.01,
    log=True,
    unit="× usual",
    group="train",
    hint="each optimiser's usual rate times this; large ones diverge, and say where",
    shown=_in(TRAINING, RIVER),
)
STEPS = Slider(
    "Steps",
    50,
    2000,
    10,
    log=True,
    group="train",
    hint="updates of each optimiser",
    more=True,
    shown=_in(TRAINING, RIVER),
)
LOOKS = Slider(
    "Looks",
    0,
    100,
    group="train",
    hint="how often sharpness and noise are measured on the way; each look costs about ten steps",
    more=True,
    shown=_in(TRAINING),
)
RUNNER = Choice("Run of", menus.runners, "train", "whose way is split in river and hills", shown=_in(RIVER))
TRAIN = Action(
    "Train",
    "Stop, keep what is there",
    "train",
    "live; stopped runs go on where they were when pressed again",
    shown=_in(TRAINING, RIVER),
)
DECAY_FROM = Slider(
    "Decay from",
    0.02,
    1.0,
    0.01,
    group="train",
    more=True,
    hint="share of the steps; Decay now takes the cursor's step once it was moved",
    shown=_in(RIVER),
)
DECAY = Action(
    "Decay now",
    "Stop, keep what is there",
    "train",
    "branches the run at the cursor's step: its learning rate falls to 0",
    shown=_in(RIVER),
)
K = Slider(
    "Eigenvalues",
    1,
    20,
    group="plane",
    hint="the largest of the Hessian, to be found",
    shown=_in(SPECTRUM),
)
RATE = Slider(
    "Learning rate η",
    1e-4,
    10.0,
    1e-4,
    log=True,
    group="plane",
    hint="gradient descent is unstable along every eigenvalue above 2 / η",
    shown=_in(SPECTRUM),
)
SEED = Seed(hint="of random directions, of first weights and mini-batches; the data are frozen", shown=_seed)
LOG = Switch(
    "Log colour",
    "show",
    "colours and heights by ratio",
    more=True,
    shown=_in(SURFACE, TRAINING, RIVER),
)
X = Slider(
    "Centre along 1",
    -3.0,
    3.0,
    0.05,
    group="show",
    hint="in lengths of the direction",
    more=True,
    shown=_in(SURFACE),
)
Y = Slider(
    "Centre along 2",
    -3.0,
    3.0,
    0.05,
    group="show",
    hint="in lengths of the direction",
    more=True,
    shown=_in(SURFACE),
)
FULL = Switch(
    "Every point",
    "show",
    "evaluate the whole grid, whatever the error estimate says",
    more=True,
    shown=_in(SURFACE),
)
N = Slider(
    "Batch",
    16,
    MOST_ROWS,
    log=True,
    unit="samples",
    group="show",
    hint="that the loss is the mean of",
    more=True,
)
ROWS = Slider(
    "Mini-batch",
    0,
    512,
    16,
    group="train",
    hint="samples of each update; 0: all of them",
    more=True,
    shown=_in(TRAINING, RIVER),
)
DECAY_STEPS = Slider(
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
)
