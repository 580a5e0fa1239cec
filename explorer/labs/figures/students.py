"""Plotly figures of students: quality against evals, pair distances, the table, any-step maps, and the switch."""

import math

import plotly.graph_objects as go

from explorer.labs.figures.theme import CLEAN, LAUNCHED, SECOND, STATE, TARGET, TEMPLATE, THIRD
from explorer.maths.students.any_step import AnyStep
from explorer.maths.students.comparison import Cell, Comparison, Row
from explorer.maths.students.scores import PARTS
from explorer.maths.students.switch import SwitchCurve

STUDENT_COLOURS = (LAUNCHED, SECOND, THIRD, CLEAN, "#56B4E9", "#8C6D00")
"""Of students in order; Okabe-Ito, with a dark yellow that can be read on white."""
EXACT = "#1B1B1B"
BAND = "rgba(138, 143, 148, 0.22)"
MISSING = "\N{EN DASH}"
MMHM_HINT = "MMHM: harmonic mean of W2, MMD², precision and recall, each scaled over the rows shown"


def comparison_figures(table: Comparison) -> dict[str, go.Figure]:
    """``"quality"`` by evals and by ``"seconds"``, ``"pairs"`` (histograms of distances), ``"parts"``, ``"table"``."""
    return {
        "quality": _quality(table),
        "seconds": _seconds(table),
        "pairs": _pairs(table),
        "parts": _parts(table),
        "table": _table(table),
    }


def colour_of(table: Comparison, row: Row) -> str:
    """A row keeps its colour in every figure."""
    if row.role != "student":
        return STATE if row.role == "teacher" else EXACT
    students = [other.name for other in table.rows if other.role == "student"]
    return STUDENT_COLOURS[students.index(row.name) % len(STUDENT_COLOURS)]


def _quality(table: Comparison) -> go.Figure:
    """The main distance of every row by evals, with its spread, over the floor."""
    part, composites, figure = table.main, table.mmhm(), go.Figure()
    for row in table.rows:
        cells = [cell for cell in row.cells if math.isfinite(cell.mean(part))]
        spreads = [cell.spread(part) for cell in cells]
        figure.add_scatter(
            x=[cell.evals for cell in cells],
            y=[cell.mean(part) for cell in cells],
            error_y={"type": "data", "array": [0.0 if math.isnan(s) else s for s in spreads], "width": 3},
            mode="lines+markers",
            name=row.label,
            line={"color": colour_of(table, row), "dash": "dot" if row.role == "exact" else "solid"},
            hovertext=[_said(cell, composites[row.name, cell.evals].value) for cell in cells],
            hovertemplate="%{x} evals, %{y:.3g}<br>%{hovertext}<extra>%{fullData.name}</extra>",
        )
    _floor(figure, table)
    _laid_out(figure, f"{PARTS[part].label} by evals", _about(table))
    figure.update_xaxes(title="evals (calls of the network)", type="log", tickvals=list(table.evals))
    figure.update_yaxes(title=f"{PARTS[part].label} ({PARTS[part].unit})", type="log", dtick="D2")
    return figure


