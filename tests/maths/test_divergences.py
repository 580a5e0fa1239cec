"""Divergences and the fits of weak generators: held to closed forms, scipy, and the figures of the sheet."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad, simpson
from scipy.spatial.distance import jensenshannon
from scipy.stats import norm

from explorer.maths.bumps import TWO_BUMPS, Bumps
from explorer.maths.divergences import DIVERGENCES, as_divergence, ratios
from explorer.maths.playground import weak_fit

KEYS = list(DIVERGENCES)
LEVELS = [0.02 + 0.06 * (i + 0.5) for i in range(16)]

TABLE = {
    (False, "reverse_kl"): [(-2.000, 0.500)],
    (False, "jensen_shannon"): [(-2.000, 0.500)],
    (False, "hellinger"): [(-2.000, 0.501)],
    (False, "jeffreys"): [(-1.124, 1.451)],
    (False, "forward_kl"): [(-0.800, 1.900)],
    (True, "reverse_kl"): [(-1.958, 0.519), (1.893, 0.547)],
    (True, "jensen_shannon"): [(-0.815, 1.860), (-1.936, 0.537)],
    (True, "hellinger"): [(-0.801, 1.827), (-1.913, 0.571)],
    (True, "jeffreys"): [(-0.762, 1.667)],
    (True, "forward_kl"): [(-0.800, 1.900)],
}
"""The sheet's best single Gaussian (mean, std) for .7 N(-2, .5^2) + .3 N(2, .5^2), the best first."""


def normal(x, mean, std):
    return -0.5 * ((x - mean) / std) ** 2 - math.log(std * math.sqrt(2 * math.pi))


def line(half=14.0, points=4001):
    x = torch.linspace(-half, half, points, dtype=torch.float64)
    return x, float(x[1] - x[0])


def between(key, first, second):
    """D of two Gaussians (mean, std)."""
    x, spacing = line()
    return float(DIVERGENCES[key].between(normal(x, *first), normal(x, *second), spacing))


def bump_density(bumps, x, t):
    parts = zip(bumps.weights, bumps.means, bumps.stds, strict=True)
    return sum(w * norm.pdf(x, (1 - t) * m, math.hypot((1 - t) * s, t)) for w, m, s in parts)


def by_simpson(key, target, generator, averaged):
    """D by scipy's Simpson rule of q f(p/q), on scipy's densities; the mean over the levels."""
    x = np.linspace(-13.0, 13.0, 5201)
    values = []
    for t in LEVELS if averaged else [0.0]:
        p, q = bump_density(target, x, t), bump_density(generator, x, t)
        ratio = torch.as_tensor(p / np.maximum(q, 1e-290))
        values.append(simpson(np.where(q > 1e-280, q * DIVERGENCES[key].f(ratio).numpy(), 0.0), x=x))
    return float(np.mean(values))


@pytest.mark.parametrize("key", KEYS)
def test_f_is_a_divergence_and_its_weight_is_its_second_derivative_times_the_square(key):
    one = DIVERGENCES[key]
    r = ratios().requires_grad_()
    slope = torch.autograd.grad(one.f(r).sum(), r, create_graph=True)[0]
    bend = torch.autograd.grad(slope.sum(), r)[0]
    assert bool((bend > 0).all())
    torch.testing.assert_close(one.weight(r.detach()), r.detach() ** 2 * bend, rtol=1e-10, atol=1e-12)
    assert float(one.f(torch.ones(1, dtype=torch.float64))) == 0.0


@pytest.mark.parametrize("key", KEYS)
def test_the_integrand_by_logs_is_the_one_by_the_ratio(key):
    one = DIVERGENCES[key]
    x, spacing = line(9.0)
    p, q = normal(x, 0.3, 0.8), normal(x, -0.4, 1.1)
    by_ratio = (q.exp() * one.f((p - q).exp())).sum() * spacing
    assert float(one.between(p, q, spacing)) == pytest.approx(float(by_ratio), rel=1e-7)


def test_divergences_of_two_gaussians_are_the_closed_forms():
    (a, s), (b, v) = (0.3, 0.8), (-0.5, 1.3)
    kl = lambda a, s, b, v: math.log(v / s) + (s * s + (a - b) ** 2) / (2 * v * v) - 0.5  # noqa: E731 # one formula
    overlap = math.sqrt(2 * s * v / (s * s + v * v)) * math.exp(-((a - b) ** 2) / (4 * (s * s + v * v)))
    assert between("forward_kl", (a, s), (b, v)) == pytest.approx(kl(a, s, b, v), rel=1e-12)
    assert between("reverse_kl", (a, s), (b, v)) == pytest.approx(kl(b, v, a, s), rel=1e-12)
    both = kl(a, s, b, v) + kl(b, v, a, s)
    assert between("jeffreys", (a, s), (b, v)) == pytest.approx(both, rel=1e-12)
    assert between("hellinger", (a, s), (b, v)) == pytest.approx(2 * (1 - overlap), rel=1e-12)


