"""Sampler Explorer: a live, linked explorer of diffusion and flow samplers, over your own torch models.

``import explorer as ex``, then ``ex.scrub("two_moons")`` in a notebook cell, or ``sampler-explorer serve``.
Names are loaded when first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "LABS": "explorer.labs",
    "NetworkField": "explorer.maths.fields",
    "PATHS": "explorer.maths.paths",
    "SAMPLERS": "explorer.models.schedulers:ALL_SAMPLERS",
    "STUDENTS": "explorer.maths.students",
    "TARGETS": "explorer.maths.targets",
    "RadiusControl": "explorer.maths.softmax.control",
    "Trajectory": "explorer.maths.trajectory",
    "any_step": "explorer.maths.students.any_step",
    "classifier": "explorer.models.trained_classifiers:trained_classifier",
    "compare": "explorer.maths.students.compare",
    "curvature": "explorer.maths.curvature",
    "decay_now": "explorer.maths.landscape.training",
    "descend": "explorer.maths.landscape.training",
    "distill": "explorer.maths.students",
    "drawn": "explorer.maths.targets",
    "figure": "explorer.api",
    "lab": "explorer.widgets",
    "landscape": "explorer.maths.landscape",
    "load": "explorer.models.zoo",
    "log_likelihood": "explorer.maths.likelihood",
    "mixture": "explorer.maths.targets",
    "problem": "explorer.models.problems",
    "radius": "explorer.maths.softmax.radius",
    "record": "explorer.api",
    "river": "explorer.maths.landscape.training",
    "scrub": "explorer.widgets",
    "sliced_w2": "explorer.maths.metrics",
    "spectrum": "explorer.maths.landscape",
    "step_radius": "explorer.maths.softmax.step",
    "student": "explorer.models.zoo",
    "switch_curve": "explorer.maths.students.switch",
    "switched": "explorer.maths.students.switch",
    "target": "explorer.maths.targets:as_target",
    "tracks": "explorer.maths.landscape.training",
    "trajectory": "explorer.maths.trajectory",
    "w2": "explorer.maths.metrics",
    "walk": "explorer.api",
    "weak_fit": "explorer.maths.playground",
}
"""Public name -> module, with the name there after a colon where it differs."""

__all__ = [
    "LABS",
    "PATHS",
    "SAMPLERS",
    "STUDENTS",
    "TARGETS",
    "NetworkField",
    "RadiusControl",
    "Trajectory",
    "any_step",
    "classifier",
    "compare",
    "curvature",
    "decay_now",
    "descend",
    "distill",
    "drawn",
    "figure",
    "lab",
    "landscape",
    "load",
    "log_likelihood",
    "mixture",
    "problem",
    "radius",
    "record",
    "river",
    "scrub",
    "sliced_w2",
    "spectrum",
    "step_radius",
    "student",
    "switch_curve",
    "switched",
    "target",
    "tracks",
    "trajectory",
    "w2",
    "walk",
    "weak_fit",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'explorer' has no name {name!r}; it has {', '.join(__all__)}")
    module, _, inner = _HOMES[name].partition(":")
    value = getattr(import_module(module), inner or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


if TYPE_CHECKING:
    from explorer.api import figure, record, walk
    from explorer.labs import LABS
    from explorer.maths.curvature import curvature
    from explorer.maths.fields import NetworkField
    from explorer.maths.landscape import landscape, spectrum
    from explorer.maths.landscape.training import decay_now, descend, river, tracks
    from explorer.maths.likelihood import log_likelihood
    from explorer.maths.metrics import sliced_w2, w2
    from explorer.maths.paths import PATHS
    from explorer.maths.playground import weak_fit
    from explorer.maths.softmax.control import RadiusControl
    from explorer.maths.softmax.radius import radius
    from explorer.maths.softmax.step import step_radius
    from explorer.maths.students import STUDENTS, distill
    from explorer.maths.students.any_step import any_step
    from explorer.maths.students.compare import compare
    from explorer.maths.students.switch import switch_curve, switched
    from explorer.maths.targets import TARGETS, drawn, mixture
    from explorer.maths.targets import as_target as target
    from explorer.maths.trajectory import Trajectory, trajectory
    from explorer.models.problems import problem
    from explorer.models.schedulers import ALL_SAMPLERS as SAMPLERS
    from explorer.models.trained_classifiers import trained_classifier as classifier
    from explorer.models.zoo import load, student
    from explorer.widgets import lab, scrub
