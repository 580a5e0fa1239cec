"""What the Scrub lab computes: runs, and what was measured on them."""

from dataclasses import dataclass

from explorer.labs.scrub.plan import Pane, Plan
from explorer.maths.trajectory import Trajectory


@dataclass(frozen=True, eq=False)
class PaneRecord:
    """One run with what was measured on it; lists have one number for each frame, None where not known."""

    pane: Pane
    run: Trajectory
    seconds: tuple[float, ...]
    distance: tuple[float | None, ...] = ()
    clean_distance: tuple[float | None, ...] = ()
    error: float | None = None


@dataclass(frozen=True, eq=False)
class ScrubRecord:
    """Everything behind one picture of the Scrub lab."""

    plan: Plan
    panes: tuple[PaneRecord, ...]
    floor: float | None = None
    """Sliced W2 between two draws of the data of the same size: no sampler is expected below it."""
