"""What can be chosen in the Curvature lab, within which bounds, and what one choice means for the others."""

from dataclasses import dataclass
from typing import Annotated, Any

from explorer.labs.controls import Choice, Seed, Slider, Values, check_texts, controls_of
from explorer.labs.menus import (
    ANY,
    EXACT,
    NO_TARGET,
    PICTURES,
    is_own,
    labels,
    models,
    paths,
    shows_images,
    targets,
)
from explorer.maths.paths import PATHS
from explorer.maths.samplers import SAMPLERS
from explorer.maths.solving import DETERMINISTIC
from explorer.models.zoo import CATALOGUE

NOTHING, CONDITIONAL, OWN = "none", "conditional", "own"
POINTS_BUDGET = 400_000
"""Most samples times moments of one pane: its bytes go over the wire at each change of coordinates."""
PICTURE_WORK = 30
"""What the U-Net's answer on one picture weighs, in points through the small network."""
PLANE, CHORD = "plane", "chord"

PATH_COLOURS = {
    "bend": "Curvature × length",
    "curvature": "Curvature",
    "truncation": "Error of an Euler step",
}
"""What colours the paths."""
MAP_COLOURS = {
    "asymmetry": "Map: Jacobian's asymmetry",
    "loop": "Map: loop work",
    "error": "Map: velocity error",
}
"""What colours the ground; there is no map of pictures."""


def _beside(values: Values) -> dict[str, str]:
    """What may stand beside the model: straight pairs, or another field of the same target."""
    known = {NOTHING: "Nothing"}
    if values["target"] != NO_TARGET:
        known[CONDITIONAL] = "Straight pairs (conditional)"
    own = {values[name]: "Yours" for name in ("second", "third") if is_own(values[name])}
    return known | models(values) | own


def _coordinates(values: Values) -> dict[str, str]:
    return {OWN: "The model's own"} | {name: path.label for name, path in PATHS.items()}


def _colours(values: Values) -> dict[str, str]:
    maps = dict(MAP_COLOURS)
    if values["target"] == NO_TARGET:
        del maps["error"]
    has_maps = not shows_images(values) and values["view"] == PLANE
    return PATH_COLOURS | (maps if has_maps else {})


def _views(values: Values) -> dict[str, str]:
    plane = {} if shows_images(values) else {PLANE: "The plane"}
    return plane | {CHORD: "Along and off the chord"}


def _samplers(values: Values) -> dict[str, str]:
    return {name: SAMPLERS[name].label for name in DETERMINISTIC if not SAMPLERS[name].is_adaptive}


def _has_second(values: Values) -> bool:
    return values["second"] != NOTHING


def _has_classes(values: Values) -> bool:
    return len(labels(values)) > 1


def _is_exact(values: Values) -> bool:
    return values["model"] == EXACT or is_own(values["model"])


