"""diffusers' schedulers as samplers: equal to diffusers by hand, true to closed forms, one instance a run."""

import math
import subprocess
import sys

import diffusers
import pytest
import torch
from torch import Tensor, nn

from explorer.maths.fields import AbstractField, NetworkField, Prediction
from explorer.maths.paths import VE, VP, AbstractPath, Linear, Trig, as_path
from explorer.maths.samplers import walk
from explorer.models.schedulers import LEFT_OUT, SCHEDULERS, SchedulerSampler
from explorer.models.schedulers.sampler import scheduler_class

SMALL = torch.float64
# Paths whose top lies above that of every scheduler.
TALL_VE, TALL_VP = VE(sigma_max=1e5), VP(beta_max=45.0)
FAMILY = {
    "vp_index": (TALL_VP, "noise", "epsilon"),
    "vp_sigma": (TALL_VP, "noise", "epsilon"),
    "ve": (TALL_VE, "noise", "epsilon"),
    "edm": (TALL_VE, "noise", None),
    "flow": (Linear(), "velocity", "flow_prediction"),
    "trig": (Trig(), "v", None),
}
DETERMINISTIC = [key for key, entry in SCHEDULERS.items() if not entry.is_random]
DISTILLED = ("lcm", "tcd", "consistency", "flow_euler_stochastic", "flow_lcm", "scm")
RANDOM = [key for key, e in SCHEDULERS.items() if e.is_random and key.split("/")[1] not in DISTILLED]


class Normal(AbstractField):
    """The exact field of N(mean, variance)."""

    shape = (2,)

    def __init__(self, path: str | AbstractPath, variance: float = 0.25, mean: float = 0.0):
        self.path, self.variance, self.mean = as_path(path), variance, mean

    def __call__(self, x: Tensor, t: float) -> Prediction:
        level = self.path.at(t)
        gain = level.alpha * self.variance / (level.alpha**2 * self.variance + level.sigma**2)
        return Prediction(self.path, x, t, self.mean + gain * (x - level.alpha * self.mean), "denoised")


