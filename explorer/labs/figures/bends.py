"""Plotly figures of how paths bend: by time, path by path, and in how many dimensions."""

import plotly.graph_objects as go
import torch
from torch import Tensor

from explorer.labs.figures.theme import LAUNCHED, STATE, TEMPLATE
from explorer.maths.curvature import Curvature

BAND = "rgba(0, 114, 178, 0.17)"


def bend_figures(bend: Curvature) -> dict[str, go.Figure]:
    """``"curvature"`` and ``"truncation"`` by noise share, ``"paths"`` (one point a path), ``"dimension"``."""
    return {
        "curvature": _by_share(bend, bend.bend, "Curvature times length", "curvature × length", False),
        "truncation": _by_share(bend, bend.truncation, "What an Euler step costs", "|d²x/dt²| / 2", True),
        "paths": _paths(bend),
        "dimension": _dimension(bend),
    }


def _by_share(bend: Curvature, values: Tensor, title: str, unit: str, log: bool) -> go.Figure:
    """Median and middle half of the paths; noise stands left."""
    low, middle, high = torch.nanquantile(values, values.new_tensor([0.25, 0.5, 0.75]), dim=1)
    shares, figure = bend.shares[: len(values)].tolist(), go.Figure()
    figure.add_scatter(
        x=[*shares, *reversed(shares)],
        y=[*high.tolist(), *reversed(low.tolist())],
        fill="toself",
        fillcolor=BAND,
        line={"width": 0},
        hoverinfo="skip",
        name="middle half",
    )
    figure.add_scatter(x=shares, y=middle.tolist(), mode="lines", line={"color": STATE}, name="median")
    figure.update_layout(template=TEMPLATE, title=f"{title}, {_said(bend)}", height=380, width=640)
    figure.update_xaxes(title="noise share (1 noise, 0 data)", range=[1.02, -0.02])
    figure.update_yaxes(title=unit, type="log" if log else "linear")
    return figure


def _paths(bend: Curvature) -> go.Figure:
    """How much each path turns against how unevenly it travels."""
    figure = go.Figure(
        go.Scatter(
            x=bend.total_turning.tolist(),
            y=bend.relative_straightness.tolist(),
            mode="markers",
            marker={"color": STATE, "size": 4, "opacity": 0.6},
            hovertemplate="turning %{x:.3g} rad<br>S / chord² %{y:.3g}<extra></extra>",
        )
    )
    words = f"mean S {bend.mean_straightness:.3g}, over the mean squared chord {bend.set_relative_straightness:.3g}"
    figure.update_layout(
        template=TEMPLATE, title=f"Straightness, {_said(bend)}<br><sup>{words}</sup>", height=420
    )
    figure.update_layout(width=640)
    figure.update_xaxes(title="total turning (rad)", rangemode="tozero")
    figure.update_yaxes(title="S / chord²", rangemode="tozero")
    return figure


def _dimension(bend: Curvature) -> go.Figure:
    energy = (100 * bend.explained[:12]).tolist()
    figure = go.Figure(
        go.Scatter(x=list(range(1, len(energy) + 1)), y=energy, mode="lines+markers", line={"color": STATE})
    )
    figure.add_hline(y=99, line={"color": LAUNCHED, "dash": "dash", "width": 1})
    figure.update_layout(
        template=TEMPLATE, title=f"Dimension of a path, {_said(bend)}", height=360, width=640
    )
    figure.update_xaxes(title="components", dtick=1)
    figure.update_yaxes(title="energy explained (%)", range=[0, 102])
    return figure


def _said(bend: Curvature) -> str:
    return f"{bend.coordinates} coordinates, {len(bend.total_turning):,} paths"
