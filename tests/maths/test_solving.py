"""Work and precision on fields whose flow is known; the adaptive run on one whose stiffness is."""

import math
from itertools import pairwise

import pytest
import torch

import explorer as ex
from explorer.maths.fields import NetworkField
from explorer.maths.samplers import SAMPLERS, record
from explorer.maths.solving import (
    DETERMINISTIC,
    WorkPoint,
    adaptive_notes,
    order_guide,
    reference,
    work_precision,
)
from explorer.models.zoo import load
from tests.oracles import gaussian_flow

MEAN = torch.tensor([0.5, -0.8], dtype=torch.float64)
COVARIANCE = torch.tensor([[0.6, 0.3], [0.3, 0.4]], dtype=torch.float64)
GAUSSIAN = ex.mixture(torch.ones(1, dtype=torch.float64), MEAN[None], COVARIANCE[None]).field("linear")
NOISE = torch.randn(16, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
TRUTH = gaussian_flow(MEAN, COVARIANCE, NOISE, (0.0, 1.0), (1.0, 0.0))
RATE = 500.0
"""Of a decay so quick that long steps overshoot."""
STIFF = NetworkField(lambda x, t: RATE * x)


@pytest.fixture(scope="module")
def points():
    return list(work_precision(GAUSSIAN, NOISE, reference(GAUSSIAN, NOISE), steps=(4, 64, 128)))


def of(points, name):
    return [point for point in points if point.sampler == name]


@pytest.mark.parametrize("name", [n for n in DETERMINISTIC if not SAMPLERS[n].is_adaptive])
def test_errors_fall_at_the_declared_order_and_are_those_of_the_closed_form(points, name):
    """Where steps of the log ratio have no bound, as even times have none, 2M errs like log N / N^2."""
    some, many = of(points, name)[-2:]
    extra = math.log2(math.log(128) / math.log(64)) if name == "dpmpp_2m" else 0.0
    assert math.log2(some.error / many.error) + extra == pytest.approx(SAMPLERS[name].order, abs=0.15)
    run = record(GAUSSIAN, name, steps=64, noise=NOISE)
    known = float((run.states[-1] - TRUTH).square().sum(dim=1).mean().sqrt())
    assert some.error == pytest.approx(known, abs=1e-9)
    assert (some.steps, some.evals, some.grid) == (64, int(run.evals[-1]), "uniform")


def test_the_adaptive_method_pays_at_its_order_right_to_its_tightest_tolerance(points):
    runs = of(points, "rk45")
    assert [run.rtol for run in runs] == [10.0**-k for k in range(1, 9)]
    tight = [run for run in runs if run.rtol < 1e-3]
    assert all(run.error < 10 * run.rtol for run in tight)  # no floor of the landing
    spent, gained = math.log(tight[-1].evals / tight[0].evals), math.log(tight[0].error / tight[-1].error)
    assert gained / spent > 4.5


def test_points_come_with_few_steps_first_and_the_methods_in_turn(points):
    assert [point.sampler for point in points[: len(DETERMINISTIC)]] == list(DETERMINISTIC)
    assert [point.steps for point in of(points, "heun")] == [4, 64, 128]
    assert set(DETERMINISTIC) == {"euler", "heun", "ddim", "dpmpp_2m", "taylor2", "rk45"}


def test_a_network_is_held_to_its_own_flow():
    """Against the target's flow its error would not fall."""
    field = load("two_moons/linear")
    (few, many) = work_precision(field, NOISE, reference(field, NOISE), ["heun"], steps=(64, 128))
    assert few.error / many.error > 3
    assert many.error < 1e-3


def test_the_guide_runs_through_the_finest_sound_point_at_the_declared_order(points):
    runs = of(points, "heun")
    (first, last), (high, low) = order_guide(runs)
    assert (first, last, low) == (runs[0].evals, runs[-1].evals, runs[-1].error)
    assert math.log(high / low) / math.log(last / first) == pytest.approx(2.0)
    lost = WorkPoint("heun", 2, "uniform", 500, 999, 1e-13, is_sound=False)
    assert order_guide([*runs, lost])[1][1] == pytest.approx(runs[-1].error * (runs[-1].evals / 999) ** 2)
    assert order_guide([]) is None
    assert order_guide([lost, WorkPoint("heun", 2, "uniform", 2, 3, math.inf)]) is None


def test_a_point_below_the_reference_itself_is_not_sound():
    found = reference(GAUSSIAN, NOISE)
    rough = type(found)(found.ends, 1e-4, 1e-2, found.evals)
    good, bad = work_precision(GAUSSIAN, NOISE, rough, ["heun"], steps=(8, 128))
    assert (good.is_sound, bad.is_sound) == (True, False)


def test_a_method_that_diverges_has_an_infinite_error():
    four, many = work_precision(STIFF, NOISE, reference(STIFF, NOISE), ["euler"], steps=(4, 1000))
    assert four.error == math.inf
    assert many.error < 1e-6  # everything has decayed
    assert order_guide([four]) is None


def test_the_adaptive_run_reports_what_the_field_is_made_of():
    """dx/dt = 500 x on the linear path: every step's h rho is h times 500."""
    notes = adaptive_notes(STIFF, NOISE)
    torch.testing.assert_close(
        notes.stiffness, RATE * notes.step_size[:, None].expand_as(notes.stiffness), rtol=1e-4, atol=0
    )
    assert float(notes.stiffness.max()) > 2  # held at the edge of stability
    assert all(a > b for a, b in pairwise(notes.shares.tolist()))
    assert float(notes.error.max()) <= 1.0
    assert float(notes.step_size.sum()) == pytest.approx(1 - 1e-3)
    torch.testing.assert_close(notes.shares[:-1] - notes.shares[1:], notes.step_size[:-1], rtol=1e-6, atol=0)
    assert notes.evals == 6 * (len(notes.shares) + int(notes.rejections.sum())) + 1


def test_a_mild_field_is_not_stiff():
    notes = adaptive_notes(GAUSSIAN, NOISE)
    assert notes.error.shape == notes.stiffness.shape == (len(notes.shares), len(NOISE))
    assert float(notes.stiffness.max()) < 3.25
    assert len(adaptive_notes(GAUSSIAN, NOISE, rtol=1e-8).shares) > 2 * len(notes.shares)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda found: next(work_precision(GAUSSIAN, NOISE, found, ["euler_ancestral"])), "randomness"),
        (lambda found: next(work_precision(GAUSSIAN, NOISE, found, ["heum"])), "'heun'"),
        (lambda found: next(work_precision(GAUSSIAN, NOISE[:3], found)), "of the reference"),
        (lambda found: adaptive_notes(NetworkField(lambda x, t: math.nan * x), NOISE), "cannot be followed"),
        (lambda found: adaptive_notes(GAUSSIAN, NOISE, rtol=0.0), "rtol"),
    ],
)
def test_what_cannot_be_asked_is_answered_in_one_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask(reference(GAUSSIAN, NOISE))
