"""A Hessian's spectrum in words and curves: the stage's spec, its charts and numbers, and the page's last line."""

import math
from typing import TYPE_CHECKING, Any

import torch

from explorer.labs.figures.landscape_page import curve, fact, finite

if TYPE_CHECKING:
    from explorer.labs.landscape.spectrum import SpectrumRecord

FINE = 400
"""Points of the density's curve."""
WIDTH = 0.012
"""Of the Gaussian that each point of the density is spread by, over the range."""
FAINT = 1e-7
"""The least density shown, over the largest."""
RESIDUAL_HINT = (
    "|Hv − λv| over |λ|: an eigenvalue lies within its residual of the number, commonly within the residual's square "
    "over the gap to the next."
)
LINE_HINT = "2 over the learning rate: plain gradient descent grows along every direction that is sharper."
DENSITY_HINT = (
    "How all the eigenvalues are spread: the largest by themselves, the others by Lanczos from random vectors that see "
    "the rest alone. Each point is spread to a narrow Gaussian."
)
TRACE_HINT = "The sum of all eigenvalues by Hutch++, with its standard error."
ROLES = ("state", "second", "third", "launched", "fourth")


def spectrum_spec(record: "SpectrumRecord") -> dict[str, Any]:
    """The ways of the eigenvalues over the products, and the line of the learning rate."""
    low, top, last = record.low, record.top, record.last
    first, end = record.seen[0].matvecs, max(last.matvecs, record.seen[0].matvecs + 1)
    shapes: list[dict[str, Any]] = [{"kind": "hline", "y": 0.0, "role": "target"}]
    shapes += [
        {
            "kind": "mark",
            "x": last.matvecs,
            "y": value,
            "shape": "dot",
            "role": "state",
            "label": f"λ{i + 1} = {value:.3g}",
        }
        for i, value in enumerate(last.eigenvalues.tolist())
    ]
    if low <= record.line <= 1.5 * top:
        shapes.append(
            {
                "kind": "hline",
                "y": record.line,
                "role": "launched",
                "dashed": True,
                "label": f"2 / η = {record.line:.3g}",
            }
        )
    words = "converged" if last.converged else "converging"
    pane = {
        "label": record.subject.named.label,
        "note": words,
        "run": 1,
        "role": "state",
        "axes": ["products", "eigenvalue"],
        "show_axes": True,
        "shapes": shapes,
        "words": {"state": ""},
    }
    return {
        "version": 1,
        "title": record.subject.named.label,
        "subtitle": f"the {len(last.eigenvalues)} largest eigenvalues of the Hessian, {words}",
        "box": [
            first - 0.04 * (end - first),
            low,
            end + 0.14 * (end - first),
            max(top, record.line * 1.05 if record.line <= 1.5 * top else 0.0),
        ],
        "fill": True,
        "panes": [pane],
        "launched": [],
        "images": None,
        "can_launch": False,
        "can_draw": False,
        "paths": len(last.eigenvalues),
        "rest": 0.0,
        "cursor": {
            "label": "products",
            "from": str(first),
            "to": f"{last.matvecs} products",
            "lo": first,
            "hi": end,
            "log": False,
            "integer": True,
            "unit": "",
            "steps": False,
        },
        "colour": {
            "label": "residual / eigenvalue",
            "lo": 1e-4,
            "hi": 1.0,
            "log": True,
            "map": "viridis",
            "hint": RESIDUAL_HINT,
        },
        "heat": None,
        "pairs": None,
        "note": _printed(record),
    }


def _printed(record: "SpectrumRecord") -> str:
    rows = record.subject.rows
    dtype = str(record.last.vectors.dtype).removeprefix("torch.")
    return " · ".join(
        part for part in (f"batch {rows:,}" if rows else "", dtype, f"by {record.last.by}") if part
    )


def spectrum_charts(record: "SpectrumRecord") -> dict[str, Any]:
    """The density, the residuals, and the numbers at the cursor."""
    return {"charts": [_density(record), _residuals(record)], "numbers": [_values(record), _all(record)]}


def _verticals(record: "SpectrumRecord", low: float, high: float) -> list[dict[str, Any]]:
    lines = []
    if low <= record.line <= high:
        lines.append(
            {"x": record.line, "label": "2/η", "role": "launched", "dashed": True, "hint": LINE_HINT}
        )
    first = float(record.last.eigenvalues[0])
    lines.append(
        {
            "x": first,
            "label": "λ1",
            "role": "state",
            "dashed": True,
            "hint": "The sharpness: the largest eigenvalue.",
        }
    )
    return lines


