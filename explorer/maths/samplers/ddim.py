"""DDIM: keep the clean prediction and the noise prediction, change only their shares.

``x' = alpha' D + sigma' (sqrt(1 - eta^2 q) e + eta sqrt(q) z)`` with ``q = 1 - (r' / r)^2``, r = sigma / alpha.
With eta = 0 it is Euler's method for x / alpha in sigma / alpha, and exact where D does not change; with eta = 1
it is DDPM's ancestral step. Where no data is left in the state r is infinite and q is 1: the formula holds.

Source: Song et al. 2021, arXiv:2010.02502, equations 12 and 16. Where we differ: written with sigma / alpha, so
that it holds on every path and not only where alpha^2 + sigma^2 = 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

import torch

from explorer.maths.fields import Prediction, mixed
from explorer.maths.paths import Level
from explorer.maths.samplers.base import AbstractSampler, CountedField, noise_like, setting
from explorer.maths.shapes import Points


@dataclass(frozen=True)
class DDIM(AbstractSampler):
    """First order, one model call for each step; ``eta`` in [0, 1] is how much of the noise is drawn anew."""

    eta: float = 0.0
    name: ClassVar[str] = "ddim"
    label: ClassVar[str] = "DDIM"
    order: ClassVar[int] = 1
    evals_per_step: ClassVar[int] = 1
    source: ClassVar[str] = "Song et al. 2021, arXiv:2010.02502"

    def __post_init__(self):
        setting("eta", self.eta, 0.0, 1.0)
        self.declare(is_random=self.eta > 0)

    def start(
        self, field: CountedField, times: Sequence[float], generator: torch.Generator
    ) -> torch.Generator:
        return generator

    def step(self, field: CountedField, x: Points, t: float, t_next: float, memory: torch.Generator):
        return renoised(field(x, t), field.path.at(t_next), self.eta, memory), t_next, memory


def shrink(here: Level, ahead: Level) -> float:
    """How much of the noise-to-data ratio a step leaves, r' / r; 0 where no data was in the state."""
    return float(ahead.sigma * here.alpha / (ahead.alpha * here.sigma))


def renoised(prediction: Prediction, ahead: Level, eta: float, generator: torch.Generator) -> Points:
    """The prediction's clean part and noise part in the shares of ``ahead``, eta of the noise drawn anew."""
    clean, noise = prediction.denoised, prediction.noise
    if eta == 0:
        return mixed(ahead.alpha, clean, ahead.sigma, noise)
    fresh = 1.0 - shrink(prediction.level, ahead) ** 2
    kept = ahead.alpha * clean + ahead.sigma * sqrt(1.0 - eta * eta * fresh) * noise
    return kept + ahead.sigma * eta * sqrt(fresh) * noise_like(clean, generator)
