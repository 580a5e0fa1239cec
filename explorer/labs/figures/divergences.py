"""Plotly figures of a weak generator's fits: its density beside the target's, the pull, and where the minima lie."""

import math

import plotly.graph_objects as go

from explorer.labs.figures.theme import LAUNCHED, SECOND, STATE, TARGET, TEMPLATE, THIRD
from explorer.maths.playground import Fit, WeakFit

FIT_COLOURS = (STATE, LAUNCHED, SECOND, THIRD)


def divergence_figures(record: WeakFit) -> dict[str, go.Figure]:
    """``"fits"`` (densities on the least noisy level), ``"weight"`` h, and of one Gaussian the ``"landscape"``."""
    figures = {"fits": _fits(record), "weight": _weight(record)}
    return figures | ({"landscape": _landscape(record)} if record.landscape.numel() else {})


def _name(index: int, fit: Fit) -> str:
    kept = sum(fit.kept)
    words = "best" if index == 0 else "local"
    return f"{words}, {fit.value:.3g} nats, keeps {kept} of {len(fit.kept)} modes"


def _fits(record: WeakFit) -> go.Figure:
    x, figure = record.x[0].tolist(), go.Figure()
    figure.add_scatter(
        x=x, y=record.target[0].tolist(), name="target", fill="tozeroy", mode="lines", line={"color": TARGET}
    )
    for index, fit in enumerate(record.fits[: len(FIT_COLOURS)]):
        dash = "solid" if index == 0 else "dash"
        line = {"color": FIT_COLOURS[index], "dash": dash}
        figure.add_scatter(x=x, y=fit.density[0].tolist(), name=_name(index, fit), mode="lines", line=line)
    figure.update_layout(
        template=TEMPLATE, title=_title(record, "What a weak generator keeps"), height=420, width=720
    )
    figure.update_xaxes(title="x")
    figure.update_yaxes(title="density", rangemode="tozero")
    return figure


def _weight(record: WeakFit) -> go.Figure:
    """How hard each place pulls while the generator is its best fit."""
    h = record.weight(record.best)[0]
    figure = go.Figure(go.Scatter(x=record.x[0].tolist(), y=h.tolist(), mode="lines", line={"color": STATE}))
    words = f"{record.divergence.weight_formula}, r = target / generator"
    figure.update_layout(template=TEMPLATE, title=_title(record, words), height=360, width=720)
    figure.update_xaxes(title="x")
    figure.update_yaxes(
        title="h(r)", type="log" if float(h.max()) > 0 and not bool((h == h[0]).all()) else "linear"
    )
    return figure


def _landscape(record: WeakFit) -> go.Figure:
    lowest = float(record.landscape.min())
    heights = (record.landscape - lowest + 1e-3).log10()
    figure = go.Figure(
        go.Heatmap(
            x=record.means.tolist(),
            y=record.stds.tolist(),
            z=heights.tolist(),
            customdata=record.landscape.tolist(),
            colorscale="Viridis",
            colorbar={"title": "log10 of nats<br>above the best"},
            hovertemplate="mean %{x:.3g}, std %{y:.3g}: %{customdata:.4g} nats<extra></extra>",
        )
    )
    for index, fit in enumerate(record.fits):
        mean, std = float(fit.bumps.means[0]), float(fit.bumps.stds[0])
        symbol = "star" if index == 0 else "circle-open"
        figure.add_scatter(
            x=[mean],
            y=[std],
            mode="markers",
            name=_name(index, fit),
            marker={"color": "#FFFFFF", "symbol": symbol, "size": 11},
        )
    figure.update_layout(
        template=TEMPLATE, title=_title(record, "Where one Gaussian can come to rest"), height=460
    )
    figure.update_layout(width=720, showlegend=False)
    figure.update_xaxes(title="mean")
    figure.update_yaxes(title="std")
    return figure


def _title(record: WeakFit, words: str) -> str:
    levels = f"averaged over {len(record.levels)} noise levels" if record.averaged else "clean data"
    shown = f", drawn at noise share {float(record.levels[0]):.2g}" if record.averaged else ""
    gap = "" if math.isfinite(record.best.value) else ", infinite"
    return (
        f"{record.divergence.label}, {record.generator} Gaussian: {words}<br><sup>{levels}{shown}{gap}</sup>"
    )
