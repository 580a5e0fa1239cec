"""What is measured while a network trains: closed forms on a bowl, dense matrices, and the edge of stability."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.optim import Adam

from explorer.maths.landscape.training import descend
from explorer.maths.landscape.training.probes import RADIUS, crossing
from tests.maths.landscapes import Weights, bowl, built, dense_hessian, drawn, entropy, mlp, squares

VALUES = torch.tensor([9.0, 4.0, 1.0, 0.5, -0.2], dtype=torch.float64)


def last_of(records):
    *_, last = records
    return last


def looked(loss, module, batch, name, **options):
    """The run of one optimiser with a look at every step and no limit."""
    options = {"steps": 5, "looks": 5, "budget": None} | options
    return last_of(descend(loss, module, batch, [name], **options)).runs[0]


@pytest.fixture(scope="module")
def valley():
    net, loss, vectors = bowl(VALUES)
    return net, loss, vectors @ torch.diag(VALUES) @ vectors.T


@pytest.mark.parametrize("name", ["sgd", "momentum", "muon", "polargrad", "diffgrad"])
def test_every_sharpness_of_a_bowl_in_closed_form(valley, name):
    net, loss, matrix = valley
    run = looked(loss, net, None, name, learning_rate=0.05)
    places = run.places
    for k, step in enumerate(run.probes.step.long().tolist()):
        here, u = places[step], places[step + 1] - places[step]
        slope = matrix @ here
        along = float(u @ matrix @ u / (u @ u))
        assert float(run.probes.sharpness[k]) == pytest.approx(9.0, rel=2e-3)
        assert float(run.probes.directional[k]) == pytest.approx(along, rel=1e-9)
        # L(theta + c u) = L + c g'u + c^2 u'Au / 2 is as high as at first again at c = -2 g'u / u'Au.
        again = float(-2.0 * slope @ u / (u @ matrix @ u))
        expected = math.inf if float(slope @ u) >= 0.0 else 2.0 / (0.05 * again)
        if again > 0.0:
            assert float(run.probes.critical[k]) == pytest.approx(expected, rel=2e-3)
        if name == "sgd":
            assert float(run.probes.critical[k]) == pytest.approx(along, rel=2e-3)
        up = slope / slope.norm() * RADIUS
        assert float(run.probes.sam[k]) == pytest.approx(float(slope @ up + 0.5 * up @ matrix @ up), rel=1e-9)
    assert run.notes.keys() == {"noise"} and "no value per sample" in run.notes["noise"]


def test_the_line_follows_the_learning_rate_of_each_update(valley):
    net, loss, _ = valley
    run = looked(loss, net, None, "sgd", learning_rate=0.1, schedule="cosine")
    torch.testing.assert_close(run.probes.line, 2.0 / run.rates)
    assert run.probes.line[0] == pytest.approx(20.0)
    assert bool(looked(loss, net, None, "muon").probes.line.isnan().all())


def test_the_sharpness_of_adam_is_that_of_the_hessian_between_its_scales():
    net, batch = mlp(4, 6, 3), (drawn(30, 4), torch.arange(30) % 3)
    run = looked(entropy, net, batch, "adam", learning_rate=0.02, steps=9, looks=3)
    twin = copy.deepcopy(net)
    optimiser = Adam(twin.parameters(), lr=0.02)
    seen = []
    for step in range(9):
        hessian = dense_hessian(entropy, twin, batch)
        optimiser.zero_grad()
        entropy(twin, batch).mean().backward()
        optimiser.step()
        scale = torch.cat(
            [
                (optimiser.state[p]["exp_avg_sq"] / (1 - 0.999 ** (step + 1))).sqrt().flatten() + 1e-8
                for p in twin.parameters()
            ]
        )
        seen.append(float(torch.linalg.eigvalsh(hessian / (scale[:, None] * scale).sqrt())[-1]))
    expected = [seen[int(step)] for step in run.probes.step]
    assert run.probes.sharpness.tolist() == pytest.approx(expected, rel=2e-3)
    assert run.probes.line[0] == pytest.approx(38.0 / 0.02)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_the_noise_is_the_variance_of_per_sample_gradients_along_the_step(name):
    net = built(lambda: nn.Sequential(nn.Linear(5, 8), nn.LayerNorm(8), nn.SiLU(), nn.Linear(8, 3)))
    batch = (drawn(40, 5), torch.arange(40) % 3)
    run = looked(entropy, net, batch, name, learning_rate=0.01, rows=20)
    places, parameters = run.places, list(net.named_parameters())
    sizes = [p.numel() for _, p in parameters]

    def one(vector, x, y):
        pieces = vector.split(sizes)
        named = {name: piece.view_as(p) for (name, p), piece in zip(parameters, pieces, strict=True)}
        return nn.functional.cross_entropy(functional_call(net, named, (x[None],)), y[None])

    for k, step in enumerate(run.probes.step.long().tolist()):
        along = places[step + 1] - places[step]
        gradients = vmap(grad(one), in_dims=(None, 0, 0))(places[step], *batch)
        rates = gradients @ (along / along.norm())
        assert float(run.probes.noise[k]) == pytest.approx(float(rates.var()), rel=1e-5)


def test_with_rows_every_probe_is_still_of_the_whole_batch():
    """Losses 0.5 w'Aw + b_i'w whose b_i have mean 0: the whole batch's loss is the bowl, an update's is not."""
    net, loss, vectors = bowl(VALUES)
    matrix = vectors @ torch.diag(VALUES) @ vectors.T
    pulls = drawn(12, 5, seed=8)
    pulls = pulls - pulls.mean(0)
    run = looked(lambda m, b: loss(m, None) + b @ m.w0, net, pulls, "sgd", learning_rate=0.05, rows=2)
    places = run.places
    for k, step in enumerate(run.probes.step.long().tolist()):
        here, u = places[step], places[step + 1] - places[step]
        slope, unit = matrix @ here, u / u.norm()
        assert float(run.probes.sharpness[k]) == pytest.approx(9.0, rel=2e-3)
        climbs = float(slope @ u) >= 0.0
        expected = math.inf if climbs else float(-(u @ matrix @ u) / (slope @ u)) / 0.05
        assert float(run.probes.critical[k]) == pytest.approx(expected, rel=2e-3)
        up = slope / slope.norm() * RADIUS
        assert float(run.probes.sam[k]) == pytest.approx(float(slope @ up + 0.5 * up @ matrix @ up), rel=1e-9)
        assert float(run.probes.noise[k]) == pytest.approx(float((pulls @ unit).var()), rel=1e-9)


def edge_problem():
    """A small tanh net on a smooth function of eight inputs, whole batch, float64."""
    x = drawn(64, 8, seed=3)
    return squares, mlp(8, 24, 24, 1), (x, torch.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:3])


@pytest.mark.slow
def test_sharpness_climbs_to_two_over_the_learning_rate_and_stays_there():
    problem, rate = edge_problem(), 0.1
    options = {"learning_rate": rate, "steps": 500, "looks": 30, "probes": ["sharpness"]}
    run = looked(*problem, "sgd", **options)
    sharpness, line = run.probes.sharpness, 2.0 / rate
    assert float(sharpness[0]) < 0.8 * line
    late = sharpness[run.probes.step > 250]
    assert bool(((late > 0.9 * line) & (late < 1.1 * line)).all()) and float(sharpness.max()) > line
    assert run.losses[-1] < 0.01 * run.losses[0] and bool((run.losses[:-1] < run.losses[1:]).any())
    truth = torch.linalg.eigvalsh(dense_hessian(problem[0], placed(problem[1], run), problem[2]))[-1]
    assert float(sharpness[-1]) == pytest.approx(float(truth), rel=5e-3)


def placed(module, run):
    """The module where the run was at its last look."""
    twin, step = copy.deepcopy(module), int(run.probes.step[-1])
    again = last_of(descend(*edge_problem(), ["sgd"], steps=step, learning_rate=run.learning_rate, probes=[]))
    torch.nn.utils.vector_to_parameters(again.runs[0].last.place, twin.parameters())
    return twin


def test_the_critical_step_is_where_a_curve_comes_back_to_its_height():
    found, spent = crossing(lambda c: -c + c**4, -1.0)
    assert found == pytest.approx(1.0, rel=2e-3) and spent <= 10
    assert crossing(lambda c: -3.0 * c + 0.5 * c**2, -3.0)[0] == pytest.approx(6.0, rel=1e-9)
    assert crossing(lambda c: -3.0 * c + 0.5 * c**2, -3.0)[1] <= 3
    assert crossing(lambda c: -3.0 * c + 5e-4 * c**2, -3.0)[0] == pytest.approx(6e3, rel=1e-3)
    assert crossing(lambda c: -1e-3 * c + 8.0 * c**2, -1e-3)[0] == pytest.approx(1.25e-4, rel=1e-3)
    assert crossing(lambda c: c, 1.0) == (0.0, 0)
    assert crossing(lambda c: -c, -1.0)[0] == math.inf
    wall = crossing(lambda c: -c if c < 5.0 else math.nan, -1.0)[0]
    assert wall == pytest.approx(5.0, rel=2e-3)
    step = crossing(lambda c: -c if c < 5.0 else math.inf, -1.0)[0]
    assert step == pytest.approx(5.0, rel=2e-3)


def test_a_module_that_cannot_be_probed_is_trained_and_says_why():
    net = built(lambda: nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3))).train()
    run = looked(entropy, net, (drawn(16, 5), torch.arange(16) % 3), "sgd")
    assert run.ended.kind == "done" and bool(torch.isfinite(run.probes.sharpness).all())
    assert bool(torch.isfinite(run.probes.noise).all()) or "forwards" in run.notes["noise"]


def test_a_step_that_is_nothing_is_measured_as_nothing():
    net = Weights(torch.zeros(3, dtype=torch.float64))
    run = looked(lambda m, b: (m.w0 * b).square().sum(1), net, drawn(6, 3), "sgd")
    assert bool(run.probes.directional.isnan().all()) and run.losses.tolist() == [0.0] * 5
