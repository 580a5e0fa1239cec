"""What can be chosen in the Step safety lab, within which bounds, and what one choice means for the others."""

from dataclasses import dataclass
from typing import Annotated, Any

from explorer.labs.controls import Chips, Choice, Seed, Slider, Switch, check_texts, chosen_in, controls_of
from explorer.labs.menus import is_own
from explorer.labs.safety import menus
from explorer.labs.safety.shown import has_batch, has_criterion, has_net, has_seed, has_stage, in_views

MOST = 8
"""Contenders of the arena side by side; the first four have a pane."""


@dataclass(frozen=True)
class SafetyState:
    """Everything that decides the picture: plain values, hashable; the URL, the cache key and the recipe.

    Raises:
        ValueError: one sentence, for a value out of its control's bounds.
    """

    view: Annotated[
        str, Choice("View", menus.views, "what", "the same lab from seven sides; each keeps what is chosen")
    ] = menus.STEP
    net: Annotated[
        str,
        Choice(
            "Net", menus.nets, "what", "a classifier of the 8 × 8 digits; one's own in a cell", shown=has_net
        ),
    ] = "mlp"
    stage: Annotated[
        str,
        Choice(
            "Trained",
            menus.stages,
            "what",
            "how far: test accuracy first 80 %, 95 %, or the end",
            shown=has_stage,
        ),
    ] = menus.FINAL
    direction: Annotated[
        str,
        Choice(
            "Direction",
            menus.ways,
            "step",
            "along what the parameters step; the optimisers' memory is filled by 20 mini-batches at this place",
            shown=in_views(menus.STEP, menus.SAMPLES),
        ),
    ] = menus.GRADIENT
    batch: Annotated[
        int,
        Slider(
            "Batch size",
            16,
            1257,
            log=True,
            group="step",
            hint="training samples that the loss is the mean of; the largest r among them is the batch's",
            shown=has_batch,
        ),
    ] = 1257
    rank: Annotated[
        int,
        Slider(
            "Sample rank",
            0,
            99,
            group="step",
            hint="by radius, whose step-plane is drawn: 0 has the smallest and binds the batch",
            shown=in_views(menus.STEP),
        ),
    ] = 0
    quantile: Annotated[
        float,
        Slider(
            "Samples within",
            0.5,
            1.0,
            0.01,
            group="step",
            hint="the share of samples that must stay within r = 1; 1 is all, as a cap has it",
            shown=in_views(menus.SAMPLES),
        ),
    ] = 0.99
    margin: Annotated[
        float,
        Slider(
            "Margin",
            0.0,
            12.0,
            0.1,
            group="step",
            hint="δ, top logit minus second",
            shown=in_views(menus.GHOSTS),
        ),
    ] = 3.0
    spread: Annotated[
        float,
        Slider(
            "Slope spread",
            0.5,
            10.0,
            0.1,
            group="step",
            hint="Δ, fastest minus slowest logit, per step",
            shown=in_views(menus.GHOSTS),
        ),
    ] = 2.0
    classes: Annotated[
        int,
        Slider("Classes", 2, 50, log=True, group="step", hint="of the softmax", shown=in_views(menus.GHOSTS)),
    ] = 6
    temperature: Annotated[
        float,
        Slider(
            "Temperature",
            0.25,
            16.0,
            0.05,
            log=True,
            group="step",
            hint="of the softmax in the loss: logits and slopes are divided by it",
            shown=in_views(menus.GHOSTS),
        ),
    ] = 1.0
    optimiser: Annotated[
        str,
        Choice(
            "Optimiser",
            menus.optimisers,
            "train",
            "any of torch's in code",
            shown=in_views(menus.TRAINING, menus.ARENA),
        ),
    ] = "adam"
    rate: Annotated[
        float,
        Slider(
            "Learning rate",
            1e-4,
            10.0,
            1e-4,
            log=True,
            group="train",
            hint="before any spike",
            shown=in_views(menus.TRAINING, menus.ARENA),
        ),
    ] = 0.01
    guard: Annotated[
        bool,
        Switch(
            "Radius control",
            "train",
            "RadiusControl: a step whose r is above 1 is shortened to r = 1",
            shown=in_views(menus.TRAINING),
        ),
    ] = False
    contenders: Annotated[
        str,
        Chips(
            "Controls",
            menus.contenders,
            MOST,
            1,
            "train",
            "who looks at a step before it is taken; the first four have a pane",
            shown=in_views(menus.ARENA),
        ),
    ] = "none,clip,radius,mismatched"
    spike: Annotated[
        str,
        Choice(
            "Spike", menus.spikes, "train", "how long the learning rate stays up", shown=in_views(menus.ARENA)
        ),
    ] = menus.PERSISTENT
    times: Annotated[
        int,
        Slider(
            "Times",
            10,
            10_000,
            log=True,
            unit="×",
            group="train",
            hint="height of the spike",
            shown=in_views(menus.ARENA),
        ),
    ] = 1000
    seeds: Annotated[
        int,
        Slider(
            "Seeds",
            1,
            5,
            group="train",
            hint="starts that every control goes through",
            more=True,
            shown=in_views(menus.ARENA),
        ),
    ] = 3
    updates: Annotated[
        int,
        Slider(
            "Updates",
            50,
            1000,
            10,
            log=True,
            group="train",
            hint="steps of the training",
            shown=in_views(menus.TRAINING),
        ),
    ] = 300
    question: Annotated[
        str,
        Choice(
            "Onset of",
            menus.questions,
            "step",
            "from which step size on it fails",
            shown=in_views(menus.ONSET),
        ),
    ] = menus.BY_STAGE
    criterion: Annotated[
        str, Choice("A failure is", menus.criteria, "step", "of one step of this size", shown=has_criterion)
    ] = "ten_points"
    example: Annotated[
        str,
        Choice(
            "Example",
            menus.examples,
            "what",
            "r < 1 and worse, r ≫ 1 and sooner there, no ghosts and no safety, r = 0 and no learning",
            shown=in_views(menus.COUNTER),
        ),
    ] = menus.PAIR
    cases: Annotated[
        str,
        Chips(
            "Loss in",
            menus.cases,
            4,
            1,
            "step",
            "the type of the loss; the cures are in float16",
            shown=lambda values: values["view"] == menus.COUNTER and values["example"] == menus.COLLAPSE,
        ),
    ] = "float16,float32,stablemax,perpendicular"
    seed: Annotated[int, Seed(shown=has_seed)] = 0
    rows: Annotated[
        int,
        Slider(
            "Mini-batch",
            16,
            512,
            log=True,
            group="train",
            hint="samples of each training step",
            more=True,
            shown=in_views(menus.TRAINING, menus.ARENA),
        ),
    ] = 64

    def __post_init__(self) -> None:
        values = vars(self)
        check_texts(type(self), values)
        for name, control in controls_of(type(self)).items():
            object.__setattr__(self, name, control.checked(name, values[name], values))

    @property
    def chosen(self) -> tuple[str, ...]:
        """The keys of the contenders, in their order."""
        return tuple(chosen_in(self.contenders))


def settled(values: dict[str, Any], just: str) -> dict[str, Any]:
    """``values`` with what follows from the choice of ``just`` put in order."""
    values = dict(values)
    if just == "view" and values["net"] not in menus.nets(values):
        values["net"] = "mlp"  # the arena has nets of its own
    if just == "net" and not is_own(values["net"]) and values["direction"] == menus.OWN:
        values["direction"] = menus.GRADIENT
    return values
