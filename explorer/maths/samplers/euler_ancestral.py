"""Ancestral Euler: step down below the next noise level, then add noise up to it.

In y = x / alpha and r = sigma / alpha: Euler to ``r_down``, then noise of ``r_up``, with
``r_up^2 = eta^2 r'^2 (r^2 - r'^2) / r^2`` and ``r_down^2 = r'^2 - r_up^2``. Collect the terms and it is DDIM with the
same eta, step for step; it has its own name because it is asked for by it, and because eta = 1 is its habit.

Source: Ho et al. 2020, arXiv:2006.11239 (eta = 1); the form in sigma is k-diffusion's.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from explorer.maths.samplers.base import AbstractSampler, CountedField, setting
from explorer.maths.samplers.ddim import renoised
from explorer.maths.shapes import Points


@dataclass(frozen=True)
class EulerAncestral(AbstractSampler):
    """Random, weak order 1, one model call for each step; ``eta`` in [0, 1] scales the noise that is added."""

    eta: float = 1.0
    name: ClassVar[str] = "euler_ancestral"
    label: ClassVar[str] = "Euler ancestral"
    order: ClassVar[int] = 1
    evals_per_step: ClassVar[int] = 1
    is_random: ClassVar[bool] = True
    source: ClassVar[str] = "Ho et al. 2020, arXiv:2006.11239"

    def __post_init__(self):
        setting("eta", self.eta, 0.0, 1.0)
        self.declare(is_random=self.eta > 0)

    def start(self, field, times, generator):
        return generator

    def step(self, field: CountedField, x: Points, t: float, t_next: float, memory: torch.Generator):
        return renoised(field(x, t), field.path.at(t_next), self.eta, memory), t_next, memory
