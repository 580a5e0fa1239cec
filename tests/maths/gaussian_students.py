"""Students that can be exact: networks in the closed form of one Gaussian's flow, whose mean and variance are learnt.

A method is right where such a student ends at the mean and the variance of the data, whatever it began with.
"""

import torch
from torch import Tensor, nn

from explorer.maths.targets import mixture

MEAN, VARIANCE = (0.7, -0.4), 0.25
TARGET = mixture([1.0], [list(MEAN)], [[[VARIANCE, 0.0], [0.0, VARIANCE]]])


def flowed(x, t, s, mean, variance):
    """Where the flow of N(mean, variance I) takes x [n, 2] from t to s, both [n], on the linear path."""
    t, s = t[:, None], s[:, None]
    growth = (((1 - s) ** 2 * variance + s**2) / ((1 - t) ** 2 * variance + t**2)).sqrt()
    return (1 - s) * mean + growth * (x - (1 - t) * mean)


def target_flow(x, t: float, s: float):
    """Where the target's own flow takes x [n, 2] from t to s."""
    ends = (torch.full((len(x),), time, dtype=torch.float64) for time in (t, s))
    return flowed(x.double(), *ends, torch.tensor(MEAN, dtype=torch.float64), VARIANCE)


class GaussianForm(nn.Module):
    """Begins as the flow of N(0, I). ``landing`` makes it an endpoint map, else it is a full map."""

    def __init__(self, landing: bool):
        super().__init__()
        self.landing = landing
        self.mean, self.log_variance = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(()))

    @property
    def variance(self) -> Tensor:
        return self.log_variance.exp().double()

    def forward(self, x, t, t_next=None):
        times = torch.as_tensor(t).double().expand(len(x))
        if t_next is not None:
            ends = torch.as_tensor(t_next).double().expand(len(x))
        else:
            ends = torch.zeros_like(times) if self.landing else times
        return self.average(x.double(), times, ends).to(x.dtype)

    def average(self, x, t, s):
        """The average velocity: a quotient, and the velocity itself where that would be 0/0."""
        near = t - s < 1e-5
        gap = torch.where(near, torch.ones_like(t), s - t)[:, None]
        mean = self.mean.double()
        away = (flowed(x, t, s, mean, self.variance) - x) / gap
        t = t[:, None]
        growth = (t - (1 - t) * self.variance) / ((1 - t) ** 2 * self.variance + t**2)
        return torch.where(near[:, None], -mean + growth * (x - (1 - t) * mean), away)
