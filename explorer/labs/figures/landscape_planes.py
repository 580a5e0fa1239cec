"""Plotly figures of a plane of losses: contours, a surface, or the line that it is."""

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go

from explorer.labs.figures.theme import STATE, TEMPLATE
from explorer.maths.landscape import Landscape

CONTOURS = 14
LEAST = 1e-6
"""Of the largest loss: what lies below takes the last colour of a scale by ratio."""


def plane_figures(frame: Landscape) -> dict[str, go.Figure]:
    """``"contours"`` and ``"surface"`` of a plane, on a scale by ratio where the loss allows; ``"line"`` of a line."""
    if len(frame.axes) == 1:
        return {"line": _line(frame)}
    return {"contours": _contours(frame), "surface": _surface(frame)}


def _heights(frame: Landscape) -> tuple[np.ndarray, bool]:
    """What colours and heights show: log10 of the loss where it is positive and spans more than a factor of 4."""
    loss = frame.loss.numpy()
    known = loss[np.isfinite(loss)]
    if not known.size or known.min() <= 0.0 or known.max() < 4.0 * known.min():
        return loss, False
    return np.log10(np.maximum(loss, LEAST * known.max())), True


def _scale(heights: np.ndarray, is_log: bool) -> dict[str, Any]:
    """A colour bar that says losses, not their logarithms."""
    if not is_log:
        return {"title": "loss"}
    low, high = np.nanmin(heights), np.nanmax(heights)
    places = [k + math.log10(m) for k in range(math.floor(low), math.ceil(high) + 1) for m in (1, 2, 5)]
    shown = [place for place in places if low <= place <= high]
    return {"title": "loss", "tickvals": shown, "ticktext": [f"{10**place:.2g}" for place in shown]}


def _contours(frame: Landscape) -> go.Figure:
    heights, is_log = _heights(frame)
    figure = go.Figure(
        go.Contour(
            x=frame.x.tolist(),
            y=frame.y.tolist(),
            z=heights,
            customdata=frame.loss.numpy(),
            ncontours=CONTOURS,
            colorscale="Viridis",
            colorbar=_scale(heights, is_log),
            line={"width": 0.6, "color": "rgba(27,27,27,0.5)"},
            hovertemplate="%{x:.3g}, %{y:.3g}: loss %{customdata:.4g}<extra></extra>",
        )
    )
    _mark_centre(figure, frame)
    figure.update_layout(template=TEMPLATE, title=_title(frame), height=560, width=640)
    figure.update_xaxes(title="along the first direction")
    figure.update_yaxes(title="along the second direction", scaleanchor="x")
    return figure


def _mark_centre(figure: go.Figure, frame: Landscape) -> None:
    inside = all(float(axis[0]) <= 0.0 <= float(axis[-1]) for axis in frame.axes)
    if inside:
        marker = {
            "symbol": "star",
            "size": 13,
            "color": "#FFFFFF",
            "line": {"width": 1.2, "color": "#1B1B1B"},
        }
        words = f"the network, loss {frame.centre:.4g}<extra></extra>"
        figure.add_scatter(
            x=[0.0], y=[0.0], mode="markers", marker=marker, hovertemplate=words, showlegend=False
        )


def _surface(frame: Landscape) -> go.Figure:
    heights, is_log = _heights(frame)
    figure = go.Figure(
        go.Surface(
            x=frame.x.tolist(),
            y=frame.y.tolist(),
            z=heights,
            customdata=frame.loss.numpy(),
            colorscale="Viridis",
            colorbar=_scale(heights, is_log),
            contours={"z": {"show": True, "color": "rgba(27,27,27,0.4)", "width": 1}},
            hovertemplate="%{x:.3g}, %{y:.3g}: loss %{customdata:.4g}<extra></extra>",
        )
    )
    scale = _scale(heights, is_log)
    axis = {"title": "loss"} | {name: scale[name] for name in ("tickvals", "ticktext") if name in scale}
    scene = {"xaxis": {"title": "first"}, "yaxis": {"title": "second"}, "zaxis": axis}
    figure.update_layout(template=TEMPLATE, title=_title(frame), height=620, width=720, scene=scene)
    return figure


def _line(frame: Landscape) -> go.Figure:
    figure = go.Figure()
    x, loss = frame.x.tolist(), frame.loss.tolist()
    figure.add_scatter(x=x, y=loss, mode="lines", line={"color": STATE}, name="loss")
    nodes = {"size": 5, "color": STATE}
    figure.add_scatter(
        x=frame.nodes[0].tolist(), y=frame.values.tolist(), mode="markers", marker=nodes, name="evaluated"
    )
    figure.update_layout(template=TEMPLATE, title=_title(frame), height=420, width=640)
    figure.update_xaxes(title="along the direction")
    figure.update_yaxes(title="loss")
    return figure


def _title(frame: Landscape) -> str:
    known = frame.loss[frame.loss.isfinite()]
    reach = float(known.max() - known.min()) if known.numel() else 0.0
    error = frame.error / reach if reach else math.nan
    told = "every point evaluated" if error == 0.0 else f"error {100 * error:.2g} % of the range"
    wide = f"± {float(frame.x[-1] - frame.x[0]) / 2:.3g}"
    parts = [wide, f"seed {frame.seed}", told, f"{frame.evals:,} losses", frame.dtype]
    if frame.holes:
        parts.append(f"{frame.holes} holes")
    return f"Loss on a plane: {frame.directions.by}<br><sup>{' · '.join(parts)}</sup>"
