"""The training room's optimisers and schedules: polar factors, frictions, Newton-Schulz, edges of stability."""

import copy
import math

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import nn
from torch.optim import SGD

from explorer.maths.landscape.training import (
    OPTIMISERS,
    SCHEDULES,
    Constant,
    Cosine,
    DecayFrom,
    DiffGrad,
    PolarGrad,
    WarmStable,
    next_step,
)
from explorer.maths.landscape.training.optimisers import as_rule, polar
from explorer.maths.landscape.training.schedules import as_schedule
from tests.maths.landscapes import Weights, drawn, entropy, mlp


def leaf(values, gradient=None):
    parameter = nn.Parameter(torch.as_tensor(values, dtype=torch.float64).clone())
    parameter.grad = None if gradient is None else torch.as_tensor(gradient, dtype=torch.float64).clone()
    return parameter


@pytest.mark.parametrize("shape", [(6, 6), (7, 3), (3, 7)])
def test_the_polar_factor_is_that_of_scipy_and_the_nuclear_norm_the_sum_of_singular_values(shape):
    matrix = drawn(*shape)
    factor, size = polar(matrix)
    np.testing.assert_allclose(factor, scipy.linalg.polar(matrix.numpy())[0], atol=1e-12)
    assert size == pytest.approx(np.linalg.norm(matrix.numpy(), "nuc"))
    small = min(shape)
    square = factor.T @ factor if shape[0] >= shape[1] else factor @ factor.T
    torch.testing.assert_close(square, torch.eye(small, dtype=torch.float64))


def test_the_polar_factor_leaves_out_what_the_matrix_maps_to_zero():
    a, b = drawn(5), drawn(4, seed=1)
    factor, size = polar(torch.outer(a, b))
    torch.testing.assert_close(factor, torch.outer(a / a.norm(), b / b.norm()))
    assert size == pytest.approx(float(a.norm() * b.norm()))
    assert polar(torch.zeros(3, 2, dtype=torch.float64))[0].abs().max() == 0.0
    assert math.isnan(polar(torch.full((2, 2), math.nan))[1])


def test_polargrad_steps_by_the_nuclear_norm_along_the_polar_factor_of_the_average():
    first, second = drawn(4, 3), drawn(4, 3, seed=1)
    parameter = leaf(torch.zeros(4, 3), first)
    optimiser, expected = PolarGrad([parameter], lr=0.1, momentum=0.8), np.zeros((4, 3))
    for gradient, average in ((first, first), (second, 0.8 * first + 0.2 * second)):
        parameter.grad.copy_(gradient)
        optimiser.step()
        factor = scipy.linalg.polar(average.numpy())[0]
        expected -= 0.1 * np.linalg.norm(average.numpy(), "nuc") * factor
        np.testing.assert_allclose(parameter.detach(), expected, atol=1e-12)


def test_polargrad_of_a_vector_is_gradient_descent():
    gradient = drawn(5)
    for shape in ((5,), (5, 1)):
        parameter = leaf(torch.zeros(shape), gradient.reshape(shape))
        PolarGrad([parameter], lr=0.1).step()
        torch.testing.assert_close(parameter.detach().reshape(-1), -0.1 * gradient)


def test_the_friction_of_diffgrad_by_hand():
    """Gradients 1 and 3 of one number: averages .1, .39 and .001, .009999; frictions sigmoid(1), sigmoid(2)."""
    parameter = leaf([0.0], [1.0])
    optimiser = DiffGrad([parameter], lr=0.01, eps=0.0)
    optimiser.step()
    first = 0.01 * 0.7310585786
    assert float(parameter.detach()) == pytest.approx(-first, rel=1e-9)
    parameter.grad.fill_(3.0)
    optimiser.step()
    second = 0.01 * 0.8807970780 * (0.39 / 0.19) / math.sqrt(0.009999 / 0.001999)
    assert float(parameter.detach()) == pytest.approx(-first - second, rel=1e-9)


def test_diffgrad_goes_half_as_far_as_adam_where_the_gradient_does_not_change():
    gradient = drawn(6)
    ours, adams = leaf(torch.zeros(6), gradient), leaf(torch.zeros(6), gradient)
    one, other = DiffGrad([ours], lr=0.01), torch.optim.Adam([adams], lr=0.01)
    one.step(), other.step()
    before = ours.detach().clone(), adams.detach().clone()
    for _ in range(5):
        one.step(), other.step()
    torch.testing.assert_close(ours.detach() - before[0], 0.5 * (adams.detach() - before[1]))


@pytest.mark.parametrize("shape", [(12, 12), (24, 8), (8, 24)])
def test_the_singular_values_of_a_muon_step_lie_near_one(shape):
    """Five quintic steps leave them between .7 and 1.2 (the sheet), up to a bfloat16's digits."""
    net = Weights(torch.zeros(shape))
    slope = drawn(*shape, dtype=torch.float32)
    step = next_step(lambda m, b: (m.w0 * b).sum(), net, slope, "muon", 0.01).view(shape)
    left, values, right = torch.linalg.svd(slope, full_matrices=False)
    made = (left.T @ (-step / (0.01 * 0.2 * math.sqrt(max(shape)))) @ right.T).diagonal()
    assert float(made[values > 0.1 * values[0]].min()) > 0.65 and float(made.max()) < 1.25


