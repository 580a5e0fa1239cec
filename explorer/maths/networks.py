"""Small networks of (x, t), with room for a second time.

Source: sines of the position after Tancik et al. 2020, arXiv:2006.10739. Where we
differ: first weights are 2.2 times torch's own, since SiLU halves a signal: a teacher of two moons comes to a W2
of .042 and not of .051. And dtype follows the input: weights are cast on the way, so that a network kept in
float32 answers a float64 state with float64 digits.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from explorer.maths.shapes import Points, Time

FREQUENCIES = (1, 2, 4)
"""Of the time features; low, since a derivative in t multiplies by pi times these."""
GAIN = 2.2
"""Of the first weights of hidden layers, over torch's uniform +-1/sqrt(inputs)."""
TIME_FEATURES = 1 + 2 * len(FREQUENCIES)


class FlowMLP(nn.Module):
    """``depth`` hidden layers of ``width`` with SiLU on ``[x, emb(t)]``: 51,970 weights on the plane.

    ``forward(x, t)`` answers for one time, ``forward(x, t, t_next)`` for the interval from t to t_next. With
    ``interval`` the first layer gets ``W_d emb0(t - t_next)``, where ``emb0(0) = 0`` exactly and ``W_d`` starts at
    zero: a fresh interval net is the velocity net, and always is at ``t_next = t``.

    ``dims`` is how many numbers a sample holds; samples [batch, *shape] are flattened on the way in. ``waves`` adds
    sin and cos of 2 x, 4 x, ... 2^waves x, without which thin windings are learnt late. First weights are drawn
    from ``seed``, those of hidden layers ``gain`` times torch's own; the global generator is left alone.
    """

    def __init__(
        self,
        dims: int = 2,
        width: int = 128,
        depth: int = 4,
        interval: bool = True,
        waves: int = 0,
        seed: int = 0,
        gain: float = GAIN,
    ):
        super().__init__()
        self.dims, self.width, self.depth, self.waves = dims, width, depth, waves
        sizes = (dims * (1 + 2 * waves) + TIME_FEATURES, *[width] * depth, dims)
        generator = torch.Generator().manual_seed(seed)
        self.layers = stacked(sizes, generator, gain)
        self.interval = nn.Parameter(torch.zeros(width, TIME_FEATURES)) if interval else None

    def forward(self, x: Points, t: Time, t_next: Time | None = None) -> Points:
        """The prediction at states x [batch, *shape]; times are floats or [batch]."""
        t = per_row(t, x)
        hidden = applied(self.layers[0], torch.cat([places(x, self.waves), time_features(t)], 1))
        if t_next is not None:
            hidden = hidden + linear(gap_features(t - per_row(t_next, x)), self._interval().to(x.dtype))
        return onward(self.layers, hidden).reshape(x.shape)

    def _interval(self) -> Tensor:
        if self.interval is None:
            raise ValueError(
                "`t_next` needs a network with an interval input; build it with FlowMLP(..., interval=True)"
            )
        return self.interval


class HeadMLP(nn.Module):
    """The velocity of a head flow: ``forward(y, r, x, t)`` moves y at inner time r, given the state x at time t.

    The body is that of ``FlowMLP`` on ``[y, emb(r), x, emb(t)]``: 52,226 weights on the plane. Source: Shaul et al.
    2025, arXiv:2506.23589; where we differ: one small network in place of a head on a large backbone.
    """

    def __init__(self, dims: int = 2, width: int = 128, depth: int = 4, waves: int = 0, seed: int = 0):
        super().__init__()
        self.dims, self.width, self.depth, self.waves = dims, width, depth, waves
        inputs = 2 * (dims * (1 + 2 * waves) + TIME_FEATURES)
        self.layers = stacked((inputs, *[width] * depth, dims), torch.Generator().manual_seed(seed))

    def forward(self, y: Points, r: Time, x: Points, t: Time) -> Points:
        """The velocity dy/dr [batch, *shape] at y and x, both [batch, *shape]; times are floats or [batch]."""
        when, given = time_features(per_row(r, y)), time_features(per_row(t, x))
        seen = torch.cat([places(y, self.waves), when, places(x, self.waves), given], 1)
        return onward(self.layers, applied(self.layers[0], seen)).reshape(y.shape)


def stacked(sizes: Sequence[int], generator: torch.Generator, gain: float = GAIN) -> nn.ModuleList:
    """Linear layers between neighbouring sizes, the hidden ones with ``gain``."""
    layers = nn.ModuleList(first_linear(*ends, generator, gain) for ends in pairwise(sizes[:-1]))
    return layers.append(first_linear(sizes[-2], sizes[-1], generator))


def onward(layers: nn.ModuleList, hidden: Tensor) -> Tensor:
    """From the first layer's answer [batch, width] through all others."""
    for layer in list(layers)[1:]:
        hidden = applied(layer, silu(hidden))
    return hidden


def places(x: Tensor, waves: int) -> Tensor:
    """``x`` [batch, numbers], with sin and cos of 2 x, 4 x, ... 2^waves x behind it."""
    x = x.flatten(1)
    angles = [2.0**k * x for k in range(1, waves + 1)]
    return torch.cat([x, *(wave for angle in angles for wave in (angle.sin(), angle.cos()))], 1)


def time_features(t: Tensor) -> Tensor:
    """``emb(t) = [t, sin(pi k t), cos(pi k t)]`` for k in FREQUENCIES: [batch] -> [batch, 7]."""
    angles = t[:, None] * t.new_tensor([math.pi * k for k in FREQUENCIES])
    return torch.cat([t[:, None], angles.sin(), angles.cos()], 1)


def gap_features(gap: Tensor) -> Tensor:
    """``emb0(d) = [d, sin(pi k d), cos(pi k d) - 1]``: exactly zero at d = 0."""
    angles = gap[:, None] * gap.new_tensor([math.pi * k for k in FREQUENCIES])
    return torch.cat([gap[:, None], angles.sin(), angles.cos() - 1.0], 1)


def per_row(t: Time, x: Tensor) -> Tensor:
    """A time for each row of x, in its type: a float or [batch] -> [batch]."""
    return t.to(x.dtype) if isinstance(t, Tensor) else x.new_full((len(x),), t)


def applied(layer: nn.Module, x: Tensor) -> Tensor:
    """A linear layer's answer in the type of x."""
    assert isinstance(layer, nn.Linear)
    return linear(x, layer.weight.to(x.dtype), layer.bias.to(x.dtype))


def first_linear(inputs: int, outputs: int, generator: torch.Generator, gain: float = 1.0) -> nn.Linear:
    """A linear layer with weights uniform in +-gain/sqrt(inputs), biases in +-1/sqrt(inputs)."""
    # By way of "meta", where torch's own first weights cost no draw from the global generator.
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device=torch.get_default_device())
    if not layer.weight.is_meta:
        bound = inputs**-0.5
        with torch.no_grad():
            layer.weight.uniform_(-gain * bound, gain * bound, generator=generator)
            layer.bias.uniform_(-bound, bound, generator=generator)
    return layer
