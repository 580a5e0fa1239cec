"""Exact theory: likelihoods against densities that are known, one Gaussian's run, the rotation picture."""

import math

import pytest
import torch

from explorer.maths.likelihood import (
    draw_probes,
    hutchinson,
    hutchinson_variance,
    log_likelihood,
    trace_of_jacobian,
)
from explorer.maths.painters import gaussian_run, rotation, rotation_gap
from explorer.maths.paths import PATHS, as_path
from explorer.maths.targets import mixture
from tests.oracles import NormalField, gaussian_flow

COVARIANCE = torch.tensor([[0.6, 0.3], [0.3, 0.4]], dtype=torch.float64)
MEAN = torch.tensor([0.5, -0.8], dtype=torch.float64)
TARGET = mixture(
    torch.tensor([0.3, 0.7], dtype=torch.float64),
    torch.stack([MEAN, torch.tensor([-1.0, 0.2], dtype=torch.float64)]),
    torch.stack([COVARIANCE, 0.1 * torch.eye(2, dtype=torch.float64)]),
)
POINTS = torch.tensor([[0.4, -0.5], [-1.1, 0.3], [2.0, 1.0]], dtype=torch.float64)


class Rotating(NormalField):
    """A field whose Jacobian is known, asymmetric and the same everywhere; it offers no divergence of its own."""

    jacobian = torch.tensor([[1.0, 3.0], [-2.0, 0.5]], dtype=torch.float64)

    def __call__(self, x, t):
        found = super().__call__(x, t)
        found.tensor, found.kind = x @ self.jacobian.T, "velocity"
        return found


@pytest.mark.parametrize("path", PATHS)
def test_change_of_variables_gives_the_mixtures_own_density(path):
    """The identity holds between any two times; the noise end is replaced by the mixture's density there."""
    field, t = TARGET.field(path), as_path(path).time_of_share(0.05)
    found = log_likelihood(field, POINTS, t=t, steps=100)
    exact = field.log_density(POINTS, t) - field.log_density(found.end, 1.0)
    assert (found.change - exact).abs().max() < 1e-6
    assert found.evals == 400


@pytest.mark.parametrize("path", ["linear", "trig", "cosine"])
def test_log_likelihood_is_the_density_itself_where_no_data_is_left_at_the_noise_end(path):
    field = TARGET.field(path)
    found = log_likelihood(field, POINTS, steps=150)
    assert (found.nats - field.log_density(POINTS, found.t)).abs().max() < 1e-5
    assert as_path(path).share(found.t) == pytest.approx(1e-3)


def test_log_likelihood_of_a_gaussian_by_reverse_passes_is_its_formula():
    x = torch.tensor([[0.3, -0.2], [1.5, 0.1]], dtype=torch.float64)
    found = log_likelihood(NormalField("linear", mean=0.4, variance=0.25), x, steps=100)
    spread = (1 - found.t) ** 2 * 0.25 + found.t**2
    truth = -((x - 0.4 * (1 - found.t)) ** 2).sum(1) / (2 * spread) - math.log(2 * math.pi * spread)
    assert (found.nats - truth).abs().max() < 1e-6


def test_reverse_passes_agree_with_the_mixtures_own_divergence():
    field = TARGET.field("linear")
    own = field.divergence(POINTS, 0.4)

    class Bare(NormalField):
        def __call__(self, x, t):
            return field(x, t)

    assert (trace_of_jacobian(Bare("linear"), POINTS, 0.4) - own).abs().max() < 1e-12
    assert (
        own - TARGET.field("linear").velocity_jacobian(POINTS, 0.4).diagonal(dim1=1, dim2=2).sum(1)
    ).abs().max() == 0


@pytest.mark.parametrize(("kind", "variance"), [("rademacher", 1.0), ("gaussian", 3.5), ("exact", 0.0)])
def test_variance_of_a_probe_is_its_formula(kind, variance):
    """S has diagonal 1, 0.5 and 0.5 beside it: signs 2 (0.25 + 0.25), normal probes 2 (1 + 0.25 + 0.5)."""
    assert hutchinson_variance(Rotating.jacobian[None], kind).item() == variance


@pytest.mark.parametrize("kind", ["rademacher", "gaussian"])
def test_probes_are_right_on_average_and_spread_as_the_formula_says(kind):
    x = torch.zeros(40_000, 2, dtype=torch.float64)
    found = hutchinson(Rotating("linear"), x, 0.5, draw_probes(kind, 1, x, seed=4))
    variance = hutchinson_variance(Rotating.jacobian[None], kind).item()
    assert found.mean().item() == pytest.approx(1.5, abs=5 * math.sqrt(variance / len(x)))
    assert found.var().item() == pytest.approx(variance, rel=0.1)


