"""Consistency students, against closed forms of one Gaussian and counts made by hand."""

import math
from itertools import pairwise

import pytest
import torch
from gaussian_students import TARGET, GaussianForm
from torch import nn

from explorer.maths.networks import FlowMLP
from explorer.maths.students.consistency import grid_step, landing
from explorer.maths.students.distill import distill
from explorer.maths.students.judge import made
from explorer.maths.students.kinds import EndpointMap
from explorer.maths.students.method import Task
from explorer.maths.students.methods.consistency_distillation import ConsistencyDistillation, heun, weights
from explorer.maths.students.methods.consistency_training import ConsistencyTraining, cells_at, pseudo_huber
from explorer.maths.students.methods.continuous_consistency import (
    ContinuousConsistency,
    angles,
    standing,
    turned,
)
from explorer.maths.training.protocol import sobol_noise
from explorer.maths.training.run import Schedule

MEAN, SPREAD = torch.tensor([0.7, -0.4], dtype=torch.float64), 0.5
METHODS = [ConsistencyDistillation(), ConsistencyTraining(), ContinuousConsistency()]
BOTH = [*METHODS, ContinuousConsistency(teacher=False)]


def velocity(x, t):
    """Of the Gaussian's flow on the linear path; times [n]."""
    t = t[:, None]
    growth = (t - (1 - t) * SPREAD**2) / ((1 - t) ** 2 * SPREAD**2 + t**2)
    return -MEAN.to(x) + growth * (x - (1 - t) * MEAN.to(x))


def clean(x, t):
    """Where that flow ends."""
    t = t[:, None]
    return MEAN.to(x) + SPREAD * (x - (1 - t) * MEAN.to(x)) / ((1 - t) ** 2 * SPREAD**2 + t**2).sqrt()


def states(n=64, low=0.05, high=0.95, seed=0):
    """States and times, float64."""
    g = torch.Generator().manual_seed(seed)
    x = 1.5 * torch.randn(n, 2, generator=g, dtype=torch.float64)
    return x, low + (high - low) * torch.rand(n, generator=g, dtype=torch.float64)


def learner(method, network=None, **settings):
    schedule = Schedule(**{"steps": 60, "batch": 128, **settings})
    return method.learner(
        Task(TARGET, TARGET.field("linear"), network or FlowMLP(2, width=16, depth=2), schedule)
    )


class Listening(nn.Module):
    """A network that notes when it is asked and whether for a gradient."""

    def __init__(self):
        super().__init__()
        self.inner, self.heard = FlowMLP(2, width=16, depth=2), []

    def forward(self, x, t):
        self.heard.append((t.detach().clone(), torch.is_grad_enabled()))
        return self.inner(x, t)


def test_the_student_s_word_on_the_data_is_the_state_itself_at_the_data():
    x, t = states()
    net = FlowMLP(2, seed=2)
    assert torch.equal(landing(net, x, torch.zeros_like(t)), x)
    exact = landing(lambda x, t: (x - clean(x, t)) / t[:, None], x, t)
    assert (exact - clean(x, t)).abs().max() < 1e-14


@pytest.mark.parametrize("cells", [1, 10, 64, 320])
def test_every_cell_of_the_grid_is_met_alike(cells):
    even = (torch.arange(20 * cells) + 0.5) / (20 * cells)
    t, r = grid_step(even, cells)
    assert torch.equal(torch.round(t * cells).long().bincount()[1:], torch.full((cells,), 20))
    assert torch.allclose(t - r, torch.full_like(t, 1 / cells), atol=1e-6) and r.min() == 0 and t.max() == 1
    assert grid_step(torch.tensor([1.0 - 2**-24]), cells)[0] == 1


def test_weights_turn_errors_of_the_sample_into_errors_of_velocity():
    t = torch.tensor([0.01, 0.02, 0.25, 0.5, 1.0])
    assert torch.allclose(weights("1/t^2", t), torch.tensor([2500.0, 2500.0, 16.0, 4.0, 1.0]))
    assert torch.equal(weights("1", t), torch.ones(5))


