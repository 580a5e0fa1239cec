"""Distribution matching: its gradient against closed forms, its critics against exact ratios, its clock, its words."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from explorer.maths.divergences import DIVERGENCES
from explorer.maths.fields import NetworkField
from explorer.maths.networks import FlowMLP
from explorer.maths.students import Course, Task, distill, matching
from explorer.maths.students.judge import made
from explorer.maths.students.kinds import EndpointMap, PointMap
from explorer.maths.students.matching import MatchingLearner, pulled
from explorer.maths.students.methods.dmd2 import DMD2
from explorer.maths.students.methods.f_distill import IDLE, SPREAD, WEIGHTS, FDistill, idle
from explorer.maths.targets import AbstractTarget, as_target, mixture
from explorer.maths.training import Schedule
from explorer.maths.training.protocol import sobol_noise

STANDARD = mixture([1.0], [[0.0]], [[[1.0]]])
OVAL = mixture([1.0], [[0.7, -0.4]], [[[1.7, 0.5], [0.5, 0.6]]])
MOONS = as_target("two_moons")


@pytest.fixture(autouse=True)
def fewer_pairs(monkeypatch):
    """To follow a teacher from 8,192 noises takes a second, each time."""
    monkeypatch.setattr(matching, "PAIRS", 1024)


class Asks(nn.Module):
    """The velocity of an exact field, as a network."""

    def __init__(self, field):
        super().__init__()
        self.field, self.still = field, nn.Parameter(torch.zeros(()))

    def forward(self, x, t):
        return self.field(x, t).velocity + 0.0 * self.still


class Moves(nn.Module):
    """The student ``x = shift + scale z``, told as a velocity at t = 1."""

    def __init__(self, shift, scale=1.0):
        super().__init__()
        self.shift, self.scale = nn.Parameter(torch.tensor(shift)), nn.Parameter(torch.tensor(scale))

    def forward(self, x, t):
        return x - (self.shift + self.scale * x)


class Says(nn.Module):
    """A discriminator that reads its word off the first coordinate."""

    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x, t):
        return self.factor * x[:, 0]


def learner(method, target=MOONS, network=None, steps=60, batch=64, teacher=None):
    teacher = teacher or NetworkField(
        FlowMLP(target.shape[0], width=16, depth=2, seed=3).requires_grad_(False)
    )
    network = network or FlowMLP(target.shape[0], width=16, depth=2, seed=1)
    return MatchingLearner(method, Task(target, teacher, network, Schedule(steps, batch, 2e-4)))


def plain(method=None, **options):
    """A learner that has no pairs to begin with."""
    return learner(method or DMD2(start="teacher"), **options)


def field_teacher(target):
    return NetworkField(
        FlowMLP(len(target.means[0]), width=8, depth=1).requires_grad_(False), shape=target.shape
    )


@pytest.mark.parametrize("target", [OVAL, MOONS, as_target("eight_gaussians")])
def test_the_gradient_is_zero_where_student_and_data_agree(target):
    one = plain(target=target)
    one.networks["critic"] = Asks(target.field("linear"))
    noisy = torch.randn(256, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t = one.middle().double().repeat(4)
    real, own = one.means(noisy, t)
    assert float((real - own).abs().max()) < 1e-12
    assert float(pulled(noisy, real, own).abs().max()) < 1e-11
    parts = one.method.losses(one)
    parts["matching"].backward()
    assert parts["matching"].item() < 1e-9  # float32
    assert max(float(p.grad.abs().max()) for p in one.network.parameters() if p.grad is not None) < 1e-4


def test_off_the_data_the_gradient_is_that_of_the_divergence():
    """The sheet: student N(.4, .8^2), data N(0, 1), t = .45; in mean and std (.239604, -.131749)."""
    one, t = plain(target=STANDARD, teacher=field_teacher(STANDARD)), 0.45
    one.networks["critic"] = Asks(mixture([1.0], [[0.4]], [[[0.64]]]).field("linear"))
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    z, eps = (torch.as_tensor(part).reshape(-1, 1) for part in np.meshgrid(nodes, nodes))
    share = torch.as_tensor(np.outer(weights, weights)).reshape(-1) / (2 * math.pi)
    noisy = (1 - t) * (0.4 + 0.8 * z) + t * eps
    real, own = one.means(noisy, torch.full((len(noisy),), t, dtype=torch.float64))
    gap = ((1 - t) / t) ** 2 * share * (own - real)[:, 0]
    gradient = float(gap.sum()), float((gap * z[:, 0]).sum())
    assert gradient == pytest.approx((0.239604, -0.131749), abs=6e-7)
    mean, variance = (1 - t) * 0.4, (1 - t) ** 2 * 0.64 + t * t  # d KL(q_t | p_t) by hand
    whole = (1 - t) ** 2 + t * t
    by_hand = (1 - t) * mean / whole, (1 - t) ** 2 * 0.8 * (1 / whole - 1 / variance)
    assert gradient == pytest.approx(by_hand, rel=1e-12)


def test_the_pull_is_scaled_by_the_distance_to_the_data():
    x = torch.tensor([[1.0, 3.0], [0.0, 0.0]])
    real, own = torch.tensor([[0.0, 1.0], [0.5, 0.5]]), torch.tensor([[2.0, 0.0], [0.5, 0.5]])
    expected = torch.tensor([[2.0 / 1.51, -1.0 / 1.51], [0.0, 0.0]])
    torch.testing.assert_close(pulled(x, real, own), expected)


def test_the_gradient_of_the_loss_at_the_samples_is_the_pull():
    target = as_target("eight_gaussians")
    one = plain(target=target, network=Moves([0.3, -0.2]), batch=128)
    before = one.generator.get_state()
    loss = one.method.losses(one)["matching"]
    loss.backward()
    one.generator.set_state(before)
    x = one.made().detach()
    t = one.middle()
    noisy = (1 - t[:, None]) * x + t[:, None] * one.noise()
    real = target.field("linear")(noisy, t).denoised
    own = noisy - t[:, None] * one.networks["critic"](noisy, t).detach()
    pull = (own - real) / ((x - real).abs().mean(1, keepdim=True) + 0.01)
    torch.testing.assert_close(one.network.shift.grad, pull.mean(0), rtol=1e-4, atol=1e-5)
    assert loss.item() == pytest.approx(0.5 * float(pull.square().sum(1).mean()), rel=1e-4)


def test_a_learned_score_is_the_teachers_and_an_exact_one_the_targets():
    noisy, t = torch.randn(32, 2, generator=torch.Generator().manual_seed(1)), torch.full((32,), 0.6)
    learned, exact = plain(DMD2(start="teacher", score="learned")), plain()
    velocity = learned.task.teacher(noisy, t).velocity
    torch.testing.assert_close(learned.means(noisy, t)[0], noisy - 0.6 * velocity)
    torch.testing.assert_close(exact.means(noisy, t)[0], MOONS.field("linear")(noisy, 0.6).denoised)


@pytest.mark.parametrize("updates", [1, 5])
def test_the_critic_learns_so_often_for_each_update_of_the_student(updates):
    one = learner(DMD2(critic_updates=updates, gan=True), steps=14)
    assert one.regressed == 4
    for _ in one.method.prepare(one):
        pass
    for _ in range(7):
        one.update()
    for name, count in {"student": 3, "critic": 4 + 3 * updates, "discriminator": 4 + 3 * updates}.items():
        steps = {int(state["step"]) for state in one.optimisers[name].state.values()}
        assert steps == {count}, name
    assert one.step == 7 and set(one.told) == {"critic", "discriminator"}


def test_the_start_from_pairs_is_plain_regression_and_then_it_turns():
    one = learner(DMD2(), steps=14)
    assert not one.turns
    for _ in one.method.prepare(one):
        pass
    for step in range(14):
        assert one.turns == (step == 4)
        parts = one.update()
        assert set(parts) == ({"distance"} if step < 4 else {"matching"})
    later = learner(DMD2(), steps=14)
    later.step = 4
    assert list(later.method.prepare(later)) == [] and not later.kept


def test_other_starts_have_no_pairs():
    for start, begins in (("teacher", "teacher"), ("random", "random")):
        method = DMD2(start=start)
        one = plain(method)
        assert method.begins == begins and method.schedule.steps == 1500 and one.regressed == 0
        assert list(method.prepare(one)) == [] and set(one.update()) == {"matching"}
    assert DMD2().schedule.steps == 2100 and round(600 / 2100 * 2100) == learner(DMD2(), steps=2100).regressed


def test_the_critic_begins_as_the_teacher():
    one = plain()
    x, t = torch.randn(8, 2, generator=torch.Generator().manual_seed(2)), torch.full((8,), 0.3)
    torch.testing.assert_close(one.networks["critic"](x, t), one.task.teacher(x, t).velocity)
    assert one.networks["critic"] is not one.task.teacher.module
    assert all(p.requires_grad for p in one.networks["critic"].parameters())
    fresh = learner(DMD2(start="teacher"), teacher=MOONS.field("linear"))
    assert isinstance(fresh.networks["critic"], FlowMLP)


def test_few_steps_are_rolled_out_and_only_the_last_call_has_gradients():
    class Counts(FlowMLP):
        calls: list = []  # noqa: RUF012 # of this test

        def forward(self, x, t):
            self.calls.append((round(float(t[0]), 6), torch.is_grad_enabled()))
            return super().forward(x, t)

    one = plain(DMD2(start="teacher", evals=4), network=Counts(width=16, depth=2))
    seen = set()
    for _ in range(60):
        Counts.calls.clear()
        assert one.made().requires_grad
        times, grads = zip(*Counts.calls, strict=True)
        assert times == (1.0, 0.75, 0.5, 0.25)[: len(times)]
        assert grads == (*[False] * (len(times) - 1), True)
        seen.add(len(times))
    assert seen == {1, 2, 3, 4}


def test_one_step_makes_a_point_map_and_few_steps_an_endpoint_map():
    assert (DMD2.kind, DMD2().kind, DMD2().main) == ("point", "point", 1)
    assert (DMD2(evals=4).kind, DMD2(evals=4).main) == ("endpoint", 4)
    assert isinstance(plain().student(), PointMap)
    few = plain(DMD2(start="teacher", evals=4)).student()
    assert isinstance(few, EndpointMap) and few.takes(3)


def test_a_critic_and_a_discriminator_learn_what_is_known_in_closed_form():
    """Student N(.8, .6^2), data N(0, 1): the critic's mean of x_0, and log p(x_t)/q(x_t), at t = .5."""
    one = plain(FDistill(start="teacher"), target=STANDARD, network=Moves(0.8, 0.6), batch=512, teacher=None)
    for step in range(300):
        one.follow(3e-3 * (1 - step / 300))
    own, t = mixture([1.0], [[0.8]], [[[0.36]]]), torch.full((200,), 0.5)
    x = 0.4 + math.sqrt(0.09 + 0.25) * torch.linspace(-1.5, 1.5, 200)[:, None]
    exact = own.field("linear")(x, 0.5).denoised
    ratio = STANDARD.field("linear").log_density(x, 0.5) - own.field("linear").log_density(x, 0.5)
    with torch.no_grad():
        assert float((one.means(x, t)[1] - exact).square().mean().sqrt()) < 0.06
        assert float((one.logit(x, t) - ratio).square().mean().sqrt()) < 0.12
    assert float(ratio.std()) > 0.4  # or a constant would pass


