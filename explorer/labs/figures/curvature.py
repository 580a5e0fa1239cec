"""The Curvature lab in words and curves: the stage's spec, its charts and numbers, and the page's last line."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from explorer.labs.curvature.maps import CELLS
from explorer.labs.curvature.plan import Pane, Plan
from explorer.labs.curvature.record import CurvatureLabRecord, PaneRecord
from explorer.labs.curvature.state import MAP_COLOURS, OWN, PATH_COLOURS
from explorer.labs.figures.checks import (
    HINTS,
    ROLES_3,
    check_charts,
    check_table,
    energy_chart,
    energy_table,
    finite,
    line,
    round_up,
)
from explorer.labs.figures.curves import short
from explorer.labs.figures.solving import solving_charts, solving_table
from explorer.labs.menus import ANY

BENDS, SOLVERS, CHECKS, DIMENSION = "Bends", "Solvers", "Gradient?", "Dimension"
PATHS_DRAWN = 160
ROUNDING = 1e-9
"""What is smaller comes of rounding, on paths of the size of 1."""
PEAK = 4.0
"""Highest that a band may lift an axis, over the highest median: what goes beyond is cut off."""
NUMBERS = (
    (
        "total turning",
        "rad",
        "All turns of the direction of travel, added up, whichever way; median over paths. 0 for a line.",
    ),
    ("length / chord", "", "Length of the path over the distance of its ends; median. 1 for a line."),
    (
        "deviation / chord",
        "",
        "Greatest distance of the path from its chord, over the chord; median. 0 for a line.",
    ),
    (
        "straightness S",
        "",
        "Mean of int |(x_end - x_start) - dx/dt|² dt over time from 0 to 1 (Liu et al. 2022): 0 only for lines "
        "travelled at constant speed. In squared units of x.",
    ),
    ("S / chord²", "", "Mean S over the mean squared chord: S without its unit."),
    (
        "from noise share",
        "",
        "Where the measured part begins: the coordinates and the model both reach so far.",
    ),
)


def spec_of(plan: Plan, box: Sequence[float] | None) -> dict[str, Any]:
    """The stage's spec, with slots for runs; ``box`` is given for the view along the chord."""
    return {
        "version": 1,
        "title": plan.panes[0].label if plan.target is None else plan.target.label,
        "subtitle": _subtitle(plan),
        "box": list(plan.box if box is None else box),
        "panes": [_pane(plan, pane, along=box is not None) for pane in plan.panes],
        "launched": [],
        "images": None,
        "can_launch": plan.draws_plane and any(pane.field is not None for pane in plan.panes),
        "can_draw": plan.draws_plane,
        "paths": PATHS_DRAWN,
        "rest": 0.35,
        "colour": None,
        "heat": None,
    }


def _subtitle(plan: Plan) -> str:
    words = f"{plan.panes[0].label}, {_coordinates(plan, plan.panes[0])}"
    return words if plan.state.label == ANY else f"{words}, class {plan.state.label}"


def _coordinates(plan: Plan, pane: Pane) -> str:
    name = plan.coordinates(pane).name
    far = ", from 80 sigma away" if name == "ve" and plan.draws_plane else ""
    return (
        f"its own coordinates ({name}){far}" if plan.state.coordinates == OWN else f"{name} coordinates{far}"
    )


def _pane(plan: Plan, pane: Pane, along: bool) -> dict[str, Any]:
    parts = [
        f"{pane.run.steps if pane.run is not None else plan.state.steps} steps",
        _coordinates(plan, pane),
    ]
    return {
        "label": pane.label,
        "note": ", ".join(parts),
        "run": pane.slot,
        "role": ROLES_3[pane.slot - 1],
        "axes": ["along the chord", "off the chord"] if along else ["x1", "x2"],
        "show_axes": along,
    }


def colour_of(record: CurvatureLabRecord) -> dict[str, Any]:
    """What the stage is told of the paths' colours."""
    name = record.plan.state.colour
    lo, hi = record.scale or (0.001, 1.0)
    label = PATH_COLOURS[name]
    said = {"label": label[0].lower() + label[1:], "lo": lo, "hi": hi, "log": True}
    return said | {"map": "viridis", "hint": HINTS[name]}


