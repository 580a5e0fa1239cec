"""Difference transition matching on one Gaussian, where what a step is drawn from is a Gaussian too."""

import math

import pytest
import torch
from scipy.integrate import quad
from torch import nn

from explorer.maths.fields import NetworkField
from explorer.maths.networks import FlowMLP, HeadMLP
from explorer.maths.students import STUDENTS, Task
from explorer.maths.students.kinds import StochasticMap
from explorer.maths.students.method import mixed
from explorer.maths.students.methods.transition_matching import TransitionMatching
from explorer.maths.targets import mixture
from explorer.maths.training import Schedule

TEACHER = NetworkField(FlowMLP(width=4, depth=1), "linear", "velocity")


def gaussian(mean, variance):
    """N(mean, variance) in both coordinates."""
    return mixture([1.0], [[mean, mean]], [[[variance, 0.0], [0.0, variance]]])


def ahead(x, t, mean, variance):
    """Mean and variance of Y = eps - x_0 given x_t, from the joint Gaussian of (x_0, eps)."""
    total = (1 - t) ** 2 * variance + t**2
    return -mean + (t - (1 - t) * variance) / total * (x - (1 - t) * mean), variance / total


class ExactHead(nn.Module):
    """The flow from N(0, 1) at r = 1 to the law of Y at r = 0, in closed form."""

    def __init__(self, mean, variance):
        super().__init__()
        self.mean, self.variance = mean, variance
        self.off = nn.Parameter(torch.zeros(()))

    def forward(self, y, r, x, t):
        r, t = (torch.as_tensor(time).expand(len(x))[:, None] for time in (r, t))
        centre, spread = ahead(x, t, self.mean, self.variance)
        growth = (r - (1 - r) * spread) / ((1 - r) ** 2 * spread + r**2)
        return -centre + growth * (y - (1 - r) * centre) + self.off


def work(target, network, n):
    return TransitionMatching().learner(Task(target, TEACHER, network, Schedule(10, batch=n, seed=3)))


def test_what_lies_ahead_of_a_state_has_the_closed_forms_slope_and_variance():
    # The sheet's case: mu .7, l .5, t .6 give k = .9091 and variance 1.1364, here by regression on the learner's batch.
    clean, noise = work(gaussian(0.7, 0.5), HeadMLP(2), 500_000).batch()
    t = torch.full((len(clean),), 0.6)
    x, y = mixed(clean, noise, t).double().flatten(), (noise - clean).double().flatten()
    slope = ((x - x.mean()) * (y - y.mean())).mean() / x.var()
    left = (y - y.mean() - slope * (x - x.mean())).var()
    assert float(slope) == pytest.approx(0.9091, abs=3e-3) and float(left) == pytest.approx(1.1364, rel=5e-3)
    centre, spread = ahead(torch.zeros(()), 0.6, 0.7, 0.5)
    assert float(y.mean() - slope * x.mean()) == pytest.approx(float(centre), abs=5e-3)
    assert spread == pytest.approx(1.1364, abs=1e-4)


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_with_an_exact_head_the_final_variance_is_the_datas_for_any_number_of_steps(steps):
    variance = walked_variance(steps, inner=200)
    assert variance == pytest.approx(1.7, rel=0.025)


@pytest.mark.parametrize(("steps", "variance"), [(1, 0.0), (2, 0.396), (4, 0.868), (8, 1.222)])
def test_with_one_inner_step_it_is_euler_and_loses_variance(steps, variance):
    assert walked_variance(steps, inner=1) == pytest.approx(variance, abs=0.015)


def walked_variance(steps, inner):
    student = StochasticMap(ExactHead(0.7, 1.7), (2,), inner=inner)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20_000, 2, generator=generator, dtype=torch.float64)
    for i in range(steps):
        x = student(x, 1.0 - i / steps, 1.0 - (i + 1) / steps, generator)
    assert x.mean() == pytest.approx(0.7, abs=0.03)
    return float(x.var(0).mean())


def test_the_loss_of_the_exact_head_is_its_floor_and_any_other_head_has_more():
    # E|h - (y1 - Y)|^2 = var(y1 - Y | y_r): over r it adds up to pi/2 times the standard deviation of Y given x_t.
    def spread(t):
        return math.sqrt(0.5 / ((1 - t) ** 2 * 0.5 + t**2))

    floor = 2 * math.pi / 2 * quad(spread, 0.0, 1.0)[0]
    learner = work(gaussian(0.7, 0.5), ExactHead(0.7, 0.5), 200_000)
    assert float(learner.method.losses(learner)["head"].detach()) == pytest.approx(floor, rel=0.01)
    learner.network.off.data.fill_(0.3)  # off by .3 in both coordinates
    assert float(learner.method.losses(learner)["head"].detach()) == pytest.approx(floor + 0.18, rel=0.01)


@pytest.mark.slow
def test_a_trained_head_draws_the_data_in_one_step_and_in_four():
    target = gaussian(0.7, 0.25)
    task = Task(target, TEACHER, HeadMLP(2, width=64, depth=3), Schedule(1200, batch=512, learning_rate=3e-3))
    learner = TransitionMatching().learner(task)
    while learner.step < 1200:
        learner.update()
    student, noise = learner.student(), torch.randn(4000, 2, generator=torch.Generator().manual_seed(5))
    for steps in (1, 4):
        x, generator = noise, torch.Generator().manual_seed(6)
        for i in range(steps):
            x = student(x, 1.0 - i / steps, 1.0 - (i + 1) / steps, generator)
        assert x.mean(0).sub(0.7).abs().max() < 0.05 and x.var(0).sub(0.25).abs().max() < 0.04


def test_the_same_generator_draws_the_same_and_none_is_refused():
    student = StochasticMap(HeadMLP(2, width=8, depth=1), (2,), "transition_matching", 4)
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    one, same, other = (student(x, 1.0, 0.5, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.allclose(one, other)
    with pytest.raises(
        ValueError, match="student 'transition_matching' draws noise on its way to t = 0; give"
    ):
        student(x, 1.0, 0.0)


def test_a_head_answers_rows_alike_in_the_type_they_come_in():
    head = HeadMLP(16, width=8, depth=2, waves=1, seed=4)
    y, x = (torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(i)) for i in (0, 1))
    r, t = torch.tensor([0.1, 0.5, 0.9]), torch.tensor([0.2, 0.4, 0.6])
    both = head(y, r, x, t)
    assert both.shape == y.shape
    for i in range(3):
        alone = head(y[i : i + 1], float(r[i]), x[i : i + 1], float(t[i]))
        torch.testing.assert_close(alone, both[i : i + 1], atol=1e-6, rtol=0)
    assert head(y.double(), r, x.double(), t).dtype == torch.float64
    assert sum(p.numel() for p in HeadMLP().parameters()) == 52_226
    moved = head(y, r, x + 0.1, t)
    assert not torch.allclose(moved, both)


def test_its_evals_come_in_calls_of_the_head():
    method = TransitionMatching(inner=4)
    assert method.main == 4 and STUDENTS["transition_matching"]().main == 16
    student = method.flow_map(HeadMLP(2, width=8, depth=1), (2,))
    assert student.evals_per_call == 4 and [e for e in range(1, 13) if student.takes(e)] == [4, 8, 12]
    with pytest.raises(ValueError, match="`inner` must be a whole number from 1 to 1024; got 0"):
        TransitionMatching(inner=0)
