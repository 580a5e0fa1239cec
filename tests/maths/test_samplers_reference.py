"""Every number of the specification sheet's table, to its printed digits: the exact spread of N(0, 1/4)."""

import math
from itertools import pairwise

import pytest
import torch

from explorer.maths.samplers import record
from explorer.maths.samplers.ddim import DDIM
from explorer.maths.samplers.edm_stochastic import EDMStochastic
from explorer.maths.samplers.euler_ancestral import EulerAncestral
from explorer.maths.samplers.euler_maruyama import EulerMaruyama
from explorer.maths.samplers.grids import times_of
from explorer.maths.samplers.predictor_corrector import PredictorCorrector
from explorer.maths.samplers.rk45 import RK45
from explorer.maths.targets import mixture
from tests.oracles import NormalField, exact_std, karras_sigmas

EXACT_START = math.sqrt(0.25 + 80.0**2)
KARRAS = {
    "euler": (0.23363349, 0.36522020, 0.43054629, 0.46485985),
    "ddim": (0.23363349, 0.36522020, 0.43054629, 0.46485985),
    "heun": (1.25791088, 0.60980991, 0.52183373, 0.50488673),
    "dpmpp_2m": (0.43266052, 0.57939797, 0.52462912, 0.50520229),
}
ANCESTRAL = (0.17950845, 0.30188289, 0.37828053, 0.43217516)
FLOW = (0.36923077, 0.43078260, 0.46424750, 0.48181083)
STEPS = (5, 10, 20, 40)
RING = [[math.cos(k * math.pi / 4) * 2, math.sin(k * math.pi / 4) * 2] for k in range(8)]


ONE = torch.ones(1, 1, dtype=torch.float64)


def end(path, sampler, steps, **given):
    """Where the number 1 (or ``start``) is taken: every deterministic method is linear on a centred Gaussian."""
    return record(NormalField(path, shape=(1,)), sampler, steps=steps, **given).states[-1].item()


@pytest.mark.parametrize("k", range(4))
@pytest.mark.parametrize("name", KARRAS)
def test_deterministic_columns_on_the_karras_grid(name, k):
    found = end("ve", name, STEPS[k], grid="karras", start=(EXACT_START * ONE, 1.0))
    assert found == pytest.approx(KARRAS[name][k], abs=5.1e-9)


@pytest.mark.parametrize("k", range(4))
def test_rectified_flow_column(k):
    for name in ("euler", "ddim"):
        assert end("linear", name, STEPS[k], noise=ONE) == pytest.approx(FLOW[k], abs=5.1e-9)


def test_a_run_from_80_eps_is_not_one_from_the_exact_marginal():
    assert end("ve", "euler", 20, noise=ONE) == pytest.approx(0.43053788, abs=5e-9)


@pytest.mark.parametrize("k", range(4))
def test_ancestral_column(k):
    times = [s / 80.0 for s in karras_sigmas(STEPS[k])]
    for sampler in (EulerAncestral(), DDIM(eta=1.0)):
        std = exact_std(sampler, NormalField("ve", shape=(1,)), times, EXACT_START**2)
        assert std == pytest.approx(ANCESTRAL[k], abs=5.1e-9)


def test_churn_is_added_before_the_model_is_called():
    """Sheet, section 3: 0.397 (measured) against 0.643 for churn after the call. Euler's step; Heun's is beside it."""
    everywhere = {"churn": 20.0, "churn_from": 0.0, "churn_to": 1e9}
    for correction, known in ((False, 0.39518), (True, 0.55208)):
        sampler = EDMStochastic(**everywhere, correction=correction)
        times = [s / 80.0 for s in karras_sigmas(20)]
        std = exact_std(sampler, NormalField("ve", shape=(1,)), times, EXACT_START**2)
        assert std == pytest.approx(_churned_std(20, 20.0, correction), rel=1e-8)
        assert std == pytest.approx(known, abs=1e-5)


def _churned_std(steps, churn, correction):
    """Algorithm 2 on N(0, 1/4), as numbers: written from the paper, not from the code."""
    sigmas, variance = karras_sigmas(steps), EXACT_START**2
    for i, (s, after) in enumerate(pairwise(sigmas)):
        # Ours adds none above the path's end, 80, and none before the landing; the sheet's number does not see it.
        gamma = min(churn / steps, math.sqrt(2.0) - 1.0) if 0 < i < steps - 1 else 0.0
        hat = s * (1.0 + gamma)
        slope = hat / (0.25 + hat**2)
        growth = 1.0 + (after - hat) * slope
        if correction and after > 0.0:
            growth = 1.0 + (after - hat) * 0.5 * (slope + after / (0.25 + after**2) * growth)
        variance = (variance + hat**2 - s**2) * growth**2
    return math.sqrt(variance)


def test_a_langevin_corrector_mends_the_predictor():
    """Sheet, section 4: 0.5495 without, 0.5105 with (measured); a geometric grid of 50 levels, 80 to 0.01."""
    times = [(0.01 / 80.0) ** (i / 49) for i in range(50)] + [0.0]
    alone = exact_std(PredictorCorrector(corrections=0), NormalField("ve", shape=(1,)), times, 6400.0)
    assert alone == pytest.approx(0.5495, abs=5.1e-5)
    run = record(NormalField("ve"), PredictorCorrector(), grid=times, n=50_000, dtype=torch.float64)
    assert run.states[-1].std().item() == pytest.approx(0.5105, abs=0.004)


@pytest.mark.parametrize("path", ["linear", "vp", "cosine", "trig", "ve"])
def test_the_reverse_diffusion_tends_to_the_spread_of_the_data(path):
    field = NormalField(path, shape=(1,))
    times = times_of("karras", field.path, 1000)
    at = field.path.at(1.0)
    start = 0.25 * at.alpha**2 + at.sigma**2
    assert exact_std(EulerMaruyama(), field, times, start) == pytest.approx(0.5, abs=0.01)


def test_ring_of_eight_ends_where_the_sheet_says():
    weights, means = torch.full((8,), 0.125, dtype=torch.float64), torch.tensor(RING, dtype=torch.float64)
    field = mixture(weights, means, torch.full((8,), 0.15**2, dtype=torch.float64)).field("ve")
    points = torch.tensor([[3.0, 1.0], [-1.0, 4.0], [0.5, -2.0]], dtype=torch.float64)
    last = 0.01 / 80.0
    run = record(field, RK45(1e-10, 1e-11), grid=[10.0 / 80.0, last], start=(points, 10.0 / 80.0))
    ends = [[1.735174, 0.158492], [-0.107789, 1.793621], [0.098178, -1.699316]]
    reached = run.states[run.times.tolist().index(last)]
    assert (reached - torch.tensor(ends, dtype=torch.float64)).abs().max() < 1e-6
