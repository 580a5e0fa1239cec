"""The divergence playground in words and curves."""

import math
from typing import TYPE_CHECKING, Any

import torch

from explorer.labs.figures.checks import round_up
from explorer.labs.figures.curves import short
from explorer.labs.students.menus import ONE
from explorer.maths.divergences import DIVERGENCES, ratios
from explorer.maths.playground import Fit, WeakFit

if TYPE_CHECKING:
    from explorer.labs.students.diverge import DivergeRecord

FITS, WEIGHT = "What is kept", "Weight"
NAMES = ("On clean data", "Averaged over noise")
ROLES = ("launched", "second", "third", "clean", "fourth")
FIT_HINT = (
    "The target is two bumps on a line, .7 at -2 and .3 at 2, both .5 wide; one Gaussian cannot be both. "
    "Every local minimum is drawn: which one a generator ends in is decided by where it starts."
)
WEIGHT_HINT = (
    "A generator's samples move along h(r) times the difference of the scores, r = p/q. Large h at large r calls "
    "samples to modes that are missing; a flat h does not."
)


def diverge_spec(record: "DivergeRecord") -> dict[str, Any]:
    """Two maps over the generator's mean and width."""
    divergence = DIVERGENCES[record.state.divergence]
    is_one = record.state.generator == ONE
    panes = [
        {
            "label": name,
            "note": f"{divergence.label}, {len(fit.fits)} minim{'a' if len(fit.fits) > 1 else 'um'}",
            "run": slot,
            "role": "launched",
            "axes": ["mean", "log2 std"],
            "show_axes": True,
        }
        for slot, (name, fit) in enumerate(zip(NAMES, record.fits, strict=True), 1)
    ]
    return {
        "version": 1,
        "title": divergence.label,
        "subtitle": divergence.formula,
        "box": _box(record),
        "panes": panes,
        "launched": [],
        "images": None,
        "can_launch": is_one,
        "can_draw": False,
        "paths": 0,
        "still": True,
        "rest": 0.0,
        "colour": None,
        "heat": _heat(record) if is_one else None,
        "pairs": None,
        "note": "" if not is_one else "click: fall from there",
    }


def _box(record: "DivergeRecord") -> list[float]:
    fit = record.fits[0]
    if len(fit.means):  # the map's own cells
        x, y = fit.means, fit.stds.log2()
        half_x, half_y = float(x[1] - x[0]) / 2, float(y[1] - y[0]) / 2
        return [float(x[0]) - half_x, float(y[0]) - half_y, float(x[-1]) + half_x, float(y[-1]) + half_y]
    return [-4.0, -2.0, 4.0, 2.0]


def _heat(record: "DivergeRecord") -> dict[str, Any]:
    values = torch.stack([fit.landscape for fit in record.fits])
    known = values[torch.isfinite(values)]
    top = float(known.quantile(0.8))
    ny, nx = values.shape[1:]
    low = max(float(known.min()), 1e-3)
    return {
        "nx": nx,
        "ny": ny,
        "label": "divergence, nats",
        "lo": low,
        "hi": max(top, 2 * low),
        "log": True,
        "map": "viridis",
        "hint": "Of a Gaussian with this mean and width, by quadrature: no sample is drawn.",
    }


def diverge_charts(record: "DivergeRecord") -> dict[str, Any]:
    """Densities of all minima, the weights, and the minima in numbers."""
    charts = [_densities(record, slot) for slot in (1, 2)]
    return {"charts": [*charts, _weights(record), _pull(record)], "numbers": [_minima(record)]}


def _densities(record: "DivergeRecord", slot: int) -> dict[str, Any]:
    """On clean data, whatever the fits were averaged over."""
    fit = record.fits[slot - 1]
    x = torch.linspace(-4.5, 4.5, 181, dtype=torch.float64)
    target = fit.mixture.log_density(x[None], x.new_zeros(1))[0].exp()
    lines = [_line(slot, "target", "target", x, target)]
    for index, each in enumerate(fit.fits[:3]):
        density = each.bumps.log_density(x[None], x.new_zeros(1))[0].exp()
        words = "best" if index == 0 else "local" if index == 1 else "another"
        lines.append(_line(slot, words, ROLES[index], x, density) | {"dashed": index > 0})
    return {
        "id": f"kept {slot}",
        "tab": FITS,
        "title": NAMES[slot - 1],
        "subtitle": _kept_words(fit),
        "hint": FIT_HINT,
        "x": "x",
        "x_label": "x",
        "x_range": [-4.5, 4.5],
        "y_label": "density",
        "y": [0, round_up(max(float(target.max()), *(y for line in lines for y in line["y"])))],
        "lines": lines,
        "levels": [],
    }