def test_jensen_shannon_is_twice_that_of_a_second_library():
    x = np.linspace(-14.0, 14.0, 4001)
    p, q = norm.pdf(x, 0.3, 0.8), norm.pdf(x, -0.5, 1.3)
    assert between("jensen_shannon", (0.3, 0.8), (-0.5, 1.3)) == pytest.approx(
        2 * jensenshannon(p, q) ** 2, rel=1e-9
    )


@pytest.mark.parametrize(
    ("key", "slope"),
    [
        ("reverse_kl", 0.400000),
        ("forward_kl", 0.443213),
        ("jensen_shannon", 0.201121),
        ("hellinger", 0.205740),
        ("jeffreys", 0.843213),
    ],
)
def test_the_gradient_is_the_weighted_score_difference(key, slope):
    """The sheet's numbers at q = N(.4, .95^2), p = N(0, 1), by finite differences and by the identity."""
    step = 1e-4
    ahead, behind = (between(key, (0.0, 1.0), (0.4 + sign * step, 0.95)) for sign in (1, -1))
    assert (ahead - behind) / (2 * step) == pytest.approx(slope, abs=6e-7)
    weight = DIVERGENCES[key].weight

    def pull(x):
        ratio = torch.tensor(norm.pdf(x) / norm.pdf(x, 0.4, 0.95), dtype=torch.float64)
        scores = -x + (x - 0.4) / 0.95**2
        return -norm.pdf(x, 0.4, 0.95) * float(weight(ratio)) * scores

    assert quad(pull, -10.0, 10.0, epsabs=1e-11)[0] == pytest.approx(slope, abs=6e-7)


@pytest.mark.parametrize("key", KEYS)
def test_the_slope_is_the_derivative_along_densities(key):
    one = DIVERGENCES[key]
    x, spacing = line()
    p = torch.logaddexp(math.log(0.7) + normal(x, -2.0, 0.5), math.log(0.3) + normal(x, 2.0, 0.5))
    mean = torch.tensor(-0.3, dtype=torch.float64, requires_grad=True)
    q = normal(x, mean, 1.2)
    by_autograd = torch.autograd.grad(one.between(p, q, spacing), mean)[0]
    along = (x - mean.detach()) / 1.2**2  # d log q / d mean
    assert float((one.slope(p, q.detach()) * along).sum() * spacing) == pytest.approx(
        float(by_autograd), rel=1e-8
    )


@pytest.mark.parametrize(("averaged", "key"), TABLE)
def test_one_gaussian_falls_where_the_sheet_says(averaged, key):
    found = weak_fit(key, "one", averaged)
    places = [(fit.bumps.means[0], fit.bumps.stds[0]) for fit in found.fits]
    assert places[0] == pytest.approx(TABLE[averaged, key][0], abs=6e-4)
    for place in TABLE[averaged, key]:
        assert any(place == pytest.approx(one, abs=6e-4) for one in places), places
    if averaged:
        assert len(places) == len(TABLE[averaged, key])
    values = [fit.value for fit in found.fits]
    assert values == sorted(values) and min(values) > 0


def test_averaging_over_noise_turns_two_divergences_from_one_bump_to_both():
    keeps = {(averaged, key): weak_fit(key, "one", averaged).best.kept for averaged, key in TABLE}
    both, large = (True, True), (True, False)
    assert keeps[False, "reverse_kl"] == keeps[True, "reverse_kl"] == large
    assert keeps[False, "forward_kl"] == keeps[True, "forward_kl"] == both
    for key in ("jensen_shannon", "hellinger"):
        assert keeps[False, key] == large and keeps[True, key] == both


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("key", KEYS)
def test_every_fit_is_a_minimum_by_a_second_quadrature(key, averaged):
    found = weak_fit(key, "one", averaged)
    assert found.levels.tolist() == pytest.approx(LEVELS if averaged else [0.0], abs=1e-12)
    for fit in found.fits:
        for x, density, t in zip(found.x, fit.density, found.levels.tolist(), strict=True):
            assert np.allclose(density.numpy(), bump_density(fit.bumps, x.numpy(), t), rtol=1e-8, atol=1e-300)
        assert fit.value == pytest.approx(by_simpson(key, TWO_BUMPS, fit.bumps, averaged), rel=1e-6)
        (mean,), (std,) = fit.bumps.means, fit.bumps.stds
        for shift, stretch in (
            (0.02, 1.0),
            (-0.02, 1.0),
            (0.0, 1.02),
            (0.0, 1 / 1.02),
            (0.01, 1.01),
            (-0.01, 1.01),
        ):
            beside = Bumps((1.0,), (mean + shift,), (std * stretch,))
            assert by_simpson(key, TWO_BUMPS, beside, averaged) > fit.value


