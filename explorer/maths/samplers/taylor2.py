"""Second-order Taylor: DDIM's step, and how the clean prediction changes along the curve.

GENIE writes the step in r = sigma / alpha, which is infinite where no data is left (t = 1 on three of our paths). The
angle ``phi = atan(sigma / alpha)`` is regular at both ends. There ``z = x / hypot(alpha, sigma)`` obeys
``z'' = -z - (dD/dphi) / sin(phi)``: the first term is the rotation that DDIM takes exactly, the second gives
``x' = DDIM's x' - hypot(alpha', sigma') (1 - cos(phi' - phi)) (dD/dphi) / sin(phi)``.

``dD/dphi`` is the total derivative along the curve, one forward-mode product (``torch.func.jvp``). Where the field
has none it is a difference over a twentieth of the step; ``notes["exact_derivative"]`` says which one it was.

Source: Dockhorn et al. 2022, arXiv:2210.05475, equation 10. Where we differ: the angle, and the derivative is taken
from the field itself, not from a distilled head.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import atan2, cos, hypot
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from explorer.maths.forward import jvp
from explorer.maths.samplers.base import AbstractSampler, CountedField
from explorer.maths.shapes import Points

DIFFERENCE = 0.05
"""The part of the step over which the difference is taken: its own error stays below the method's."""


class Taken(NamedTuple):
    """What the last step used."""

    notes: Mapping[str, Tensor]


@dataclass(frozen=True)
class Taylor2(AbstractSampler):
    """Deterministic, second order; two model calls for each step, the second one with a tangent."""

    name: ClassVar[str] = "taylor2"
    label: ClassVar[str] = "Taylor 2 (GENIE)"
    order: ClassVar[int] = 2
    evals_per_step: ClassVar[int] = 2
    source: ClassVar[str] = "Dockhorn et al. 2022, arXiv:2210.05475"

    def step(self, field: CountedField, x: Points, t: float, t_next: float, memory: Taken | None):
        here, ahead, prediction = field.path.at(t), field.path.at(t_next), field(x, t)
        change, exact = _change_of_clean(field, x, t, t_next)
        length, length_next = hypot(here.alpha, here.sigma), hypot(ahead.alpha, ahead.sigma)
        turn = atan2(ahead.sigma, ahead.alpha) - atan2(here.sigma, here.alpha)
        per_angle = length**2 / here.wronskian * (length / here.sigma)  # dt/dphi, over sin(phi)
        bend = length_next * (1.0 - cos(turn)) * per_angle
        x_next = ahead.alpha * prediction.denoised + ahead.sigma * prediction.noise - bend * change
        return x_next, t_next, Taken({"exact_derivative": torch.tensor(exact)})


def _change_of_clean(field: CountedField, x: Points, t: float, t_next: float) -> tuple[Points, bool]:
    """dD/dt along the curve through (x, t), and whether it is exact."""
    slope = field(x, t).velocity
    try:
        change = _tangent(field, x, t, slope)
    except (RuntimeError, NotImplementedError, TypeError):  # a field that torch cannot differentiate forwards
        dt = DIFFERENCE * (t_next - t)
        return (field(x + dt * slope, t + dt).denoised - field(x, t).denoised) / dt, False
    field.evals += 1
    return change, True


def _tangent(field: CountedField, x: Points, t: float, slope: Points) -> Points:
    times = x.new_full((len(x),), t)
    ask = lambda x, t: field.field(x, t).denoised  # noqa: E731 # past the count: its dual tensors must not be kept
    change: Points = jvp(ask, (x, times), (slope, torch.ones_like(times)))[1]
    return change
