"""The bound for logits that bend along the step."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from explorer.maths.softmax import second
from explorer.maths.softmax.second import quadratic_bound, second_radius
from explorer.maths.softmax.step import step_radius


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Bent(nn.Module):
    """Logits ``z + a w + b w^2 / 2`` of one parameter w; inputs [n, 3, k] are z, a and b."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x):
        return x[:, 0] + x[:, 1] * self.w + x[:, 2] * self.w**2 / 2


ONE = {"w": torch.ones((), dtype=torch.float64)}


def test_it_is_the_step_at_which_phases_may_spread_over_half_a_turn():
    """R spread(a) + R^2 spread(b) / 2 = pi."""
    x = draw(50, 3, 5)
    found = second_radius(Bent(), x, ONE)
    a, b = (x[:, i].amax(1) - x[:, i].amin(1) for i in (1, 2))
    spread = found.bound * a + found.bound**2 * b / 2
    torch.testing.assert_close(spread, torch.full_like(a, math.pi), rtol=1e-12, atol=0.0)
    torch.testing.assert_close(found.bend, b, rtol=1e-12, atol=0.0)
    assert found.by == "jvp"


def test_no_zero_of_quadratic_logits_is_nearer():
    """Counted by the phase of F along the circle of that radius, finely; a circle three times as large has zeros."""
    x = draw(40, 3, 4, seed=3)
    bound = second_radius(Bent(), x, ONE).bound.numpy()
    z, a, b = (x[:, i].numpy()[:, :, None] for i in range(3))

    def zeros(radius):
        t = (radius[:, None] * np.exp(2j * np.pi * np.arange(4097) / 4096))[:, None]
        phase = np.unwrap(np.angle(np.exp(z + a * t + b * t * t / 2).sum(1)), axis=1)
        return np.rint((phase[:, -1] - phase[:, 0]) / (2 * np.pi))

    assert (zeros(bound) == 0).all()
    assert (zeros(3 * bound) > 0).any()


def test_linear_logits_have_the_bound_of_their_spread():
    with torch.random.fork_rng():
        module = nn.Linear(6, 4).double()
    x, step = draw(9, 6), {"weight": draw(4, 6, seed=1)}
    found = second_radius(module, x, step, temperature=2.0)
    torch.testing.assert_close(
        1 / found.bound, step_radius(module, x, step, temperature=2.0).r, rtol=1e-12, atol=0.0
    )
    assert float(found.bend.abs().max()) < 1e-12
    assert float(quadratic_bound(torch.zeros(1), torch.zeros(1))) == math.inf


@pytest.mark.parametrize(
    ("act", "nested", "by"),
    [
        (nn.Tanh(), True, "jvp"),
        (nn.GELU(), True, "jvp"),
        (nn.LayerNorm(16), True, "difference"),  # torch's own derivative of a derivative is wrong there
        (nn.Tanh(), False, "difference"),
    ],
)
def test_a_net_bends_as_differences_of_its_logits_say(monkeypatch, act, nested, by):
    """Also where a product has no derivative of its own, or a wrong one, and two products are compared instead."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(6, 16), act, nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 4)).double()
    x = draw(9, 6)
    step = {n: 0.2 * draw(*p.shape, seed=i) for i, (n, p) in enumerate(module.named_parameters())}
    if not nested:
        depth, jvp = [0], second.jvp

        def once(ask, at, along):
            if depth[0]:
                raise NotImplementedError("no derivative of a derivative")
            depth[0] += 1
            try:
                return jvp(ask, at, along)
            finally:
                depth[0] -= 1

        monkeypatch.setattr(second, "jvp", once)
    found = second_radius(module, x, step)
    assert found.by == by
    before = {n: p.detach().clone() for n, p in module.named_parameters()}

    def logits(t):
        moved = {n: before[n] + t * step[n] for n in before}
        return torch.func.functional_call(module, moved, (x,)).detach()

    h = 1e-3
    bends = (logits(h) - 2 * logits(0) + logits(-h)) / h**2
    torch.testing.assert_close(found.bend, bends.amax(1) - bends.amin(1), rtol=1e-4, atol=1e-7)
    assert all(torch.equal(p, before[n]) for n, p in module.named_parameters())
    with pytest.raises(ValueError, match=r"did you mean '4\.bias'"):
        second_radius(module, x, {"4.bais": step["4.bias"]})
