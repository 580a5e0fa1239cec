"""The Step safety lab: how far a step may go, in the radius of the softmax."""

from explorer.labs.safety.lab import SafetyLab
from explorer.labs.safety.state import SafetyState

__all__ = ["SafetyLab", "SafetyState"]
