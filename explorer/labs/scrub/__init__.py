"""The Scrub lab: a live sampler on a stage that follows the hand."""

from explorer.labs.scrub.lab import ScrubLab
from explorer.labs.scrub.state import ScrubState

__all__ = ["ScrubLab", "ScrubState"]
