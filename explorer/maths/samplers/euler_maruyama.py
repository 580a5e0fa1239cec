"""Euler-Maruyama on the reverse SDE, with a dial from the flow (eta = 0) to Anderson's equation (eta = 1).

``dx = [f - (1 + eta^2) / 2 g^2 score] dt + eta g dw``: every eta has the same marginals. With
``g^2 = 2 sigma W / alpha`` (W the path's Wronskian) the drift is ``velocity + eta^2 (W / alpha) eps``, so that eta = 0
is Euler's method, bit for bit. Where no data is left in the state g is infinite; the step from there follows the
flow, which leads to the same marginal. Just below it g is still large: there the weak order is min(1, 2 eta^2).

Source: Song et al. 2021, arXiv:2011.13456, equation 6; the dial is Karras et al. 2022, arXiv:2206.00364, equation 6.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

import torch

from explorer.maths.samplers.base import AbstractSampler, CountedField, noise_like, setting
from explorer.maths.shapes import Points


@dataclass(frozen=True)
class EulerMaruyama(AbstractSampler):
    """Random, weak order 1, one model call for each step; ``eta`` >= 0 scales the noise."""

    eta: float = 1.0
    name: ClassVar[str] = "euler_maruyama"
    label: ClassVar[str] = "Euler-Maruyama (reverse SDE)"
    order: ClassVar[int] = 1
    evals_per_step: ClassVar[int] = 1
    is_random: ClassVar[bool] = True
    source: ClassVar[str] = "Song et al. 2021, arXiv:2011.13456, equation 6"

    def __post_init__(self):
        setting("eta", self.eta, 0.0, 10.0)
        self.declare(is_random=self.eta > 0)

    def start(
        self, field: CountedField, times: Sequence[float], generator: torch.Generator
    ) -> torch.Generator:
        return generator

    def step(self, field: CountedField, x: Points, t: float, t_next: float, memory: torch.Generator):
        dt, prediction, level = t_next - t, field(x, t), field.path.at(t)
        x_next = x + dt * prediction.velocity
        if self.eta == 0 or level.alpha == 0:
            return x_next, t_next, memory
        pull = self.eta**2 * level.wronskian / level.alpha
        spread = sqrt(-2.0 * dt * pull * level.sigma)  # = eta g sqrt(|dt|)
        return x_next + dt * pull * prediction.noise + spread * noise_like(x, memory), t_next, memory
