"""What the Curvature lab computes: paths, how they bend, and what was studied on their fields."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.labs.curvature.plan import Pane, Plan
from explorer.labs.curvature.state import PATH_COLOURS
from explorer.maths.curvature import Curvature
from explorer.maths.motion import Motion
from explorer.maths.solving import AdaptiveNotes, WorkPoint
from explorer.maths.suggestion import Suggestion
from explorer.maths.trajectory import Trajectory

NEARLY_ALL = 0.97


@dataclass(frozen=True, eq=False)
class Paths:
    """The paths of one pane, in no coordinates yet."""

    run: Trajectory
    motion: Motion


@dataclass(frozen=True, eq=False)
class Solving:
    """What solvers pay on the first field; more of it as it is computed."""

    points: tuple[WorkPoint, ...] = ()
    adaptive: AdaptiveNotes | None = None
    suggestion: Suggestion | None = None
    trouble: str = ""


@dataclass(frozen=True, eq=False)
class Checks:
    """Is it a gradient field, and is it the right one: medians over samples by noise share.

    ``shares`` [K] falling; ``asymmetry`` [K] of the score's Jacobian, 0 to 2; ``loop`` [K] size of the work around
    small circles over the path integral of the score's size, 0 to 1; ``error`` [K] root mean square gap to the exact
    velocity.
    """

    shares: Tensor
    asymmetry: Tensor
    loop: Tensor | None
    error: Tensor | None
    by: str


@dataclass(frozen=True, eq=False)
class Spread:
    """One measure over the paths: ``quartiles`` [3, T] at each moment, and what nearly all of its values stay below."""

    quartiles: Tensor
    top: float

    @classmethod
    def of(cls, values: Tensor) -> "Spread":
        """The spread of values [T, m], some of which may be NaN or infinite."""
        known = values[torch.isfinite(values)]
        shares = values.new_tensor([0.25, 0.5, 0.75])
        top = float(known.quantile(NEARLY_ALL)) if len(known) else 1.0
        return cls(torch.nanquantile(values, shares, dim=1), top)


@dataclass(frozen=True, eq=False)
class Bend:
    """How the paths of a pane bend in some coordinates, with the spread of what is drawn of it."""

    measured: Curvature
    spreads: Mapping[str, Spread]

    @classmethod
    def of(cls, measured: Curvature) -> "Bend":
        """The measures and their spreads."""
        return cls(measured, {name: Spread.of(getattr(measured, name)) for name in PATH_COLOURS})


@dataclass(frozen=True, eq=False)
class PaneRecord:
    """One pane with what was measured on it."""

    pane: Pane
    paths: Paths
    bend: Curvature
    spreads: Mapping[str, Spread]
    checks: Checks | None = None


@dataclass(frozen=True, eq=False)
class CurvatureLabRecord:
    """Everything behind one picture of the Curvature lab."""

    plan: Plan
    panes: tuple[PaneRecord, ...]
    solving: Solving | None = None
    scale: tuple[float, float] | None = None
    """Least and greatest of the colours."""
