"""A training seen as a river in its valley: slow progress along the flat bed, quick swings between the steep sides.

The river's direction is the normalised displacement of a weight average over the run; the hill's are the top
eigenvectors of the Hessian at that average. What a decayed learning rate wins is the hill's part of the loss.

Source: Wen et al. 2024, arXiv:2410.05192 (the picture); the split is ours. On the toy ``k x^2 / 2 - a y`` with noise of
deviation s in the slope along x, progress is ``eta a`` a step and the mean hill loss ``eta s^2 / (2 (2 - eta k))``.
"""

from dataclasses import dataclass

from torch import Tensor

from explorer.maths.landscape.training.record import Descent


@dataclass(frozen=True, eq=False)
class River:
    """A run split in two, at each of its ``steps`` [K]; float64.

    ``progress`` [K] along ``direction`` [P] (length 1) from the first point; ``across`` [K, k] the coordinates along
    the ``hills`` [k, P] (orthonormal, across the river) from the average of the weights around that step;
    ``hill_share`` [K] of its squared distance from the average that lies along the hills. ``loss`` [K] is the true one,
    ``floor`` [K] that of the same point moved to the average along the hills, ``hill_loss`` [K] the difference.
    ``curvatures`` [k] are the hills' eigenvalues; ``straightness`` the averages' displacement over the length of their
    way, 1 for a straight river; ``speed`` the progress of the averages per step.
    """

    optimiser: str
    steps: Tensor
    progress: Tensor
    across: Tensor
    hill_share: Tensor
    loss: Tensor
    floor: Tensor
    direction: Tensor
    hills: Tensor
    curvatures: Tensor
    straightness: float
    speed: float

    @property
    def hill_loss(self) -> Tensor:
        """What lies between the run and the river's bed [K]: what a decay can win."""
        return self.loss - self.floor


def river(descent: Descent, optimiser: str, k: int = 2, window: int = 3) -> River:
    """Split a run of ``descent``; an average is over ``window`` spans between marks, around each.

    Raises:
        ValueError: for a run that has gone less than four marks, or whose average stands still.
    """
    raise NotImplementedError