def test_more_probes_bring_the_likelihood_nearer():
    field = NormalField("linear", mean=0.4)
    coarse = NormalField("linear", mean=0.4)
    exact = log_likelihood(field, POINTS, steps=20).nats
    # The Jacobian of a round Gaussian is a multiple of the identity: signs are exact, normal probes are not.
    signs = log_likelihood(coarse, POINTS, steps=20, divergence="rademacher").nats
    assert (signs - exact).abs().max() < 1e-9
    errors = [
        (log_likelihood(field, POINTS, steps=20, divergence="gaussian", probes=m, seed=1).nats - exact)
        .abs()
        .mean()
        for m in (1, 256)
    ]
    assert errors[1] < 0.3 * errors[0]


def test_float32_samples_are_asked_in_their_own_type_and_summed_in_float64():
    found = log_likelihood(TARGET.field("linear"), POINTS.float(), steps=50)
    assert found.nats.dtype == torch.float64
    assert (found.nats - log_likelihood(TARGET.field("linear"), POINTS, steps=50).nats).abs().max() < 1e-3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"x": torch.zeros(2, 3)}, r"`x` must have shape \[n, 2\]"),
        ({"t": 0.0}, "`t` must lie above 0 and below 1; got 0.0"),
        ({"t": 1.0}, "`t` must lie"),
        ({"steps": 0}, "`steps` must be a whole number of at least 1; got 0"),
        ({"divergence": "gaussian", "probes": 0}, "`probes` must be"),
    ],
)
def test_a_likelihood_that_cannot_be_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        log_likelihood(NormalField("linear"), **({"x": POINTS} | options))


def test_a_large_sample_is_told_to_take_probes():
    field = NormalField("linear", shape=(300,))
    x = torch.zeros(2, 300)
    with pytest.raises(ValueError, match="at most 256 numbers; got 300; use divergence='rademacher'"):
        log_likelihood(field, x, steps=1)
    assert log_likelihood(field, x, steps=5, divergence="rademacher").nats.shape == (2,)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("times", [(1.0, 0.3), (0.6, 0.0), (0.2, 0.9)])
def test_one_gaussians_run_is_closed_on_every_path_between_every_two_times(path, times):
    way = as_path(path)
    ends = [(way.at(t).alpha, way.at(t).sigma) for t in times]
    truth = gaussian_flow(MEAN, COVARIANCE, POINTS, *ends)
    assert (gaussian_run(path, MEAN, COVARIANCE, POINTS, *times) - truth).abs().max() < 1e-12


def test_a_flat_direction_follows_the_noise_alone():
    flat = torch.diag(torch.tensor([1.0, 0.0], dtype=torch.float64))
    x = gaussian_run("trig", torch.zeros(2, dtype=torch.float64), flat, POINTS, 1.0, 0.25)
    assert torch.allclose(x[:, 1], math.sin(math.pi / 8) * POINTS[:, 1])
    with pytest.raises(ValueError, match="`t` must be above 0"):
        gaussian_run("trig", torch.zeros(2, dtype=torch.float64), flat, POINTS, 0.0, 0.5)
    with pytest.raises(ValueError, match=r"must be \[2\] and \[2, 2\]"):
        gaussian_run("trig", torch.zeros(3, dtype=torch.float64), flat, POINTS, 1.0, 0.5)


def test_the_rotation_is_exact_off_the_data_and_widest_wrong_at_45_degrees():
    variances = torch.tensor([0.0, 1.0], dtype=torch.float64)
    gaps = torch.stack([rotation_gap("trig", variances, t / 100) for t in range(101)])
    assert gaps[:, 0].abs().max() < 1e-15
    assert gaps[:, 1].argmin() == 50
    assert gaps[50, 1].item() == pytest.approx(1.0 - math.sqrt(2.0), abs=1e-15)
    ends = gaussian_run("trig", 0 * MEAN, torch.eye(2, dtype=torch.float64), POINTS, 1.0, 0.0), POINTS
    middle = gaussian_run("trig", 0 * MEAN, torch.eye(2, dtype=torch.float64), POINTS, 1.0, 0.5)
    assert torch.allclose(middle - rotation("trig", *ends, 0.5), gaps[50, 1] * POINTS)
