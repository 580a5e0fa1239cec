"""Choosing a scheduler, its grids and settings, and where it departs from the method it is named after."""

import math
import warnings
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from diffusers import (
    DDIMInverseScheduler,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    PNDMScheduler,
)
from test_schedulers import SMALL, Normal, ends

from explorer.maths.paths import VE, VP, Linear
from explorer.maths.samplers import walk
from explorer.maths.samplers.grids import times_of
from explorer.maths.samplers.heun import Heun
from explorer.maths.targets import as_target
from explorer.models.schedulers import SCHEDULERS, SchedulerSampler, as_any_sampler
from explorer.models.schedulers.table import markdown

ANY_GRID = [key for key, entry in SCHEDULERS.items() if entry.grids == "any"]
OWN_GRID = [key for key, entry in SCHEDULERS.items() if entry.grids == "own"]
DOCS = Path(__file__).parents[2] / "docs" / "schedulers.md"


def left_over(
    key: str, steps: int, settings=(), path="linear", grid="default", extra=(), n: int = 0
) -> float:
    x = ends(SchedulerSampler(key, settings, extra), steps, path, n=n, grid=grid)
    return x.std().item() if n else x[0, 0].item()


def test_the_page_of_schedulers_holds_the_table_of_the_registry():
    assert markdown() in DOCS.read_text()


def test_names_objects_classes_and_instances_all_give_a_sampler():
    assert as_any_sampler("heun") == Heun()
    assert as_any_sampler("diffusers/ddim") == SchedulerSampler("diffusers/ddim")
    sampler = SchedulerSampler("diffusers/unipc")
    assert as_any_sampler(sampler) is sampler
    assert as_any_sampler(DDIMScheduler).key == "diffusers/ddim"
    mine = as_any_sampler(DDIMScheduler(beta_end=0.01, clip_sample=False))
    assert mine.key == "diffusers/ddim" and dict(mine.config)["beta_end"] == 0.01
    assert hash(mine) == hash(as_any_sampler(DDIMScheduler(beta_end=0.01, clip_sample=False)))


def test_of_several_keys_an_instance_gets_the_one_that_it_agrees_with():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        sde = DPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++")
    assert as_any_sampler(sde).key == "diffusers/dpm++_2m_sde" and as_any_sampler(sde).is_random
    third = as_any_sampler(DPMSolverMultistepScheduler(solver_order=3))
    assert third.key == "diffusers/dpm++_3m" and third.order == 3
    noisy = as_any_sampler(FlowMatchEulerDiscreteScheduler(stochastic_sampling=True))
    assert noisy.key == "diffusers/flow_euler_stochastic" and noisy.is_random


def test_the_instance_of_a_person_is_never_stepped():
    mine = PNDMScheduler(skip_prk_steps=True)
    list(walk(Normal("vp"), as_any_sampler(mine), steps=10, n=2))
    assert mine.num_inference_steps is None and mine.ets == []


