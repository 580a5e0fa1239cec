import math

import mpmath
import pytest
import torch
from scipy.integrate import quad

from explorer.maths.paths import PATHS, as_path
from explorer.maths.targets import UniformBoxes, as_target
from explorer.maths.targets.slabs import slab
from tests.oracles import integrate


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cut_normal(y, w):
    """log mass, mean noise, place and variance to 60 digits."""
    with mpmath.workdps(60):
        y, w = mpmath.mpf(y), mpmath.mpf(w)
        low, high = y - w, y + w
        at_low, at_high = (mpmath.exp(-end * end / 2) / mpmath.sqrt(2 * mpmath.pi) for end in (low, high))
        near, far = (low, high) if y > 0 else (-high, -low)
        mass = (mpmath.erfc(near / mpmath.sqrt(2)) - mpmath.erfc(far / mpmath.sqrt(2))) / 2
        mean = (at_low - at_high) / mass
        variance = 1 + (low * at_low - high * at_high) / mass - mean * mean
        return [float(v) for v in (mpmath.log(mass / (2 * w)), mean, (y - mean) / w, variance / w**2)]


@pytest.mark.parametrize("w", [1e-7, 1e-3, 0.3, 0.4999, 0.5001, 1.0, 5.0, 100.0, 1000.0])
def test_slab_moments_have_their_digits_at_every_level(w):
    for y in (-1000.0, -20.0, -8.1, -3.0, -0.01, 0.0, 0.3, 1.9, 3.9, 7.9, 9.0, 100.0):
        got = slab(torch.tensor([y], dtype=torch.float64), torch.tensor([w], dtype=torch.float64))
        log_mass, mean, place, variance = cut_normal(y, w)
        assert float(got.log_mass) == pytest.approx(log_mass, rel=1e-12, abs=1e-12), y
        assert float(got.noise) == pytest.approx(mean, rel=1e-11, abs=1e-11), y
        assert float(got.place) == pytest.approx(place, rel=1e-10, abs=1e-10), y
        # In units of the noise: what enters the Jacobian.
        assert float(got.variance) * w * w == pytest.approx(variance * w * w, rel=1e-9, abs=1e-9), y


def test_density_and_mean_of_boxes_are_those_of_quadrature():
    target = UniformBoxes(*torch.tensor([[[-1.0], [0.5]], [[-0.2], [2.0]]], dtype=torch.float64))
    field, a, s = target.field(), 0.6, 0.4

    def moment(power, x):
        """The integral of u^power times prior times noise over both boxes."""

        def joint(u, share):
            return (
                u**power * share * math.exp(-((x - a * u) ** 2) / (2 * s * s)) / (math.sqrt(2 * math.pi) * s)
            )

        boxes = ((-1.0, -0.2, 0.5 / 0.8), (0.5, 2.0, 0.5 / 1.5))
        return sum(quad(joint, low, high, args=(share,), epsabs=1e-13)[0] for low, high, share in boxes)

    for x in (-1.5, -0.1, 0.4, 2.0):
        mass, mean = moment(0, x), moment(1, x) / moment(0, x)
        row = torch.tensor([[x]], dtype=torch.float64)
        assert float(field.log_density(row, s).exp()) == pytest.approx(mass, rel=1e-9)
        assert float(field(row, s).denoised) == pytest.approx(mean, abs=1e-9)
        variance = moment(2, x) / mass - mean**2
        assert float(field.posterior_covariance(row, s)) == pytest.approx(variance, abs=1e-9)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("t", [0.01, 0.3, 0.9])
def test_the_jacobian_and_the_divergence_are_autograds(path, t):
    target, level = as_target("checkerboard"), as_path(path).at(t)
    field = target.field(path)
    x = level.alpha * target.sample(6, 0).double() + level.sigma * noise(6, 2)
    slope = torch.stack(
        [torch.autograd.functional.jacobian(lambda y: field(y[None], t).velocity[0], row) for row in x]
    )
    scale = float(slope.abs().max())
    assert torch.allclose(field.velocity_jacobian(x, t), slope, atol=1e-8 * scale)
    assert torch.allclose(field.divergence(x, t), slope.diagonal(dim1=1, dim2=2).sum(1), atol=1e-8 * scale)
    times = torch.full((6,), t, dtype=torch.float64)
    for ask in (field.log_density, field.posterior_covariance, lambda x, t: field(x, t).velocity):
        assert torch.allclose(ask(x, times), ask(x, t), rtol=1e-12)


def test_forward_mode_sees_the_change_along_x_and_t():
    field, t = as_target("checkerboard").field("vp"), torch.full((8,), 0.3, dtype=torch.float64)
    x, dx = noise(8, 2), noise(8, 2, seed=1)
    x[0] = 0.0  # on the mirror line of the slabs
    _, slope = torch.func.jvp(lambda x, t: field(x, t).velocity, (x, t), (dx, torch.ones_like(t)))
    ahead, behind = (field(x + s * dx, t + s).velocity for s in (1e-5, -1e-5))
    assert torch.allclose(slope, (ahead - behind) / 2e-5, atol=1e-5 * float(slope.abs().max()))


def test_the_flow_carries_noise_onto_the_dark_squares():
    target = as_target("checkerboard")
    field = target.field()
    x = integrate(lambda x, t: field(x, t).velocity, noise(200, 2), 1.0, 0.01)
    inside = ((x[:, None] > target.lows - 0.03) & (x[:, None] < target.highs + 0.03)).all(2).any(1)
    assert float(inside.float().mean()) > 0.97


def test_classes_of_boxes_are_told_apart():
    lows = torch.tensor([[-1.0, -1.0], [0.0, 0.0]])
    target = UniformBoxes(lows, lows + 1.0, torch.arange(2), ("low", "high"))
    x, classes = target.labelled(50, 0)
    assert torch.equal((x[:, 0] > 0).long(), classes)
    assert torch.equal(target.field().class_posterior(x, 0.01).argmax(1), classes)
    assert bool((target.sample(20, 0, "high") > 0).all())
    assert bool((target.field().given("high")(x, 0.5).denoised > 0).all())


@pytest.mark.parametrize(
    ("lows", "highs", "sentence"),
    [
        (torch.zeros(2, 2), torch.zeros(2, 2), "`lows` must lie below `highs`"),
        (torch.zeros(2, 2), torch.ones(3, 2), r"got \[2, 2\] and \[3, 2\]"),
        (torch.zeros(1, 2), torch.full((1, 2), float("inf")), "must be finite"),
    ],
)
def test_boxes_that_cannot_be_are_refused(lows, highs, sentence):
    with pytest.raises(ValueError, match=sentence):
        UniformBoxes(lows, highs)