def test_the_teacher_s_step_is_of_second_order_and_ends_without_asking_at_the_data():
    x, t = states(low=0.6)
    errors = []
    for gap in (0.2, 0.1, 0.05, 0.025):
        end = heun(velocity, x, t, t - gap)
        errors.append(float((clean(end, t - gap) - clean(x, t)).square().mean().sqrt()))
    rates = [math.log2(a / b) for a, b in pairwise(errors)]
    assert rates[-1] == pytest.approx(3.0, abs=0.15)  # of one step; two of it make second order over a run

    zero, small = torch.zeros(64, dtype=torch.float64), torch.full((64,), 1 / 64, dtype=torch.float64)
    assert torch.allclose(heun(velocity, x, small, zero), x - velocity(x, small) / 64, rtol=1e-14, atol=1e-14)
    end = heun(
        lambda x, t: torch.where(t[:, None] > 0, velocity(x, t), torch.nan * x), x, small, zero
    )  # nothing of an answer at t = 0 is used
    assert end.isfinite().all()


@pytest.mark.parametrize("method", METHODS[:2], ids=lambda m: m.name)
def test_the_target_is_an_earlier_neighbour_without_gradient(method):
    net = Listening()
    one = learner(method, net)
    method.losses(one)
    (r, held), (t, moved) = net.heard
    cells = 64 if method is METHODS[0] else 10
    assert (held, moved) == (False, True)
    assert torch.allclose(t - r, torch.full_like(t, 1 / cells), atol=1e-6) and r.min() == 0 and t.max() == 1


def test_grids_double_as_training_goes_on():
    shares = [0.0, 0.16, 0.17, 0.34, 0.5, 0.67, 0.84, 0.999]
    assert [cells_at(share, 320) for share in shares] == [10, 10, 20, 40, 80, 160, 320, 320]
    assert cells_at(0.999, 64) == 64


def test_pseudo_huber_is_a_square_near_zero_and_a_length_far_from_it():
    tiny, far = torch.tensor([[3e-5, 4e-5]]).double(), torch.tensor([[300.0, 400.0]]).double()
    assert pseudo_huber(tiny).item() == pytest.approx(2.5e-9 / 0.06, rel=1e-5)
    assert pseudo_huber(far).item() == pytest.approx(500.0 - 0.03, rel=1e-6)


def bent(x, angle):
    """Any smooth F, and its derivative along a direction by hand."""
    inner = x @ MIX + angle[:, None] ** 2
    return inner.sin()


MIX = torch.tensor([[0.3, -1.1], [0.8, 0.5]], dtype=torch.float64)


def test_the_rate_is_that_of_the_clean_sample_for_any_output():
    x, angle = states(low=0.0, high=math.pi / 2)
    along = states(seed=3)[0]
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    value = bent(x, angle)
    by_hand = (x @ MIX + angle[:, None] ** 2).cos() * (along @ MIX + 2 * angle[:, None])
    rate = -sin * x + cos * along - cos * value - sin * by_hand  # of f = cos x - sin F
    now, g = standing(bent, x, angle, along)
    assert torch.equal(now, value) and (g - cos * rate).abs().max() < 1e-13
    without = standing(bent, x, angle, along, warm=0.0)[1]
    assert (without + cos**2 * (value - along)).abs().max() < 1e-14


def exact_output(x, angle):
    """F of the Gaussian's flow in TrigFlow, where the clean sample is known."""
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    end = MEAN + SPREAD * (x - cos * MEAN) / (cos**2 * SPREAD**2 + sin**2).sqrt()
    return (cos * x - end) / sin


def exact_rate(x, angle):
    """dx/dth of that flow."""
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    growth = cos * sin * (1 - SPREAD**2) / (cos**2 * SPREAD**2 + sin**2)
    return -sin * MEAN + growth * (x - cos * MEAN)


