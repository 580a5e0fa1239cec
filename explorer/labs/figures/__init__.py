"""Figures of records: Plotly, one theme; and the stage's own charts."""

from typing import Any


def figures_of(record: Any) -> dict[str, Any]:
    """The Plotly figures of a record, by name, the most telling first.

    Raises:
        ValueError: for a thing that is no record of this project.
    """
    from explorer.labs.figures.plots import (
        trajectory_figures,
    )  # Plotly is slow to import and not always wanted
    from explorer.labs.scrub.record import ScrubRecord
    from explorer.maths.trajectory import Trajectory

    if isinstance(record, Trajectory):
        return trajectory_figures(record)
    if isinstance(record, ScrubRecord):
        return {
            f"{name} {pane.pane.slot}" if len(record.panes) > 1 else name: figure
            for pane in record.panes
            for name, figure in trajectory_figures(pane.run).items()
        }
    raise ValueError(
        f"a figure needs a record, such as what ex.record(...) returns; got {type(record).__name__}"
    )