def test_runge_kutta_starts_of_pndm_are_four_calls_each():
    sampler = SchedulerSampler("diffusers/pndm", {"skip_prk_steps": False})
    frames = list(walk(Normal("vp"), sampler, steps=20, n=2, dtype=SMALL))
    assert len(frames) == 21 and frames[-1].evals == 20 + 9
    assert [b.evals - a.evals for a, b in pairwise(frames[:5])] == [4, 4, 4, 1]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("diffusers/dim", "did you mean 'diffusers/ddim'"),
        ("hune", "did you mean 'heun'"),
        (DDIMInverseScheduler(), "got DDIMInverseScheduler: It runs from data to noise"),
        (DDIMInverseScheduler, "must be one of the schedulers in SCHEDULERS"),
        (3.0, "must be a name, a sampler or a scheduler of diffusers; got float"),
    ],
)
def test_a_sampler_that_cannot_be_gets_a_sentence(given, words):
    with pytest.raises(ValueError, match=words):
        as_any_sampler(given)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ends(SchedulerSampler("diffusers/ddim", {"clip": 1}), 5), "did you mean 'clip_sample'"),
        (
            lambda: SchedulerSampler("diffusers/flow_euler", {"use_dynamic_shifting": True}),
            "give a fixed `shift`",
        ),
        (lambda: SchedulerSampler("diffusers/none"), "`key` must be one of"),
        (
            lambda: ends(SchedulerSampler("diffusers/ddim"), 0),
            "`steps` must be a whole number from 1 to 1000",
        ),
        (lambda: ends(SchedulerSampler("diffusers/lcm"), 51), "`steps` must be a whole number from 1 to 50"),
        (lambda: ends(SchedulerSampler("diffusers/ddpm"), 20, grid="karras"), "use fewer `steps` or another"),
    ],
)
def test_a_setting_that_cannot_be_gets_a_sentence(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("key", OWN_GRID)
def test_a_scheduler_with_only_its_own_grid_says_so(key):
    with pytest.raises(ValueError, match="`grid` must be 'default' for"):
        ends(SchedulerSampler(key), 5, grid="uniform")
    with pytest.raises(ValueError, match="`grid` must be 'default' for"):
        next(walk(Normal("linear"), SchedulerSampler(key), start=(torch.ones(1, 2), 0.5), steps=5))


@pytest.mark.parametrize("key", ANY_GRID)
@pytest.mark.parametrize("path", [Linear(), VE(), VP()])
def test_grids_of_ours_are_taken_in_single_precision(key, path):
    for grid in ("karras", "uniform", [0.9, 0.5, 0.2, 0.05]):
        times = SchedulerSampler(key).times(path, grid, 8, 1.0)
        assert times == pytest.approx(times_of(grid, path, 8), rel=5e-5)


@pytest.mark.parametrize("key", [k for k in ANY_GRID if not SCHEDULERS[k].is_random])
def test_a_walk_may_begin_anywhere(key):
    field, x = Normal("linear", 0.25, 1.0), torch.tensor([[0.9, 0.3]], dtype=SMALL)
    exact = 1.0 + (x - 0.5) * 0.5 / math.sqrt(0.5**2 * 0.25 + 0.5**2)
    frames = list(walk(field, SchedulerSampler(key), start=(x, 0.5), steps=40, grid="uniform"))
    assert torch.equal(frames[0].x, x) and frames[0].t == 0.5
    assert (frames[-1].x - exact).abs().max() < 0.012


def test_ddpm_takes_our_grids_rounded_to_its_training_levels():
    times = SchedulerSampler("diffusers/ddpm").times(Linear(), "uniform", 10, 1.0)
    assert times == pytest.approx(times_of("uniform", Linear(), 10), abs=4e-3)
    assert abs(left_over("diffusers/ddpm", 60, path="linear", grid="uniform", n=4000) - 0.5) < 0.03


@pytest.mark.parametrize("key", [k for k, entry in SCHEDULERS.items() if not entry.is_random])
def test_samples_of_eight_gaussians_come_nearer_with_more_steps(key):
    field = as_target("eight_gaussians").field("linear")
    noise = torch.randn(64, 2, generator=torch.Generator().manual_seed(0), dtype=SMALL)
    exact = list(walk(field, Heun(), steps=400, noise=noise))[-1].x
    gaps = [
        (list(walk(field, SchedulerSampler(key), steps=steps, noise=noise))[-1].x - exact)
        .norm(dim=1)
        .median()
        for steps in (8, 64)
    ]
    assert gaps[1] < 0.5 * gaps[0]


def test_ddim_and_pndm_get_worse_with_more_steps_where_these_do_not_divide_the_levels():
    trailing = {"timestep_spacing": "trailing"}
    ddim = [abs(left_over("diffusers/ddim", steps, trailing) - 0.5) for steps in (100, 300)]
    pndm = [abs(left_over("diffusers/pndm", steps, trailing) - 0.5) for steps in (40, 300)]
    assert ddim[1] > 1.5 * ddim[0]
    assert pndm[1] > 10 * pndm[0]
    assert all("divide 1000" in SCHEDULERS[f"diffusers/{name}"].departs for name in ("ddim", "pndm"))


def test_euler_churns_after_the_model_was_asked():
    churned = left_over(
        "diffusers/euler", 20, {"prediction_type": "epsilon"}, VE(), "karras", {"s_churn": 20.0}, 6000
    )
    assert churned > 0.6  # the paper's Algorithm 2 gives 0.397
    assert "Algorithm 2" in SCHEDULERS["diffusers/euler"].departs


def test_churn_in_flow_coordinates_is_ignored_or_spreads_too_much():
    churn = {"s_churn": 20.0}
    assert left_over("diffusers/flow_euler", 20, extra=churn) == left_over("diffusers/flow_euler", 20)
    assert left_over("diffusers/flow_heun", 200, extra=churn, n=4000) > 0.75
    assert "ignored" in SCHEDULERS["diffusers/flow_euler"].departs
    assert "spread too much" in SCHEDULERS["diffusers/flow_heun"].departs


def test_a_shift_meets_the_least_level_of_the_flow_grid_twice():
    times = SchedulerSampler("diffusers/flow_euler", {"shift": 3.0}).times(Linear(), "default", 10, 1.0)
    once = 3.0 * 0.001 / (1.0 + 2.0 * 0.001)
    assert times[-2] == pytest.approx(3.0 * once / (1.0 + 2.0 * once), rel=1e-5)


def test_ipndm_is_of_second_order():
    gaps = [abs(left_over("diffusers/ipndm", steps) - 0.5) for steps in (40, 160)]
    assert 1.4 < math.log(gaps[0] / gaps[1], 4) < 2.3


def test_dpm_solver_rounds_the_time_it_tells_the_model():
    scheduler = DPMSolverMultistepScheduler(use_karras_sigmas=True)
    scheduler.set_timesteps(20)
    kept = scheduler.alphas_cumprod[scheduler.timesteps]
    told = ((1 - kept) / kept).sqrt()
    assert (told / scheduler.sigmas[:-1] - 1).abs().max() > 0.01


@pytest.mark.parametrize("name", ["deis", "sa"])
def test_some_schedulers_end_at_the_first_training_level(name):
    sampler = SchedulerSampler(f"diffusers/{name}")
    assert sampler._scheduler(10).sigmas[-1].item() == pytest.approx(0.01, rel=1e-2)
    assert "ends at the first training level" in sampler.entry.departs


def test_a_random_setting_makes_a_sampler_random():
    assert not SchedulerSampler("diffusers/ddim").is_random
    assert SchedulerSampler("diffusers/ddim", extra={"eta": 1.0}).is_random
    assert not SchedulerSampler("diffusers/tcd", extra={"eta": 0.0}).is_random
    one, other = (ends(SchedulerSampler("diffusers/ddim", extra={"eta": 1.0}), 5, n=4) for _ in range(2))
    assert torch.equal(one, other)