def heat_of(record: CurvatureLabRecord, top: float) -> dict[str, Any]:
    """What the stage is told of the map; ``top`` is what nearly all of its sizes stay below."""
    name = record.plan.state.colour
    said: dict[str, Any] = {
        **CELLS,
        "label": MAP_COLOURS[name].removeprefix("Map: "),
        "hint": HINTS[name],
    }
    if name == "asymmetry":
        return said | {"lo": 0.001, "hi": 2.0, "log": True, "map": "viridis"}
    top = max(top, 1e-6)
    if name == "loop":
        return said | {"lo": -top, "hi": top, "log": False, "map": "diverging"}
    return said | {"lo": 0.0, "hi": top, "log": False, "map": "viridis"}


def charts_of(record: CurvatureLabRecord) -> dict[str, Any]:
    """Charts and numbers of what is known so far, under four tabs."""
    charts = [
        *_bend_charts(record),
        *solving_charts(record, SOLVERS),
        *check_charts(record, CHECKS),
        energy_chart(record, DIMENSION),
    ]
    tables = [
        _bend_table(record),
        solving_table(record, SOLVERS),
        check_table(record, CHECKS),
        energy_table(record, DIMENSION),
    ]
    return {"charts": charts, "numbers": [table for table in tables if table is not None]}


def _bend_charts(record: CurvatureLabRecord) -> list[dict[str, Any]]:
    shown = "curvature" if record.plan.state.colour == "curvature" else "bend"
    unit = "in 1 / units of x" if shown == "curvature" else "no unit"
    costs = "|d²x/dt²| / 2: an Euler step errs by h² of it"
    return [
        _over_share(record, shown, PATH_COLOURS[shown], f"median and middle half of the paths, {unit}"),
        _over_share(record, "truncation", "What a step costs", costs),
    ]


def of_bend(pane: PaneRecord, name: str) -> Tensor:
    """What colours the paths of a pane [T, m], and what the first charts show."""
    return {"bend": pane.bend.bend, "curvature": pane.bend.curvature, "truncation": pane.bend.truncation}[
        name
    ]


def _over_share(record: CurvatureLabRecord, name: str, title: str, subtitle: str) -> dict[str, Any]:
    """Median and quartiles over the paths, by noise share, for every pane."""
    lines, bands, tops = [], [], [0.0]
    for pane in record.panes:
        x = short(pane.bend.shares[: pane.spreads[name].quartiles.shape[1]].tolist())
        low, middle, high = (part.nan_to_num(0.0, posinf=0.0) for part in pane.spreads[name].quartiles)
        tops.append(min(float(high.max()), PEAK * float(middle.max())))
        lines.append(line(pane, x, middle))
        role = ROLES_3[pane.pane.slot - 1]
        bands.append({"x": x, "lo": short(low.tolist()), "hi": short(high.tolist()), "role": role})
    return {
        "id": name,
        "tab": BENDS,
        "title": title,
        "subtitle": subtitle,
        "hint": HINTS[name],
        "x": "share",
        "x_label": "noise share",
        "y_label": "",
        "y": [0, round_up(max(tops))],
        "lines": lines,
        "bands": bands,
        "levels": [],
    }


def _bend_table(record: CurvatureLabRecord) -> dict[str, Any]:
    columns = {pane.pane.slot: _numbers_of(pane) for pane in record.panes}
    rows = [
        {
            "label": label,
            "hint": hint,
            "unit": unit,
            "values": {slot: short([numbers[index]])[0] for slot, numbers in columns.items()},
        }
        for index, (label, unit, hint) in enumerate(NUMBERS)
    ]
    return {"tab": BENDS, "title": "Over the whole path", "rows": rows}


def _numbers_of(pane: PaneRecord) -> list[float | None]:
    bend = pane.bend
    medians = [float(value.nanmedian()) for value in (bend.total_turning, bend.length_ratio, bend.deviation)]
    straightness = [bend.mean_straightness, bend.set_relative_straightness]
    numbers = torch.tensor([*medians, *straightness, float(bend.shares[0])], dtype=torch.float64)
    return finite(torch.where(numbers.abs() < ROUNDING, 0.0, numbers))


def footer_of(record: CurvatureLabRecord) -> str:
    """What the picture cost, in one line."""
    plan, runs = record.plan, [pane.paths.run for pane in record.panes]
    evals = " and ".join(str(int(run.evals[-1])) for run in runs if int(run.evals[-1]))
    seconds = sum(run.seconds for run in runs)
    parts = [f"{len(plan.noise):,} paths".replace(",", "\u202f")]
    if evals:
        parts += [f"{evals} evals", f"{seconds:.2g} s"]
    by = dict.fromkeys(pane.bend.by for pane in record.panes)
    return " · ".join([*parts, f"curvature by {' and '.join(by)}", plan.device, f"seed {plan.state.seed}"])
