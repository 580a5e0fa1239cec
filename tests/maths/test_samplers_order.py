"""Every sampler's declared order, measured against a flow that is known."""

import math

import pytest
import torch

from explorer.maths.paths import PATHS, as_path
from explorer.maths.samplers import SAMPLERS, record
from explorer.maths.samplers.ddim import DDIM
from explorer.maths.samplers.edm_stochastic import EDMStochastic
from explorer.maths.samplers.euler_ancestral import EulerAncestral
from explorer.maths.samplers.euler_maruyama import EulerMaruyama
from explorer.maths.samplers.rk45 import RK45
from explorer.maths.targets import mixture
from tests.oracles import NormalField, exact_std, gaussian_flow, integrate

MEAN = torch.tensor([0.5, -0.8], dtype=torch.float64)
COVARIANCE = torch.tensor([[0.6, 0.3], [0.3, 0.4]], dtype=torch.float64)
ONE = torch.ones(1, dtype=torch.float64)
GAUSSIAN = mixture(ONE, MEAN[None], COVARIANCE[None])
MIXTURE = mixture(
    torch.tensor([0.3, 0.7], dtype=torch.float64),
    torch.stack([MEAN, torch.tensor([-1.0, 0.2], dtype=torch.float64)]),
    torch.stack([COVARIANCE, 0.5 * torch.eye(2, dtype=torch.float64)]),
)
NOISE = torch.randn(8, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
METHODS = {name: cls() for name, cls in SAMPLERS.items() if not cls.is_random and not cls.is_adaptive} | {
    "edm_stochastic without churn": EDMStochastic(churn=0.0)
}
ORDERS = {name: 2 if name.startswith("edm") else method.order for name, method in METHODS.items()}
LAST = 0.1
"""The noise share at which errors are measured: the landing beyond it is of first order for every method."""


def grid(path, steps, first=None):
    """Equal steps of the noise share, the last one shown at LAST."""
    top = path.share(1.0) if first is None else first
    return [path.time_of_share(top + (LAST - top) * i / steps) for i in range(steps + 1)]


def counts(name, steps):
    """Two runs, one twice as fine; the method with a tangent is quick to converge and slow to run."""
    return (20, 40) if name == "taylor2" else (steps, 2 * steps)


def slope(errors):
    """Order between the two finest runs."""
    return math.log2(errors[-2] / errors[-1])


def level(path, t):
    at = path.at(t)
    return at.alpha, at.sigma


def error(target, path, sampler, times, truth, **start):
    run = record(target.field(path), sampler, grid=times, **start)
    return (run.states[len(times) - 1] - truth).norm(dim=1).max().item()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", METHODS)
def test_error_falls_at_the_declared_order_from_pure_noise(name, path):
    way = as_path(path)
    end = grid(way, 1)[-1]
    truth = gaussian_flow(MEAN, COVARIANCE, way.at(1.0).sigma * NOISE, level(way, 1.0), level(way, end))
    errors = [
        error(GAUSSIAN, path, METHODS[name], grid(way, n), truth, noise=NOISE) for n in counts(name, 80)
    ]
    assert ORDERS[name] - 0.15 < slope(errors) < ORDERS[name] + 0.25, errors


@pytest.mark.parametrize("path", ["linear", "vp"])
@pytest.mark.parametrize("name", METHODS)
def test_error_falls_at_the_declared_order_on_a_mixture(name, path):
    way, field = as_path(path), MIXTURE.field(path)
    times = grid(way, 1, first=0.9)
    truth = integrate(lambda x, t: field(x, t).velocity, NOISE, *times)
    grids = [grid(way, n, first=0.9) for n in counts(name, 60)]
    errors = [error(MIXTURE, path, METHODS[name], each, truth, start=(NOISE, times[0])) for each in grids]
    assert abs(slope(errors) - ORDERS[name]) < 0.15, errors


@pytest.mark.parametrize("path", PATHS)
def test_dormand_prince_is_of_fifth_order_on_equal_steps(path):
    """A tolerance that lets everything pass, and times that are met exactly: then the steps are ours."""
    way = as_path(path)
    first, end = grid(way, 1, first=0.9)
    truth = gaussian_flow(MEAN, COVARIANCE, NOISE, level(way, first), level(way, end))
    loose = RK45(0.1, 0.1)
    errors = [
        error(GAUSSIAN, path, loose, grid(way, n, first=0.9), truth, start=(NOISE, first)) for n in (20, 40)
    ]
    assert 4.7 < slope(errors) < 5.8, errors


@pytest.mark.parametrize("path", PATHS)
def test_dormand_prince_error_follows_its_tolerance(path):
    way = as_path(path)
    end = grid(way, 1)[-1]
    truth = gaussian_flow(MEAN, COVARIANCE, way.at(1.0).sigma * NOISE, level(way, 1.0), level(way, end))
    for tolerance in (1e-4, 1e-6, 1e-8, 1e-10):
        run = record(GAUSSIAN.field(path), RK45(tolerance, tolerance), grid=[end], noise=NOISE)
        assert (run.states[run.times.tolist().index(end)] - truth).norm(dim=1).max() < 10 * tolerance


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("sampler", [EulerAncestral(), DDIM(eta=0.7), EulerMaruyama()], ids=str)
def test_spread_of_random_samplers_converges_at_weak_order_one(sampler, path):
    """Exact in the sense that no sample is drawn: the variance is carried through the method's own steps."""
    field, way = NormalField(path, variance=0.25, shape=(1,)), as_path(path)
    start = 0.25 * way.at(1.0).alpha ** 2 + way.at(1.0).sigma ** 2
    errors = [abs(_std_above(sampler, field, way, n, start) - _marginal(way)) for n in (200, 400)]
    assert 0.75 < slope(errors) < 1.25, errors


@pytest.mark.parametrize(("path", "order"), [("cosine", 0.5), ("trig", 0.5), ("vp", 1.0), ("ve", 1.0)])
def test_reverse_diffusion_at_half_strength_loses_order_where_a_path_begins_without_data(path, order):
    field, way = NormalField(path, variance=0.25, shape=(1,)), as_path(path)
    start = 0.25 * way.at(1.0).alpha ** 2 + way.at(1.0).sigma ** 2
    errors = [abs(_std_above(EulerMaruyama(0.5), field, way, n, start) - _marginal(way)) for n in (400, 800)]
    assert abs(slope(errors) - order) < 0.12, errors


def _std_above(sampler, field, way, steps, start):
    """Standard deviation at LAST: the landing is divided out."""
    times = [*grid(way, steps), 0.0]
    pair = torch.ones(1, 1, dtype=torch.float64)
    return exact_std(sampler, field, times, start) / field(pair, times[-2]).denoised.item()


def _marginal(way):
    at = way.at(way.time_of_share(LAST))
    return math.sqrt(0.25 * at.alpha**2 + at.sigma**2)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["linear", "ve"])
def test_predictor_corrector_and_churn_reach_the_right_spread_in_the_limit(path):
    field = NormalField(path, variance=0.25)
    for sampler in ("predictor_corrector", "edm_stochastic"):
        run = record(field, sampler, steps=300, grid="karras", n=40_000, seed=3, dtype=torch.float64)
        assert abs(run.states[-1].std().item() - 0.5) < 0.01, sampler
