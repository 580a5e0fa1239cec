"""Plotly figures of radii, steps, arenas and onsets; the records of the lab are drawn as the page draws them."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import plotly.graph_objects as go

from explorer.labs.figures.safety_arena import arena_charts, arena_spec
from explorer.labs.figures.safety_collapse import collapse_charts, collapse_spec
from explorer.labs.figures.safety_counter import (
    pair_charts,
    pair_spec,
    perceptron_charts,
    perceptron_spec,
    squares_charts,
    squares_spec,
)
from explorer.labs.figures.safety_ghosts import ghosts_charts, ghosts_spec
from explorer.labs.figures.safety_onset import onset_charts, onset_spec
from explorer.labs.figures.safety_samples import samples_charts
from explorer.labs.figures.safety_step import step_charts, step_spec
from explorer.labs.figures.safety_temperature import temperature_charts
from explorer.labs.figures.safety_training import training_charts, training_spec
from explorer.labs.figures.theme import CLEAN, LAUNCHED, SECOND, STATE, TARGET, TEMPLATE, THIRD
from explorer.labs.safety import arena, counter, ghosts, onset, samples, step, training
from explorer.labs.safety.plane import Plane
from explorer.labs.safety.state import SafetyState
from explorer.maths.softmax.experiments import Arena, OnsetTable, Temperatures
from explorer.maths.softmax.radius import Radius
from explorer.maths.softmax.record import StepRadius

INKS = {
    "state": STATE,
    "second": SECOND,
    "third": THIRD,
    "clean": CLEAN,
    "launched": LAUNCHED,
    "target": TARGET,
    "fourth": "#56B4E9",
    "fifth": "#7A4B2A",
    "ink": "#1B1B1B",
}
Figures = dict[str, go.Figure]


def safety_figures(record: Any) -> Figures | None:
    """The figures of a record on step safety, the most telling first; None for any other thing."""
    kinds: tuple[tuple[type, Callable[[Any], Figures]], ...] = (
        (StepRadius, _of_step),
        (Radius, _of_radius),
        (Arena, lambda found: _of_arena(arena.ArenaRecord(SafetyState(view="arena"), found))),
        (OnsetTable, lambda table: _of_onset(onset.OnsetRecord(SafetyState(view="onset"), table, "onsets"))),
        (
            Temperatures,
            lambda found: _of_temperature(onset.TemperatureRecord(SafetyState(view="onset"), found)),
        ),
        (step.StepRecord, _of_step_record),
        (ghosts.GhostRecord, _of_ghosts),
        (samples.SamplesRecord, lambda known: drawn_charts(samples_charts(known), None)),
        (
            training.TrainingRecord,
            lambda known: drawn_charts(training_charts(known), training_spec(known.state)),
        ),
        (arena.ArenaRecord, _of_arena),
        (onset.OnsetRecord, _of_onset),
        (onset.TemperatureRecord, _of_temperature),
        (counter.PairRecord, _of_pair),
        (
            counter.PerceptronRecord,
            lambda known: drawn_charts(perceptron_charts(known), perceptron_spec(known)),
        ),
        (counter.SquaresRecord, lambda known: drawn_charts(squares_charts(known), squares_spec(known))),
        (counter.CollapseRecord, _of_collapse),
    )
    return next((figures(record) for kind, figures in kinds if isinstance(record, kind)), None)


def _of_step(told: StepRadius) -> Figures:
    """How r is spread over the rows, and the linearised loss along the step."""
    spread = go.Figure(
        go.Histogram(x=told.r.log10().clamp(min=-8).tolist(), nbinsx=48, marker={"color": STATE})
    )
    spread.update_layout(
        title=f"r of {len(told.r):,} samples: largest {told.r_max:.3g}", height=380, width=640
    )
    spread.update_xaxes(title="log10 r")
    spread.update_yaxes(title="samples")
    ends = (("r 99 %", told.r_99, CLEAN), ("r max", told.r_max, LAUNCHED))
    _uprights(spread, [(name, math.log10(value), ink) for name, value, ink in ends if 0 < value < math.inf])
    loss = go.Figure(
        go.Scatter(x=told.at.tolist(), y=told.losses.tolist(), mode="lines+markers", line={"color": CLEAN})
    )
    loss.update_layout(title="Loss of linear logits along the step", height=380, width=640)
    loss.update_xaxes(title="parts of the step")
    loss.update_yaxes(title="nats")
    marks = (
        ("r = 1", told.rho, SECOND),
        ("descent", told.descent, CLEAN),
        ("2g/κ", told.parabola, TARGET),
    )
    _uprights(loss, [mark for mark in marks if 0 < mark[1] <= float(told.at.max())])
    return _dressed({"r": spread, "loss": loss})


def _uprights(figure: go.Figure, marks: Sequence[tuple[str, float, str]]) -> None:
    """Upright lines, the name of each below that of the one before: places may be next to each other."""
    for slot, (name, x, ink) in enumerate(marks):
        figure.add_vline(
            x=x,
            line={"color": ink, "dash": "dash"},
            annotation_text=name,
            annotation_yshift=-15 * slot,
        )


def _of_radius(found: Radius) -> Figures:
    """Bounds against the exact radius, sample by sample."""
    exact = found.exact.tolist()
    figure = go.Figure()
    for name, values, ink in (("π / spread", found.bound, SECOND), ("certified", found.certified, THIRD)):
        figure.add_scatter(
            x=exact, y=values.tolist(), mode="markers", name=name, marker={"color": ink, "size": 6}
        )
    known = [v for v in exact if 0 < v < math.inf] or [1.0]
    ends = [min(known) / 1.5, max(known) * 1.5]
    figure.add_scatter(x=ends, y=ends, mode="lines", name="exact", line={"color": LAUNCHED, "width": 1})
    figure.update_layout(title="Radii of the samples, in steps", height=460, width=560)
    figure.update_xaxes(title="exact", type="log")
    figure.update_yaxes(title="lower bounds", type="log")
    return _dressed({"radii": figure})


def _of_step_record(record: step.StepRecord) -> Figures:
    charts = drawn_charts(step_charts(record), step_spec(record))
    return {"plane": plane_figure(record.plane, "in r")} | charts


def _of_ghosts(record: ghosts.GhostRecord) -> Figures:
    return {"plane": plane_figure(record.plane, "t")} | drawn_charts(
        ghosts_charts(record), ghosts_spec(record)
    )


def _of_pair(record: counter.PairRecord) -> Figures:
    return drawn_charts(pair_charts(record), pair_spec(record)) | {
        "plane": plane_figure(record.plane, "in r")
    }


def _of_arena(record: arena.ArenaRecord) -> Figures:
    return drawn_charts(arena_charts(record), arena_spec(record.state, record.arena))


def _of_onset(record: onset.OnsetRecord) -> Figures:
    return drawn_charts(onset_charts(record), onset_spec(record))


def _of_temperature(record: onset.TemperatureRecord) -> Figures:
    return drawn_charts(temperature_charts(record), None)


def _of_collapse(record: counter.CollapseRecord) -> Figures:
    return drawn_charts(collapse_charts(record, counter.STEPS), collapse_spec(record, counter.STEPS))


def plane_figure(plane: Plane, unit: str) -> go.Figure:
    """A step-plane: how far F is from cancelling, its zeros and the three discs."""
    ny, nx = plane.depth.shape
    low_x, low_y, high_x, high_y = plane.box
    x = [low_x + (i + 0.5) * (high_x - low_x) / nx for i in range(nx)]
    y = [low_y + (i + 0.5) * (high_y - low_y) / ny for i in range(ny)]
    figure = go.Figure(go.Heatmap(x=x, y=y, z=plane.depth.tolist(), zmin=0, zmax=1, colorscale="Viridis"))
    for radius, ink in ((plane.bound, SECOND), (plane.certified, THIRD), (plane.exact, LAUNCHED)):
        if math.isfinite(radius):
            edge = {"x0": -radius, "x1": radius, "y0": -radius, "y1": radius}
            figure.add_shape(type="circle", line={"color": ink}, **edge)
    zeros = [point for zero in plane.zeros.tolist() for point in (zero, zero.conjugate())]
    figure.add_scatter(
        x=[z.real for z in zeros],
        y=[z.imag for z in zeros],
        mode="markers",
        marker={"color": LAUNCHED, "symbol": "x"},
    )
    figure.update_layout(
        title=f"Step-plane: exact radius {plane.exact:.4g}", height=560, width=680, showlegend=False
    )
    figure.update_xaxes(title=f"Re t, {unit}", range=[low_x, high_x])
    figure.update_yaxes(title="Im t", range=[low_y, high_y], scaleanchor="x")
    return _dressed({"plane": figure})["plane"]


def drawn_charts(said: dict[str, Any], spec: dict[str, Any] | None) -> Figures:
    """The page's charts as figures, by their ids."""
    cursor = (spec or {}).get("cursor")
    return _dressed({chart["id"]: _chart(chart, cursor) for chart in said["charts"]})


