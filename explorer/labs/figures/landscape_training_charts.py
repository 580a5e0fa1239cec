"""A training by several optimisers in curves and numbers, under tabs."""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from explorer.labs.figures.landscape_page import curve, fact, finite, log_range
from explorer.labs.landscape.room import at_steps, role_of, slot_of

if TYPE_CHECKING:
    from explorer.labs.landscape.training import TrainingRecord
    from explorer.maths.landscape.training import Run

MOST = 300
"""Points of a curve."""
LOSS, SHARP, ALONG, NOISE, PLANE = "Loss", "Sharpness", "Along the step", "Noise", "Plane"
SHARP_HINT = (
    "The largest eigenvalue of the Hessian; for Adam and AdamW between the square roots of their own scales. Dashed: "
    "where each turns unstable on a quadratic, 2 / η for plain descent. Full-batch descent climbs there and hovers."
)
DIRECTIONAL_HINT = "u'Hu / |u|² along the optimiser's own step u: the curvature that it really meets."
CRITICAL_HINT = (
    "2 over the learning rate from which on this very step would raise the loss; by losses alone. Plain descent on a "
    "quadratic has the directional sharpness here."
)
NOISE_HINT = "Variance over samples of the loss's derivative along the step, by one forward derivative."
SAM_HINT = "By how much the loss rises 0.05 up the gradient."
PLANE_HINT = (
    "How far the weights are from the shared plane, in their own units. The map is the loss on the plane; a run that "
    "is far from it lives elsewhere."
)
Lines = list[dict[str, Any]]


def training_charts(record: "TrainingRecord") -> dict[str, Any]:
    """Five tabs over the training steps, and a table for the cursor's under each."""
    return {"charts": [_chart(record, *about) for about in CHARTS], "numbers": _tables(record)}


def _chart(
    record: "TrainingRecord", tab: str, name: str, title: str, subtitle: str, hint: str, lines_of: Any
) -> dict[str, Any]:
    runs = () if record.descent is None else record.descent.runs
    lines = [line for index, run in enumerate(runs) for line in lines_of(record, index, run)]
    values = [y for line in lines if not line.get("guide") for y in line["y"]]
    left_out = _left_out(record, name)
    return {
        "id": name,
        "tab": tab,
        "title": title,
        "subtitle": subtitle,
        "hint": hint,
        **({"caption": left_out} if left_out else {}),
        "x": "share",
        "y_label": "",
        **(log_range(values) if name != "apart" else {}),
        "lines": lines,
        "levels": [],
        "empty": "Not measured yet." if runs else "Press Train: it begins in front of you.",
    }


def _left_out(record: "TrainingRecord", name: str) -> str:
    """What was not measured, and why."""
    runs = () if record.descent is None else record.descent.runs
    notes = {run.notes[name] for run in runs if name in run.notes}
    skipped = max((run.skipped.get(name, 0) for run in runs), default=0)
    said = f"Left out {skipped} times where it would have cost more than its part." if skipped else ""
    return notes.pop() if notes else said


def _line(
    record: "TrainingRecord", index: int, label: str, steps: Tensor, y: Tensor, **more: Any
) -> dict[str, Any]:
    """A line over the training steps; what was not measured leaves no gap."""
    assert record.descent is not None, "asked where there is one"
    known = y.isfinite()
    steps, y = steps[known], y[known]
    kept = torch.arange(0, len(y), max(1, math.ceil(len(y) / MOST)))
    if len(y):
        kept = torch.cat([kept, torch.tensor([len(y) - 1])]).unique()
    x = 1.0 - steps[kept].double() / max(1, record.descent.plan.steps)
    return curve(label, role_of(index), x.tolist(), y[kept].tolist(), slot_of(index), **more)


def _losses(record: "TrainingRecord", index: int, run: "Run") -> Lines:
    return [_line(record, index, run.label, run.first + torch.arange(len(run.losses)), run.losses)]


def _rates(record: "TrainingRecord", index: int, run: "Run") -> Lines:
    return [_line(record, index, run.label, run.first + torch.arange(len(run.rates)), run.rates)]


def _sharpness(record: "TrainingRecord", index: int, run: "Run") -> Lines:
    found = run.probes
    lines = [_line(record, index, run.label, found.step, found.sharpness)]
    if bool(found.line.isfinite().any()):
        lines.append(_line(record, index, f"{run.label} limit", found.step, found.line, guide=True, cut=True))
    return lines


def _probe(name: str) -> Any:
    return lambda record, index, run: [
        _line(record, index, run.label, run.probes.step, getattr(run.probes, name))
    ]


