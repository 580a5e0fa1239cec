"""What solvers pay: the reference against closed forms and SciPy, orders against slopes, suggestions as new runs."""

import math
from itertools import pairwise

import pytest
import torch
from scipy.integrate import solve_ivp

import explorer as ex
from explorer.maths.fields import AbstractField, Prediction
from explorer.maths.samplers import SAMPLERS
from explorer.maths.solving import (
    DETERMINISTIC,
    adaptive_notes,
    order_guide,
    reference,
    rms_gap,
    work_precision,
)
from explorer.maths.suggestion import ADAPTED, suggest

SPREAD = torch.tensor([[0.5, 0.2], [0.2, 0.3]], dtype=torch.float64)


def noise(n=16, seed=1):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gaussian(path="linear"):
    return ex.mixture(torch.ones(1), torch.zeros(1, 2), SPREAD[None]).field(path)


@pytest.mark.parametrize("path", ["linear", "trig", "cosine"])
def test_the_reference_is_the_closed_form_of_a_gaussian(path):
    """From pure noise a linear flow lands on the square root of the covariance, times the noise."""
    values, axes = torch.linalg.eigh(SPREAD)
    root = axes @ values.sqrt().diag() @ axes.T
    ends = reference(gaussian(path), noise()).ends
    assert rms_gap(ends, noise() @ root) < 2e-8


def test_the_reference_is_what_scipy_finds_on_a_mixture():
    field = ex.target("eight_gaussians").field("linear")
    start = noise(4)

    def slope(t, x):
        return field(torch.from_numpy(x).reshape(-1, 2), float(t)).velocity.numpy().ravel()

    known = solve_ivp(slope, (1.0, 1e-7), start.numpy().ravel(), method="DOP853", rtol=1e-12, atol=1e-13)
    assert rms_gap(reference(field, start).ends, torch.from_numpy(known.y[:, -1]).reshape(-1, 2)) < 3e-7


def test_the_reference_passes_its_moments():
    field, start = gaussian(), noise(3)
    exact = reference(field, start)
    assert len(exact.times) == len(exact.states)
    for t, x in list(zip(exact.times, exact.states, strict=True))[5:40:7]:
        values, axes = torch.linalg.eigh(SPREAD)
        root = axes @ ((1 - t) ** 2 * values + t**2).sqrt().diag() @ axes.T
        assert rms_gap(x, start @ root) < 1e-8


@pytest.mark.parametrize("name", [name for name in DETERMINISTIC if not SAMPLERS[name].is_adaptive])
def test_errors_fall_by_the_declared_order(name):
    field, start = gaussian(), noise()
    points = list(
        work_precision(field, start, reference(field, start), (name,), (32, 64, 128), grid="uniform")
    )
    order = math.log2(points[1].error / points[2].error)
    assert order == pytest.approx(SAMPLERS[name].order, abs=0.35)
    evals, errors = order_guide(points)
    assert errors[1] == points[-1].error
    assert math.log(errors[0] / errors[1]) / math.log(evals[1] / evals[0]) == pytest.approx(
        SAMPLERS[name].order
    )


def test_the_adaptive_method_pays_more_for_a_smaller_tolerance():
    field, start = ex.target("two_moons").field("linear"), noise()
    points = list(work_precision(field, start, reference(field, start), ("rk45",)))
    assert all(a.evals <= b.evals for a, b in pairwise(points))
    assert points[-1].error < 1e-2 * points[0].error
    assert order_guide(points) is None


def test_only_methods_that_follow_the_ode_are_compared():
    assert set(DETERMINISTIC) == {"euler", "heun", "ddim", "dpmpp_2m", "taylor2", "rk45"}


def test_the_adaptive_run_says_where_it_erred_and_how_stiff_it_was():
    notes = adaptive_notes(ex.target("two_moons").field("linear"), noise(), 1e-4)
    steps = len(notes.shares)
    assert notes.error.shape == notes.stiffness.shape == (steps, 16)
    assert float(notes.error.max()) <= 1.0
    assert float(notes.error.min()) >= 0.0
    assert float(notes.step_size.sum()) == pytest.approx(1.0, abs=2e-3)  # noise share 1 down to the landing
    assert bool((notes.shares.diff() < 0).all())


@pytest.mark.parametrize(("sampler", "level"), [("euler", 0.05), ("heun", 0.02), ("dpmpp_2m", 0.02)])
def test_a_suggestion_keeps_its_word_in_a_new_run_and_one_step_fewer_breaks_it(sampler, level):
    field, start = ex.target("two_moons").field("vp"), noise(32)
    exact = reference(field, start)
    *_, found = suggest(field, sampler, level, start, exact)
    assert found.reached
    run = ex.record(field, sampler, grid=list(found.times), noise=start)
    assert rms_gap(run.states[-1], exact.ends) == pytest.approx(found.error, rel=1e-9)
    assert (run.steps, int(run.evals[-1])) == (found.steps, found.evals)
    assert found.error <= level
    for grid, (steps, error) in found.by_grid.items():
        assert error <= level
        assert found.steps <= steps
        if grid != ADAPTED and steps > 1:
            fewer = ex.record(field, sampler, grid=grid, steps=steps - 1, noise=start)
            assert rms_gap(fewer.states[-1], exact.ends) > level


def test_steps_that_share_the_error_are_fewer_than_even_ones():
    """Heun on the moons: 9 of them instead of 15 on the straight path, 11 instead of 56 on the curved one."""
    for path, least in (("linear", 1.3), ("vp", 3.0)):
        field, start = ex.target("two_moons").field(path), noise(64, 42)
        *_, found = suggest(field, "heun", 0.02, start, reference(field, start), ("uniform", ADAPTED))
        assert found.by_grid["uniform"][0] >= least * found.by_grid[ADAPTED][0]


def test_a_level_out_of_reach_is_said():
    field, start = ex.target("two_moons").field("linear"), noise(4)
    *_, found = suggest(field, "euler", 1e-7, start, reference(field, start), ("uniform",))
    assert not found.reached
    assert found.by_grid == {"uniform": (None, found.error)}
    assert found.error > 1e-7


class Broken(AbstractField):
    """NaN from half of the way on."""

    def __init__(self):
        self.path, self.shape = gaussian().path, (2,)

    def __call__(self, x, t):
        return Prediction(self.path, x, t, x if t > 0.5 else x * math.nan, "velocity")


def test_a_field_that_no_solver_can_follow_is_one_sentence():
    with pytest.raises(ValueError, match="no solver can follow this field: diverged at step"):
        reference(Broken(), noise())
    exact = reference(gaussian(), noise())
    (point,) = work_precision(Broken(), noise(), exact, ("euler",), (4,))
    assert math.isinf(point.error)


def test_steps_are_not_suggested_for_methods_that_take_none():
    field, start = gaussian(), noise()
    with pytest.raises(ValueError, match="steps are suggested for"):
        next(suggest(field, "rk45", 0.1, start, reference(field, start)))
