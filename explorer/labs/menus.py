"""What the menus of several labs have in common: targets, models, paths and classes, given the other choices."""

from explorer.labs.controls import Values
from explorer.labs.shelf import PREFIX
from explorer.maths.paths import PATHS
from explorer.maths.targets import TARGETS
from explorer.models.zoo import CATALOGUE

EXACT, NO_TARGET, ANY = "exact", "none", "any"
PICTURES = 64
"""How many images are shown, and drawn when an image target is chosen."""


def is_own(key: str) -> bool:
    """Whether a key points into the visitor's own table."""
    return key.startswith(PREFIX)


def shows_images(values: Values) -> bool:
    """Whether the samples of the chosen target are pictures."""
    target = values["target"]
    return target in TARGETS and len(TARGETS[target].shape) > 1


def targets(values: Values) -> dict[str, str]:
    """Every target; none where the model is somebody's own."""
    known = {name: entry.label for name, entry in TARGETS.items()}
    if is_own(values["target"]):
        known[values["target"]] = "Yours"
    return known | ({NO_TARGET: "No target"} if is_own(values["model"]) else {})


def models(values: Values) -> dict[str, str]:
    """What can be asked for the velocity of the chosen target."""
    known = {} if values["target"] == NO_TARGET else {EXACT: "Exact (closed form)"}
    known |= {name: entry.label for name, entry in CATALOGUE.items() if entry.target == values["target"]}
    return known | ({values["model"]: "Your model"} if is_own(values["model"]) else {})


def paths(values: Values) -> dict[str, str]:
    """Every path, or the one that the network was trained on."""
    if values["model"] in CATALOGUE:
        only = CATALOGUE[values["model"]].path
        return {only: PATHS[only].label}
    return {name: path.label for name, path in PATHS.items()}


def labels(values: Values) -> dict[str, str]:
    """The classes that the target has and the model takes."""
    known = TARGETS[values["target"]].labels if values["target"] in TARGETS else ()
    if values["model"] in CATALOGUE and not CATALOGUE[values["model"]].is_conditional:
        known = ()
    return {ANY: "Any"} | {label: label for label in known}