def test_the_exact_clean_sample_stands_still():
    x, angle = states(low=0.2, high=math.pi / 2)
    assert standing(exact_output, x, angle, exact_rate(x, angle))[1].abs().max() < 1e-12
    assert standing(exact_output, x, angle, -exact_rate(x, angle))[1].abs().max() > 1.0


def test_a_network_of_the_linear_path_is_turned_into_f_and_a_field_into_the_flow():
    x, angle = states(low=0.0, high=math.pi / 2)
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    net, line, t = FlowMLP(2, seed=1).double(), x / (cos + sin), (sin / (cos + sin))[:, 0]
    end = cos * x - sin * turned(net, x, angle)
    assert (end - (line - t[:, None] * net(line, t))).abs().max() < 1e-14
    assert (turned(velocity, x, angle) - exact_rate(x, angle)).abs().max() < 1e-13


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-3, math.pi / 2 - 1e-3, math.pi / 2])
def test_f_keeps_its_digits_at_both_ends(angle):
    x, _ = states()
    net = FlowMLP(2, seed=1)
    whole = turned(net, x, torch.full((64,), angle, dtype=torch.float64))
    short = turned(net, x.float(), torch.full((64,), angle))
    assert (whole - short).abs().max() < 1e-5
    ends = {0.0: x + net(x, 0.0), math.pi / 2: -x + net(x, 1.0)}
    if angle in ends:
        assert torch.allclose(whole, ends[angle], rtol=1e-12, atol=1e-12)


def test_angles_follow_their_law_and_keep_a_share_at_pure_noise():
    drawn = angles(learner(ContinuousConsistency(), batch=5000), 0.2)
    assert drawn.shape == (5000,) and (drawn[:1000] == math.pi / 2 - 1e-3).all()
    log_tan = drawn[1000:].double().tan().log()
    assert log_tan.mean().item() == pytest.approx(-0.4, abs=0.005)
    assert log_tan.std().item() == pytest.approx(1.4, abs=0.01)
    assert drawn.min() >= 1e-3 and drawn.max() <= math.pi / 2 - 1e-3


@pytest.mark.parametrize("method", BOTH, ids=lambda m: f"{m.name}-{m.asks_teacher}")
def test_a_student_that_can_be_exact_becomes_it(method):
    schedule = {"steps": 120, "batch": 256, "learning_rate": 0.1}
    *_, last = distill(
        method, TARGET.field("linear"), TARGET, network=GaussianForm(landing=True), every=1e9, **schedule
    )
    form = last.student.network
    near = 5e-3 if method.asks_teacher else 0.05  # without a teacher, the noise of some thousand pairs
    assert torch.allclose(form.mean, torch.tensor([0.7, -0.4]), atol=near)
    assert form.variance.item() == pytest.approx(0.25, abs=near)


@pytest.mark.parametrize("evals", [1, 2, 4, 8])
def test_noise_drawn_on_the_way_knows_nothing_of_the_noise_before(evals):
    """An exact endpoint map makes the data with any number of evals, where the even noise is even jointly."""
    form = GaussianForm(landing=True)
    with torch.no_grad():
        form.mean.copy_(MEAN)
        form.log_variance.fill_(math.log(SPREAD**2))
    made_of = made(EndpointMap(form, (2,)), sobol_noise(4096, (2,)), evals).double()
    assert torch.allclose(made_of.mean(0), MEAN, atol=0.01)
    assert torch.allclose(made_of.T.cov(), SPREAD**2 * torch.eye(2, dtype=torch.float64), atol=0.01)


def test_settings_that_cannot_be_are_refused():
    for wrong in (0, -3, True):
        with pytest.raises(ValueError, match="`cells` must be a whole number"):
            ConsistencyTraining(cells=wrong)
    with pytest.raises(ValueError, match="`weight` must be"):
        ConsistencyDistillation(weight="t")
    with pytest.raises(ValueError, match="`pure` must be a share"):
        ContinuousConsistency(pure=1.5)