def _density(record: "SpectrumRecord") -> dict[str, Any]:
    chart = {
        "id": "density",
        "title": "All eigenvalues",
        "subtitle": "share of them, by value; smoothed",
        "hint": DENSITY_HINT,
        "x": "eigenvalue",
        "x_label": "eigenvalue",
        "y_label": "",
        "lines": [],
        "levels": [],
        "empty": "Comes after the largest.",
    }
    found = record.density
    if found is None:
        return chart
    low, high = float(found.values.min()), float(found.values.max())
    reach = max(high - low, 1e-12)
    at = torch.linspace(low - 4 * WIDTH * reach, high + 4 * WIDTH * reach, FINE, dtype=torch.float64)
    values = found.curve(at, WIDTH * reach) * reach
    least = FAINT * float(values.max())
    y = [float(v) if v > least else None for v in values]
    line = curve("density", "state", at.tolist(), y)
    known = [v for v in y if v is not None]
    ends = [float(at[0]), float(at[-1])]
    return chart | {
        "lines": [line],
        "x_range": ends,
        "log": True,
        "y": [min(known) / 2, 2 * max(known)],
        "verticals": _verticals(record, *ends),
    }


def _residuals(record: "SpectrumRecord") -> dict[str, Any]:
    count = min(5, len(record.last.eigenvalues))
    lines = []
    for i in range(count):
        y = [_relative(one, i) for one in record.seen]
        lines.append(curve(f"λ{i + 1}", ROLES[i], record.shares, y))
    return {
        "id": "residuals",
        "title": "Residuals",
        "subtitle": "|Hv − λv| / |λ| by products with the Hessian",
        "hint": RESIDUAL_HINT,
        "x": "share",
        "y_label": "",
        "log": True,
        "y": [1e-6, 2.0],
        "lines": lines,
        "levels": [{"y": 3e-3, "label": "converged", "dashed": True}],
    }


def _relative(one: Any, i: int) -> float | None:
    if i >= len(one.eigenvalues):
        return None
    return max(1.2e-6, float(one.residuals[i]) / max(1e-30, abs(float(one.eigenvalues[i]))))


def _values(record: "SpectrumRecord") -> dict[str, Any]:
    rows = []
    for i in range(min(8, len(record.last.eigenvalues))):
        words = [_said(one, i) for one in record.seen]
        rows.append(fact(f"λ{i + 1}", f"± its residual, at this product. {RESIDUAL_HINT}", {1: words}))
    return {"title": "At this product", "rows": rows}


def _said(one: Any, i: int) -> str:
    if i >= len(one.eigenvalues):
        return "–"  # noqa: RUF001 # what the stage writes where nothing is known
    return f"{float(one.eigenvalues[i]):.4g} ± {float(one.residuals[i]):.1g}"


def _all(record: "SpectrumRecord") -> dict[str, Any]:
    from explorer.labs.landscape.spectrum import verdict

    rows = [
        fact("2 / η", LINE_HINT, {1: record.line}),
        fact("gradient descent", "At this learning rate, near these weights.", {1: verdict(record)}),
    ]
    if record.trace is not None:
        row = fact("trace", TRACE_HINT, {1: record.trace.value})
        rows.append(row | {"spread": {1: finite(record.trace.error)}} if record.trace.error else row)
    if record.density is not None:
        found = record.density
        negative = float(found.weights[found.values < 0].sum())
        rows += [
            fact("parameters", "As many eigenvalues there are.", {1: found.size}),
            fact("negative", "Share of the eigenvalues below 0, from the density.", {1: negative}),
            fact("trace, by the density", "The same sum from the points of the density.", {1: found.trace}),
        ]
    matvecs = record.last.matvecs + sum(
        part.matvecs for part in (record.density, record.trace) if part is not None
    )
    rows.append(
        fact(
            "products in all", "Hessian-vector products: each costs about seven forward passes.", {1: matvecs}
        )
    )
    return {"title": "Of the whole spectrum", "rows": rows}


def spectrum_footer(record: "SpectrumRecord") -> str:
    """What is on screen, in one line."""
    last = record.last
    worst = max(_relative(last, i) or math.nan for i in range(len(last.eigenvalues)))
    words = "converged" if last.converged else "not converged"
    told = f"{last.matvecs} products, {words}, residuals within {worst:.1g}"
    return f"{told} · {_printed(record)} · seed {record.state.seed}"
