"""Targets: distributions that can be sampled and whose field is known exactly.

``TARGETS`` lists them by key; each entry knows its label and classes without being built.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from explorer.maths.names import nearest
from explorer.maths.targets.base import AbstractExactField, AbstractTarget, Box
from explorer.maths.targets.mixture import Mixture, MixtureField, mixture
from explorer.maths.targets.toys import eight_gaussians, two_moons

__all__ = [
    "TARGETS",
    "AbstractExactField",
    "AbstractTarget",
    "Box",
    "Entry",
    "Mixture",
    "MixtureField",
    "as_target",
    "mixture",
]


@dataclass(frozen=True)
class Entry:
    """A line of the menu; call it to have the target (built once)."""

    name: str
    label: str
    source: str
    build: Callable[[], AbstractTarget]
    shape: tuple[int, ...] = (2,)

    def __call__(self) -> AbstractTarget:
        return _built(self)


@cache
def _built(entry: Entry) -> AbstractTarget:
    return replace(entry.build(), name=entry.name, label=entry.label, source=entry.source)  # type: ignore[type-var]


_SHEET = "distillation sheet, section 1"

_ENTRIES = (
    Entry("two_moons", "Two moons", _SHEET, two_moons),
    Entry("eight_gaussians", "Eight Gaussians", _SHEET, eight_gaussians),
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
