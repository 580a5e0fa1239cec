"""DPM-Solver++ 2M: the linear part exactly, the clean prediction as a line through its last two values.

``x' = (sigma' / sigma) x + alpha' (1 - e^-h) [D + (D - D_before) h / (2 h_before)]``, h the step of
``log(alpha / sigma)``. The first step is of first order: it has no value before. From pure noise, where the log is
minus infinity, that step is the exact limit ``(sigma' / sigma) x + alpha' D``, and the step after it is of first
order too, since a line over an infinite interval is flat.

Source: Lu et al. 2022, arXiv:2211.01095, Algorithm 2.
"""

from dataclasses import dataclass
from math import inf, log
from typing import ClassVar, NamedTuple

from torch import Tensor

from explorer.maths.samplers.base import AbstractSampler, CountedField
from explorer.maths.samplers.ddim import shrink
from explorer.maths.shapes import Points


class Before(NamedTuple):
    """The last step's clean prediction and its length in log(alpha / sigma)."""

    denoised: Tensor
    length: float


@dataclass(frozen=True)
class DPMpp2M(AbstractSampler):
    """Deterministic, second order, one model call for each step."""

    name: ClassVar[str] = "dpmpp_2m"
    label: ClassVar[str] = "DPM-Solver++ 2M"
    order: ClassVar[int] = 2
    evals_per_step: ClassVar[int] = 1
    source: ClassVar[str] = "Lu et al. 2022, arXiv:2211.01095, Algorithm 2"

    def step(self, field: CountedField, x: Points, t: float, t_next: float, memory: Before | None):
        here, ahead = field.path.at(t), field.path.at(t_next)
        clean, left = field(x, t).denoised, shrink(here, ahead)
        length = -log(left) if left > 0 else inf
        line = clean
        if memory is not None and memory.length < inf:
            line = clean + (clean - memory.denoised) * (0.5 * length / memory.length)
        x_next = (ahead.sigma / here.sigma) * x + ahead.alpha * (1.0 - left) * line
        return x_next, t_next, Before(clean, length)