def _line(slot: int, label: str, role: str, x: torch.Tensor, y: torch.Tensor) -> dict[str, Any]:
    return {"run": slot, "label": label, "role": role, "x": short(x.tolist()), "y": short(y.tolist())}


def _kept_words(fit: WeakFit) -> str:
    kept = sum(fit.best.kept)
    words = f"the best keeps {kept} of {len(fit.best.kept)} modes"
    others = len(fit.fits) - 1
    return words + (f"; {others} more local minim{'a' if others > 1 else 'um'}" if others else "")


def _weights(record: "DivergeRecord") -> dict[str, Any]:
    r = ratios()
    chosen = record.state.divergence
    lines = []
    for role, (key, divergence) in zip(
        ("launched", "state", "second", "third", "clean"), _first(chosen), strict=True
    ):
        line = _line(1, divergence.label, role, r, divergence.weight(r))
        lines.append(line | {"dashed": key != chosen})
    return {
        "id": "weights",
        "tab": WEIGHT,
        "title": f"Weight: {DIVERGENCES[chosen].weight_formula}",
        "subtitle": "how hard a sample is pulled, by the density ratio r = p/q",
        "hint": WEIGHT_HINT,
        "x": "r",
        "x_label": "r",
        "x_log": True,
        "y_label": "h",
        "log": True,
        "y": [0.02, 25],
        "lines": lines,
        "levels": [],
    }


def _first(chosen: str) -> list[tuple[str, Any]]:
    """All divergences, the chosen one first."""
    return sorted(DIVERGENCES.items(), key=lambda item: item[0] != chosen)


def _pull(record: "DivergeRecord") -> dict[str, Any]:
    """The weight along x while the generator is the best fit, on clean data."""
    fit = record.fits[0]
    weight = fit.weight(fit.best)[0]
    x = fit.x[0]
    inside = (x.abs() < 4.5).nonzero().flatten()[:: max(1, int((x.abs() < 4.5).sum()) // 200)]
    return {
        "id": "pull",
        "tab": WEIGHT,
        "title": "Weight along x",
        "subtitle": "while the generator is the best fit on clean data",
        "hint": WEIGHT_HINT,
        "x": "x",
        "x_label": "x",
        "x_range": [-4.5, 4.5],
        "y_label": "h",
        "log": True,
        "y": [1e-3, 1e3],
        "lines": [_line(1, "h(p/q)", "launched", x[inside], weight[inside].clamp(1e-4, 1e4))],
        "levels": [],
    }


def _minima(record: "DivergeRecord") -> dict[str, Any]:
    """Every minimum in numbers, a column for each pane."""
    rows: list[dict[str, Any]] = []
    most = max(len(fit.fits) for fit in record.fits)
    for index in range(min(most, 3)):
        words = ("best", "2nd", "3rd")[index]
        there = {slot: fit.fits[index] for slot, fit in enumerate(record.fits, 1) if index < len(fit.fits)}
        rows += [
            _row(
                f"{words}: nats",
                "",
                FIT_HINT,
                {slot: each.value for slot, each in there.items()},
            )
        ]
        for part in range(1 if record.state.generator == ONE else 2):
            name = f"{words}: " + ("" if record.state.generator == ONE else f"part {part + 1} ")
            rows.append(
                _row(
                    f"{name}mean",
                    "",
                    "Where the generator stands.",
                    {s: e.bumps.means[part] for s, e in there.items()},
                )
            )
            rows.append(
                _row(
                    f"{name}std",
                    "",
                    "How wide it is; the bumps are .5 wide.",
                    {s: e.bumps.stds[part] for s, e in there.items()},
                )
            )
        rows.append(_kept_row(words, there))
    return {"tab": FITS, "title": "Every minimum", "rows": rows}


def _row(label: str, unit: str, hint: str, values: dict[int, float]) -> dict[str, Any]:
    known = {slot: short([value])[0] for slot, value in values.items() if math.isfinite(value)}
    return {"label": label, "hint": hint, "unit": unit, "values": known}


def _kept_row(words: str, there: dict[int, Fit]) -> dict[str, Any]:
    row = _row(
        f"{words}: modes",
        "",
        "Bumps that hold at least a quarter of their fair share of the generator.",
        {slot: float(sum(fit.kept)) for slot, fit in there.items()},
    )
    return row | {"of": {slot: len(fit.kept) for slot, fit in there.items()}}


def diverge_footer(record: "DivergeRecord") -> str:
    """What is on screen, in one line."""
    state = record.state
    words = "one Gaussian" if state.generator == ONE else "two Gaussians"
    return f"{DIVERGENCES[state.divergence].label} · {words} · by quadrature, no samples · 16 noise levels · no seed"
