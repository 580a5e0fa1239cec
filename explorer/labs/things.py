"""What a person hands over becomes a state: targets, fields, networks and recorded runs, by name or as objects.

A lab has the controls ``target`` and ``n``, and ``model`` and ``path`` where it asks a model; what else a choice means
is settled by the lab. What a state cannot hold as a plain value goes onto the person's shelf.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from explorer.labs.base import AbstractLab
from explorer.labs.menus import EXACT, NO_TARGET, PICTURES, is_own
from explorer.labs.shelf import Shelf
from explorer.maths.fields import AbstractField
from explorer.maths.names import nearest
from explorer.maths.paths import PATHS
from explorer.maths.students import AbstractFlowMap
from explorer.maths.targets import TARGETS, AbstractTarget, as_target
from explorer.maths.trajectory import Trajectory
from explorer.models.zoo import CATALOGUE, STUDENT_CATALOGUE, is_student


def state_of(lab: AbstractLab, shelf: Shelf, things: Sequence[object], choices: Mapping[str, Any]) -> Any:
    """The state that shows a thing, and others beside it, under ``choices``; a newcomer's state of no thing.

    A choice may be an object too, as in ``second=field``. None where the thing is a recorded run that the lab shows
    with no state.

    Raises:
        ValueError: one sentence, for a thing that cannot be shown or a choice that is not there.
    """
    things, students = _students(lab, shelf, things)
    choices = {**students, **_beside(lab, things[1:]), **lab.brought(choices, shelf)}
    for name in choices:
        if name not in lab.controls:
            nearest("choice", name, lab.controls)
    thing = things[0] if things else None
    if thing is None and "model" not in choices:
        thing = choices.pop("target", None)
    state = lab.initial()
    if thing is not None and "target" not in lab.controls:
        raise ValueError(
            f"the {lab.label} lab takes what it shows by name; got {type(thing).__name__}; see the choices of "
            f"ex.LABS[{lab.name!r}].controls, or give module=... and batch=..."
        )
    if isinstance(thing, Trajectory):
        state = lab.taken(state, thing, shelf)
    elif thing is not None:
        state = _settled(lab, shelf, _named(lab, shelf, thing, choices.pop("target", None)))
    return None if state is None else _chosen(lab, shelf, state, choices)


def _students(
    lab: AbstractLab, shelf: Shelf, things: Sequence[object]
) -> tuple[Sequence[object], dict[str, Any]]:
    """The things that are no students, and the choices that show those that are, where the lab shows students."""
    if "students" not in lab.controls:
        return things, {}
    found = [thing for thing in things if _is_student(thing)]
    if not found:
        return things, {}
    homes = list(dict.fromkeys(thing.partition("/")[0] for thing in found if isinstance(thing, str)))
    if len(homes) > 1:
        raise ValueError(
            f"students side by side must be of one target; got {', '.join(homes)}; show them one by one"
        )
    keys = [
        thing.partition("/")[2] if isinstance(thing, str) else str(key_of(thing, shelf)) for thing in found
    ]
    target = {"target": homes[0]} if homes else {}
    return [thing for thing in things if not _is_student(thing)], {"students": ",".join(keys)} | target


def _is_student(thing: object) -> bool:
    known = STUDENT_CATALOGUE | CATALOGUE
    return isinstance(thing, AbstractFlowMap) or (
        isinstance(thing, str) and thing in known and is_student(known[thing])
    )


def _beside(lab: AbstractLab, others: Sequence[object]) -> dict[str, Any]:
    """The choices that put other things beside the first."""
    if len(others) > len(lab.alone):
        raise ValueError(
            f"the {lab.label} lab shows at most {len(lab.alone) + 1} things side by side; got {len(others) + 1}; "
            "leave some out"
        )
    return dict(zip(lab.alone, others, strict=False))


def _chosen(lab: AbstractLab, shelf: Shelf, state: Any, choices: Mapping[str, Any]) -> Any:
    """The state after choices made in code."""
    left = lab.meant({name: key_of(value, shelf) for name, value in choices.items()})
    for name in ("target", "model"):  # the others follow from these
        if name in left:
            state = lab.changed(state, name, left.pop(name), shelf)
    return fitting(lab.built(vars(state) | left, shelf), shelf)


def fitting(state: Any, shelf: Shelf) -> Any:
    """The state itself, when its model and its target have samples of one shape. Raises ValueError else."""
    values = vars(state)
    shape = _own_shape(values.get("model", ""), shelf)
    target = target_named(values.get("target", NO_TARGET), shelf)
    if shape is not None and target is not None and shape != tuple(target.shape):
        raise ValueError(
            f"the model's samples have shape {list(shape)}, those of the target "
            f"{list(target.shape)}; choose a target of the model's shape"
        )
    return state


def _own_shape(model: str, shelf: Shelf) -> tuple[int, ...] | None:
    """The shape of the samples of a person's own field or run; None for all others."""
    if not is_own(model):
        return None
    run = shelf.run(model)
    return tuple(shelf.field(model).shape if run is None else run.states.shape[2:])


