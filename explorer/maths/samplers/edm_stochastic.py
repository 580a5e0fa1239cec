"""EDM's stochastic sampler: add a little noise, then take Heun's step from the higher level.

In y = x / alpha and r = sigma / alpha, on every path: the ratio is raised to ``r_hat = (1 + gamma) r`` by noise
*before* the model is called, the model is called there, and the step goes from ``r_hat`` to r'. (A common slip adds
the noise after the call: at 20 steps and a churn of 20 it leaves a standard deviation of 0.64 where this leaves 0.40.)

Two limits: the ratio is raised no further than the path goes, and from a state without data (r infinite) the step is
Heun's in the path's own time, which is regular there.

Source: Karras et al. 2022, arXiv:2206.00364, Algorithm 2. ``churn, churn_from, churn_to, noise_scale`` are its
S_churn, S_min, S_max and S_noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import ClassVar, NamedTuple

import torch

from explorer.maths.samplers.base import AbstractSampler, CountedField, noise_like, setting
from explorer.maths.shapes import Points


class Churn(NamedTuple):
    """What a run keeps: gamma, the largest ratio that the field can be asked at, and the noise."""

    gamma: float
    top: float
    generator: torch.Generator


@dataclass(frozen=True)
class EDMStochastic(AbstractSampler):
    """Random; second order without churn, weak order 1 with it; two model calls for each step but the last.

    ``churn`` is spread over the steps whose ratio sigma / alpha lies in [churn_from, churn_to]; ``noise_scale``
    inflates the noise a little for models that denoise too much. ``correction=False`` leaves Euler's step: one call.
    """

    churn: float = 20.0
    churn_from: float = 0.05
    churn_to: float = 50.0
    noise_scale: float = 1.0
    correction: bool = True
    name: ClassVar[str] = "edm_stochastic"
    label: ClassVar[str] = "EDM stochastic (Heun with churn)"
    order: ClassVar[int] = 1
    evals_per_step: ClassVar[int] = 2
    is_random: ClassVar[bool] = True
    source: ClassVar[str] = "Karras et al. 2022, arXiv:2206.00364, Algorithm 2"

    def __post_init__(self):
        setting("churn", self.churn, 0.0, 1000.0)
        setting("churn_from", self.churn_from, 0.0)
        setting("churn_to", self.churn_to, self.churn_from)
        setting("noise_scale", self.noise_scale, 0.0, 2.0)
        self.declare(is_random=self.churn > 0, evals_per_step=2 if self.correction else 1)

    def start(self, field: CountedField, times: Sequence[float], generator: torch.Generator) -> Churn:
        level = field.path.at(max(times[0], getattr(field.field, "latest", 1.0)))
        top = float(level.sigma / level.alpha) if level.alpha > 0 else inf
        return Churn(min(self.churn / (len(times) - 1), sqrt(2.0) - 1.0), top, generator)

    def step(self, field: CountedField, x: Points, t: float, t_next: float, memory: Churn):
        path, ahead = field.path, field.path.at(t_next)
        if path.at(t).alpha == 0:
            return self._from_pure_noise(field, x, t, t_next), t_next, memory
        x, t = self._raised(field, x, t, memory)
        here = path.at(t)
        clean_state, distance = x / here.alpha, ahead.sigma / ahead.alpha - here.sigma / here.alpha
        slope = field(x, t).noise
        x_next = ahead.alpha * (clean_state + distance * slope)
        if self.correction:
            slope = 0.5 * (slope + field(x_next, t_next).noise)
            x_next = ahead.alpha * (clean_state + distance * slope)
        return x_next, t_next, memory

    def _from_pure_noise(self, field: CountedField, x: Points, t: float, t_next: float) -> Points:
        dt, slope = t_next - t, field(x, t).velocity
        if self.correction:
            slope = 0.5 * (slope + field(x + dt * slope, t_next).velocity)
        return x + dt * slope

    def _raised(self, field: CountedField, x: Points, t: float, run: Churn) -> tuple[Points, float]:
        """The state with noise added, at its higher level; the state itself where none is due."""
        here = field.path.at(t)
        ratio = here.sigma / here.alpha
        raised = min(ratio * (1.0 + run.gamma), run.top)
        if raised <= ratio or not self.churn_from <= ratio <= self.churn_to:
            return x, t
        t_raised = float(field.path.time_of(raised))
        added = self.noise_scale * sqrt(raised**2 - ratio**2) * noise_like(x, run.generator)
        return field.path.at(t_raised).alpha * (x / here.alpha + added), t_raised
