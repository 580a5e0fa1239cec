"""The Curvature lab: where a trajectory bends, how much, and what it costs."""

from explorer.labs.curvature.lab import CurvatureLab
from explorer.labs.curvature.state import CurvatureState

__all__ = ["CurvatureLab", "CurvatureState"]
