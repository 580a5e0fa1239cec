"""Figures of records: Plotly, one theme; and the stage's own charts."""

from collections.abc import Callable
from typing import Any


def figures_of(record: Any) -> dict[str, Any]:
    """The Plotly figures of a record, by name, the most telling first.

    Raises:
        ValueError: for a thing that is no record of this project.
    """
    # Plotly is slow to import and not always wanted; the records of the labs import their figures.
    from explorer.labs.curvature.record import CurvatureLabRecord
    from explorer.labs.figures.bends import bend_figures
    from explorer.labs.figures.divergences import divergence_figures
    from explorer.labs.figures.landscape_plots import landscape_figures
    from explorer.labs.figures.plots import trajectory_figures
    from explorer.labs.figures.safety_plots import safety_figures
    from explorer.labs.figures.students import any_step_figures, comparison_figures, switch_figures
    from explorer.labs.scrub.record import ScrubRecord
    from explorer.labs.students.any_step import AnyStepRecord
    from explorer.labs.students.diverge import DivergeRecord
    from explorer.labs.students.record import StudentsRecord
    from explorer.labs.students.studies import QUALITY
    from explorer.maths.curvature import Curvature
    from explorer.maths.playground import WeakFit
    from explorer.maths.students.any_step import AnyStep
    from explorer.maths.students.comparison import Comparison
    from explorer.maths.students.switch import SwitchCurve
    from explorer.maths.trajectory import Trajectory

    plain: tuple[tuple[type, Callable[[Any], dict[str, Any]]], ...] = (
        (Trajectory, trajectory_figures),
        (Curvature, bend_figures),
        (Comparison, comparison_figures),
        (AnyStep, any_step_figures),
        (SwitchCurve, switch_figures),
        (WeakFit, divergence_figures),
    )
    for kind, figures in plain:
        if isinstance(record, kind):
            return figures(record)
    if isinstance(record, ScrubRecord):
        return _of_panes({pane.pane.slot: trajectory_figures(pane.run) for pane in record.panes})
    if isinstance(record, CurvatureLabRecord):
        return _of_panes({pane.pane.slot: bend_figures(pane.bend) for pane in record.panes})
    if isinstance(record, StudentsRecord):
        table = record.studies.get(QUALITY)
        panes = _of_panes({pane.slot: trajectory_figures(pane.run) for pane in record.panes})
        return (comparison_figures(table) if table is not None else {}) | panes
    if isinstance(record, AnyStepRecord):
        return _of_panes({slot: any_step_figures(known) for slot, known in record.maps.items()})
    if isinstance(record, DivergeRecord):
        return _of_panes({slot: divergence_figures(fit) for slot, fit in enumerate(record.fits, 1)})
    for figures_or_none in (safety_figures, landscape_figures):
        if (found := figures_or_none(record)) is not None:
            return found
    raise ValueError(
        f"a figure needs a record, such as what ex.record(...) returns; got {type(record).__name__}"
    )


def _of_panes(figures: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """By name, with the pane's number where there are several."""
    return {
        f"{name} {slot}" if len(figures) > 1 else name: figure
        for slot, named in figures.items()
        for name, figure in named.items()
    }
