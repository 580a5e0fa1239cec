"""Plotly figures of landscapes and of all that belongs to them: spectra, trainings, paths, rivers."""

import math
from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import torch

from explorer.labs.figures.landscape_planes import plane_figures
from explorer.labs.figures.theme import CLEAN, LAUNCHED, SECOND, STATE, TARGET, TEMPLATE, THIRD
from explorer.labs.landscape.river import RiverRecord
from explorer.labs.landscape.spectrum import SpectrumRecord
from explorer.labs.landscape.surface import SurfaceRecord
from explorer.labs.landscape.training import TrainingRecord
from explorer.maths.landscape import Density, Landscape, Spectrum
from explorer.maths.landscape.training import Descent, River, Run, Tracks

COLOURS = (LAUNCHED, SECOND, THIRD, STATE, CLEAN, "#56B4E9", "#8C6D00")
"""Of runs in their order, as on the page."""


def landscape_figures(record: Any) -> dict[str, Any] | None:
    """The figures of a record of the landscape, by name, the most telling first; None for any other."""
    plain: tuple[tuple[type, Callable[[Any], dict[str, Any]]], ...] = (
        (Landscape, plane_figures),
        (Spectrum, spectrum_figures),
        (Density, density_figures),
        (Descent, descent_figures),
        (Tracks, tracks_figures),
        (River, river_figures),
    )
    for kind, figures in plain:
        if isinstance(record, kind):
            return figures(record)
    parts: tuple[Any, ...] = ()
    match record:
        case SurfaceRecord():
            parts = (record.frame, record.way.tracks, record.line)
        case SpectrumRecord():
            parts = (record.last, record.density)
        case TrainingRecord():
            parts = (record.descent, record.tracks, record.frame)
        case RiverRecord():
            parts = (record.river, record.descent, record.frame)
        case _:
            return None
    drawn = [landscape_figures(part) or {} for part in parts if part is not None]
    return {name: figure for figures in drawn for name, figure in figures.items()}


def spectrum_figures(found: Spectrum) -> dict[str, go.Figure]:
    """``"eigenvalues"``: the largest, each with its residual."""
    names = [f"λ{i + 1}" for i in range(len(found.eigenvalues))]
    figure = go.Figure(
        go.Bar(
            x=names,
            y=found.eigenvalues.tolist(),
            error_y={"type": "data", "array": found.residuals.tolist()},
            marker={"color": STATE},
            hovertemplate="%{x} = %{y:.6g} ± %{error_y.array:.1g}<extra></extra>",
        )
    )
    words = f"{found.matvecs} products, {'converged' if found.converged else 'not converged'}, by {found.by}"
    figure.update_layout(
        template=TEMPLATE, title=f"Largest eigenvalues<br><sup>{words}</sup>", height=420, width=640
    )
    figure.update_yaxes(title="eigenvalue of the Hessian")
    return {"eigenvalues": figure}


def density_figures(found: Density) -> dict[str, go.Figure]:
    """``"density"``: how all the eigenvalues are spread, on a logarithmic scale."""
    low, high = float(found.values.min()), float(found.values.max())
    reach = max(high - low, 1e-12)
    at = torch.linspace(low - 0.05 * reach, high + 0.05 * reach, 600, dtype=torch.float64)
    density = found.curve(at, 0.01 * reach)
    figure = go.Figure(go.Scatter(x=at.tolist(), y=density.tolist(), mode="lines", line={"color": STATE}))
    top = math.log10(float(density.max()))
    words = f"{found.size:,} eigenvalues, {found.exact} of them by themselves, {found.matvecs} products"
    figure.update_layout(
        template=TEMPLATE, title=f"Spectral density<br><sup>{words}</sup>", height=420, width=640
    )
    figure.update_xaxes(title="eigenvalue of the Hessian")
    figure.update_yaxes(title="density", type="log", range=[top - 8, top + 0.3])
    return {"density": figure}