def _chart(chart: dict[str, Any], cursor: dict[str, Any] | None) -> go.Figure:
    is_shares = chart["x"] == "share"

    def place(x: float) -> float:
        return shown(cursor, x) if is_shares and cursor else x

    figure = go.Figure()
    for line in chart["lines"]:
        is_thin = line.get("dashed") or line.get("guide")
        figure.add_scatter(
            x=[place(x) for x in line["x"]],
            y=line["y"],
            name=line["label"],
            mode="lines+markers" if line.get("ticks") else "lines",
            line={
                "color": INKS[line["role"]],
                "width": 1.2 if line.get("guide") else 2,
                "dash": "dash" if is_thin else "solid",
            },
        )
    for bar in chart.get("bars", ()):
        edge = {"x0": bar["x0"], "x1": bar["x1"], "y0": 0, "y1": bar["y"]}
        figure.add_shape(type="rect", fillcolor=INKS[bar["role"]], opacity=0.5, line={"width": 0}, **edge)
    is_log = chart.get("x_log") or (is_shares and cursor and cursor.get("log"))
    _uprights(figure, [(v["label"], place(v["x"]), INKS[v["role"]]) for v in chart.get("verticals", ())])
    for level in chart.get("levels", ()):
        figure.add_hline(y=level["y"], line={"color": TARGET, "dash": "dash"}, annotation_text=level["label"])
    figure.update_layout(
        title=f"{chart['title']}<br><sup>{chart.get('subtitle', '')}</sup>", height=400, width=660
    )
    label = cursor["label"] if is_shares and cursor else chart.get("x_label", chart["x"])
    figure.update_xaxes(title=label, type="log" if is_log else "linear")
    figure.update_yaxes(title=chart.get("y_label", ""), type="log" if chart.get("log") else "linear")
    if "x_range" in chart:
        figure.update_xaxes(range=_ends(chart["x_range"], bool(is_log)))
    if "y" in chart:
        figure.update_yaxes(range=_ends(chart["y"], bool(chart.get("log"))))
    return figure


def shown(cursor: dict[str, Any], share: float) -> float:
    """What the cursor reads at a share."""
    lo, hi = cursor["lo"], cursor["hi"]
    return lo * (hi / lo) ** (1 - share) if cursor.get("log") else lo + (1 - share) * (hi - lo)


def _ends(ends: list[float], is_log: bool) -> list[float]:
    return [math.log10(end) for end in ends] if is_log else list(ends)


def _dressed(figures: Figures) -> Figures:
    for figure in figures.values():
        figure.update_layout(template=TEMPLATE)
    return figures
