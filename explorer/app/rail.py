"""The controls of a lab as the page's left rail: a frame for what the browser draws."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import param

from explorer.app.visit import Visit
from explorer.labs.controls import Action, Chips, Choice, Control, Seed, Slider

FOLDER = Path(__file__).parent / "browser"


def module(style: str, *parts: str) -> str:
    """One ES module of parts that share a scope, with its style sheet in it."""
    sheet = json.dumps((FOLDER / style).read_text("utf-8"))
    return "\n".join([f"const STYLE = {sheet};", *((FOLDER / part).read_text("utf-8") for part in parts)])


class Rail(pn.custom.AnyWidgetComponent):
    """`content` says what is offered; `asked` comes back, one JSON text for each choice."""

    _esm = module("rail.css", "controls.js", "rail.js")

    _priority_changes: ClassVar[list[str]] = ["asked"]  # else Panel waits 50 ms for more of them
    content = param.String("{}")
    asked = param.String("")


def content_of(visit: Visit) -> dict[str, Any]:
    """The controls that the state shows now, with their bounds, options and values."""
    values = vars(visit.state)
    headings = visit.lab.groups
    groups: dict[str, list[dict[str, Any]]] = {key: [] for key in headings}
    for name, control in visit.lab.controls.items():
        if control.shown(values):
            groups[control.group].append(_control(visit, name, control, values))
    shown = [{"key": key, "label": headings[key], "controls": controls} for key, controls in groups.items()]
    return {"groups": shown, "layers": visit.layer_chips()}


def _control(visit: Visit, name: str, control: Control, values: Mapping[str, Any]) -> dict[str, Any]:
    said = {
        "name": name,
        "label": visit.lab.label_of(control),
        "spoken": control.label,
        "hint": control.hint,
        "more": control.more,
        "value": values[name],
    }
    match control:
        case Choice():
            options = visit.lab.options(dict(values), name, visit.shelf)
            return said | {"kind": "choice", "options": _grouped(options)}
        case Chips():
            options = visit.lab.options(dict(values), name, visit.shelf)
            bounds = {"most": control.most, "fewest": control.fewest}
            return said | bounds | {"kind": "chips", "options": _grouped(options)}
        case Action():
            return said | {"kind": "action", "label": control.label, "label_on": control.label_on}
        case Slider():
            bounds = {part: getattr(control, part) for part in ("lo", "hi", "step", "log", "unit")}
            return said | bounds | {"kind": "slider"}
        case Seed():
            return said | {"kind": "seed"}
    return said | {"kind": "switch"}


def _grouped(options: Mapping[str, str]) -> list[dict[str, Any]]:
    """Options of one library under its name; all others first."""
    groups: dict[str, list[tuple[str, str]]] = {"": []}
    for key, label in options.items():
        home = "diffusers schedulers" if key.startswith("diffusers/") else ""
        groups.setdefault(home, []).append((key, label))
    return [{"label": label, "options": entries} for label, entries in groups.items()]
