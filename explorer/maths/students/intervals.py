"""What the flow maps share: a batch in two parts, one for the velocity on the diagonal, one for intervals of time.

Source: Boffi, Albergo and Vanden-Eijnden 2025, arXiv:2505.18825. Where we differ: times are uniform.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from explorer.maths.students.method import Learner, Losses, mixed, squared


class Part(NamedTuple):
    """Clean samples and noise [n, *shape] with times t >= s [n], and the states ``x_t`` between them."""

    x: Tensor
    t: Tensor
    s: Tensor
    velocity: Tensor
    """Of each pair, ``eps - x_0``: right on average, and noisy."""


def parts(learner: Learner, diagonal: float) -> tuple[Part, Part]:
    """A fresh batch: the share ``diagonal`` of it at t = s, the rest on intervals."""
    clean, noise = learner.batch()
    cut = round(diagonal * len(clean))
    t = learner.uniform(cut)
    return part(clean[:cut], noise[:cut], t, t), part(
        clean[cut:], noise[cut:], *interval(learner, len(clean) - cut)
    )


def part(clean: Tensor, noise: Tensor, t: Tensor, s: Tensor) -> Part:
    """Pairs on their way, with the times they are asked for."""
    return Part(mixed(clean, noise, t), t, s, noise - clean)


def interval(learner: Learner, n: int) -> tuple[Tensor, Tensor]:
    """Times t >= s [n]: the larger and the smaller of two uniform draws."""
    one, other = learner.uniform(n), learner.uniform(n)
    return torch.maximum(one, other), torch.minimum(one, other)


def own_velocity(learner: Learner, x: Tensor, t: Tensor) -> Tensor:
    """The student's word on dx/dt: its average velocity over no time, ``u(x, t, t)``."""
    velocity: Tensor = learner.network(x, t)
    return velocity


def diagonal_residual(learner: Learner, part: Part, teacher: bool) -> Tensor:
    """The error of ``u(x, t, t)`` [n, *shape] against the teacher's velocity, or that of each pair."""
    answer = learner.teacher_velocity(part.x, part.t) if teacher else part.velocity
    return own_velocity(learner, part.x, part.t) - answer


def sums(learner: Learner, **residuals: Tensor) -> Losses:
    """Squares of each residual [n, *shape], summed, over the size of the whole batch."""
    return {name: squared(residual).sum() / learner.schedule.batch for name, residual in residuals.items()}


def check_share(name: str, value: float) -> None:
    """Raise ValueError unless a part of every batch is left for the intervals.

    Raises:
        ValueError: for a share outside [0, 1).
    """
    if not 0.0 <= value < 1.0:
        raise ValueError(
            f"`{name}` must be at least 0 and less than 1; got {value!r}; the usual share is 0.5"
        )
