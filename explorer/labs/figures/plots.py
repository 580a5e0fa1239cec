"""Plotly figures of a trajectory: where it went, and on which levels of noise."""

import plotly.graph_objects as go
import torch

from explorer.labs.figures.theme import LAUNCHED, STATE, TARGET, TEMPLATE
from explorer.maths.paths import as_path
from explorer.maths.trajectory import Trajectory

PATHS_DRAWN = 60


def trajectory_figures(run: Trajectory) -> dict[str, go.Figure]:
    """``"paths"`` (points in the plane) or ``"samples"`` (pictures), then ``"schedule"``."""
    first = {"paths": _paths(run)} if run.states.dim() == 3 else {"samples": _samples(run)}
    return first | {"schedule": _schedule(run)}


def _paths(run: Trajectory) -> go.Figure:
    path = as_path(run.path)
    scale = torch.tensor([path.drawn_scale(float(t)) for t in run.times])
    states = run.states[..., :2].cpu() * scale.reshape(-1, 1, 1)
    figure = go.Figure()
    for i in range(min(PATHS_DRAWN, states.shape[1])):
        figure.add_scatter(
            x=states[:, i, 0].tolist(),
            y=states[:, i, 1].tolist(),
            mode="lines",
            line={"color": TARGET, "width": 1},
            opacity=0.6,
            hoverinfo="skip",
            showlegend=False,
        )
    for name, points, color in (("start", states[0], TARGET), ("end", states[-1], STATE)):
        figure.add_scatter(
            x=points[:, 0].tolist(),
            y=points[:, 1].tolist(),
            mode="markers",
            name=name,
            marker={"size": 3, "color": color},
        )
    drawn = ", states drawn divided by sqrt(1 + sigma²)" if run.path == "ve" else ""
    figure.update_layout(template=TEMPLATE, title=f"{_title(run)}{drawn}", height=560, width=640)
    figure.update_yaxes(scaleanchor="x", title="x2")
    figure.update_xaxes(title="x1")
    return figure


def _samples(run: Trajectory, columns: int = 8) -> go.Figure:
    images = run.states[-1].mean(dim=1).cpu()[: columns * columns]
    rows = -(-len(images) // columns)
    sheet = torch.full((rows * images.shape[1], columns * images.shape[2]), float("nan"))
    for i, image in enumerate(images):
        top, left = i // columns * images.shape[1], i % columns * images.shape[2]
        sheet[top : top + images.shape[1], left : left + images.shape[2]] = image
    figure = go.Figure(go.Heatmap(z=sheet.tolist(), colorscale="Greys_r", zmin=-1, zmax=1, showscale=False))
    figure.update_layout(template=TEMPLATE, title=_title(run), height=560, width=560)
    figure.update_yaxes(autorange="reversed", scaleanchor="x", visible=False)
    figure.update_xaxes(visible=False)
    return figure


def _schedule(run: Trajectory) -> go.Figure:
    path, times = as_path(run.path), [float(t) for t in run.times]
    figure = go.Figure()
    for name, weight, color in (("alpha, data", path.alpha, STATE), ("sigma, noise", path.sigma, LAUNCHED)):
        figure.add_scatter(
            x=times, y=[weight(t) for t in times], name=name, mode="lines+markers", line={"color": color}
        )
    figure.update_layout(template=TEMPLATE, title=f"Noise schedule: {path.label}", height=360, width=640)
    figure.update_xaxes(title="time t (1 noise, 0 data)", range=[1.02, -0.02])
    figure.update_yaxes(title="weight", type="log" if run.path == "ve" else "linear")
    return figure


def _title(run: Trajectory) -> str:
    sampler = run.sampler or "a run"
    return f"{sampler}, {run.steps} steps, {int(run.evals[-1])} evals"