def _laid_out(figure: go.Figure, title: str, words: str) -> None:
    """The size of every figure here, with its legend below: many rows would run into the title."""
    figure.update_layout(template=TEMPLATE, title=f"{title}<br><sup>{words}</sup>", height=460, width=720)
    figure.update_layout(legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top"})
    figure.update_layout(margin={"b": 100})


def _said(cell: Cell, mmhm: float) -> str:
    reached = f"precision {cell.mean('precision'):.3g}, recall {cell.mean('recall'):.3g}"
    return f"{reached}<br>{cell.mean('seconds'):.2g} s<br>MMHM {mmhm:.3g}"


def _floor(figure: go.Figure, table: Comparison) -> None:
    """Two draws of the data are this far apart: a band over the seeds, and a line for plain draws beside even ones."""
    floors = [value for value in table.floors if math.isfinite(value)]
    if table.main != "w2" or not floors:
        return
    figure.add_hrect(y0=min(floors), y1=max(floors), fillcolor=BAND, line_width=0)
    _level(
        figure, sum(floors) / len(floors), f"floor: two {'even' if table.is_even else 'plain'} draws", "solid"
    )
    if table.is_even:
        _level(figure, sum(table.plain_floors) / len(table.plain_floors), "two plain draws", "dot")


def _level(figure: go.Figure, y: float, words: str, dash: str) -> None:
    figure.add_hline(y=y, line={"color": TARGET, "width": 1, "dash": dash})
    figure.add_annotation(
        text=f"{words}, {y:.3g}",
        x=1,
        xref="paper",
        y=math.log10(y),  # where a log axis has it
        xanchor="right",
        yanchor="bottom",
        showarrow=False,
        font={"size": 11, "color": "#5B6065"},
    )


def _seconds(table: Comparison) -> go.Figure:
    """The main distance against the time that it takes."""
    part, figure = table.main, go.Figure()
    for row in table.rows:
        cells = [cell for cell in row.cells if math.isfinite(cell.mean(part))]
        figure.add_scatter(
            x=[1000 * cell.mean("seconds") for cell in cells],
            y=[cell.mean(part) for cell in cells],
            text=[str(cell.evals) for cell in cells],
            mode="lines+markers+text",
            textposition="top center",
            name=row.label,
            line={"color": colour_of(table, row)},
            hovertemplate="%{text} evals, %{x:.3g} ms: %{y:.3g}<extra>%{fullData.name}</extra>",
        )
    _laid_out(figure, f"{PARTS[part].label} by time", _about(table))
    figure.update_xaxes(title=f"ms to make {table.n:,} samples on this machine", type="log")
    figure.update_yaxes(title=f"{PARTS[part].label} ({PARTS[part].unit})", type="log", dtick="D2")
    return figure


def _pairs(table: Comparison) -> go.Figure:
    """How far each student's end points are from the teacher's, at the fewest evals that it can be asked for."""
    figure = go.Figure()
    for row in table.rows:
        cell = next((cell for cell in row.cells if cell.distances is not None), None)
        if row.role != "student" or cell is None or cell.distances is None:
            continue
        note = "" if cell.is_paired else ", not a target"
        figure.add_histogram(
            x=cell.distances.tolist(),
            name=f"{row.label}, {cell.evals} eval{'s' * (cell.evals > 1)}{note}",
            marker={"color": colour_of(table, row)},
            opacity=0.6,
            nbinsx=60,
        )
    _laid_out(figure, "Distance to the teacher's end point from the same noise", _about(table))
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(title="distance (units of x)", rangemode="tozero")
    figure.update_yaxes(title="samples")
    return figure


def _parts(table: Comparison) -> go.Figure:
    """The composite beside its parts, for every row at its best evals."""
    composites, figure = table.mmhm(), go.Figure()
    best: dict[str, tuple[str, int]] = {}
    for key, value in composites.items():
        if math.isfinite(value.value) and (
            key[0] not in best or value.value > composites[best[key[0]]].value
        ):
            best[key[0]] = key
    labels = [f"{table.row(name).label}, {evals}" for name, evals in best.values()]
    shown = {"MMHM": [composites[key].value for key in best.values()]}
    if best:
        for part in composites[next(iter(best.values()))].parts:
            shown[PARTS[part].label] = [composites[key].parts[part] for key in best.values()]
    colours = (EXACT, STATE, SECOND, CLEAN, THIRD)
    for (name, values), colour in zip(shown.items(), colours, strict=False):
        figure.add_bar(x=labels, y=values, name=name, marker={"color": colour})
    _laid_out(figure, "Composite and its parts, each row at the evals where its composite is best", MMHM_HINT)
    figure.update_layout(legend={"y": -0.35}, margin={"b": 120})
    figure.update_xaxes(tickangle=-25)
    figure.update_yaxes(title="1 is the best of those shown", range=[0, 1.02])
    return figure


def _table(table: Comparison) -> go.Figure:
    """Every figure of every cell; the reason where a student cannot be asked."""
    parts, composites = table.parts(), table.mmhm()
    rows = [(row, cell) for row in table.rows for cell in row.cells]
    columns = [[row.label for row, _ in rows], [cell.evals for _, cell in rows]]
    for part in parts:
        columns.append([_number(cell, part) for _, cell in rows])
    marks = [composites.get((row.name, cell.evals)) for row, cell in rows]
    columns.append([MISSING if mark is None else f"{mark.value:.3g}" for mark in marks])
    columns.append([cell.reason for _, cell in rows])
    header = ["", "evals", *(PARTS[part].label for part in parts), "MMHM", "why not"]
    figure = go.Figure(
        go.Table(
            header={"values": header, "align": "left", "fill_color": "#F4F4F2"},
            cells={"values": columns, "align": "left", "fill_color": "#FFFFFF"},
        )
    )
    figure.update_layout(template=TEMPLATE, title=f"Students<br><sup>{_about(table)}</sup>", width=1100)
    return figure


def _number(cell: Cell, part: str) -> str:
    mean, spread = cell.mean(part), cell.spread(part)
    if not math.isfinite(mean):
        return MISSING
    note = "" if part != "pair_rmse" or cell.is_paired else " (not a target)"
    return (
        f"{mean:.3g}{note}" if math.isnan(spread) or part == "seconds" else f"{mean:.3g} ± {spread:.1g}{note}"
    )


def _about(table: Comparison) -> str:
    data = table.target or "the teacher's own samples"
    drawn = "even" if table.is_even else "plain"
    seeds = f"{len(table.floors)} seed{'s' * (len(table.floors) > 1)}"
    return f"{data}, n = {table.n:,}, {drawn} draws, {seeds}"


def any_step_figures(record: AnyStep) -> dict[str, go.Figure]:
    """``"error"`` against the flow and ``"consistency"`` with itself, both over (t, t_next)."""
    return {
        "error": _heat(record, record.error, f"Error of {record.student} between two times"),
        "consistency": _heat(record, record.consistency, f"{record.student}: one call against two"),
    }


def _heat(record: AnyStep, values, title: str) -> go.Figure:
    times, nexts = record.times.tolist(), record.nexts.tolist()
    said = [[record.reasons.get((i, j), "") for j in range(len(nexts))] for i in range(len(times))]
    known = values.isfinite()
    figure = go.Figure(
        go.Heatmap(
            x=nexts,
            y=times,
            z=[[v if math.isfinite(v) else None for v in row] for row in values.tolist()],
            text=said,
            hoverongaps=True,
            colorscale="Viridis",
            zmin=0.0,
            zmax=float(values[known].max()) if bool(known.any()) else 1.0,
            colorbar={"title": "RMSE"},
            hovertemplate="t %{y:.3g} to %{x:.3g}: %{z:.3g} %{text}<extra></extra>",
        )
    )
    if not bool(known.any()):
        why = next((why for (i, j), why in record.reasons.items() if nexts[j] < times[i]), "nothing to ask")
        figure.add_annotation(text=why, showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5)
    words = f"root mean square over {record.points} states of the flow, in units of x; empty: not to be asked"
    figure.update_layout(template=TEMPLATE, title=f"{title}<br><sup>{words}</sup>", height=520, width=600)
    figure.update_xaxes(title="t_next (1 noise, 0 data)", range=[1.02, -0.04])
    figure.update_yaxes(title="t", range=[-0.02, 1.04])
    return figure


def switch_figures(curve: SwitchCurve) -> dict[str, go.Figure]:
    """``"switch"``: what comes back by the teacher's step at which the student takes over."""
    figure, known = go.Figure(), [point for point in curve.points if not point.reason]
    ks = [point.k for point in known]
    hover = [f"t {point.t:.3g}, {point.evals} evals" for point in known]
    for name, colour in (("recall", STATE), ("precision", SECOND)):
        y = [getattr(point, name) for point in known]
        figure.add_scatter(
            x=ks, y=y, name=name, mode="lines+markers", line={"color": colour}, hovertext=hover
        )
    if curve.modes:
        y = [point.covered / curve.modes for point in known]
        words = f"modes of {curve.modes}"
        figure.add_scatter(x=ks, y=y, name=words, mode="lines+markers", line={"color": THIRD, "dash": "dot"})
    w2 = [point.w2 for point in known]
    figure.add_scatter(
        x=ks,
        y=w2,
        name="W2 to the data",
        mode="lines+markers",
        yaxis="y2",
        line={"color": LAUNCHED},
        hovertext=hover,
    )
    missing = next((point.reason for point in curve.points if point.reason), "")
    words = missing or f"student alone at 0, teacher alone at {curve.steps}; n = {curve.n:,}"
    _laid_out(figure, f"{curve.student} after the teacher's first steps", words)
    top = 1.1 * max([*w2, 0.01])
    right = {
        "title": "W2 (units of x)",
        "overlaying": "y",
        "side": "right",
        "showgrid": False,
        "range": [0, top],
    }
    figure.update_layout(yaxis={"title": "share", "range": [0, 1.05]}, yaxis2=right | {"tickformat": ".2g"})
    figure.update_layout(margin={"r": 64})
    figure.update_xaxes(title="teacher's steps before the student", range=[-0.2, curve.steps + 0.2], dtick=1)
    return {"switch": figure}
