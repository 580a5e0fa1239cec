"""The Landscape lab: the loss surface of a network, its curvature, and what trains on it."""

from explorer.labs.landscape.lab import LandscapeLab
from explorer.labs.landscape.state import LandscapeState

__all__ = ["LandscapeLab", "LandscapeState"]