@pytest.mark.parametrize("key", list(DIVERGENCES))
def test_the_weights_are_those_of_the_divergence_over_their_mean(key):
    closed = {
        "reverse_kl": lambda r: r**0,
        "forward_kl": lambda r: r,
        "jensen_shannon": lambda r: r / (1 + r),
        "hellinger": lambda r: r**0.5 / 2,
        "jeffreys": lambda r: 1 + r,
    }
    one = plain(FDistill(start="teacher", divergence=key))
    one.networks["discriminator"] = Says(2.0)
    noisy = torch.linspace(-3, 3, 64)[:, None].expand(64, 2)
    r = np.clip(np.exp(2.0 * noisy[:, 0].numpy().astype(float)), 0.1, 20.0)
    h = closed[key](r)
    with torch.no_grad():
        weights = one.method.weights(one, noisy, torch.full((64,), 0.5))
    assert weights.numpy() == pytest.approx(h / h.mean(), rel=1e-4)
    assert one.told[SPREAD] == pytest.approx(r.std(ddof=1), rel=1e-4)
    assert one.told[WEIGHTS] == pytest.approx((h / h.mean()).std(ddof=1), rel=1e-4, abs=1e-6)


def test_weights_pull_harder_where_the_student_is_rare():
    equal, weighted = (plain(FDistill(start="teacher", divergence=d)) for d in ("reverse_kl", "forward_kl"))
    grads = []
    for one in (equal, weighted):
        one.networks["discriminator"] = Says(1.5)
        one.method.losses(one)["matching"].backward()
        grads.append(torch.cat([p.grad.flatten() for p in one.network.parameters() if p.grad is not None]))
    assert float((grads[0] - grads[1]).norm() / grads[0].norm()) > 0.1


