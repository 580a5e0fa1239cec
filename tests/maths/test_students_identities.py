"""The rules that flow maps are trained by, asked of the exact map of a Gaussian, whose closed form is written here."""

from dataclasses import dataclass

import pytest
import torch
from oracles import gaussian_flow, integrate
from torch import Tensor, nn

from explorer.maths.networks import FlowMLP
from explorer.maths.students import identities
from explorer.maths.students.identities import eulerian, improved, lagrangian, progressive, slope
from explorer.maths.students.kinds import EndpointMap, FullMap

EXACT = 1e-12
MEAN, LENGTHS = torch.tensor([[0.7, -0.4], [1.7, 0.09]], dtype=torch.float64)
ANGLE = torch.tensor(0.6).double()
TURN = torch.stack(
    [torch.stack([ANGLE.cos(), -ANGLE.sin()]), torch.stack([ANGLE.sin(), ANGLE.cos()])]
)  # columns are the axes of the covariance


@dataclass(frozen=True)
class ExactMap:
    """The flow of N(MEAN, TURN diag(LENGTHS) TURN') on a path, in closed form; times are [n, 1]."""

    path: str

    def level(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """alpha, sigma and their rates."""
        if self.path == "linear":
            return 1 - t, t, -torch.ones_like(t), torch.ones_like(t)
        half = torch.pi / 2
        return (half * t).cos(), (half * t).sin(), -half * (half * t).sin(), half * (half * t).cos()

    def end(self, x, t, s):
        a, b, _, _ = self.level(t[:, None])
        c, d, _, _ = self.level(s[:, None])
        growth = ((c**2 * LENGTHS + d**2) / (a**2 * LENGTHS + b**2)).sqrt()
        return c * MEAN + ((x - a * MEAN) @ TURN * growth) @ TURN.T

    def v(self, x, t):
        a, b, da, db = self.level(t[:, None])
        growth = (a * da * LENGTHS + b * db) / (a**2 * LENGTHS + b**2)
        return da * MEAN + ((x - a * MEAN) @ TURN * growth) @ TURN.T

    def u(self, x, t, s):
        return (self.end(x, t, s) - x) / (s - t)[:, None]


class AsNetwork(nn.Module):
    """The exact map as a student's network, for times that are floats."""

    def __init__(self, exact: ExactMap):
        super().__init__()
        self.exact = exact

    def forward(self, x, t, s=0.0):
        rows = torch.ones(len(x)).double()
        return self.exact.u(x, t * rows, s * rows)


PATHS = pytest.mark.parametrize("exact", [ExactMap("linear"), ExactMap("trig")], ids=lambda e: e.path)


def asked():
    """64 states, with times t > s apart by at least 0.1 (u is a quotient)."""
    g = torch.Generator().manual_seed(0)
    x = 1.5 * torch.randn(64, 2, generator=g, dtype=torch.float64)
    t = 0.2 + 0.8 * torch.rand(64, generator=g, dtype=torch.float64)
    return x, t, (t - 0.1) * torch.rand(64, generator=g, dtype=torch.float64)


def network():
    """A network with an interval input that is not zero, in float64, and its float64 states and times."""
    net = FlowMLP(2, width=16, depth=2, seed=3).double()
    with torch.no_grad():
        net.interval.normal_(generator=torch.Generator().manual_seed(1))
    return net, *asked()


def gradients(answer: Tensor, net: nn.Module) -> list[Tensor]:
    return list(torch.autograd.grad(answer.sum(), list(net.parameters()), allow_unused=True))


def same(one, other) -> bool:
    return all(
        (a is b is None) or torch.allclose(a, b, rtol=1e-9, atol=1e-11)
        for a, b in zip(one, other, strict=True)
    )


@PATHS
def test_the_closed_form_is_the_flow(exact):
    x, t, s = asked()
    covariance = TURN @ torch.diag(LENGTHS) @ TURN.T
    for row in range(0, 64, 16):
        one, at, to = x[row : row + 1], t[row : row + 1], s[row : row + 1]
        followed = integrate(
            lambda x, t: exact.v(x, torch.tensor([t], dtype=torch.float64)), one, float(at), float(to)
        )
        assert (exact.end(one, at, to) - followed).abs().max() < 1e-9
        start, end = (tuple(float(q) for q in exact.level(w)[:2]) for w in (at, to))
        assert (exact.end(one, at, to) - gaussian_flow(MEAN, covariance, one, start, end)).abs().max() < EXACT


@PATHS
def test_the_exact_map_leaves_no_residual(exact):
    x, t, s = asked()
    velocity = exact.v(x, t)
    share = 0.2 + 0.6 * torch.rand(64, generator=torch.Generator().manual_seed(2)).double()
    left = {
        "lagrangian": lagrangian(exact.u, exact.v, x, t, s),
        "eulerian": eulerian(exact.u, velocity, x, t, s),
        "improved": improved(exact.u, exact.v, velocity, x, t, s),
        "progressive": progressive(exact.u, exact.u, x, t, s, share),
        "halves": progressive(exact.u, exact.u, x, t, s, torch.full((64,), 0.5).double()),
    }
    assert {name: float(r.abs().max()) for name, r in left.items() if not r.abs().max() < EXACT} == {}


@PATHS
def test_the_wrong_sign_of_the_mean_flow_term_fails(exact, monkeypatch):
    x, t, s = asked()
    velocity = exact.v(x, t)
    monkeypatch.setattr(identities, "slope", lambda *asked: -slope(*asked))
    assert eulerian(exact.u, velocity, x, t, s).abs().max() > 1.0
    assert improved(exact.u, exact.v, velocity, x, t, s).abs().max() > 1.0


@PATHS
def test_another_flow_s_map_leaves_a_residual(exact):
    x, t, s = asked()
    other = ExactMap("trig" if exact.path == "linear" else "linear")
    assert lagrangian(exact.u, other.v, x, t, s).abs().max() > 0.1
    assert eulerian(exact.u, other.v(x, t), x, t, s).abs().max() > 0.1
    assert progressive(exact.u, other.u, x, t, s, torch.full((64,), 0.5).double()).abs().max() > 0.1


@PATHS
def test_a_full_map_of_the_exact_average_velocity_is_the_flow(exact):
    student, x = FullMap(AsNetwork(exact), (2,)), asked()[0]
    rows = torch.ones(64).double()
    there = student.jump(x, 0.9, 0.4).x
    assert (there - exact.end(x, 0.9 * rows, 0.4 * rows)).abs().max() < EXACT
    assert (
        student.jump(there, 0.4, 0.1).x - student.jump(x, 0.9, 0.1).x
    ).abs().max() < EXACT  # two calls are one
    assert (student.jump(there, 0.4, 0.9).x - x).abs().max() < EXACT  # and back
    endpoint = EndpointMap(AsNetwork(exact), (2,))
    ends = [endpoint.jump(student.jump(x, 0.9, t).x if t < 0.9 else x, t, 0.0).x for t in (0.9, 0.5, 0.2)]
    assert (
        max((end - ends[0]).abs().max() for end in ends) < EXACT
    )  # the clean sample stands still along the flow


def test_slope_is_the_derivative_that_reverse_mode_finds():
    net, x, t, s = network()
    along = torch.randn(64, 2, generator=torch.Generator().manual_seed(5)).double()
    _, twice = torch.autograd.functional.jvp(lambda x, t: net(x, t, s), (x, t), (along, torch.ones_like(t)))
    assert torch.allclose(slope(net, along, x, t, s), twice, rtol=1e-9, atol=1e-11)


def test_what_is_held_still_has_no_gradient():
    net, x, t, s = network()
    along = torch.randn(64, 2, generator=torch.Generator().manual_seed(5)).double()
    half = torch.full_like(t, 0.5)
    plain = gradients(net(x, t, s), net)
    assert same(gradients(eulerian(net, along, x, t, s), net), plain)
    assert same(gradients(improved(net, net, along, x, t, s), net), plain)
    assert same(gradients(progressive(net, net, x, t, s, half), net), plain)


def test_the_lagrangian_rule_is_differentiated_through_the_derivative_but_not_the_flow():
    net, x, t, s = network()
    ends = s.clone().requires_grad_(True)
    landed = (ends - t)[:, None] * net(x, t, ends)
    speed = sum(torch.autograd.grad(landed[:, k].sum(), ends, create_graph=True)[0].sum() for k in (0, 1))
    assert same(gradients(lagrangian(net, net, x, t, s), net), gradients(speed, net))
