"""A training seen as a river in its valley: slow progress along the flat bed, quick swings between the steep sides.

The river's direction is the normalised displacement of a weight average over the run; the hill's are the top
eigenvectors of the Hessian at that average. What a decayed learning rate wins is the hill's part of the loss.

Source: Wen et al. 2024, arXiv:2410.05192 (the picture); the split is ours. On the toy ``k x^2 / 2 - a y`` with noise of
deviation s in the slope along x, progress is ``eta a`` a step and the mean hill loss ``eta s^2 / (2 (2 - eta k))``.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.maths.landscape.flat import FlatLoss
from explorer.maths.landscape.operator import Hessian
from explorer.maths.landscape.spectrum import Spectrum, top
from explorer.maths.landscape.training.record import Descent, Run

FEWEST = 5
"""Points that a run must have."""
CLOSE = 0.02
"""Residual of a hill's direction, as a share of its curvature."""


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


def river(descent: Descent, optimiser: str, k: int = 2, spans: int = 2) -> River:
    """Split a run of ``descent``; an average is over ``spans`` spans between marks on either side of a point.

    Costs a loss for each point and the k sharpest directions at the last average.

    Raises:
        ValueError: for a run that has gone less than five points, or whose average stands still.
    """
    run, flat = descent.run(optimiser), FlatLoss(*descent.problem)
    _check(run, k, spans, flat.size)
    averages, middles = _averages(run, spans)
    way = averages[-1] - averages[0]
    length = float(way.norm())
    if not length > 0.0:
        raise ValueError(f"a river flows; the average of {run.label} stands still; train from elsewhere")
    direction = way / length
    found, hills = _hills(flat, averages[-1].to(flat.start), direction, k)
    offset = run.places.double() - averages
    across = offset @ hills.T
    floors = (run.places.double() - across @ hills).to(flat.start)
    return River(
        run.optimiser,
        run.steps,
        ((run.places.double() - run.marks[0].place.double()) @ direction).cpu(),
        across.cpu(),
        (across.square().sum(1) / offset.square().sum(1).clamp(min=1e-300)).cpu(),
        torch.tensor([mark.loss for mark in run.points], dtype=torch.float64),
        torch.tensor([flat.value(floor) for floor in floors], dtype=torch.float64),
        direction,
        hills,
        found.eigenvalues,
        length / float(averages.diff(dim=0).norm(dim=1).sum()),
        length / float(middles[-1] - middles[0]),
    )


def _check(run: Run, k: int, spans: int, size: int) -> None:
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k < size:
        raise ValueError(f"`k` must be a whole number of hills, from 1 to {size - 1}; got {k!r}")
    if isinstance(spans, bool) or not isinstance(spans, int) or spans < 1:
        raise ValueError(f"`spans` must be a whole number of at least 1; got {spans!r}")
    if len(run.points) < FEWEST or (run.ended and run.ended.kind == "diverged"):
        raise ValueError(
            f"a river is seen along {FEWEST} points or more of a run that has not diverged; {run.label} has "
            f"{len(run.points)}; train for longer or at a smaller learning rate"
        )


def _averages(run: Run, spans: int) -> tuple[Tensor, Tensor]:
    """The mean of the weights around each point [K, P], float64, and the step [K] in the middle of what it is of."""
    points = run.points
    steps = run.steps.double()
    means = torch.stack([mark.mean for mark in points[1:]]).double()
    middles = (steps[:-1] + 1.0 + steps[1:]) / 2.0
    parts = [slice(max(0, j - spans), min(len(means), j + spans)) for j in range(len(points))]
    return torch.stack([means[part].mean(0) for part in parts]), torch.stack(
        [middles[part].mean() for part in parts]
    )


def _hills(flat: FlatLoss, place: Tensor, direction: Tensor, k: int) -> tuple[Spectrum, Tensor]:
    """The k sharpest directions at ``place``, and what of them [k, P] is across the river and each other."""
    flat.start = place
    *_, found = top(Hessian(flat), k, CLOSE, looks=0)
    vectors = found.vectors.double()
    vectors = vectors - (vectors @ direction)[:, None] * direction
    return found, torch.linalg.qr(vectors.T).Q.T