@pytest.mark.parametrize(("factor", "says"), [(0.0, True), (0.02, True), (1.0, False)])
def test_a_blind_discriminator_is_called_idle(factor, says):
    one = plain(FDistill(start="teacher"))
    one.networks["discriminator"] = Says(factor)
    one.method.losses(one)
    sentence = idle(one.told)
    assert (one.told[SPREAD] < IDLE) == says == bool(sentence)
    if says:
        assert f"{one.told[SPREAD]:.3f}" in sentence and "idle" in sentence


def test_equal_weights_by_definition_are_called_so_and_no_ratio_has_no_sentence():
    one = plain(FDistill(start="teacher", divergence="reverse_kl"))
    one.networks["discriminator"] = Says(1.0)
    one.method.losses(one)
    assert one.told[SPREAD] > IDLE and "reverse KL are all 1" in idle(one.told)
    assert idle({}) == "" and idle({"critic": 1.0}) == ""


def test_a_course_tells_the_spread_of_the_ratio():
    network = FlowMLP(width=16, depth=2, seed=1)
    *_, last = Course(
        FDistill().learner(Task(MOONS, plain().task.teacher, network, Schedule(14, 64)))
    ).records()
    assert last.ended.kind == "done" and set(last.parts) == {"matching", "adversarial"}
    assert set(last.told) == {"critic", "discriminator", SPREAD, WEIGHTS}