def key_of(thing: object, shelf: Shelf) -> object:
    """The value under which a state holds a thing; what is a plain value already stays itself."""
    match thing:
        case AbstractTarget():
            return _key_of_target(thing, shelf)
        case AbstractField():
            return shelf.put_field(thing)
        case Trajectory():
            return shelf.put_run(thing)
        case AbstractFlowMap():
            return shelf.put_student(thing)
        case list() | tuple():
            return ",".join(str(key_of(each, shelf)) for each in thing)
    return thing


def target_named(key: str, shelf: Shelf) -> AbstractTarget | None:
    """The target of a state, or None where the model is somebody's own and nothing is known of its data."""
    if key == NO_TARGET:
        return None
    return shelf.target(key) if is_own(key) else as_target(key)


def _settled(lab: AbstractLab, shelf: Shelf, named: dict[str, Any]) -> Any:
    """A newcomer's state with ``named`` in it, and what follows from that; a field stands alone."""
    if "model" in named and "model" not in lab.controls:
        raise ValueError(f"the {lab.label} lab asks no model; give a target")
    named = _of_path(lab, named)
    values = vars(lab.initial()) | named
    if named.get("target") == NO_TARGET and NO_TARGET not in lab.options(values, "target", shelf):
        example = called(lab, 'field, target="two_moons"')
        raise ValueError(f"the {lab.label} lab holds samples against their data; name that, as in {example}")
    if "model" in named:
        values |= lab.alone
    state = lab.built(values, shelf, just="model" if "model" in named else "target")
    return lab.built(vars(state) | named, shelf)


def _of_path(lab: AbstractLab, named: dict[str, Any]) -> dict[str, Any]:
    """Without the path, where the lab knows the linear one alone."""
    if "path" in lab.controls or "path" not in named:
        return named
    if named["path"] != "linear":
        raise ValueError(
            f"the {lab.label} lab is on the linear path, and this field is on {named['path']!r}; give one that was "
            "trained on the linear path"
        )
    return {name: value for name, value in named.items() if name != "path"}


def _named(lab: AbstractLab, shelf: Shelf, thing: object, target: object) -> dict[str, Any]:
    """The values that name a thing."""
    if isinstance(thing, AbstractField):
        return _field(lab, shelf, thing, target)
    if isinstance(thing, str) and thing in CATALOGUE:
        entry = CATALOGUE[thing]
        home = entry.target if target is None else target
        return _on(lab, shelf, home, {"model": entry.name, "path": entry.path})
    if target is not None:
        raise ValueError(f"`target` goes with a field; give the target itself, as in {called(lab, 'target')}")
    if isinstance(thing, str | AbstractTarget):
        return _on(lab, shelf, thing, {})
    raise ValueError(_unfit(lab, thing))


def _field(lab: AbstractLab, shelf: Shelf, field: AbstractField, target: object) -> dict[str, Any]:
    known = field.path.name in PATHS and PATHS[field.path.name]() == field.path
    path = {"path": field.path.name} if known else {}
    of = getattr(field, "target", None) or getattr(field, "mixture", None)
    if isinstance(of, AbstractTarget) and known and target is None:
        return _on(lab, shelf, of, {"model": EXACT} | path)
    if tuple(field.shape) == (1,):
        raise ValueError("a field is drawn in the plane or as pictures; got one of a single number")
    home = of if target is None else target
    own = {"model": shelf.put_field(field)} | path
    if home is None:
        return own | {"target": NO_TARGET, "n": _samples(lab, field.shape)}
    return _on(lab, shelf, home, own)


def _on(lab: AbstractLab, shelf: Shelf, target: object, values: dict[str, Any]) -> dict[str, Any]:
    """``values`` with the target's name and a fitting number of samples."""
    if isinstance(target, str):
        found = as_target(nearest("target", target, [*TARGETS, *CATALOGUE]))
        return {"target": target, "n": _samples(lab, found.shape)} | values
    if not isinstance(target, AbstractTarget):
        raise ValueError(f"`target` must be a target or its name; got {type(target).__name__}")
    return {"target": _key_of_target(target, shelf), "n": _samples(lab, target.shape)} | values


def _key_of_target(target: AbstractTarget, shelf: Shelf) -> str:
    is_listed = target.name in TARGETS and as_target(target.name) is target
    return target.name if is_listed else shelf.put_target(target)


def _samples(lab: AbstractLab, shape: tuple[int, ...]) -> int:
    return PICTURES if len(shape) > 1 else int(lab.initial().n)


def called(lab: AbstractLab, words: str) -> str:
    """The call that opens a lab in a cell, for a sentence."""
    return f"ex.scrub({words})" if lab.name == "scrub" else f"ex.lab({lab.name!r}, {words})"


def _unfit(lab: AbstractLab, thing: object) -> str:
    """Why a thing cannot be shown, and what to do."""
    kind = type(thing).__name__
    if isinstance(thing, torch.nn.Module):
        right = called(lab, 'ex.NetworkField(module, path="linear", predicts="velocity")')
        return f"a module alone does not say what it predicts; got {kind}; wrap it: {right}"
    return (
        f"{called(lab, 'thing')} shows a target, a field, the name of one of them, or a recorded run; got {kind}; "
        f"see ex.TARGETS, ex.NetworkField and ex.trajectory"
    )
