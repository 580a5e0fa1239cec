"""Suggested steps, walked again; grids of one's own beside the best that an optimiser finds."""

import math
from itertools import pairwise

import pytest
import torch
from scipy.optimize import minimize

import explorer as ex
from explorer.maths.fields import NetworkField
from explorer.maths.paths import PATHS
from explorer.maths.samplers import as_sampler, record
from explorer.maths.samplers.grids import GRIDS
from explorer.maths.solving import ADAPTED, adapted_grid, reference, suggest
from tests.oracles import gaussian_flow

MEAN = torch.tensor([0.5, -0.8], dtype=torch.float64)
COVARIANCE = torch.tensor([[0.6, 0.2], [0.2, 0.1]], dtype=torch.float64)
GAUSSIAN = ex.mixture(torch.ones(1, dtype=torch.float64), MEAN[None], COVARIANCE[None]).field("linear")
NOISE = torch.randn(64, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
TRUTH = gaussian_flow(MEAN, COVARIANCE, NOISE, (0.0, 1.0), (1.0, 0.0))


def rms(gap):
    return float(gap.square().sum(dim=1).mean().sqrt())


def gaussian_error(sampler, **grid):
    return rms(record(GAUSSIAN, sampler, noise=NOISE, **grid).states[-1] - TRUTH)


@pytest.fixture(scope="module")
def moons():
    field = ex.target("two_moons").field("linear")
    return field, reference(field, NOISE)


@pytest.mark.parametrize(
    ("sampler", "level"), [("euler", 0.05), ("heun", 0.02), ("dpmpp_2m", 0.01), ("ddim", 0.3)]
)
def test_what_is_suggested_keeps_the_level_when_it_is_walked_again(moons, sampler, level):
    field, truth = moons
    *earlier, found = suggest(field, sampler, level, NOISE, truth)
    run = record(field, sampler, grid=list(found.times), noise=NOISE)
    assert found.reached
    assert rms(run.states[-1] - truth.ends) == pytest.approx(found.error, rel=1e-9)
    assert found.error <= level
    assert (len(run.times) - 1, int(run.evals[-1])) == (found.steps, found.evals)
    assert set(found.by_grid) == {*GRIDS, ADAPTED}
    assert found.steps == min(steps for steps, _ in found.by_grid.values() if steps)
    assert [len(each.by_grid) for each in (*earlier, found)] == [1, 2, 3, 4, 5]
    own = adapted_grid(field, as_sampler(sampler), NOISE)
    for name, (steps, error) in found.by_grid.items():
        for count, holds in ((steps, True), (steps - 1, False)):
            if count:
                grid = own.times(count) if name == ADAPTED else name
                again = record(field, sampler, steps=count, grid=grid, noise=NOISE)
                assert (rms(again.states[-1] - truth.ends) <= level) == holds, (name, count, error)


@pytest.mark.parametrize(
    ("sampler", "level"), [("euler", 0.3), ("euler", 0.03), ("heun", 0.03), ("heun", 0.003)]
)
def test_no_number_of_steps_below_the_suggested_one_would_do(sampler, level):
    """Tried one by one against the closed form; on one Gaussian errors fall from each number to the next."""
    *_, found = suggest(GAUSSIAN, sampler, level, NOISE, reference(GAUSSIAN, NOISE), grids=["uniform"])
    tried = next(n for n in range(1, 257) if gaussian_error(sampler, steps=n, grid="uniform") <= level)
    assert (found.steps, found.grid) == (tried, "uniform")


@pytest.mark.parametrize(
    ("sampler", "steps", "slack"), [("euler", 4, 1.3), ("euler", 8, 1.3), ("heun", 4, 2.5), ("heun", 6, 2.5)]
)
def test_the_adapted_grid_is_near_the_best_that_an_optimiser_finds(moons, sampler, steps, slack):
    """Nelder and Mead on the inner times themselves; they also find what cancels on these very samples."""
    field, truth = moons

    def error(times):
        return rms(record(field, sampler, grid=times, noise=NOISE).states[-1] - truth.ends)

    def times_of(logits):
        return (1.0 - torch.softmax(torch.tensor(logits), 0).cumsum(0)[:-1]).tolist()

    def cost(logits):
        return error(times_of(logits)) if times_of(logits)[-1] > 1e-5 else 10.0

    ours = adapted_grid(field, as_sampler(sampler), NOISE).times(steps)
    starts = [[math.log(a - b) for a, b in pairwise(ours)], [0.0] * steps]
    best = min(minimize(cost, start, method="Nelder-Mead", options={"maxfev": 150}).fun for start in starts)
    assert best <= error(ours) < slack * best


def test_the_adapted_grid_saves_steps_where_even_ones_are_not_natural():
    """Euler in the linear path's time is as good as can be; on vp, and for a second-order method, much is saved."""
    needs = {}
    for path, sampler, level in (("linear", "euler", 0.05), ("vp", "euler", 0.05), ("linear", "heun", 0.02)):
        field = ex.target("two_moons").field(path)
        *_, found = suggest(field, sampler, level, NOISE, reference(field, NOISE), grids=["uniform", ADAPTED])
        needs[path, sampler] = [found.by_grid[name][0] for name in ("uniform", ADAPTED)]
    even, own = needs["linear", "euler"]
    assert abs(even - own) <= 2
    for key in (("vp", "euler"), ("linear", "heun")):
        assert needs[key][1] <= 0.6 * needs[key][0], needs


@pytest.mark.parametrize("path", PATHS)
def test_adapted_times_fall_from_the_start_to_the_data(path):
    field = ex.target("eight_gaussians").field(path)
    own = adapted_grid(field, as_sampler("dpmpp_2m"), NOISE)
    for steps in (1, 2, 3, 17, 256):
        times = own.times(steps)
        assert (len(times), times[0], times[-1]) == (steps + 1, 1.0, 0.0)
        assert all(a > b for a, b in pairwise(times))


def test_a_field_that_begins_later_is_suggested_times_from_there():
    inner = ex.target("two_moons").field("linear")
    field = NetworkField(lambda x, t: inner(x, t).noise, predicts="noise")
    *_, found = suggest(field, "heun", 0.05, NOISE, reference(field, NOISE), grids=["uniform", ADAPTED])
    assert found.times[0] == field.latest < 1.0
    assert found.reached


def test_a_level_out_of_reach_is_said_to_be_with_the_best_that_was_seen(moons):
    field, truth = moons
    *_, found = suggest(field, "euler", 1e-5, NOISE, truth, grids=["karras", ADAPTED])
    assert not found.reached
    assert found.steps <= 256
    assert found.error == min(error for _, error in found.by_grid.values()) > 1e-5
    assert [steps for steps, _ in found.by_grid.values()] == [None, None]
    run = record(field, "euler", grid=list(found.times), noise=NOISE)
    assert rms(run.states[-1] - truth.ends) == pytest.approx(found.error, rel=1e-9)


def test_a_level_that_one_step_keeps_needs_one_step(moons):
    field, truth = moons
    *_, found = suggest(field, "heun", 5.0, NOISE, truth)
    assert (found.steps, found.times, found.evals) == (1, (1.0, 0.0), 1)


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ({"level": 0.0}, "`level`"),
        ({"level": math.nan}, "`level`"),
        ({"sampler": "rk45"}, "chooses its own steps"),
        ({"sampler": "euler_ancestral"}, "draws noise"),
        ({"grids": ["unifrom"]}, "'uniform'"),
    ],
)
def test_what_cannot_be_asked_is_answered_in_one_sentence(moons, choice, sentence):
    field, truth = moons
    asked = {"sampler": "heun", "level": 0.1} | choice
    with pytest.raises(ValueError, match=sentence):
        list(suggest(field, noise=NOISE, reference=truth, **asked))


def test_a_broken_field_is_answered_in_one_sentence(moons):
    gone = NetworkField(lambda x, t: math.nan * x)
    with pytest.raises(ValueError, match="cannot be followed to its end"):
        list(suggest(gone, "heun", 0.1, NOISE, moons[1], grids=[ADAPTED]))
