"""Predictor-corrector: a step of the reverse diffusion, then Langevin steps that stay at the new noise level.

Predictor: ``x' = (2 - alpha / alpha') x + G^2 score + G z`` with ``G^2 = sigma^2 (1 - (r' / r)^2)``,
r = sigma / alpha; from a state without data it follows the flow instead (see Euler-Maruyama). Corrector,
``corrections`` times: ``x += e score + sqrt(2 e) z``, ``e = 2 (snr |z| / |score|)^2``, norms averaged over the rows.

Source: Song et al. 2021, arXiv:2011.13456, Algorithms 2 to 5; equation 46 is the predictor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

import torch

from explorer.maths.samplers.base import AbstractSampler, CountedField, noise_like, setting
from explorer.maths.samplers.ddim import renoised, shrink
from explorer.maths.shapes import Points


@dataclass(frozen=True)
class PredictorCorrector(AbstractSampler):
    """Random, weak order 1; ``corrections`` Langevin steps for each step, ``snr`` their signal-to-noise ratio."""

    corrections: int = 1
    snr: float = 0.16
    name: ClassVar[str] = "predictor_corrector"
    label: ClassVar[str] = "Predictor-corrector"
    order: ClassVar[int] = 1
    evals_per_step: ClassVar[int] = 2
    is_random: ClassVar[bool] = True
    source: ClassVar[str] = "Song et al. 2021, arXiv:2011.13456, Algorithms 2 to 5"

    def __post_init__(self):
        setting("corrections", self.corrections, 0, 20, whole=True)
        setting("snr", self.snr, 0.0, 1.0)
        self.declare(evals_per_step=1 + self.corrections)

    def start(
        self, field: CountedField, times: Sequence[float], generator: torch.Generator
    ) -> torch.Generator:
        return generator

    def step(self, field: CountedField, x: Points, t: float, t_next: float, memory: torch.Generator):
        x = _predicted(field, x, t, t_next, memory)
        for _ in range(self.corrections):
            x = self._corrected(field, x, t_next, memory)
        return x, t_next, memory

    def _corrected(self, field: CountedField, x: Points, t: float, generator: torch.Generator) -> Points:
        noise, score = noise_like(x, generator), field(x, t).score
        size = 2.0 * (self.snr * _mean_norm(noise) / _mean_norm(score)) ** 2
        return x + size * score + (2.0 * size).sqrt() * noise


def _predicted(field: CountedField, x: Points, t: float, t_next: float, generator: torch.Generator) -> Points:
    here, ahead, prediction = field.path.at(t), field.path.at(t_next), field(x, t)
    if here.alpha == 0:
        return renoised(prediction, ahead, 0.0, generator)
    spread = here.sigma * sqrt(1.0 - shrink(here, ahead) ** 2)
    kept = (2.0 - here.alpha / ahead.alpha) * x
    return kept + spread**2 * prediction.score + spread * noise_like(x, generator)


def _mean_norm(x: Points) -> torch.Tensor:
    return x.flatten(1).norm(dim=1).mean()
