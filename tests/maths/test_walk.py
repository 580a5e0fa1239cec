"""The one loop: what it yields, counts, keeps and refuses, whichever method walks."""

import gc
import inspect
import math
import weakref

import pytest
import torch

from explorer.maths.fields import NetworkField, Prediction
from explorer.maths.paths import PATHS
from explorer.maths.samplers import SAMPLERS, as_sampler, record, walk
from explorer.maths.samplers.ddim import DDIM
from explorer.maths.samplers.dpmpp_2m import DPMpp2M
from explorer.maths.samplers.edm_stochastic import EDMStochastic
from explorer.maths.samplers.euler_ancestral import EulerAncestral
from explorer.maths.samplers.euler_maruyama import EulerMaruyama
from explorer.maths.samplers.predictor_corrector import PredictorCorrector
from explorer.maths.samplers.rk45 import RK45
from explorer.maths.samplers.taylor2 import Taylor2
from explorer.maths.targets import mixture
from tests.oracles import NormalField

STEPS = 9
FIXED = [name for name, cls in SAMPLERS.items() if not cls.is_adaptive]
RANDOM = [name for name, cls in SAMPLERS.items() if cls.is_random]
BARE_WALK = inspect.unwrap(walk)
"""Past the annotations, as a user without the test's flag comes."""


def run(path, sampler, **options):
    return record(NormalField(path), sampler, **{"steps": STEPS, "n": 5, "dtype": torch.float64} | options)


class Broken(NormalField):
    """NaN below half the time."""

    def __call__(self, x, t):
        found = super().__call__(x, t)
        poison = torch.nan if found.t < 0.5 else 0.0
        return Prediction(self.path, x, t, found.tensor + poison, "denoised")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_walks_every_path_and_never_asks_at_the_data(name, path):
    field = NormalField(path)
    frames = list(walk(field, name, steps=STEPS, n=5, dtype=torch.float64))
    assert all(0.0 < t <= 1.0 for t in field.asked)
    assert frames[0].t == 1.0
    assert frames[0].evals == 0
    assert frames[-1].t == 0.0
    assert frames[-1].ended.kind == "done"
    assert frames[-1].velocity is None
    assert frames[-1].denoised is frames[-1].x
    assert frames[-1].evals == len(field.asked)
    assert all(frame.ended is None for frame in frames[:-1])
    assert [frame.index for frame in frames] == list(range(len(frames)))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", FIXED)
def test_evals_are_what_the_class_declares(name, path):
    method = as_sampler(name)
    assert run(path, method).evals[-1] == method.evals_per_step * (STEPS - 1) + 1


def test_settings_that_change_the_cost_are_declared_by_the_object():
    for method in (PredictorCorrector(corrections=3), EDMStochastic(correction=False), PredictorCorrector(0)):
        assert run("linear", method).evals[-1] == method.evals_per_step * (STEPS - 1) + 1
    assert not EulerMaruyama(eta=0.0).is_random
    assert DDIM(eta=0.5).is_random
    assert not DDIM.is_random


@pytest.mark.parametrize("path", PATHS)
def test_dormand_prince_pays_six_calls_a_try_and_one_more(path):
    found = run(path, RK45(1e-8, 1e-8))
    tries = len(found.notes["rejections"]) + int(found.notes["rejections"].sum())
    assert found.evals[-1] == 1 + 6 * tries
    assert found.notes["error"].shape == (found.steps - 1, 5)
    assert bool((found.notes["error"] <= 1.0).all())
    assert found.notes["stiffness"].shape == (found.steps - 1, 5)
    assert bool((found.notes["stiffness"] < 3.25).all())