@dataclass(frozen=True)
class CurvatureState:
    """Everything that decides the picture: plain values, hashable; the URL, the cache key and the recipe.

    Raises:
        ValueError: one sentence, for a value out of its control's bounds or a run over the budget.
    """

    target: Annotated[str, Choice("Target", targets, "what", "the distribution at the data end")] = (
        "two_moons"
    )
    model: Annotated[
        str,
        Choice(
            "Model", models, "what", "whose paths are measured: a closed form, a network or a recorded run"
        ),
    ] = "two_moons/linear"
    second: Annotated[
        str, Choice("Second field", _beside, "compare", "from the same noise, aligned by noise share")
    ] = "two_moons/reflow"
    third: Annotated[
        str, Choice("Third field", _beside, "compare", "from the same noise too", shown=_has_second)
    ] = NOTHING
    coordinates: Annotated[
        str,
        Choice(
            "Coordinates",
            _coordinates,
            "how",
            "straightness is a matter of coordinates: the curve is one, its scaling in time is not",
        ),
    ] = OWN
    colour: Annotated[
        str, Choice("Colour", _colours, "how", "what colours the paths, or the ground under them")
    ] = "bend"
    level: Annotated[
        float,
        Slider(
            "Error to keep",
            1e-4,
            0.5,
            1e-4,
            log=True,
            hint="of the end points, root mean square; steps are suggested for it under Solvers",
        ),
    ] = 0.02
    sampler: Annotated[
        str,
        Choice(
            "Sampler",
            _samplers,
            "how",
            "the method that draws the paths, and for which steps are suggested",
            True,
        ),
    ] = "heun"
    steps: Annotated[
        int, Slider("Moments", 8, 200, log=True, hint="steps that the paths are measured on", more=True)
    ] = 64
    n: Annotated[int, Slider("Samples", 16, 4000, log=True, hint="paths that are measured", more=True)] = 1000
    seed: Annotated[int, Seed(more=True)] = 42
    path: Annotated[
        str, Choice("Path", paths, "what", "how data and noise are mixed at each time", True, _is_exact)
    ] = "linear"
    label: Annotated[
        str, Choice("Class", labels, "what", "only samples of one class", True, _has_classes)
    ] = ANY
    view: Annotated[
        str,
        Choice("View", _views, "how", "pictures are shown by how far each path leaves its own chord", True),
    ] = PLANE

    def __post_init__(self) -> None:
        values = vars(self)
        check_texts(type(self), values)
        for name, control in controls_of(type(self)).items():
            object.__setattr__(self, name, control.checked(name, values[name], values))
        _check_budget(self)

    @property
    def models(self) -> tuple[str, ...]:
        """What stands in each pane, from the left."""
        beside = (self.second, self.third) if self.second != NOTHING else ()
        return (self.model, *(name for name in beside if name != NOTHING))


def _check_budget(state: CurvatureState) -> None:
    points = state.n * (state.steps + 1) * (PICTURE_WORK if shows_images(vars(state)) else 1)
    if points > POINTS_BUDGET:
        raise ValueError(
            f"{state.n:,} samples at {state.steps + 1} moments are {points / POINTS_BUDGET:.1f} times what one pane "
            "holds; use fewer samples or moments"
        )


def settled(values: dict[str, Any], just: str) -> dict[str, Any]:
    """``values`` with what follows from the choice of ``just`` put in order."""
    values = dict(values)
    if just == "target":
        values |= _usual(values)
    if just == "model" and not is_own(values["model"]) and values["target"] == NO_TARGET:
        values |= {"target": CurvatureState.target, "second": NOTHING}
    if values["model"] in CATALOGUE and just in ("target", "model"):
        values["path"] = CATALOGUE[values["model"]].path
    if just == "second" and values["second"] == NOTHING:
        values["third"] = NOTHING
    controls = controls_of(CurvatureState)
    for name in ("second", "third", "label", "view", "colour"):
        control = controls[name]
        if isinstance(control, Choice) and name != just and values[name] not in control.options(values):
            values[name] = next(iter(control.options(values)))
    return values


def _usual(values: dict[str, Any]) -> dict[str, Any]:
    """The fields that tell most of a target: a network and its reflow, or the closed form alone."""
    offered = models(values)
    if is_own(values["model"]):
        return {} if values["target"] == NO_TARGET else _sized(values)
    named = {kind: f"{values['target']}/{kind}" for kind in ("linear", "reflow", "unet")}
    model = next((named[kind] for kind in ("linear", "unet") if named[kind] in offered), EXACT)
    beside = next((name for name in (named["reflow"], EXACT) if name in offered and name != model), NOTHING)
    return {"model": model, "second": beside, "third": NOTHING, "label": ANY} | _sized(values)


def _sized(values: dict[str, Any]) -> dict[str, Any]:
    """Few samples of pictures, many of points; each kind in its own view."""
    if shows_images(values):
        return {"n": min(values["n"], PICTURES), "steps": min(values["steps"], 32), "view": CHORD}
    usual = CurvatureState
    was_small = values["n"] <= PICTURES
    return {"n": usual.n if was_small else values["n"], "view": PLANE if was_small else values["view"]}