@pytest.mark.parametrize("averaged", [False, True])
def test_forward_kl_matches_the_moments_of_any_mixture(averaged):
    bumps = Bumps((0.2, 0.8), (-1.0, 1.5), (0.3, 0.6))
    mean = 0.2 * -1.0 + 0.8 * 1.5
    variance = 0.2 * (0.3**2 + 1.0) + 0.8 * (0.6**2 + 1.5**2) - mean**2
    (fit,) = weak_fit("forward_kl", "one", averaged, bumps).fits
    assert (fit.bumps.means[0], fit.bumps.stds[0]) == pytest.approx((mean, math.sqrt(variance)), abs=1e-5)


def test_a_mirrored_target_gives_mirrored_fits():
    mirrored = Bumps((0.3, 0.7), (-2.0, 2.0), (0.5, 0.5))
    for one, other in zip(
        weak_fit("jensen_shannon").fits, weak_fit("jensen_shannon", mixture=mirrored).fits, strict=True
    ):
        assert one.bumps.means[0] == pytest.approx(-other.bumps.means[0], abs=1e-5)
        assert one.value == pytest.approx(other.value, rel=1e-9) and one.kept == other.kept[::-1]


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("key", KEYS)
def test_two_components_keep_both_bumps_under_every_divergence(key, averaged):
    """Whatever they start as: strong enough a generator, and no divergence drops a mode."""
    (fit,) = weak_fit(key, "two", averaged).fits
    assert fit.value < 1e-9 and fit.kept == (True, True)
    assert fit.shares == pytest.approx((0.7, 0.3), abs=1e-4)
    assert fit.bumps.means == pytest.approx((-2.0, 2.0), abs=1e-3)
    assert fit.bumps.weights == pytest.approx((0.7, 0.3), abs=1e-4)


def test_bumps_far_apart_hold_two_components_in_one_unless_the_weight_grows_with_the_ratio():
    """Reverse KL between one bump and all is minus the log of that bump's weight."""
    apart = Bumps((0.7, 0.3), (-4.0, 4.0), (0.5, 0.5))
    reverse = weak_fit("reverse_kl", "two", averaged=False, mixture=apart)
    assert reverse.best.value < 1e-9
    lost = {fit.kept: fit.value for fit in reverse.fits[1:]}
    assert lost[True, False] == pytest.approx(-math.log(0.7), abs=1e-5)
    assert lost[False, True] == pytest.approx(-math.log(0.3), abs=1e-5)
    for key in ("forward_kl", "jeffreys"):
        assert all(fit.kept == (True, True) for fit in weak_fit(key, "two", False, apart).fits)


def test_the_record_holds_what_a_figure_draws():
    found = weak_fit("hellinger")
    levels, points = found.x.shape
    assert levels == 16 and found.target.shape == (16, points)
    mass = (found.target * (found.x[:, 1:2] - found.x[:, :1])).sum(1)
    torch.testing.assert_close(mass, torch.ones(16, dtype=torch.float64), rtol=0, atol=1e-10)
    low = divmod(int(found.landscape.argmin()), len(found.means))
    assert found.landscape.shape == (len(found.stds), len(found.means))
    assert float(found.means[low[1]]) == pytest.approx(found.best.bumps.means[0], abs=0.2)
    assert float(found.landscape.min()) >= found.best.value
    weight = found.weight(found.best)
    middle = points // 2
    ratio = float(found.target[0, middle] / found.best.density[0, middle])
    assert float(weight[0, middle]) == pytest.approx(math.sqrt(ratio) / 2, rel=1e-9)
    assert bool(torch.isfinite(weight).all())


def test_bad_input_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="did you mean 'reverse_kl'"):
        weak_fit("revers_kl")
    with pytest.raises(ValueError, match="sum to 1"):
        Bumps((0.7, 0.7), (-1.0, 1.0), (0.5, 0.5))
    with pytest.raises(ValueError, match="as many numbers each"):
        Bumps((0.5, 0.5), (-1.0,), (0.5, 0.5))
    with pytest.raises(ValueError, match="above 0"):
        Bumps((0.5, 0.5), (-1.0, 1.0), (0.5, 0.0))
    assert as_divergence(DIVERGENCES["jeffreys"]).key == "jeffreys"
