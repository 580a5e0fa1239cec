"""The shipped networks. ``CATALOGUE`` is written by hand; their figures are read from the files' own cards."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from explorer.maths.fields import NetworkField
from explorer.maths.names import nearest
from explorer.maths.students import AbstractFlowMap
from explorer.models.checkpoints import field_from, load_network
from explorer.models.entries import MLP, RESIDUAL, UNET, WAVES, WEIGHTS, Entry, file_name
from explorer.models.students import shipped_students, student_from, velocity_method, velocity_student

__all__ = ["CATALOGUE", "MLP", "STRAIGHTER", "STUDENT_CATALOGUE", "UNET", "WEIGHTS", "Entry", "file_name"]

_LINEAR, _VP, _UNET = "MLP, linear path", "MLP, variance preserving path", "U-Net with classes, linear path"

_ENTRIES = (
    Entry("two_moons/linear", _LINEAR, "two_moons"),
    Entry("eight_gaussians/linear", _LINEAR, "eight_gaussians"),
    Entry("checkerboard/linear", _LINEAR, "checkerboard", architecture=WAVES, steps=12_000),
    Entry("swiss_roll/linear", _LINEAR, "swiss_roll"),
    Entry("spirals/linear", _LINEAR, "spirals", architecture=WAVES, steps=12_000),
    Entry("rings/linear", _LINEAR, "rings", architecture=WAVES, steps=12_000),
    Entry("pinwheel/linear", _LINEAR, "pinwheel"),
    Entry("smiley/linear", _LINEAR, "smiley", architecture=WAVES),
    Entry("gaussian_grid/linear", _LINEAR, "gaussian_grid", architecture=WAVES),
    Entry("two_gaussians/linear", _LINEAR, "two_gaussians"),
    Entry("gaussian/linear", _LINEAR, "gaussian"),
    Entry("two_moons/vp", _VP, "two_moons", "vp", "v"),
    Entry("eight_gaussians/vp", _VP, "eight_gaussians", "vp", "v"),
    Entry("digits/unet", _UNET, "digits", architecture=UNET, steps=6000, batch=64, learning_rate=1e-3),
    Entry(
        "digits/mlp",
        "Residual MLP, linear path",
        "digits",
        architecture=RESIDUAL,
        steps=6000,
        batch=256,
        learning_rate=1e-3,
        storage="float16",
    ),
)

_PAIRS = {"coupling": "teacher", "steps": 6000, "learning_rate": 1e-3}

STRAIGHTER: Mapping[str, tuple[str, str, Mapping[str, object]]] = {
    "ot": ("MLP, minibatch OT coupling", "", {"coupling": "transport"}),
    "reflow": ("MLP, reflow once", "linear", _PAIRS),
    "reflow_2": ("MLP, reflow twice", "reflow", _PAIRS),
    "rf_plus_plus": ("MLP, rf++", "linear", _PAIRS | {"times": "ends", "penalty": "pseudo_huber"}),
}
"""Ways to straighten a network of the plane on the linear path: label, which network teaches, other settings."""


def straighter(plain: Entry, way: str) -> Entry:
    """The line of a network that is straighter than ``plain``, by a key of ``STRAIGHTER``."""
    label, teacher, changes = STRAIGHTER[way]
    name = f"{plain.target}/{way}"
    teacher = f"{plain.target}/{teacher}" if teacher else ""
    return replace(plain, name=name, label=label, teacher=teacher, **changes)  # type: ignore[arg-type] # settings


_PLAIN: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}

CATALOGUE: dict[str, Entry] = _PLAIN | {
    entry.name: entry
    for target in ("two_moons", "eight_gaussians", "checkerboard")
    for entry in (straighter(_PLAIN[f"{target}/linear"], way) for way in STRAIGHTER)
}
"""Every shipped network by its key; teachers come before those whom they teach."""


def teacher_of(target: str) -> Entry | None:
    """The network of a target that students learn from: a velocity on the linear path without classes."""
    return CATALOGUE.get(f"{target}/linear") or CATALOGUE.get(f"{target}/mlp")


STUDENT_CATALOGUE: dict[str, Entry] = shipped_students(_PLAIN)
"""Every shipped student by its key; those that are fields too, such as two_moons/reflow, are in ``CATALOGUE``."""


def load(name: str | Path, device: str = "cpu") -> NetworkField | AbstractFlowMap:
    """A shipped network by name, or that of a .safetensors file which ``sampler-explorer train`` wrote.

    A student, such as two_moons/mean_flow, comes as its flow map; every other network as its field, the straighter ones
    too (``student("two_moons/reflow")`` gives the map of these). The network is the caller's own: changing it changes
    nothing else.

    Raises:
        ValueError: for an unknown name, with the nearest ones, or a file that is not a whole network.
    """
    file = _found(name)
    network, card = load_network(file, device)
    return student_from(network, card, file.name) if card.method else field_from(network, card)


def student(name: str | Path, device: str = "cpu") -> AbstractFlowMap:
    """A shipped student by name, or that of a file; a velocity on the linear path is one, by Euler steps.

    Raises:
        ValueError: as ``load``, and for a network that is no student.
    """
    file = _found(name)
    network, card = load_network(file, device)
    if card.method:
        return student_from(network, card, file.name)
    return velocity_student(network, card, str(name))


def _found(name: str | Path) -> Path:
    if isinstance(name, Path) or Path(name).suffix or Path(name).is_file():
        return Path(name)
    known = CATALOGUE | STUDENT_CATALOGUE
    return known[nearest("name", name, known)].file


@cache
def from_catalogue(name: str, device: str = "cpu") -> NetworkField:
    """The field of a shipped network, shared by all who ask: what a served page may load.

    Raises:
        ValueError: for anything but a name of the catalogue, with the nearest ones.
    """
    return field_from(*load_network(CATALOGUE[nearest("model", name, CATALOGUE)].file, device))


@cache
def student_from_catalogue(name: str, device: str = "cpu") -> AbstractFlowMap:
    """A shipped student, shared by all who ask: what a served page may load.

    Raises:
        ValueError: for anything but a name of ``students_of`` some target, with the nearest ones.
    """
    known = [*STUDENT_CATALOGUE, *(key for key, entry in CATALOGUE.items() if is_student(entry))]
    return student(nearest("student", name, known), device)


def students_of(target: str) -> dict[str, Entry]:
    """Every shipped student of a target by name, the straightened fields included."""
    known = STUDENT_CATALOGUE | CATALOGUE
    return {name: entry for name, entry in known.items() if entry.target == target and is_student(entry)}


def is_student(entry: Entry) -> bool:
    """Whether a line of either catalogue is of a network that was made of a teacher."""
    return bool(entry.method or velocity_method(entry))
