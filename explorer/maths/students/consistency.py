"""What consistency models on a grid of times share.

Source: Song et al. 2023, arXiv:2303.01469. Where we differ: the linear path, and grids even in t.
"""

import torch
from torch import Tensor

from explorer.maths.students.identities import Velocity
from explorer.maths.students.method import across


def landing(network: Velocity, x: Tensor, t: Tensor) -> Tensor:
    """``f(x, t) = x - t n(x, t)`` [batch, *shape], the student's word on x_0; at t = 0 it is x itself."""
    return x - across(t, x) * network(x, t)


def grid_step(even: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """Times ``t = k/cells`` and ``r = (k - 1)/cells`` [batch] of even draws in [0, 1)."""
    below = torch.floor(even * cells).clamp(max=cells - 1)  # a draw next to 1 may round up
    return (below + 1) / cells, below / cells


def check_cells(cells: int) -> None:
    """Raise ValueError unless it is a number of steps.

    Raises:
        ValueError: for less than one step, or no whole number.
    """
    if isinstance(cells, bool) or not isinstance(cells, int) or cells < 1:
        raise ValueError(
            f"`cells` must be a whole number of at least 1; got {cells!r}; the usual number is 64"
        )
