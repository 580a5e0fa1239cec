"""The figures of one cloud of samples, and the composite of several of them.

Source: the idea of MMHM, the min-max harmonic mean, is from "Fair Benchmarking of Emerging One-Step Generative Models";
its formula was not to be had, so ours stands here: over what is shown each part is scaled to [0, 1] with 1 the best,
and ``MMHM = K / sum_k 1 / max(m_k, 1e-3)``. It says who is balanced among those shown, and nothing else: one bad row
lifts all others, and the worst in any part scores near 0.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from explorer.maths.metrics import KernelTarget, pair_distances, w2
from explorer.maths.modes import modes_of
from explorer.maths.neighbours import precision_recall
from explorer.maths.students.ground import Ground, Held, Made


class Part(NamedTuple):
    """One figure as a table shows it."""

    label: str
    hint: str
    best: str
    """low or high."""
    unit: str = ""


PARTS: Mapping[str, Part] = {
    "w2": Part("W2", "Exact 2-Wasserstein distance to the data.", "low", "units of x"),
    "sliced_w2": Part(
        "sliced W2", "Root mean square of 1-D distances over 256 directions.", "low", "units of x"
    ),
    "mmd2": Part(
        "MMD²", "Unbiased, three Gaussian kernels; below 0 as often as above at no distance.", "low"
    ),
    "precision": Part("precision", "Share of the samples that lie where the data does.", "high"),
    "recall": Part(
        "recall", "How much of the data is reached: mean over modes of min(1, share / fair share).", "high"
    ),
    "covered": Part("modes", "Modes that hold more than a quarter of their fair share.", "high"),
    "w2_to_teacher": Part(
        "W2 to teacher", "To the teacher's own samples, from other noise.", "low", "units of x"
    ),
    "sliced_w2_to_teacher": Part("sliced W2 to teacher", "As above, sliced.", "low", "units of x"),
    "mmd2_to_teacher": Part("MMD² to teacher", "As above, by kernels.", "low"),
    "pair_rmse": Part(
        "pair distance",
        "Root mean square distance to the end of the teacher's flow from the same noise.",
        "low",
        "units of x",
    ),
    "seconds": Part("seconds", "To make the n samples on this machine.", "low", "s"),
}
"""Every figure of a cloud by its name in ``Scores``."""

COMPOSED = ("w2", "mmd2", "precision", "recall")
"""What the composite is made of."""
LEAST = 1e-3


class Scores(NamedTuple):
    """What ``PARTS`` describes, of one cloud; NaN where it is not known or would be a cloud against itself."""

    w2: float
    sliced_w2: float
    mmd2: float
    precision: float
    recall: float
    covered: float
    w2_to_teacher: float
    sliced_w2_to_teacher: float
    mmd2_to_teacher: float
    pair_rmse: float
    seconds: float


def scored(made: Made, ground: Ground) -> Scores:
    """All figures of what was made of the ground's noise. Raises ValueError where it is not finite."""
    own = KernelTarget(made.x)
    pairs = pair_distances(made.x, ground.ends).square().mean().sqrt()
    return Scores(
        *_distances(made.x, own, ground.data),
        *_reached(made.x, ground),
        *_distances(made.x, own, ground.teacher_cloud),
        float(pairs),
        made.seconds,
    )


def _distances(x: Tensor, own: KernelTarget, cloud: Held | None) -> tuple[float, float, float]:
    if cloud is None:
        return math.nan, math.nan, math.nan
    return w2(x, cloud.points), cloud.sliced(x), cloud.kernels(own)


def _reached(x: Tensor, ground: Ground) -> tuple[float, float, float]:
    """Precision, recall and modes covered: by modes where the target has them, else by neighbours."""
    modes = None if ground.target is None else modes_of(x, ground.target)
    if modes is not None:
        return modes.precision, modes.recall, float(modes.covered)
    return *precision_recall(x, (ground.data or ground.teacher_cloud).points), math.nan


class Composite(NamedTuple):
    """Rows of parts: each scaled to [0, 1], 1 the best of those shown [rows, parts], and their harmonic mean [rows]."""

    scaled: Tensor
    value: Tensor


def composite(parts: Tensor, best: tuple[str, ...]) -> Composite:
    """MMHM of parts [rows, K]; ``best`` says of each part whether low or high is better.

    A part in which all rows are equal tells nobody apart and counts as 1. Rows with NaN get NaN and scale nobody.

    Raises:
        ValueError: when ``best`` does not fit the parts.
    """
    if parts.dim() != 2 or len(best) != parts.shape[1] or not set(best) <= {"low", "high"}:
        raise ValueError(f"`best` must say low or high of each of {parts.shape[-1]} parts; got {best}")
    better = parts.double() * torch.tensor([1.0 if b == "high" else -1.0 for b in best], dtype=torch.float64)
    known = better[better.isfinite().all(1)]
    if not len(known):
        return Composite(torch.full_like(better, math.nan), torch.full_like(better[:, 0], math.nan))
    low, high = known.aminmax(dim=0)
    scaled = torch.where(high > low, (better - low) / (high - low), better - better + 1.0)
    unknown = ~better.isfinite().all(1)
    value = len(best) / (1.0 / scaled.clamp(min=LEAST)).sum(1)
    return Composite(scaled, value.masked_fill(unknown, math.nan))
