"""What the exact flow map obeys, as residuals that are zero on it: the rules that flow maps are trained by.

``u(x, t, s)`` is the average velocity of a map ``X(x, t, s) = x + (s - t) u``, ``v(x, t)`` the velocity of the flow,
times are [batch] with t >= s. Each function holds still, without gradient, what its method holds still.

Sources: Boffi, Albergo and Vanden-Eijnden 2025, arXiv:2505.18825 (Lagrangian, Eulerian, progressive);
Geng et al. 2025, arXiv:2505.13447 (MeanFlow, the Eulerian rule along a sample's own velocity).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from explorer.maths.forward import jvp
from explorer.maths.students.method import across

AverageVelocity = Callable[[Tensor, Tensor, Tensor], Tensor]
Velocity = Callable[[Tensor, Tensor], Tensor]


def lagrangian(u: AverageVelocity, v: Velocity, x: Tensor, t: Tensor, s: Tensor) -> Tensor:
    """``u + (s - t) du/ds - v(X, s)`` [batch, *shape]: the map's end moves with the flow. ``v`` is held still."""

    def ending(s: Tensor) -> Tensor:
        return u(x, t, s)

    average, rate = jvp(ending, (s,), (torch.ones_like(s),))
    gap = across(s - t, x)
    with torch.no_grad():
        flow = v(x + gap * average, s)
    return average + gap * rate - flow


def eulerian(u: AverageVelocity, along: Tensor, x: Tensor, t: Tensor, s: Tensor) -> Tensor:
    """``u - [along - (t - s) du/dt]`` [batch, *shape]: the map's start may move with the flow, its end stays.

    ``along`` is the velocity at (x, t); the bracket is held still.
    """
    return u(x, t, s) - (along - across(t - s, x) * slope(u, along, x, t, s))


def improved(u: AverageVelocity, v: Velocity, answer: Tensor, x: Tensor, t: Tensor, s: Tensor) -> Tensor:
    """``u + (t - s) du/dt - answer`` [batch, *shape], with du/dt along ``v(x, t)`` held still.

    The velocity that the map implies, against an answer that may be noisy: noise stays out of the derivative.
    """
    with torch.no_grad():
        along = v(x, t)
    return u(x, t, s) + across(t - s, x) * slope(u, along, x, t, s) - answer


def progressive(
    u: AverageVelocity, halves: AverageVelocity, x: Tensor, t: Tensor, s: Tensor, share: Tensor
) -> Tensor:
    """``u(x, t, s) - [(1 - h) halves(x, t, q) + h halves(X(x, t, q), q, s)]``: one call goes as far as two.

    The stop on the way is ``q = s + h (t - s)`` with h = ``share`` [batch]; the bracket is held still.
    """
    h = across(share, x)
    stop = s + share * (t - s)
    with torch.no_grad():
        first = halves(x, t, stop)
        second = halves(x + across(stop - t, x) * first, stop, s)
        whole = (1.0 - h) * first + h * second
    return u(x, t, s) - whole


@torch.no_grad()
def slope(u: AverageVelocity, along: Tensor, x: Tensor, t: Tensor, s: Tensor) -> Tensor:
    """``du/dt`` [batch, *shape] as x moves along a velocity: ``partial_t u + grad_x u . along``."""

    def starting(x: Tensor, t: Tensor) -> Tensor:
        return u(x, t, s)

    rate: Tensor = jvp(starting, (x, t), (along, torch.ones_like(t)))[1]
    return rate
