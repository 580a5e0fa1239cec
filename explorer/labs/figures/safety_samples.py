"""The samples of a batch by radius, in pictures, words and curves."""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from explorer.labs.figures.checks import round_up
from explorer.labs.figures.safety_plane import BOUND_HINT, CERTIFIED_HINT, EXACT_HINT, PROVED, curve, fact

if TYPE_CHECKING:
    from explorer.labs.safety.samples import Fragile, SamplesRecord

BINS = 36
COLUMNS = 8


def samples_spec(record: "SamplesRecord") -> dict[str, Any]:
    """A grid of the most fragile samples; where they are no pictures, all of them as points."""
    pictures = record.images
    note = f"{record.plan.where}; the smallest exact radius first"
    pane = {
        "label": "Most fragile samples",
        "note": note,
        "run": 1,
        "role": "state",
        "axes": ["log10 r", "margin / π"],
    }
    spec: dict[str, Any] = {
        "version": 1,
        "fill": True,
        "title": "Most fragile samples" if pictures is not None else "Samples by r and margin",
        "subtitle": note,
        "box": [-4.0, -0.5, 1.0, 4.5],
        "panes": [pane],
        "launched": [],
        "images": None,
        "can_launch": False,
        "can_draw": False,
        "paths": 0,
        "still": True,
        "rest": 0.0,
        "colour": None,
        "heat": None,
        "pairs": None,
    }
    if pictures is None:
        wall = {
            "kind": "vline",
            "x": 0,
            "label": "r = 1",
            "role": "second",
            "dashed": True,
            "hint": BOUND_HINT,
        }
        pane |= {"show_axes": True, "shapes": [wall], "words": {"state": "samples"}}
        return spec
    captions = [_caption(each) for each in record.fragile]
    images = {
        "height": pictures.shape[1],
        "width": pictures.shape[2],
        "columns": COLUMNS,
        "captions": captions,
        "single": True,
    }
    return spec | {"images": images}


def _caption(each: "Fragile") -> str:
    return f"{each.top} → {each.second} · {each.exact:.2g} r\nδ {each.margin:.2g}   Δ {each.speed:.2g}"


def samples_charts(record: "SamplesRecord") -> dict[str, Any]:
    """How the radii are spread, r by rank, and what binds."""
    return {"charts": [_histogram(record), _ranks(record)], "numbers": _numbers(record)}


def _edges(record: "SamplesRecord") -> Tensor:
    known = torch.cat([record.bound, record.certified])
    known = known[torch.isfinite(known) & (known > 0)]
    low, high = (float(known.min()), float(known.quantile(0.99))) if len(known) else (0.5, 2.0)
    return torch.logspace(math.log10(low * 0.9), math.log10(high * 1.1), BINS + 1, dtype=torch.float64)


def _histogram(record: "SamplesRecord") -> dict[str, Any]:
    edges = _edges(record)
    bars, top = [], 1.0
    for values, role in ((record.certified, "third"), (record.bound, "second")):
        known = values[torch.isfinite(values)].clamp(max=float(edges[-1]))
        counts = torch.histogram(known, edges).hist if len(known) else torch.zeros(BINS)
        top = max(top, float(counts.max()))
        bars += [
            {"x0": x0, "x1": x1, "y": y, "role": role}
            for x0, x1, y in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
            if y
        ]
    quantile = 1.0 / record.plan.told.quantile(record.plan.state.quantile)
    share = f"{100 * record.plan.state.quantile:.0f} %"
    return {
        "id": "radii",
        "title": "Radii of the samples",
        "subtitle": "green: π/Δ, violet: certified",
        "hint": f"{BOUND_HINT} {CERTIFIED_HINT}",
        "x": "radius",
        "x_label": "radius, in r",
        "x_log": True,
        "x_range": [float(edges[0]), float(edges[-1])],
        "y_label": "",
        "y": [0, round_up(top)],
        "lines": [],
        "levels": [],
        "bars": bars,
        "verticals": [
            {
                "x": 1.0,
                "label": "all",
                "role": "second",
                "hint": "The batch's own: every sample is within r = 1.",
            },
            {
                "x": quantile,
                "label": share,
                "role": "launched",
                "dashed": True,
                "hint": "How far a step may go where this share of the samples must stay within r = 1.",
            },
        ],
    }


def _ranks(record: "SamplesRecord") -> dict[str, Any]:
    r = record.plan.told.r.sort(descending=True).values
    kept = torch.unique(torch.logspace(0, math.log10(max(1, len(r))), 120).round().long().clamp(1, len(r)))
    return {
        "id": "ranks",
        "title": "r by rank",
        "subtitle": "a steep start: an outlier binds all",
        "hint": PROVED,
        "x": "rank",
        "x_label": "rank",
        "x_log": True,
        "x_range": [1, max(2, len(r))],
        "y_label": "",
        "y": [0, 1],
        "lines": [curve("r", "state", kept.tolist(), r[kept - 1].tolist())],
        "levels": [],
    }


def _numbers(record: "SamplesRecord") -> dict[str, Any]:
    plan, told = record.plan, record.plan.told
    first = record.fragile[0]
    q = plan.state.quantile
    rows = [
        fact("r_max", "The largest r: the unit of this page.", told.r_max),
        fact(
            "r_99",
            "What one sample in a hundred exceeds: comparable across batch sizes, as the largest is not.",
            told.r_99,
        ),
        fact("r_50", "The median r.", told.r_50),
        fact(
            f"step, {100 * q:.0f} % within",
            "How much longer a step may be than r = 1 where this share must stay within it.",
            1.0 / told.quantile(q),
        ),
        fact("binds r", "The place in the batch of the sample with the largest r.", told.binding or 0),
        fact(
            "binds the exact radius",
            f"The place of the sample with the nearest ghost. {EXACT_HINT}",
            first.place,
        ),
        fact("its margin", "Top logit minus second.", first.margin),
        fact("its logit speed", "Fastest minus slowest logit for a step of r = 1.", first.speed),
        fact(
            "samples that flip",
            "Share of the batch whose answer linear logits change by r = 1.",
            float(told.flips.double().mean()),
        ),
        fact(
            "absorbed",
            "Share of samples whose label has probability 1 in the logits' type: no gradient, no r.",
            told.absorbed,
        ),
    ]
    return {"title": "Of this batch", "rows": rows}


def samples_footer(record: "SamplesRecord") -> str:
    """What is on screen, in one line."""
    plan, exact = record.plan, record.fragile[0].exact
    n = f"{len(plan.told.r):,}"
    return f"{plan.where} · {n} samples · exact radius {exact:.3g} r · seed {plan.state.seed}"