@pytest.mark.parametrize("stop", [3, 4, 9])
def test_an_interrupted_course_goes_on_bit_for_bit(tmp_path, stop):
    """Before, at and after the turn from pairs to matching."""

    def course(file=None):
        network = FlowMLP(width=16, depth=2, seed=1)
        task = Task(MOONS, plain().task.teacher, network, Schedule(14, 32))
        return Course(FDistill(critic_updates=2).learner(task), every=0.0, state_file=file)

    *_, whole = course().records()
    records = course(tmp_path / "state").records()
    while next(records).step < stop:
        pass
    records.close()
    *_, last = course(tmp_path / "state").records()
    ours, theirs = last.student.network.state_dict(), whole.student.network.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert last.told == whole.told


def test_a_critic_that_breaks_ends_the_run_and_keeps_the_weights():
    one = plain()
    with torch.no_grad():
        one.networks["critic"].layers[0].bias.fill_(math.nan)
    before = {name: value.clone() for name, value in one.network.state_dict().items()}
    assert math.isnan(one.update()["matching"]) and one.step == 0
    assert all(torch.equal(value, before[name]) for name, value in one.network.state_dict().items())


def test_settings_that_cannot_be_are_refused_in_a_sentence():
    for settings in ({"start": "pair"}, {"score": "exakt"}, {"critic_updates": 0}, {"evals": 0}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            DMD2(**settings)
    with pytest.raises(ValueError, match="divergence"):
        FDistill(divergence="kl")
    with pytest.raises(ValueError, match="adversarial"):
        FDistill(adversarial=-1.0)


def test_an_exact_score_needs_an_exact_field():
    class Unknown(AbstractTarget):
        name, shape, box = "unknown", (2,), None

        def labelled(self, n, seed=0, label=None, *, stratified=False):
            raise NotImplementedError

        def field(self, path="linear"):
            return plain().task.teacher

        def given(self, label):
            raise NotImplementedError

    with pytest.raises(ValueError, match="give score='learned'"):
        learner(DMD2(), target=Unknown())


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", [DMD2(critic_updates=2), FDistill(critic_updates=2, divergence="jeffreys")]
)
def test_a_student_comes_to_the_mean_and_spread_of_a_gaussian(method):
    """From a teacher that is exact, with a critic that begins knowing nothing."""
    target = mixture([1.0], [[0.7, -0.4]], [[[0.25, 0.0], [0.0, 0.25]]])
    network = FlowMLP(width=32, depth=2, seed=1)
    *_, last = distill(
        method, target.field("linear"), target, steps=420, batch=128, learning_rate=1e-3, network=network
    )
    cloud = made(last.student, sobol_noise(2048, (2,)), 1)
    assert cloud.mean(0).tolist() == pytest.approx([0.7, -0.4], abs=0.04)
    assert torch.cov(cloud.T).flatten().tolist() == pytest.approx([0.25, 0.0, 0.0, 0.25], abs=0.04)
