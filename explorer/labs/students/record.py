"""What the Students lab computes: a run in each pane, how far its end points are from the teacher's, how good it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from explorer.labs.students.plan import Plan, StudentPane
from explorer.maths.trajectory import Trajectory


@dataclass(frozen=True)
class Scores:
    """How good one pane is, on even noise beside even data; None where the target has no such thing.

    ``w2`` is in units of x, and so is ``rmse``, the root mean square distance of the picture's own end points to the
    teacher's; ``seconds`` is what the picture's run took.
    """

    evals: int
    seconds: float
    w2: float | None = None
    precision: float | None = None
    recall: float | None = None
    modes: int | None = None
    total: int | None = None
    rmse: float | None = None


@dataclass(frozen=True, eq=False)
class PaneRecord:
    """One pane. ``distances`` [n] of its end points to the teacher's; of a student only."""

    slot: int
    label: str
    run: Trajectory
    scores: Scores
    pane: StudentPane | None = None
    distances: Tensor | None = None


@dataclass(frozen=True, eq=False)
class StudentsRecord:
    """Everything behind one picture of the comparison. ``studies`` hold what was computed after it, by name."""

    plan: Plan
    panes: tuple[PaneRecord, ...]
    floor: float | None = None
    """W2 of two even draws of the data, as many as are measured."""
    studies: Mapping[str, Any] = field(default_factory=dict)
