"""Shortcut models: a step must go as far as two steps of half its size, from the smallest up."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from explorer.maths.students.flow_map import AbstractFlowMap
from explorer.maths.students.identities import AverageVelocity, progressive
from explorer.maths.students.intervals import Part, check_share, diagonal_residual, part, sums
from explorer.maths.students.kinds import DyadicMap
from explorer.maths.students.method import AbstractMethod, Learner, Losses


@dataclass(frozen=True)
class Shortcut(AbstractMethod):
    """Steps of 1, 1/2, 1/4, ...: ``levels`` sizes, each taught by two of the next, the smallest by the velocity.

    ``diagonal`` is the share of a batch that is spent on the velocity ``u(x, t, t)``.
    """

    levels: int = 6
    diagonal: float = 0.75
    name: ClassVar[str] = "shortcut"
    label: ClassVar[str] = "Shortcut model"
    kind: ClassVar[str] = "full"
    summary: ClassVar[str] = "A step must go as far as two of half its size; sizes are 1, 1/2, 1/4, ..."
    source: ClassVar[str] = "Frans et al. 2024, arXiv:2410.12557"
    equation: ClassVar[str] = "|u(x, t, t - d) - sg [u(x, t, t - d/2) + u(x', t - d/2, t - d)]/2|^2"
    differs: ClassVar[str] = (
        "6 sizes of step where the paper has 7 and more; the size is read as t - t_next, not as its logarithm"
    )
    asks_teacher: ClassVar[bool] = False
    begins: ClassVar[str] = "random"

    def __post_init__(self):
        check_share("diagonal", self.diagonal)
        if isinstance(self.levels, bool) or not isinstance(self.levels, int) or not 1 <= self.levels <= 10:
            raise ValueError(f"`levels` must be a whole number from 1 to 10; got {self.levels!r}")

    def losses(self, learner: Learner) -> Losses:
        """Flow matching on the diagonal, and steps against their halves by the averaged weights."""
        even, steps = self.batch(learner)
        halves = with_smallest(learner.averaged, 0.5**self.levels)
        half = torch.full_like(steps.t, 0.5)
        return sums(
            learner,
            diagonal=diagonal_residual(learner, even, teacher=False),
            halves=progressive(learner.network, halves, steps.x, steps.t, steps.s, half),
        )

    def batch(self, learner: Learner) -> tuple[Part, Part]:
        """A fresh batch: a share at t = s, the rest on steps of ``d = 2^-k`` from ``t = 1 - j d``."""
        clean, noise = learner.batch()
        cut = round(self.diagonal * len(clean))
        rest = len(clean) - cut
        finer = torch.exp2(torch.floor(self.levels * learner.uniform(rest)).clamp(max=self.levels - 1))
        before = torch.floor(finer * learner.uniform(rest)).clamp(max=finer - 1)
        t = learner.uniform(cut)
        return part(clean[:cut], noise[:cut], t, t), part(
            clean[cut:], noise[cut:], 1.0 - before / finer, 1.0 - (before + 1) / finer
        )

    def flow_map(self, network: nn.Module, shape: tuple[int, ...]) -> AbstractFlowMap:
        """A full map on the steps that were trained."""
        return DyadicMap(network, shape, self.name, finest=2 ** (self.levels - 1))


def with_smallest(u: AverageVelocity, size: float) -> AverageVelocity:
    """The average velocity, and for steps of ``size`` or less the velocity ``u(x, t, t)`` itself."""

    def asked(x: Tensor, t: Tensor, s: Tensor) -> Tensor:
        return u(x, t, torch.where(t - s > size, s, t))

    return asked
