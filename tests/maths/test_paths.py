import itertools
import math

import pytest
import torch
from scipy.integrate import quad

from explorer.maths.paths import PATHS, as_path

TIMES = torch.linspace(0.02, 0.98, 25, dtype=torch.float64)
every_path = pytest.mark.parametrize("name", PATHS)


@every_path
def test_rates_are_the_derivatives_of_the_shares(name):
    path = as_path(name)
    for share, rate in (("alpha", "alpha_rate"), ("sigma", "sigma_rate")):
        t = TIMES.clone().requires_grad_()
        value = getattr(path.at(t), share)
        (slope,) = torch.autograd.grad(value.sum() + 0.0 * t.sum(), t)
        assert torch.allclose(getattr(path.at(TIMES), rate), slope, rtol=1e-10, atol=1e-12), share


@every_path
def test_a_path_begins_at_data_and_ends_at_noise(name):
    path = as_path(name)
    assert path.alpha(0.0) == pytest.approx(1.0, abs=1e-15)
    assert path.sigma(0.0) == 0.0
    assert path.sigma(1.0) == pytest.approx({"ve": 80.0}.get(name, 1.0), rel=1e-4)
    assert path.alpha(1.0) == pytest.approx({"ve": 1.0, "vp": math.exp(-5.025)}.get(name, 0.0), abs=1e-15)


@pytest.mark.parametrize("name", ["vp", "cosine", "trig"])
def test_variance_preserving_paths_preserve_variance(name):
    level = as_path(name).at(TIMES)
    assert torch.allclose(level.alpha**2 + level.sigma**2, torch.ones_like(TIMES), atol=1e-14)


def test_vp_is_the_solution_of_its_noise_rate():
    for t in (0.1, 0.5, 1.0):
        total, _ = quad(lambda u: 0.1 + (20.0 - 0.1) * u, 0.0, t)
        assert as_path("vp").alpha(t) == pytest.approx(math.exp(-0.5 * total), rel=1e-12)


def test_cosine_is_the_papers_schedule():
    def f(t):
        return math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2

    for t in (1e-4, 0.1, 0.5, 0.99):
        assert as_path("cosine").alpha(t) ** 2 == pytest.approx(f(t) / f(0.0), rel=1e-12)


@every_path
def test_time_of_undoes_the_ratio(name):
    path = as_path(name)
    for t in (1e-6, 1e-3, 0.1, 0.5, 0.9, 0.99):
        level = path.at(t)
        assert path.time_of(level.sigma / level.alpha) == pytest.approx(t, rel=1e-9), t


@every_path
def test_a_float_and_a_tensor_get_the_same_level(name):
    path = as_path(name)
    for whole, one in zip(zip(*path.at(TIMES), strict=True), TIMES, strict=True):
        assert torch.stack(whole).tolist() == pytest.approx(list(path.at(float(one))), rel=1e-13)
    ratios = TIMES * 3.0
    one_by_one = [path.time_of(float(r)) for r in ratios]
    assert path.time_of(ratios).tolist() == pytest.approx(one_by_one, rel=1e-13)


@every_path
def test_the_noise_share_rises_all_the_way_and_can_be_undone(name):
    path = as_path(name)
    shares = [path.share(i / 500) for i in range(501)]
    assert all(a < b for a, b in itertools.pairwise(shares))
    assert shares[0] == 0.0
    for t in (0.001, 0.2, 0.7):
        assert path.time_of_share(path.share(t)) == pytest.approx(t, rel=1e-9)
    assert path.time_of_share(1.0) == 1.0


@every_path
def test_the_wronskian_is_positive_inside(name):
    assert bool((as_path(name).at(TIMES).wronskian > 0).all())


@every_path
def test_a_path_tells_what_it_is(name):
    path = as_path(name)
    assert path.name == name
    assert path.label and path.formula and path.source
    assert as_path(path) is path


def test_an_unknown_path_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'cosine'"):
        as_path("cosin")


@pytest.mark.parametrize("name", ["linear", "cosine", "trig"])
def test_no_data_left_is_the_noise_end_where_the_path_has_one(name):
    path = as_path(name)
    assert path.time_of(math.inf) == pytest.approx(1.0, abs=1e-12)
    assert path.time_of(torch.tensor([math.inf])).item() == pytest.approx(1.0, abs=1e-6)