def descent_figures(descent: Descent) -> dict[str, go.Figure]:
    """``"loss"`` by update, and ``"sharpness"`` with where each optimiser turns unstable."""
    loss, sharpness = go.Figure(), go.Figure()
    for run, colour in zip(descent.runs, COLOURS, strict=False):
        steps = list(range(run.first, run.first + len(run.losses)))
        loss.add_scatter(x=steps, y=run.losses.tolist(), mode="lines", name=run.label, line={"color": colour})
        _with_line(sharpness, run, colour)
    about = f"{descent.problem.label}, {descent.plan.schedule.label.lower()}, {descent.step:,} steps"
    for figure, title in ((loss, "Loss"), (sharpness, "Sharpness; dashed: where it turns unstable")):
        figure.update_layout(template=TEMPLATE, title=f"{title}<br><sup>{about}</sup>", height=440, width=720)
        figure.update_xaxes(title="training step")
        figure.update_yaxes(type="log")
    loss.update_yaxes(title="loss of the rows of each update")
    sharpness.update_yaxes(title="largest eigenvalue (Adam: preconditioned)")
    return {"loss": loss, "sharpness": sharpness}


def _with_line(figure: go.Figure, run: Run, colour: str) -> None:
    found = run.probes
    known = found.sharpness.isfinite()
    figure.add_scatter(
        x=found.step[known].tolist(),
        y=found.sharpness[known].tolist(),
        mode="lines+markers",
        marker={"size": 4},
        name=run.label,
        line={"color": colour},
    )
    line = found.line.isfinite()
    if bool(line.any()):
        figure.add_scatter(
            x=found.step[line].tolist(),
            y=found.line[line].tolist(),
            mode="lines",
            name=f"{run.label}, unstable above",
            line={"color": colour, "dash": "dot", "width": 1},
            showlegend=False,
        )


def tracks_figures(found: Tracks) -> dict[str, go.Figure]:
    """``"paths"`` on their plane, the dots as large as they are far from it; ``"distance"`` by step."""
    paths, distance = go.Figure(), go.Figure()
    far = max(1e-12, *(float(track.distance.max()) for track in found.tracks))
    for track, colour in zip(found.tracks, COLOURS, strict=False):
        sizes = (4.0 + 12.0 * track.distance / far).tolist()
        said = [
            f"step {step}, loss {loss:.3g}, {apart:.3g} from the plane"
            for step, loss, apart in zip(
                track.steps.tolist(), track.loss.tolist(), track.distance.tolist(), strict=True
            )
        ]
        paths.add_scatter(
            x=track.coordinates[:, 0].tolist(),
            y=track.coordinates[:, 1].tolist(),
            mode="lines+markers",
            marker={"size": sizes, "color": colour},
            line={"color": colour, "width": 1},
            name=track.optimiser,
            hovertext=said,
            hoverinfo="text",
        )
        distance.add_scatter(
            x=track.steps.tolist(), y=track.distance.tolist(), name=track.optimiser, line={"color": colour}
        )
    explained = found.directions.explained
    words = "" if explained is None else f"{100 * float(explained.sum()):.3g} % of their squared distances"
    title = f"Ways on one plane<br><sup>{words}; dots: the larger, the farther from it</sup>"
    paths.update_layout(template=TEMPLATE, title=title, height=560, width=640)
    paths.update_yaxes(scaleanchor="x")
    distance.update_layout(template=TEMPLATE, title="Distance from the plane", height=400, width=640)
    distance.update_xaxes(title="training step")
    return {"paths": paths, "distance": distance}


def river_figures(found: River) -> dict[str, go.Figure]:
    """``"river"``: swings across by progress along; ``"hill_loss"``: what a decay can win, by step."""
    across = go.Figure()
    for i, colour in zip(range(found.across.shape[1]), (THIRD, CLEAN), strict=False):
        across.add_scatter(
            x=found.progress.tolist(),
            y=found.across[:, i].tolist(),
            mode="lines+markers",
            marker={"size": 4},
            line={"color": colour},
            name=f"hill {i + 1}, curvature {float(found.curvatures[i]):.3g}",
        )
    words = f"{found.optimiser}, straightness {found.straightness:.3g}, {found.speed:.3g} a step"
    across.update_layout(
        template=TEMPLATE, title=f"River valley<br><sup>{words}</sup>", height=440, width=720
    )
    across.update_xaxes(title="progress along the river")
    across.update_yaxes(title="across, from the local average")
    won = go.Figure()
    for name, values, colour in (("loss", found.loss, STATE), ("on the bed", found.floor, TARGET)):
        won.add_scatter(x=found.steps.tolist(), y=values.tolist(), name=name, line={"color": colour})
    won.update_layout(
        template=TEMPLATE, title="Loss, and what of it lies above the river's bed", height=420, width=720
    )
    won.update_xaxes(title="training step")
    won.update_yaxes(title="loss", type="log")
    return {"river": across, "hill_loss": won}