def test_muon_and_polargrad_leave_no_parameter_out():
    """Vectors go to Adam under Muon; weights of convolutions are matrices."""
    net = Weights(drawn(3, 2, 2, 2), drawn(3), drawn(4, 4), torch.tensor(0.5, dtype=torch.float64))
    for name in ("muon", "polargrad"):
        step = next_step(lambda m, b: sum(p.square().sum() for p in m.parameters()), net, None, name, 0.01)
        assert bool((step != 0.0).all()), name
    vector = next_step(lambda m, b: sum(p.square().sum() for p in m.parameters()), net, None, "muon", 0.01)[
        24:27
    ]
    torch.testing.assert_close(vector, -0.01 * drawn(3).sign(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_state_of_every_optimiser_comes_back(name):
    rule = OPTIMISERS[name]

    def walked(optimisers, parameters, steps):
        for step in steps:
            for k, parameter in enumerate(parameters):
                parameter.grad = drawn(*parameter.shape, seed=10 * step + k)
            for optimiser in optimisers:
                optimiser.step()

    one = [leaf(drawn(4, 3)), leaf(drawn(4))]
    made = rule.make(one, 0.01)
    walked(made, one, range(3))
    other = [leaf(parameter.detach()) for parameter in one]
    again = rule.make(other, 0.01)
    for optimiser, old in zip(again, made, strict=True):
        optimiser.load_state_dict(copy.deepcopy(old.state_dict()))
    walked(made, one, range(3, 6))
    walked(again, other, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_next_step_goes_downhill_and_leaves_the_module_alone(name):
    net = mlp(6, 8, 4)
    batch = (drawn(32, 6), torch.arange(32) % 4)
    before = [p.detach().clone() for p in net.parameters()]
    step = next_step(entropy, net, batch, name)
    slopes = torch.autograd.grad(entropy(net, batch).mean(), list(net.parameters()))
    assert float(step @ torch.cat([g.flatten() for g in slopes])) < 0.0
    assert all(torch.equal(a, b) and b.grad is None for a, b in zip(before, net.parameters(), strict=True))


def test_the_first_steps_of_gradient_descent_and_adam_in_closed_form():
    start, slope = drawn(5), drawn(5, seed=1)
    net, loss = Weights(start), lambda m, b: m.w0 @ slope
    torch.testing.assert_close(next_step(loss, net, None, "sgd", 0.3), -0.3 * slope)
    torch.testing.assert_close(
        next_step(loss, net, None, "adam", 0.3), -0.3 * slope.sign(), rtol=1e-6, atol=0
    )


@pytest.mark.parametrize("name", ["sgd", "momentum"])
@pytest.mark.parametrize("share", [0.98, 1.02])
def test_the_line_is_where_a_quadratic_begins_to_grow(name, share):
    rate = 0.1
    curvature = share * OPTIMISERS[name].line(rate)
    parameter = leaf([1.0])
    (optimiser,) = OPTIMISERS[name].make([parameter], rate)
    for _ in range(800):
        parameter.grad = curvature * parameter.detach()
        optimiser.step()
    assert (abs(float(parameter.detach())) > 1e3) == (share > 1.0)


@pytest.mark.parametrize("share", [0.98, 1.02])
def test_the_line_of_adam_is_that_of_its_averaged_gradient(share):
    """With its scales held, Adam is gradient descent on an average that keeps .9 of itself."""
    rate, place, average = 0.1, 1.0, 0.0
    curvature = share * OPTIMISERS["adam"].line(rate)
    for _ in range(1500):
        average = 0.9 * average + 0.1 * curvature * place
        place -= rate * average
    assert (abs(place) > 1e3) == (share > 1.0)
    assert OPTIMISERS["adam"].line(1.0) == pytest.approx(38.0)


def test_schedules_take_the_shares_that_they_say():
    assert [Constant().share(k, 5) for k in range(5)] == [1.0] * 5
    assert [Cosine().share(k, 4) for k in range(4)] == pytest.approx([1.0, 0.853553391, 0.5, 0.146446609])
    assert [Cosine(0.5).share(k, 4) for k in range(4)] == pytest.approx([0.5, 1.0, 1.0, 0.5])
    stable = [WarmStable(0.2, 0.4).share(k, 10) for k in range(10)]
    assert stable == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25])
    assert [WarmStable(0.0, 0.0).share(k, 3) for k in range(3)] == [1.0] * 3
    branch = DecayFrom(Cosine(), 4, 2)
    assert [branch.share(k, 7) for k in range(7)] == pytest.approx([1, 0.853553391, 0.5, 0.4, 0.3, 0.2, 0.1])


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_is_a_share_and_no_update_is_wasted(name):
    for steps in (1, 2, 7, 100):
        shares = [SCHEDULES[name]().share(k, steps) for k in range(steps)]
        assert all(0.0 < share <= 1.0 for share in shares) and max(shares) == 1.0


def test_names_that_are_not_known_are_answered_with_near_ones():
    with pytest.raises(ValueError, match="did you mean 'adam'"):
        as_rule("adamm")
    with pytest.raises(ValueError, match="did you mean 'cosine'"):
        as_schedule("cosin")
    with pytest.raises(ValueError, match="at most 1 together"):
        WarmStable(0.6, 0.6)
    with pytest.raises(ValueError, match="`momentum` in"):
        PolarGrad([leaf([1.0])], momentum=1.0)
    with pytest.raises(ValueError, match="`betas` in"):
        DiffGrad([leaf([1.0])], betas=(0.9, 1.5))
    assert as_rule(OPTIMISERS["sgd"]).make([leaf([1.0])], 0.1)[0].__class__ is SGD
