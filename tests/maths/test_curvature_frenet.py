"""Frenet curvature by one JVP, against fields whose curves are known; and what happens when there is no JVP."""

import math

import pytest
import torch

import explorer as ex
from explorer.maths.curvature import curvature, even_angles
from explorer.maths.fields import AbstractField, Prediction
from explorer.maths.motion import clean_rate, motion_of
from explorer.maths.paths import as_path
from explorer.maths.samplers import record


class Rotation(AbstractField):
    """dx/dt = w (-y, x) on the linear path: circles around 0 at constant speed."""

    path, shape = as_path("linear"), (2,)

    def __init__(self, rate=2.0):
        self.rate = rate

    def __call__(self, x, t):
        velocity = self.rate * torch.stack([-x[:, 1], x[:, 0]], dim=1)
        return Prediction(self.path, x, t, velocity, "velocity")


class Opaque(AbstractField):
    """Any field, by way of numpy: torch cannot see through it."""

    def __init__(self, field):
        self.field, self.path, self.shape = field, field.path, field.shape

    def __call__(self, x, t):
        with torch.no_grad():
            answer = self.field(torch.from_numpy(x.detach().cpu().numpy().copy()), t)
        plain = torch.from_numpy(answer.velocity.numpy().copy())
        return Prediction(self.path, x, t, plain, "velocity")


NOISE = torch.tensor([[1.0, 0.0], [0.3, -0.4], [-2.0, 1.0]], dtype=torch.float64)


def test_a_rigid_rotation_has_one_over_the_distance_to_its_centre():
    bend = curvature(Rotation(), noise=NOISE, steps=400, sampler="rk45")
    torch.testing.assert_close(
        bend.curvature[:-2], (1 / NOISE.norm(dim=1)).expand(len(bend.shares) - 2, 3), rtol=1e-3, atol=0
    )


def test_a_planar_gaussian_has_the_value_that_was_derived_by_hand():
    """r(s)^2 = l s^2 + (1 - s)^2 for each coordinate, s = 1 - t; kappa = 2.742828 at s = .35, l = (4, .09)."""
    spread = torch.tensor([4.0, 0.09], dtype=torch.float64)
    field = ex.mixture(torch.ones(1), torch.zeros(1, 2), spread.diag()[None]).field("linear")
    z, s = torch.tensor([1.1, -0.6], dtype=torch.float64), 0.35
    x = ((spread * s**2 + (1 - s) ** 2).sqrt() * z)[None]
    run = record(field, "heun", grid=[0.65, 0.3], start=(x, 0.65))
    bend = curvature(run, field=field)
    assert float(bend.curvature[0]) == pytest.approx(2.742828, abs=5e-7)
    radius = (spread * s**2 + (1 - s) ** 2).sqrt()
    assert float(bend.acceleration[0]) == pytest.approx(float((spread / radius**3 * z).norm()), rel=1e-9)


@pytest.mark.parametrize("data", [0.25, 1.0, 4.0])
def test_straightness_of_a_single_gaussian_is_the_closed_form(data):
    """S = (2 - pi/2) tau sqrt(l) for each coordinate, tau = 1: .214602, .429204, .858407."""
    field = ex.mixture(
        torch.ones(1), torch.zeros(1, 2), data * torch.eye(2, dtype=torch.float64)[None]
    ).field("linear")
    bend = curvature(
        field, noise=torch.ones(1, 2, dtype=torch.float64), steps=200
    )  # a unit of noise in each coordinate
    assert bend.lee == pytest.approx((2 - math.pi / 2) * math.sqrt(data), rel=1e-3)  # the landing is straight
    assert float(bend.curvature.max()) < 1e-6


