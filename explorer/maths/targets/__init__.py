"""Targets: distributions that can be sampled and whose field is known exactly.

``TARGETS`` lists them by key; each entry knows its label and classes without being built.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from explorer.maths.names import nearest
from explorer.maths.targets import toys
from explorer.maths.targets.base import AbstractExactField, AbstractTarget, Box
from explorer.maths.targets.boxes import BoxesField, UniformBoxes
from explorer.maths.targets.digits import digits
from explorer.maths.targets.drawn import drawn
from explorer.maths.targets.mixture import Mixture, mixture
from explorer.maths.targets.mixture_field import MixtureField

__all__ = [
    "TARGETS",
    "AbstractExactField",
    "AbstractTarget",
    "Box",
    "BoxesField",
    "Entry",
    "Mixture",
    "MixtureField",
    "UniformBoxes",
    "as_target",
    "drawn",
    "mixture",
]


@dataclass(frozen=True)
class Entry:
    """A line of the menu; call it to have the target (built once)."""

    name: str
    label: str
    source: str
    build: Callable[[], AbstractTarget]
    labels: tuple[str, ...] = ()
    shape: tuple[int, ...] = (2,)

    def __call__(self) -> AbstractTarget:
        return _built(self)


@cache
def _built(entry: Entry) -> AbstractTarget:
    about = {"name": entry.name, "label": entry.label, "source": entry.source, "labels": entry.labels}
    return replace(entry.build(), **about)  # type: ignore[type-var] # every target is a dataclass


_OURS = "exact Gaussian mixture"
_DIGITS = "scikit-learn digits, 1,797 images as finite data"

_WINDS = ("east", "north-east", "north", "north-west", "west", "south-west", "south", "south-east")
_BLADES = tuple(f"blade {i + 1}" for i in range(5))

_ENTRIES = (
    Entry(
        "two_moons",
        "Two moons",
        "exact mixture of 128 Gaussians, std 0.08",
        toys.two_moons,
        ("upper", "lower"),
    ),
    Entry(
        "eight_gaussians",
        "Eight Gaussians",
        "exact mixture, radius 1.5, std 0.1",
        toys.eight_gaussians,
        _WINDS,
    ),
    Entry("checkerboard", "Checkerboard", "exact uniform squares", toys.checkerboard),
    Entry("swiss_roll", "Swiss roll", _OURS, toys.swiss_roll),
    Entry("spirals", "Two spirals", _OURS, toys.spirals, ("first arm", "second arm")),
    Entry("rings", "Three rings", _OURS, toys.rings, ("inner", "middle", "outer")),
    Entry("pinwheel", "Pinwheel", "Johnson et al. 2016, arXiv:1603.06277", toys.pinwheel, _BLADES),
    Entry("smiley", "Smiley", _OURS, toys.smiley, ("outline", "eyes", "mouth")),
    Entry("gaussian_grid", "25 Gaussians", _OURS, toys.gaussian_grid),
    Entry("two_gaussians", "Two Gaussians", _OURS, toys.two_gaussians, ("left", "right")),
    Entry("gaussian", "One Gaussian", _OURS, toys.gaussian),
    Entry("digits", "Digits 8 x 8", _DIGITS, digits, tuple("0123456789"), (1, 8, 8)),
)

TARGETS: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
"""Every target by its key."""


def as_target(target: str | AbstractTarget) -> AbstractTarget:
    """A target by name or as it is.

    Raises:
        ValueError: for an unknown name, with the nearest ones.
    """
    if isinstance(target, AbstractTarget):
        return target
    return TARGETS[nearest("target", target, TARGETS)]()
