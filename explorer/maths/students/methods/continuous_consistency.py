"""Continuous-time consistency in TrigFlow: the clean sample must not change at all along a path.

At angle th ``x = cos(th) x_0 + sin(th) z``, and a network F stands for ``f = cos(th) x - sin(th) F``, the clean sample.
Its rate along a path comes from one forward derivative.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from explorer.maths.forward import jvp
from explorer.maths.students.identities import Velocity
from explorer.maths.students.method import AbstractMethod, Learner, Losses, across, squared
from explorer.maths.training.run import Schedule

Output = Callable[[Tensor, Tensor], Tensor]
"""F at states [batch, *shape] and angles [batch]."""
MARGIN = 1e-3
"""Angles stay so far from 0 and from a quarter turn."""
SPREAD, SHIFT = 1.4, -0.4
"""Of the log of tan(th), which is Gaussian."""
SOFTEN = 0.1
"""Added to the length that the rate is divided by."""
WARM = 1 / 6
"""The share of the run over which the derivative of F comes in."""


@dataclass(frozen=True)
class ContinuousConsistency(AbstractMethod):
    """Along the teacher's paths (sCD), or with ``teacher=False`` along the line of each pair (sCT).

    ``pure`` is the share of a batch at pure noise: without it the one step that generates is hardly ever learnt.
    """

    teacher: bool = True
    pure: float = 0.2
    name: ClassVar[str] = "continuous_consistency"
    label: ClassVar[str] = "Continuous consistency"
    kind: ClassVar[str] = "endpoint"
    summary: ClassVar[str] = "The clean sample must stand still along a path, by its derivative."
    source: ClassVar[str] = "Lu and Song 2024, arXiv:2410.11081"
    equation: ClassVar[str] = "|F - sg(F + g/(|g| + 0.1))|^2, g = cos(th) df/dth, f = cos(th) x - sin(th) F"
    differs: ClassVar[str] = (
        "no learned weight; a share of the batch at pure noise; the network is one of the linear path, read as F; "
        "data of about unit spread are taken as they are"
    )
    schedule: ClassVar[Schedule] = Schedule(6000, learning_rate=5e-4)

    def __post_init__(self):
        if not 0.0 <= self.pure <= 1.0:
            raise ValueError(f"`pure` must be a share from 0 to 1; got {self.pure!r}; the usual share is 0.2")
        if not self.teacher:
            self.declare(asks_teacher=False)

    def losses(self, learner: Learner) -> Losses:
        """The distance of F to where its rate, cut to about unit length, would take it."""
        clean, noise = learner.batch()
        angle = angles(learner, self.pure)
        cos, sin = across(angle.cos(), clean), across(angle.sin(), clean)
        x = cos * clean + sin * noise
        along = turned(learner.teacher_velocity, x, angle) if self.teacher else cos * noise - sin * clean

        def output(x: Tensor, angle: Tensor) -> Tensor:
            return turned(learner.network, x, angle)

        now, rate = standing(output, x, angle, along, min(1.0, learner.share / WARM))
        step = rate / (across(squared(rate).sqrt(), rate) + SOFTEN)
        return {"tangent": squared(output(x, angle) - now - step).mean()}


def angles(learner: Learner, pure: float) -> Tensor:
    """Angles [batch]: a share at pure noise, the rest with ``log tan(th)`` Gaussian."""
    n = learner.schedule.batch
    cut = round(pure * n)
    log_tan = SPREAD * torch.special.ndtri(learner.uniform(n - cut)) + SHIFT
    drawn = log_tan.exp().atan().clamp(MARGIN, math.pi / 2 - MARGIN)
    return torch.cat([torch.full((cut,), math.pi / 2 - MARGIN), drawn])


def turned(velocity: Velocity, x: Tensor, angle: Tensor) -> Tensor:
    """F [batch, *shape] of a velocity of the linear path, and ``dx/dth`` where that is the flow's own.

    ``F = (cos - sin) x_l + n(x_l, t_l)/a`` with ``a = cos + sin``, ``x_l = x/a`` and ``t_l = sin/a``: nothing is
    divided by a number that goes to 0, and ``cos x - sin F`` is ``x_l - t_l n``.
    """
    cos, sin = angle.cos(), angle.sin()
    scale = across(cos + sin, x)
    line = x / scale
    return across(cos - sin, x) * line + velocity(line, sin / (cos + sin)) / scale


@torch.no_grad()
def standing(
    output: Output, x: Tensor, angle: Tensor, along: Tensor, warm: float = 1.0
) -> tuple[Tensor, Tensor]:
    """F, and ``g = cos(th) df/dth`` [batch, *shape] as x moves along ``dx/dth``: zero where f stands still.

    ``g = -cos^2 (F - dx/dth) - warm cos sin (x + dF/dth)``; with ``warm`` below 1 the derivative counts less.
    """
    both = angle.cos() * angle.sin()
    now, change = jvp(output, (x, angle), (across(both, x) * along, both))
    rate = -(across(angle.cos(), x) ** 2) * (now - along) - warm * (across(both, x) * x + change)
    return now, rate
