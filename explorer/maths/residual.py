"""A residual network of (x, t), with room for a second time: for samples of more than two numbers.

Source: He et al. 2016, arXiv:1603.05027 (activation before each layer of a block). Where we differ: no normalisation;
the second layer of each block begins without the gain of the first, so that sums grow slowly with depth.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from explorer.maths.networks import (
    GAIN,
    TIME_FEATURES,
    applied,
    first_linear,
    gap_features,
    per_row,
    time_features,
)
from explorer.maths.shapes import Points, Time


class ResidualMLP(nn.Module):
    """``blocks`` of two layers of ``width`` around ``[x, emb(t)]``: 431,424 weights on 64 numbers.

    Called as ``FlowMLP`` is: ``forward(x, t)`` for one time, ``forward(x, t, t_next)`` for an interval, whose input
    starts at zero. Samples [batch, *shape] of ``dims`` numbers are flattened on the way in; weights are cast to the
    type of x. First weights are drawn from ``seed``.
    """

    def __init__(
        self, dims: int = 64, width: int = 256, blocks: int = 3, interval: bool = True, seed: int = 0
    ):
        super().__init__()
        self.dims, self.width = dims, width
        generator = torch.Generator().manual_seed(seed)
        self.first = first_linear(dims + TIME_FEATURES, width, generator)
        gains = (GAIN, 1.0) * blocks
        self.inner = nn.ModuleList(first_linear(width, width, generator, gain) for gain in gains)
        self.last = first_linear(width, dims, generator)
        self.interval = nn.Parameter(torch.zeros(width, TIME_FEATURES)) if interval else None

    def forward(self, x: Points, t: Time, t_next: Time | None = None) -> Points:
        """The prediction at states x [batch, *shape]; times are floats or [batch]."""
        t = per_row(t, x)
        hidden = applied(self.first, torch.cat([x.flatten(1), time_features(t)], 1))
        if t_next is not None:
            hidden = hidden + linear(gap_features(t - per_row(t_next, x)), self._interval().to(x.dtype))
        for up, down in zip(self.inner[::2], self.inner[1::2], strict=True):
            hidden = hidden + applied(down, silu(applied(up, silu(hidden))))
        return applied(self.last, silu(hidden)).reshape(x.shape)

    def _interval(self) -> Tensor:
        if self.interval is None:
            raise ValueError(
                "`t_next` needs a network with an interval input; build it with ResidualMLP(..., interval=True)"
            )
        return self.interval
