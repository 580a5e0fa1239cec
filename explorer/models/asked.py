"""Which network a name on the command line means, and the settings that it is trained with."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from explorer.maths.fields import Predicts
from explorer.maths.names import nearest
from explorer.maths.students import STUDENTS
from explorer.maths.targets import TARGETS
from explorer.models.entries import MLP, UNET, Entry
from explorer.models.students import student_entry
from explorer.models.zoo import CATALOGUE, STRAIGHTER, STUDENT_CATALOGUE, straighter, teacher_of


def asked(name: str, given: Mapping[str, Any]) -> Entry:
    """The settings of a named network, or of a target's usual one, with what was given in their place."""
    if known := _known(name):
        entry = replace(known, **given)
        if entry.path != known.path:
            raise ValueError(
                f"{name!r} is on the {known.path} path; give {entry.target!r} to train on path {entry.path!r}"
            )
        if entry.method and entry.predicts != known.predicts:
            raise ValueError(
                f"a student's network gives a velocity; got `predicts` {entry.predicts!r}; leave it out"
            )
        return entry
    target = TARGETS[nearest("name", name, [*TARGETS, *CATALOGUE, *STUDENT_CATALOGUE])]
    path = given.get("path", "linear")
    for entry in CATALOGUE.values():
        if (entry.target, entry.path) == (name, path):
            return replace(entry, **given)
    predicts: Predicts = "velocity" if path in ("linear", "trig") else "v"
    architecture = MLP if len(target.shape) == 1 else UNET
    usual = Entry(f"{name}/{path}", "", name, path, predicts, architecture)
    return replace(usual, **given)


def _known(name: str) -> Entry | None:
    """The catalogue's line, or that of a way to straighten or to distil a network that ships in its plain form only."""
    if name in CATALOGUE or name in STUDENT_CATALOGUE:
        return CATALOGUE.get(name) or STUDENT_CATALOGUE[name]
    target, _, way = name.partition("/")
    plain = teacher_of(target)
    if plain is None:
        return None
    if way in STRAIGHTER and plain.architecture["kind"] == MLP["kind"]:
        return straighter(plain, way)
    return student_entry(plain, way) if way in STUDENTS else None
