"""Training a network on a target: one generator of progress records, and what is measured at the end."""

from explorer.maths.training.problem import Problem
from explorer.maths.training.protocol import figures_of
from explorer.maths.training.run import Schedule, TrainEnded, TrainProgress, train_flow

__all__ = ["Problem", "Schedule", "TrainEnded", "TrainProgress", "figures_of", "train_flow"]
