"""The fine run against closed forms and scipy; what it does with fields that are rough, single or broken."""

import math
from itertools import pairwise

import pytest
import torch

import explorer as ex
from explorer.maths.fields import NetworkField
from explorer.maths.paths import PATHS, as_path
from explorer.maths.reference import reference
from explorer.maths.samplers import record
from explorer.maths.samplers.rk45 import RK45
from explorer.models.zoo import load
from tests.oracles import gaussian_flow, integrate

MEAN = torch.tensor([0.5, -0.8], dtype=torch.float64)
COVARIANCE = torch.tensor([[0.6, 0.3], [0.3, 0.4]], dtype=torch.float64)
GAUSSIAN = ex.mixture(torch.ones(1, dtype=torch.float64), MEAN[None], COVARIANCE[None])
NOISE = torch.randn(12, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def true_ends(path):
    level = as_path(path).at(1.0)
    return gaussian_flow(MEAN, COVARIANCE, level.sigma * NOISE, (level.alpha, level.sigma), (1.0, 0.0))


def rms(gap):
    return float(gap.double().square().sum(dim=1).mean().sqrt())


@pytest.mark.parametrize("path", PATHS)
def test_the_ends_of_a_gaussian_are_those_of_the_closed_form(path):
    found = reference(GAUSSIAN.field(path), NOISE)
    assert found.rtol == 1e-10
    assert found.ends.dtype == torch.float64
    assert rms(found.ends - true_ends(path)) < 1e-9
    assert rms(found.ends - true_ends(path)) < found.gap < 1e-6


@pytest.mark.parametrize("name", ["two_moons", "checkerboard", "network"])
def test_the_ends_of_a_bent_flow_are_those_of_scipy(name):
    """Order eight to t = 1e-7, and one Euler step from there, whose error is of the square of that."""
    field = load("two_moons/linear") if name == "network" else ex.target(name).field("linear")
    near = integrate(lambda x, t: field(x, t).velocity.detach(), NOISE, 1.0, 1e-7)
    known = near - 1e-7 * field(near, 1e-7).velocity.detach()
    assert rms(reference(field, NOISE).ends - known) < 1e-8


def test_the_landing_error_goes_with_the_square_of_where_a_run_stops():
    field, truth = GAUSSIAN.field("linear"), true_ends("linear")
    errors = [
        rms(record(field, RK45(1e-12, 1e-12, stop), noise=NOISE).states[-1] - truth)
        for stop in (1e-2, 1e-3, 1e-4)
    ]
    assert [math.log10(a / b) for a, b in pairwise(errors)] == pytest.approx([2, 2], abs=0.1)
    plain = record(field, RK45(1e-12, 1e-12), noise=NOISE)
    assert rms(plain.states[-1] - truth) == pytest.approx(errors[1], rel=1e-6)  # where it always stopped
    assert field.path.share(float(plain.times[-2])) == pytest.approx(1e-3)


@pytest.mark.parametrize("stop", [0.0, 1e-12, 0.5, math.nan])
def test_a_stop_out_of_bounds_is_refused(stop):
    with pytest.raises(ValueError, match="`stop`"):
        RK45(stop=stop)


def test_a_module_of_one_type_is_followed_in_it():
    turn = torch.tensor([[0.7, -2.0], [2.0, 0.7]])
    found = reference(NetworkField(lambda x, t: x @ turn), NOISE)  # @ takes two of one type
    known = reference(NetworkField(lambda x, t: x @ turn.double()), NOISE)
    assert (found.ends.dtype, known.ends.dtype) == (torch.float32, torch.float64)
    assert rms(found.ends - known.ends) < 1e-4
    assert found.rtol > known.rtol


def test_a_field_with_steps_of_its_own_gets_the_tolerance_that_it_allows():
    inner = GAUSSIAN.field("linear")
    rough = NetworkField(lambda x, t: inner((x * 2000).round() / 2000, t).velocity)
    found, known = reference(rough, NOISE), reference(inner, NOISE)
    assert (known.rtol, found.rtol > 1e-9) == (1e-10, True)
    assert found.gap > known.gap
    assert rms(found.ends - known.ends) < 0.02


def test_a_field_that_no_run_gets_through_has_one_sentence():
    gone = NetworkField(lambda x, t: torch.where(t[:, None] < 0.5, math.nan, x))
    with pytest.raises(ValueError, match=r"cannot be followed to its end: diverged at step .* not finite"):
        reference(gone, NOISE)
    with pytest.raises(ValueError, match="shape"):
        reference(GAUSSIAN.field("linear"), NOISE[:, :1])
