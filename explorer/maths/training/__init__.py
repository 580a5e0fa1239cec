"""Training a network on a target: one generator of progress records, and what is measured at the end."""

from explorer.maths.training.couplings import (
    COUPLINGS,
    AbstractCoupling,
    BatchTransport,
    Independent,
    Pairs,
    TeacherPairs,
    followed,
)
from explorer.maths.training.penalties import PENALTIES, PseudoHuber, Squared
from explorer.maths.training.problem import Problem
from explorer.maths.training.protocol import figures_of, straightening_of
from explorer.maths.training.run import Schedule, TrainEnded, TrainProgress, train_flow
from explorer.maths.training.times import TIMES, Ends, Even

__all__ = [
    "COUPLINGS",
    "PENALTIES",
    "TIMES",
    "AbstractCoupling",
    "BatchTransport",
    "Ends",
    "Even",
    "Independent",
    "Pairs",
    "Problem",
    "PseudoHuber",
    "Schedule",
    "Squared",
    "TeacherPairs",
    "TrainEnded",
    "TrainProgress",
    "figures_of",
    "followed",
    "straightening_of",
    "train_flow",
]