class Net(nn.Module):
    """A small smooth network that writes down the times at which it is asked."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.inner = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 2)).to(SMALL)
        self.asked: list[Tensor] = []

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        self.asked.append(t)
        scale = 1.0 / (1.0 + x.abs())
        return self.inner(torch.cat([x * scale, t[:, None]], dim=1))


def ends(sampler, steps: int, path="linear", n: int = 0, grid="default", scale: float = 1.0) -> Tensor:
    """The last state of a run on N(0, 1/4): from one unit of noise, or from n draws."""
    noise = None if n else scale * torch.ones(1, 2, dtype=SMALL)
    given = {"n": n, "dtype": SMALL} if n else {"noise": noise}
    return list(walk(Normal(path), sampler, steps=steps, grid=grid, **given))[-1].x


def test_every_scheduler_that_diffusers_exports_stands_in_exactly_one_table():
    names = {*dir(diffusers), *dir(diffusers.schedulers)}
    exported = {n for n in names if n.endswith("Scheduler") and n != "KarrasDiffusionSchedulers"}
    ours = {entry.class_name for entry in SCHEDULERS.values()}
    assert ours | set(LEFT_OUT) == exported | {"ScoreSdeVpScheduler"}
    assert not ours & set(LEFT_OUT)


@pytest.mark.parametrize("key", SCHEDULERS)
def test_a_run_is_bit_for_bit_the_one_that_diffusers_makes_by_hand(key, monkeypatch):
    generator, start = torch.Generator(), SchedulerSampler.start

    def spied(sampler, field, times, own):
        generator.set_state(own.get_state())
        return start(sampler, field, times, own)

    monkeypatch.setattr(SchedulerSampler, "start", spied)
    entry, steps = SCHEDULERS[key], 12
    family = "flow" if entry.kwargs.get("use_flow_sigmas") else entry.family
    path, predicts, prediction_type = FAMILY[family]
    net = Net()
    frames = list(
        walk(NetworkField(net, path, predicts), SchedulerSampler(key), steps=steps, n=6, seed=5, dtype=SMALL)
    )
    x, asked, net.asked = frames[0].prediction.x, net.asked, []
    assert frames[-1].evals == len(asked)

    kwargs = dict(entry.kwargs)
    if prediction_type in entry.predictions and entry.chooses:
        kwargs["prediction_type"] = prediction_type
    scheduler = scheduler_class(entry.class_name)(**kwargs)
    scheduler.set_timesteps(steps + (entry.class_name == "MiniMaxH3Scheduler"), **entry.set_kwargs)
    random, clean = {"generator": generator} if entry.is_random else {}, None
    with torch.no_grad():
        for i, (t, at) in enumerate(zip(scheduler.timesteps, asked, strict=False)):
            output = net(x, at)
            extra = random | dict(entry.extra)
            if key == "diffusers/minimax_h3":
                output = -output
            if key == "diffusers/unclip" and i + 1 < steps:
                extra["prev_timestep"] = scheduler.timesteps[i + 1]
            if key == "diffusers/ddpm_wuerstchen":
                t = t[None]
            if entry.family == "edm" or key == "diffusers/consistency":
                output = preconditioned(output, x, scheduler.sigmas[i].double(), scheduler.config)
            if hasattr(scheduler, "scale_model_input"):
                scheduler.scale_model_input(x, t)
            if key == "diffusers/dpm_cogvideox":
                before = scheduler.timesteps[i - 1] if i else None
                x, clean = scheduler.step(output, clean, t, before, x, **extra, return_dict=False)
            else:
                x = scheduler.step(output, t, x, **extra).prev_sample
    if entry.family == "edm" or key == "diffusers/consistency":
        torch.testing.assert_close(frames[-1].x, x, rtol=1e-6, atol=1e-6)
    else:
        assert torch.equal(frames[-1].x, x)


def preconditioned(noise: Tensor, x: Tensor, sigma: Tensor, config) -> Tensor:
    """The raw output of an EDM (or consistency) network whose clean prediction is x - sigma noise."""
    data = config.sigma_data
    offset = config.sigma_min if "clip_denoised" in config else 0.0
    skip = data**2 / ((sigma - offset) ** 2 + data**2)
    out = (sigma - offset) * data / (sigma**2 + data**2) ** 0.5
    return (x - sigma * noise - skip * x) / out


@pytest.mark.parametrize("key", DETERMINISTIC)
def test_the_samples_do_not_depend_on_the_path_of_the_field(key):
    first = ends(SchedulerSampler(key), 12, TALL_VE)
    for path in (Linear(), Trig(), TALL_VP):
        torch.testing.assert_close(ends(SchedulerSampler(key), 12, path), first, rtol=2e-5, atol=0)


# The standard deviation that remains of N(0, 1/4) after N steps on the Karras grid, .002 to 80, then 0.
KARRAS = {
    "euler": {5: 0.23363349, 10: 0.36522020, 20: 0.43054629, 40: 0.46485985},
    "heun": {5: 1.25791088, 10: 0.60980991, 20: 0.52183373, 40: 0.50488673},
    "dpm++_2m": {5: 0.43266052, 10: 0.57939797, 20: 0.52462912, 40: 0.50520229},
}
STRAIGHT = {5: 0.36923077, 10: 0.43078260, 20: 0.46424750, 40: 0.48181083}


@pytest.mark.parametrize(
    ("key", "column", "grid"),
    [
        ("diffusers/euler", "euler", "karras"),
        ("diffusers/edm_euler", "euler", "default"),
        ("diffusers/dpm++_1", "euler", "karras"),
        ("diffusers/heun", "heun", "karras"),
        ("diffusers/dpm++_2m", "dpm++_2m", "karras"),
        ("diffusers/edm_dpm++_2m", "dpm++_2m", "default"),
    ],
)
@pytest.mark.parametrize("steps", [5, 10, 20, 40])
def test_the_spread_after_n_steps_on_the_karras_grid_is_the_closed_form(key, column, grid, steps):
    start = math.sqrt(0.25 + 80.0**2) / 80.0
    x = ends(SchedulerSampler(key), steps, "ve", grid=grid, scale=start)
    assert x[0, 0].item() == pytest.approx(KARRAS[column][steps], rel=2e-6)


@pytest.mark.parametrize("key", ["flow_euler", "flow_map_euler", "minimax_h3"])
@pytest.mark.parametrize("steps", [5, 10, 20, 40])
def test_the_spread_after_n_even_steps_on_the_straight_path_is_the_closed_form(key, steps):
    x = ends(SchedulerSampler(f"diffusers/{key}"), steps, "linear", grid="uniform")
    assert x[0, 0].item() == pytest.approx(STRAIGHT[steps], rel=1e-6)


@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@pytest.mark.parametrize("steps", [5, 20, 50])
def test_ddim_is_euler_in_the_noise_ratio_on_its_own_levels(spacing, steps):
    stride = 1000 // steps
    kept = (1.0 - torch.linspace(1e-4, 0.02, 1000, dtype=SMALL)).cumprod(0)
    offset = stride - 1 if spacing == "trailing" else 0
    ratios = ((1 - kept) / kept).sqrt()[[i * stride + offset for i in reversed(range(steps))]].tolist()
    left = ratios[0]
    for s, s_next in zip(ratios, [*ratios[1:], 0.0], strict=True):
        left *= (0.25 + s * s_next) / (0.25 + s * s)
    x = ends(SchedulerSampler("diffusers/ddim", {"timestep_spacing": spacing}), steps, "linear")
    assert x[0, 0].item() == pytest.approx(left, rel=5e-6)


@pytest.mark.parametrize("key", DETERMINISTIC)
def test_the_error_of_a_deterministic_scheduler_falls(key):
    few, many = (abs(ends(SchedulerSampler(key), n)[0, 0].item() - 0.5) for n in (10, 80))
    assert many < 0.35 * few
    assert many < 0.03


@pytest.mark.parametrize("key", RANDOM)
def test_a_random_scheduler_reaches_the_right_spread(key):
    spread = [ends(SchedulerSampler(key), n, "vp", n=6000).std().item() for n in (20, 200)]
    assert abs(spread[1] - 0.5) < 0.025
    assert abs(spread[1] - 0.5) < max(0.01, abs(spread[0] - 0.5))


@pytest.mark.parametrize("key", [f"diffusers/{name}" for name in DISTILLED])
def test_a_scheduler_for_distilled_models_spreads_too_little_with_an_ordinary_field(key):
    assert ends(SchedulerSampler(key), 50, "vp", n=6000).std().item() < 0.45
    assert "distilled" in SCHEDULERS[key].departs or "fresh noise" in SCHEDULERS[key].departs


def test_the_variance_of_ancestral_sampling_follows_its_recursion():
    steps, spread = 20, 0.25 + 80.0**2
    sampler = SchedulerSampler("diffusers/euler_ancestral")
    times = sampler.times(VE(), "karras", steps, 1.0)
    for s, s_next in zip([80.0 * t for t in times], [80.0 * t for t in times[1:]], strict=False):
        up = s_next * math.sqrt(s * s - s_next * s_next) / s
        down = math.sqrt(s_next**2 - up**2)
        spread = spread * ((0.25 + s * down) / (0.25 + s * s)) ** 2 + up**2
    assert math.sqrt(spread) == pytest.approx(0.37828053, rel=1e-5)
    measured = ends(sampler, steps, "ve", n=20000, grid="karras").std().item()
    assert measured == pytest.approx(math.sqrt(spread), rel=0.02)


@pytest.mark.parametrize("key", SCHEDULERS)
def test_model_calls_are_counted_and_times_fall_to_zero(key):
    entry, steps = SCHEDULERS[key], 8
    frames = list(walk(Normal(TALL_VP), SchedulerSampler(key), steps=steps, n=2, dtype=SMALL))
    times = [frame.t for frame in frames]
    assert len(frames) == steps + 1
    assert times[0] == 1.0 and times[-1] == 0.0 and times == sorted(times, reverse=True)
    extra = 1 if key == "diffusers/pndm" else 0
    assert frames[-1].evals == entry.evals_per_step * (steps - 1) + 1 + extra
    assert frames[-1].x.dtype == SMALL


@pytest.mark.parametrize("key", SCHEDULERS)
def test_one_step_lands_on_the_mean_or_says_why_not(key):
    sampler = SchedulerSampler(key)
    if key == "diffusers/unclip":
        with pytest.raises(ValueError, match="`steps` must be a whole number from 2"):
            ends(sampler, 1)
    else:
        # Noise of one on N(0, 1/4): all that one step can know is that the mean is near 0.
        assert abs(ends(sampler, 1)[0, 0].item()) < 0.03


@pytest.mark.parametrize("key", SCHEDULERS)
def test_two_runs_that_are_walked_in_turn_do_not_disturb_each_other(key):
    sampler = SchedulerSampler(key)
    field = Normal(TALL_VP)
    alone = [list(walk(field, sampler, steps=6, n=3, seed=seed))[-1].x for seed in (1, 2)]
    runs = [walk(field, sampler, steps=6, n=3, seed=seed) for seed in (1, 2)]
    both = list(zip(*runs, strict=True))[-1]
    assert all(torch.equal(a, b.x) for a, b in zip(alone, both, strict=True))


def test_levels_above_the_top_of_the_path_are_taken_in_the_first_step():
    frames = list(walk(Normal("ve"), SchedulerSampler("diffusers/euler"), steps=50, n=2))
    assert frames[-1].evals == 50
    assert len(frames) - 1 == 47
    assert frames[0].t == 1.0


def test_importing_the_schedulers_does_not_import_diffusers():
    code = "import sys, explorer.models.schedulers; print('diffusers' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