def _apart(record: "TrainingRecord", index: int, run: "Run") -> Lines:
    assert record.tracks is not None, "a training that is shown has a plane"
    track = record.tracks.tracks[index]
    return [_line(record, index, run.label, track.steps, track.distance)]


def _shadow(record: "TrainingRecord", index: int, run: "Run") -> Lines:
    assert record.tracks is not None, "a training that is shown has a plane"
    track = record.tracks.tracks[index]
    lines = [_line(record, index, run.label, track.steps, track.loss)]
    if bool(track.shadow.isfinite().any()):
        lines.append(_line(record, index, f"{run.label}, plane", track.steps, track.shadow, dashed=True))
    return lines


CHARTS: tuple[tuple[str, str, str, str, str, Any], ...] = (
    (LOSS, "loss", "Loss", "of the rows of each update", "The loss before each update.", _losses),
    (LOSS, "rates", "Learning rate", "by the schedule", "What each optimiser is given.", _rates),
    (SHARP, "sharpness", "Sharpness", "λ1; dashed: the limit of stability", SHARP_HINT, _sharpness),
    (SHARP, "sam", "SAM sharpness", "rise of the loss 0.05 uphill", SAM_HINT, _probe("sam")),
    (ALONG, "directional", "Directional sharpness", "u'Hu / |u|²", DIRECTIONAL_HINT, _probe("directional")),
    (ALONG, "critical", "Critical sharpness", "2 / the rate that climbs", CRITICAL_HINT, _probe("critical")),
    (NOISE, "noise", "Gradient noise", "variance along the step", NOISE_HINT, _probe("noise")),
    (PLANE, "apart", "Distance from the plane", "in units of the weights", PLANE_HINT, _apart),
    (PLANE, "shadow", "Loss", "dashed: at the nearest point of the plane", PLANE_HINT, _shadow),
)
"""Tab, name, title, subtitle, definition and lines of each chart."""


def _tables(record: "TrainingRecord") -> list[dict[str, Any]]:
    """Tables for the cursor's step: one row for each optimiser."""
    if record.descent is None or record.tracks is None:
        return [{"title": "Training", "rows": [fact("step", "Nothing is trained yet.", {1: 0})]}]
    return [
        {
            "tab": tab,
            "title": title,
            "rows": [
                fact(run.label, hint, {1: values(record, index, run)})
                for index, run in enumerate(record.descent.runs)
            ],
        }
        for tab, title, hint, values in TABLES
    ]


def _stops(record: "TrainingRecord") -> Tensor:
    """The steps of the first run's places: what the cursor stops at."""
    assert record.tracks is not None, "a training that is shown has a plane"
    return record.tracks.tracks[0].steps


def _of_track(name: str) -> Any:
    def values(record: "TrainingRecord", index: int, run: "Run") -> list[float]:
        assert record.tracks is not None, "a training that is shown has a plane"
        track = record.tracks.tracks[index]
        return at_steps(track.steps, getattr(track, name), _stops(record))

    return values


def _measured(record: "TrainingRecord", run: "Run", name: str) -> list[float]:
    """What a probe said last at each stop."""
    return at_steps(run.probes.step, getattr(run.probes, name), _stops(record))


def _sharp_at(record: "TrainingRecord", index: int, run: "Run") -> list[str]:
    pairs = zip(_measured(record, run, "sharpness"), _measured(record, run, "line"), strict=True)
    return [f"{_word(a)} ({a / b:.2f})" if math.isfinite(a / b) else _word(a) for a, b in pairs]


def _along_at(record: "TrainingRecord", index: int, run: "Run") -> list[str]:
    pairs = zip(_measured(record, run, "directional"), _measured(record, run, "critical"), strict=True)
    return [f"{_word(a)} / {_word(b)}" for a, b in pairs]


def _noise_at(record: "TrainingRecord", index: int, run: "Run") -> list[float]:
    return _measured(record, run, "noise")


def _word(value: float) -> str:
    return "?" if finite(value) is None else f"{value:.3g}"


TABLES: tuple[tuple[str, str, str, Any], ...] = (
    (LOSS, "Loss at this step", "Of the whole batch.", _of_track("loss")),
    (
        SHARP,
        "Sharpness (of the limit)",
        "The largest eigenvalue, over where it turns unstable.",
        _sharp_at,
    ),
    (ALONG, "Directional / critical", "Both along the optimiser's own step.", _along_at),
    (NOISE, "Gradient noise", NOISE_HINT, _noise_at),
    (PLANE, "Distance from the plane", PLANE_HINT, _of_track("distance")),
)
"""Tab, title, definition and values of each table."""