def test_recording_adds_no_calls():
    field = NormalField("linear")
    count = [len(list(walk(field, "heun", steps=STEPS, n=5))), len(field.asked)][1]
    record(field, "heun", steps=STEPS, n=5)
    assert len(field.asked) == 2 * count == 2 * (2 * STEPS - 1)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_same_seed_gives_the_same_run_and_another_seed_another(name):
    runs = [run("vp", name, seed=seed).states for seed in (3, 3, 4)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


@pytest.mark.parametrize("name", RANDOM)
def test_noise_replaces_the_start_and_not_what_is_drawn_on_the_way(name):
    noise = torch.randn(5, 2, generator=torch.Generator().manual_seed(8), dtype=torch.float64)
    runs = [run("linear", name, n=None, noise=noise, seed=seed) for seed in (1, 1, 2)]
    assert torch.equal(runs[0].states[0], noise)
    assert torch.equal(runs[0].states, runs[1].states)
    assert not torch.equal(runs[0].states[-1], runs[2].states[-1])


@pytest.mark.parametrize("name", RANDOM)
def test_what_is_drawn_on_the_way_is_not_the_start_again(name):
    """Torch reads only 32 bits of a seed: two streams that differ above them are one."""
    drawn = []
    original = torch.randn

    def spy(*shape, **options):
        drawn.append(original(*shape, **options))
        return drawn[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "randn", spy)
        run("ve", name, seed=5)
    assert len(drawn) > 2
    assert all(not torch.equal(drawn[0].flatten(), later.flatten()) for later in drawn[1:])


def test_the_first_frame_is_the_given_noise_at_the_paths_own_scale():
    noise = torch.randn(4, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.equal(next(walk(NormalField("ve"), "euler", noise=noise)).x, 80.0 * noise)


def test_a_run_may_begin_anywhere():
    x = torch.ones(3, 2, dtype=torch.float64)
    for name in SAMPLERS:
        found = run("vp", name, n=None, start=(x, 0.3))
        assert found.times[0] == 0.3
        assert torch.equal(found.states[0], x)
        assert found.ended.kind == "done"


def test_methods_that_are_one_another_in_a_limit_agree():
    x = {
        "n": None,
        "noise": torch.randn(6, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64),
    }
    for path in PATHS:
        assert torch.equal(run(path, EulerMaruyama(eta=0.0), **x).states, run(path, "euler", **x).states)
        assert torch.equal(run(path, EulerAncestral(), **x).states, run(path, DDIM(eta=1.0), **x).states)
    straight = run("ve", "euler", **x).states
    assert torch.allclose(run("ve", "ddim", **x).states, straight, rtol=1e-10, atol=1e-10)
    churnless = run("ve", EDMStochastic(churn=0.0), **x).states
    assert torch.allclose(churnless, run("ve", "heun", **x).states, rtol=1e-9, atol=1e-9)


def test_taylor_says_when_its_derivative_is_a_difference():
    field = mixture([1.0], [[0.5, 0.0]], [0.3]).field("linear")
    noise = torch.randn(6, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    exact = record(field, Taylor2(), steps=40, noise=noise)
    assert bool(exact.notes["exact_derivative"].all())

    class ThroughNumpy(NormalField):
        def __call__(self, x, t):
            x.detach().numpy()
            return field(x, t)

    difference = record(ThroughNumpy("linear"), Taylor2(), steps=40, noise=noise)
    assert not bool(difference.notes["exact_derivative"].any())
    assert (difference.states[-1] - exact.states[-1]).abs().max() < 1e-3
    assert difference.evals[-1] == exact.evals[-1]


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_broken_model_ends_the_run_as_diverged_and_keeps_what_came_before(name):
    found = record(Broken("linear"), name, steps=STEPS, n=5, dtype=torch.float64)
    assert found.ended.kind == "diverged"
    assert found.ended.text.startswith(f"diverged at step {found.ended.step}, t = ")
    assert bool(torch.isfinite(found.states).all())
    assert len(found.states) == len(found.velocities) == found.ended.step
    assert found.times[-1] >= 0.4


def test_a_jump_that_no_step_is_short_enough_for_does_not_hang():
    class Jump(NormalField):
        def __call__(self, x, t):
            return Prediction(self.path, x, t, torch.full_like(x, 1e5 * math.sin(1e14 * t)), "velocity")

    found = record(Jump("linear"), "rk45", n=2, dtype=torch.float64)
    assert found.ended.kind == "diverged"
    assert "no step is short enough" in found.ended.text


def test_float32_runs_whatever_the_tolerance():
    found = run("linear", RK45(1e-12, 0.0), dtype=torch.float32)
    assert found.ended.kind == "done"
    assert found.states.dtype == torch.float32


def test_closing_the_generator_leaves_no_memory():
    frames = walk(NormalField("linear"), DPMpp2M(), steps=STEPS, n=5)
    kept = weakref.ref(next(frames).x)
    next(frames)
    frames.close()
    del frames
    gc.collect()
    assert kept() is None


def test_gradients_are_neither_kept_nor_switched_off_for_the_caller():
    weight = torch.nn.Parameter(torch.eye(2))
    field = NetworkField(lambda x, t: x @ weight, shape=(2,))
    for frame in walk(field, "heun", steps=3, n=2):
        assert torch.is_grad_enabled()
        assert not frame.x.requires_grad


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 0}, "`n` must be a whole number of samples, at least 1; got 0"),
        ({"n": True}, "`n` must be a whole number"),
        ({"n": 3, "noise": torch.zeros(3, 2)}, "give one of `n`, `noise` and `start`; got n and noise"),
        ({"noise": torch.zeros(3, 4)}, r"`noise` must have shape \[n, 2\] with n >= 1; got \[3, 4\]"),
        ({"noise": torch.zeros(0, 2)}, "n >= 1"),
        ({"noise": torch.zeros(3, 2, dtype=torch.long)}, "floating-point"),
        ({"noise": torch.full((3, 2), torch.nan)}, "finite"),
        ({"start": (torch.zeros(3, 2), 0.0)}, r"a time in \(0, 1.0\]; got t = 0.0"),
        ({"start": (torch.zeros(3, 2), 1.5)}, "got t = 1.5"),
        ({"start": torch.zeros(3, 2)}, r"`start` must be \(x, t\)"),
        ({"seed": -1}, "`seed` must be a whole number from 0"),
        ({"seed": 1 << 32}, "`seed` must be"),
        ({"seed": 1.5}, "`seed` must be"),
        ({"steps": 0}, "`steps` must be a whole number from 1 to 10000; got 0"),
        ({"grid": "karas"}, "did you mean 'karras'"),
        ({"sampler": "hein"}, "did you mean 'heun'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence_before_the_first_frame(options, words):
    with pytest.raises(ValueError, match=words):
        BARE_WALK(NormalField("linear"), **options)


def test_a_bare_module_is_told_to_be_wrapped():
    with pytest.raises(ValueError, match="wrap a module with NetworkField"):
        BARE_WALK(torch.nn.SiLU())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: DDIM(eta=1.5), "`eta` must be a number from 0 to 1; got 1.5"),
        (lambda: EulerMaruyama(eta=-1.0), "`eta`"),
        (lambda: EDMStochastic(churn=-1.0), "`churn`"),
        (
            lambda: EDMStochastic(churn_from=2.0, churn_to=1.0),
            "`churn_to` must be a number of at least 2; got 1",
        ),
        (
            lambda: PredictorCorrector(corrections=99),
            "`corrections` must be a whole number from 0 to 20; got 99",
        ),
        (lambda: RK45(rtol=0.0), "`rtol`"),
        (lambda: RK45(rtol=float("nan")), "`rtol`"),
    ],
)
def test_settings_are_checked_when_they_are_made(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_says_what_it_is_and_is_a_plain_frozen_value(name):
    method = as_sampler(name)
    assert method == type(method)()
    assert hash(method) == hash(type(method)())
    assert method.name == name
    assert method.label
    assert method.order >= 1
    assert method.source