def test_circles_through_states_come_to_the_frenet_curvature_at_second_order():
    field = ex.target("two_moons").field("vp")
    gaps = []
    for steps in (100, 200):
        grid = even_angles(field.path, steps)
        run = record(
            field,
            "heun",
            noise=torch.randn(8, 2, generator=torch.Generator().manual_seed(3)).double(),
            grid=grid,
        )
        plain, asked = curvature(run), curvature(run, field=field)
        middle = slice(steps // 4, steps // 2)
        gaps.append(float((plain.curvature[middle] / asked.curvature[middle] - 1).abs().median()))
    assert gaps[0] / gaps[1] > 3


@pytest.mark.parametrize("name", ["linear", "vp", "trig", "ve", "cosine"])
def test_accelerations_in_any_coordinates_are_those_of_a_run_made_there(name):
    target, steps = ex.target("eight_gaussians"), 300
    home = record(
        target.field("linear"), "heun", n=6, dtype=torch.float64, grid=even_angles(as_path("linear"), steps)
    )
    asked = curvature(home, field=target.field("linear"), coordinates=name)
    plain = curvature(home, coordinates=name)  # differences of velocities, no JVP
    inner = slice(20, -40)
    torch.testing.assert_close(plain.truncation[inner], asked.truncation[inner], rtol=0.05, atol=0.05)
    close = (plain.acceleration[inner] / asked.acceleration[inner] - 1).abs().median()
    assert float(close) < 2e-3


def test_a_field_with_no_derivative_is_asked_for_differences_and_says_so():
    field = ex.target("two_moons").field("linear")
    clear, dim = curvature(field, noise=NOISE), curvature(Opaque(field), noise=NOISE)
    assert clear.by == "Frenet, one JVP"
    assert dim.by == "Frenet, differences"
    close = (dim.curvature / clear.curvature - 1).abs().median()
    assert float(close) < 1e-4


def test_a_network_on_a_thousand_steps_is_asked_by_jvp():
    field = ex.load("digits/unet")
    motion = motion_of(record(field, "euler", steps=4, n=2), field)
    assert motion.rate_by == "one JVP"


def test_a_field_that_detaches_inside_is_found_out():
    """Its JVP exists and is wrong."""
    field = ex.target("two_moons").field("linear")

    class Detached(Opaque):
        def __call__(self, x, t):
            known = self.field(x.detach(), t)
            return Prediction(self.path, x, t, known.velocity + 0.0 * x, "velocity")

    dim = curvature(Detached(field), noise=NOISE)
    assert dim.by == "Frenet, differences"
    close = (dim.curvature / curvature(field, noise=NOISE).curvature - 1).abs().median()
    assert float(close) < 1e-4


def test_moments_are_asked_together_and_the_middle_one_is_checked():
    class Counted(Rotation):
        calls = 0

        def __call__(self, x, t):
            Counted.calls += 1
            return super().__call__(x, t)

    run = record(Rotation(), "euler", steps=10, noise=NOISE)
    motion_of(run, Counted())
    assert Counted.calls == 1 + (1 + 4)


def test_a_module_of_one_type_is_walked_in_its_own():
    weight = torch.tensor([[0.5, -1.0], [1.0, 0.2]])  # float64 states do not go with it
    field = ex.NetworkField(lambda x, t: x @ weight, path="linear", predicts="velocity", shape=(2,))
    bend = curvature(field, n=4, steps=6)
    assert bend.curvature.dtype == torch.float64
    assert "recorded in float32" in bend.note


def test_rows_ask_about_the_first_samples_only():
    field = ex.target("two_moons").field("linear")
    bend = curvature(field, n=20, steps=12, rows=4)
    assert bend.curvature.shape == (13, 4)
    assert bend.bend.shape == (13, 4)
    assert bend.total_turning.shape == (20,)


def test_pictures_are_measured_as_long_vectors():
    bend = curvature(ex.target("digits").field("linear"), n=3, steps=8)
    assert bend.dims == 64
    assert bend.curvature.shape == (9, 3)
    assert bool(torch.isfinite(bend.curvature).all())


# --- what cannot be measured ---


def test_fewer_than_three_moments_are_refused():
    run = ex.record(ex.target("two_moons").field("linear"), "euler", steps=1, n=4)
    with pytest.raises(ValueError, match="at least three moments; got 2"):
        curvature(run)
    with pytest.raises(ValueError, match="`steps` must be a whole number of at least 2"):
        curvature(ex.target("two_moons").field("linear"), steps=1)


def test_states_that_are_not_finite_are_refused_with_their_moment():
    run = ex.record(ex.target("two_moons").field("linear"), "euler", steps=4, n=4)
    run.states[2, 1, 0] = math.nan
    with pytest.raises(ValueError, match=r"must be finite; got NaN or infinity at moment 2, t = 0\.5"):
        curvature(run)


def test_unknown_coordinates_and_things_are_refused():
    field = ex.target("two_moons").field("linear")
    with pytest.raises(ValueError, match="linear"):
        curvature(field, n=4, coordinates="liner")
    with pytest.raises(ValueError, match="measured on a run or a field; got str"):
        ex.curvature("two_moons")


def test_a_run_in_float32_says_where_rounding_begins():
    field = ex.target("two_moons").field("linear")
    assert "recorded in float32" in curvature(ex.record(field, n=8, steps=20)).note
    assert curvature(ex.record(field, n=8, steps=20, dtype=torch.float64)).note == ""
    assert "draws noise" in curvature(ex.record(field, "euler_ancestral", n=8, dtype=torch.float64)).note


def test_the_rate_is_the_total_derivative_along_the_flow():
    field = ex.target("two_moons").field("trig")
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    velocity = field(x, 0.6).velocity
    rate, by = clean_rate(field, x, 0.6, velocity)
    h = 1e-5
    later, sooner = (field(x + k * h * velocity, 0.6 + k * h).denoised for k in (1, -1))
    torch.testing.assert_close(rate, (later - sooner) / (2 * h), rtol=1e-6, atol=1e-8)
    assert by == "jvp"
