"""What a door has to know of the maths: the kinds of things that a person hands over, and the names that exist."""

from explorer.maths.fields import AbstractField
from explorer.maths.files import write_atomically
from explorer.maths.names import nearest
from explorer.maths.paths import PATHS
from explorer.maths.targets import TARGETS, AbstractTarget, as_target
from explorer.maths.trajectory import Trajectory
from explorer.models.zoo import CATALOGUE

__all__ = [
    "CATALOGUE",
    "PATHS",
    "TARGETS",
    "AbstractField",
    "AbstractTarget",
    "Trajectory",
    "as_target",
    "nearest",
    "write_atomically",
]
