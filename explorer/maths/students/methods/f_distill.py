"""Distribution matching under any f-divergence: each sample's pull is weighted by how rare the student makes it."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from explorer.maths.divergences import as_divergence
from explorer.maths.samplers.base import setting
from explorer.maths.students.matching import AbstractMatching, MatchingLearner

LEAST, MOST = 0.1, 20.0
"""Bounds of the ratio that a discriminator is believed in."""
SPREAD, WEIGHTS = "ratio spread", "weight spread"
"""Standard deviations over the batch of r, and of the weights, whose mean is 1."""
IDLE = 0.05
"""A ratio that spreads less says nothing."""


@dataclass(frozen=True)
class FDistill(AbstractMatching):
    """Each row's pull times ``h(r) / mean h(r)``, where r = p/q of the noisy sample by a discriminator.

    ``divergence`` is a key of ``DIVERGENCES``; ``adversarial`` weighs the adversarial term. How far r
    and the weights spread over the batch is told, as ``"ratio spread"`` and ``"weight spread"``: see ``idle``.
    """

    divergence: str = "forward_kl"
    adversarial: float = 0.01
    name: ClassVar[str] = "f_distill"
    label: ClassVar[str] = "f-distill"
    keeps_pairs: ClassVar[bool] = False
    summary: ClassVar[str] = "Distribution matching with the pull of each sample weighted by a density ratio."
    source: ClassVar[str] = "Xu, Nie and Vahdat 2025, arXiv:2502.15681"
    equation: ClassVar[str] = (
        "dL/dx = h(r)/mean h(r) (D_student - D_data)/mean |x - D_data|, h(r) = r^2 f''(r)"
    )
    differs: ClassVar[str] = "a discriminator of its own; r clamped to [.1, 20]; exact score of the data"

    def __post_init__(self):
        super().__post_init__()
        as_divergence(self.divergence)
        setting("adversarial", self.adversarial, 0.0, 10.0)

    @property
    def judges(self) -> bool:
        """The ratio always needs its discriminator."""
        return True

    def weights(self, learner: MatchingLearner, noisy: Tensor, t: Tensor) -> Tensor:
        """``h(r) / mean h(r)`` [batch]."""
        ratio = learner.logit(noisy, t).exp().clamp(LEAST, MOST)
        h = as_divergence(self.divergence).weight(ratio)
        weights = h / h.mean()
        learner.told |= {SPREAD: ratio.std().item(), WEIGHTS: weights.std().item()}
        return weights


def idle(told: dict[str, float]) -> str:
    """The sentence that says that the weights of an update do nothing, or nothing where they do something.

    ``told`` is that of a ``DistillProgress``; while the student learns its pairs there is no ratio, and no sentence.
    """
    if SPREAD not in told:
        return ""
    spread = told[SPREAD]
    if spread < IDLE:
        return (
            f"weights are idle: the density ratio spreads by {spread:.3f}, below {IDLE:g}, so every weight is about 1 "
            "and this is plain distribution matching; the discriminator tells student and data apart nowhere"
        )
    if told[WEIGHTS] == 0.0:
        return "weights are idle: those of reverse KL are all 1, which is plain distribution matching"
    return ""
