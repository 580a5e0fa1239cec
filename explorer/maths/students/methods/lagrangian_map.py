"""Lagrangian flow-map distillation: the map must move with the flow at the place where it lands."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from explorer.maths.forward import jvp
from explorer.maths.students.method import AbstractMethod, Learner, Losses, across, mixed, squared


@dataclass(frozen=True)
class LagrangianMap(AbstractMethod):
    """The best any-step student here. With ``teacher=False`` the map is its own teacher, on its diagonal.

    ``diagonal`` is the share of a batch that is spent on the velocity ``u(x, t, t)``.
    """

    teacher: bool = True
    diagonal: float = 0.5
    name: ClassVar[str] = "lagrangian_map"
    label: ClassVar[str] = "Lagrangian map"
    kind: ClassVar[str] = "full"
    summary: ClassVar[str] = "The map's end must move with the flow there as t_next moves."
    source: ClassVar[str] = "Boffi, Albergo and Vanden-Eijnden 2025, arXiv:2505.18825"
    equation: ClassVar[str] = "|u + (s - t) du/ds - sg v(X(x, t, s), s)|^2"
    differs: ClassVar[str] = "uniform pairs of times; no learned weight"

    def losses(self, learner: Learner) -> Losses:
        """The velocity on the diagonal, and the Lagrangian residual off it; both over the whole batch's size."""
        clean, noise = learner.batch()
        n, cut = len(clean), round(self.diagonal * len(clean))
        t, s = interval(learner, n - cut)
        x = mixed(clean[cut:], noise[cut:], t)

        def velocity(s: Tensor) -> Tensor:
            return learner.network(x, t, s)

        u, rate = jvp(velocity, (s,), (torch.ones_like(s),))
        gap = across(s - t, x)
        there = (x + gap * u).detach()
        flow = learner.teacher_velocity(there, s) if self.teacher else learner.network(there, s).detach()
        return {
            "diagonal": diagonal_loss(learner, clean[:cut], noise[:cut], self.teacher).sum() / n,
            "lagrangian": squared(u + gap * rate - flow).sum() / n,
        }


def interval(learner: Learner, n: int) -> tuple[Tensor, Tensor]:
    """Times t >= s [n]: the larger and the smaller of two uniform draws."""
    one, other = learner.uniform(n), learner.uniform(n)
    return torch.maximum(one, other), torch.minimum(one, other)


def diagonal_loss(learner: Learner, clean: Tensor, noise: Tensor, teacher: bool) -> Tensor:
    """Squares [batch] of the error of ``u(x, t, t)`` against the teacher's velocity, or that of the pair."""
    t = learner.uniform(len(clean))
    x = mixed(clean, noise, t)
    answer = learner.teacher_velocity(x, t) if teacher else noise - clean
    return squared(learner.network(x, t) - answer)
