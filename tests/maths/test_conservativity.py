"""Gradient fields and others whose curl is known; the shipped network, which is neither."""

import math

import pytest
import torch

import explorer as ex
from explorer.maths.conservativity import asymmetry, loop_work, velocity_error
from explorer.maths.fields import AbstractField, NetworkField, Prediction
from explorer.maths.paths import PATHS
from explorer.models.zoo import load
from tests.oracles import NormalField


class Curled(AbstractField):
    """Another field with ``w * (-y, x)`` added to its score."""

    def __init__(self, field, w):
        self.field, self.w, self.path, self.shape = field, w, field.path, field.shape

    def __call__(self, x, t):
        curl = torch.stack([-x[:, 1], x[:, 0]], dim=1)
        plain = self.field(x, t)
        return Prediction(self.path, x, t, plain.noise - plain.level.sigma * self.w * curl, "noise")


class Guided(AbstractField):
    """Classifier-free guidance of two fields, by Ho and Salimans: D_u + w (D_c - D_u)."""

    def __init__(self, field, label, w):
        self.whole, self.part, self.w = field, field.given(label), w
        self.path, self.shape = field.path, field.shape

    def __call__(self, x, t):
        whole = self.whole(x, t).denoised
        return Prediction(self.path, x, t, whole + self.w * (self.part(x, t).denoised - whole), "denoised")


class Opaque(torch.nn.Module):
    """A velocity that torch cannot see through: it goes by way of numpy, or is merely detached."""

    def __init__(self, field, by_numpy=True):
        super().__init__()
        self.field, self.by_numpy = field, by_numpy

    def forward(self, x, t):
        velocity = self.field(x.detach(), t.detach()).velocity
        return torch.from_numpy(velocity.numpy().copy()) if self.by_numpy else velocity.detach()


class Walled(torch.autograd.Function):
    """A cube with a backward pass and no forward one."""

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad):
        return 3 * ctx.saved_tensors[0] ** 2 * grad


def drawn(n=6, dims=2, seed=0):
    return torch.randn(n, dims, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["two_moons", "eight_gaussians", "checkerboard"])
def test_the_exact_field_is_a_gradient_to_the_last_digits(name, path):
    target = ex.target(name)
    field = target.field(path)
    for t in (0.02, 0.2, 0.6, 1.0):
        level = field.path.at(t)
        x = level.alpha * target.sample(40, seed=1).double() + level.sigma * drawn(40)
        bent = asymmetry(field, x, t)
        assert bent.by == "jvp"
        assert float(bent.value.max()) < 1e-12
        # Inside the dark squares the score is nothing at all, and its rounding is all there is to go round.
        limit = 1e-6 if name == "checkerboard" else 1e-12
        assert float(loop_work(field, x, 0.5 * level.sigma, t, points=32).relative.abs().max()) < limit


def test_a_curl_that_is_added_does_its_work_around_a_loop():
    """Green: the curl of w (-y, x) is 2 w, so the work is 2 w times the area, wherever the circle lies."""
    field = Curled(ex.target("eight_gaussians").field("linear"), w=0.7)
    for radius in (0.1, 0.5, 2.0):
        work = loop_work(field, drawn(), radius, 0.6, points=256).work
        torch.testing.assert_close(
            work, torch.full_like(work, 2 * math.pi * 0.7 * radius**2), rtol=1e-9, atol=1e-9
        )


@pytest.mark.parametrize(("w", "t"), [(0.3, 0.5), (-4.0, 0.2), (1e-6, 0.9)])
def test_the_asymmetry_of_a_gaussian_with_a_curl_is_the_closed_form(w, t):
    """J = -I / (a^2 l + s^2) + w [[0, -1], [1, 0]]: |J - J'| = 2 sqrt(2) |w|, |J|^2 = 2 / q^2 + 2 w^2."""
    q = 0.25 * (1 - t) ** 2 + t**2
    known = 2 * abs(w) / math.sqrt(q**-2 + w**2)
    bent = asymmetry(Curled(NormalField("linear"), w), drawn(), t)
    torch.testing.assert_close(bent.value, torch.full((6,), known, dtype=torch.float64), rtol=1e-9, atol=0)


def test_the_relative_work_of_a_pure_rotation_is_one_with_its_sign():
    """Far-spread data leave a score of almost nothing; what is left goes round."""
    field = Curled(NormalField("linear", variance=1e12), w=-2.0)
    found = loop_work(field, torch.zeros(1, 2, dtype=torch.float64), 0.5, 0.001)
    assert float(found.relative) == pytest.approx(-1.0, abs=1e-9)


def test_guidance_of_two_gradients_is_a_gradient():
    """The sheet's figure is 7.6e-16, a median."""
    field = Guided(ex.target("two_moons").field("linear"), 0, 3.0)
    bent = asymmetry(field, drawn(40), 0.5)
    assert float(bent.value.median()) < 1e-14
    assert float(bent.value.max()) < 1e-12


def test_a_network_is_no_gradient():
    field, exact = load("two_moons/linear"), ex.target("two_moons").field("linear")
    x = exact_states(exact, 0.2)
    bent, work = asymmetry(field, x, 0.2), loop_work(field, x, 0.1, 0.2)
    assert float(bent.value.median()) > 1e-2
    assert float(work.relative.abs().median()) > 1e-3
    assert float(bent.value.max()) <= 2.0
    assert float(work.relative.abs().max()) <= 1.0


def exact_states(field, t, n=200):
    """States that the flow visits: data with the noise of t."""
    clean = ex.target("two_moons").sample(n, seed=1).double()
    return (1 - t) * clean + t * drawn(n, seed=2)


def test_the_jacobian_is_that_of_backward_passes():
    """The same ratio by reverse mode, which shares nothing with the forward pass."""
    field, x = load("two_moons/linear"), drawn(5)
    rows = torch.autograd.functional.jacobian(lambda y: field(y, 0.4).score.sum(0), x).permute(1, 0, 2)
    known = torch.linalg.matrix_norm(rows - rows.mT) / torch.linalg.matrix_norm(rows)
    torch.testing.assert_close(asymmetry(field, x, 0.4).value, known, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("size", [0.01, 50.0])
def test_turning_and_scaling_the_plane_changes_neither_ratio(size):
    """A field in other coordinates y = size R x: score'(y) = R score(x) / size."""
    turn = torch.linalg.qr(drawn(2, seed=5)).Q
    inner, x = Curled(ex.target("two_moons").field("ve"), 0.4), drawn()

    class Moved(AbstractField):
        path, shape = inner.path, inner.shape

        def __call__(self, y, t):
            score = inner(y @ turn / size, t).score @ turn.T / size
            return Prediction(self.path, y, t, -score * inner.path.at(t).sigma, "noise")

    y, t = size * x @ turn.T, 0.01
    torch.testing.assert_close(
        asymmetry(Moved(), y, t).value, asymmetry(inner, x, t).value, rtol=1e-8, atol=1e-12
    )
    mirrored = float(torch.det(turn))  # a mirror turns the loop round
    moved, plain = loop_work(Moved(), y, 0.1 * size, t), loop_work(inner, x, 0.1, t)
    torch.testing.assert_close(moved.relative, mirrored * plain.relative, rtol=1e-8, atol=1e-12)
    torch.testing.assert_close(moved.work, mirrored * plain.work, rtol=1e-8, atol=1e-12)


def test_circles_lie_in_the_plane_that_is_asked_for():
    """A curl between numbers 1 and 3 of four, seen in that plane and in no other."""
    plain = NormalField("linear", shape=(2, 2))

    class Twisted(AbstractField):
        path, shape = plain.path, plain.shape

        def __call__(self, x, t):
            flat, curl = x.flatten(1), torch.zeros_like(x.flatten(1))
            curl[:, 1], curl[:, 3] = -flat[:, 3], flat[:, 1]
            noise = plain(x, t).noise - plain.path.at(t).sigma * curl.reshape(x.shape)
            return Prediction(self.path, x, t, noise, "noise")

    centres = drawn(3, dims=4).reshape(3, 2, 2)
    turned = loop_work(Twisted(), centres, 0.5, 0.5, axes=(1, 3)).work
    torch.testing.assert_close(turned, torch.full_like(turned, 2 * math.pi * 0.25), rtol=1e-12, atol=0)
    assert float(loop_work(Twisted(), centres, 0.5, 0.5, axes=(0, 2)).work.abs().max()) < 1e-12
    assert float(asymmetry(Twisted(), centres, 0.5).value.min()) > 0.1


@pytest.mark.parametrize("by_numpy", [True, False])
def test_a_module_that_cannot_be_seen_through_is_asked_beside_and_says_so(by_numpy):
    inner = Curled(ex.target("two_moons").field("linear"), 0.5)
    opaque, x = NetworkField(Opaque(inner, by_numpy)), drawn()
    bent, known = asymmetry(opaque, x, 0.4), asymmetry(inner, x, 0.4)
    assert (bent.by, known.by) == ("differences", "jvp")
    torch.testing.assert_close(bent.value, known.value, rtol=0, atol=1e-8)


def test_an_operation_with_no_forward_derivative_is_asked_beside():
    field = NetworkField(lambda x, t: Walled.apply(x) + x.flip(1) * torch.tensor([1.0, -2.0]).to(x))
    seen = NetworkField(lambda x, t: x**3 + x.flip(1) * torch.tensor([1.0, -2.0]).to(x))
    bent, known = asymmetry(field, drawn(), 0.4), asymmetry(seen, drawn(), 0.4)
    assert (bent.by, known.by) == ("differences", "jvp")
    torch.testing.assert_close(bent.value, known.value, rtol=0, atol=1e-8)


def test_a_field_that_answers_nan_gives_nan_and_goes_on():
    """Rows that are sound keep their values."""
    inner = ex.target("two_moons").field("linear")
    holed = NetworkField(lambda x, t: torch.where(x[:, :1] > 0, inner(x, t).velocity, math.nan))
    x = torch.tensor([[0.5, 0.1], [-0.5, 0.1]], dtype=torch.float64)
    bent, work = asymmetry(holed, x, 0.4), loop_work(holed, x, 0.1, 0.4)
    for value in (bent.value, work.work, work.relative, velocity_error(holed, inner, x, 0.4)):
        assert value.isnan().tolist() == [False, True]
    gone = NetworkField(lambda x, t: math.nan * x)
    assert bool(asymmetry(gone, x, 0.4).value.isnan().all())


def test_velocities_are_compared_where_they_are_the_same_thing():
    plain = ex.target("two_moons").field("linear")
    shifted = NetworkField(lambda x, t: plain(x, t).velocity + torch.tensor([3.0, -4.0]).to(x))
    torch.testing.assert_close(
        velocity_error(shifted, plain, drawn(), 0.3), torch.full((6,), 5.0, dtype=torch.float64)
    )
    with pytest.raises(ValueError, match=r"'linear'.*'vp'"):
        velocity_error(plain, ex.target("two_moons").field("vp"), drawn(), 0.3)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda f, x: asymmetry(f, x[:, :1], 0.4), "shape"),
        (lambda f, x: asymmetry(f, x, 0.0), "sigma > 0"),
        (lambda f, x: asymmetry(NormalField("linear", shape=(300,)), drawn(2, 300), 0.4), "256"),
        (lambda f, x: loop_work(f, x, 0.0, 0.4), "radius"),
        (lambda f, x: loop_work(f, x, math.nan, 0.4), "radius"),
        (lambda f, x: loop_work(f, x, 0.1, 0.4, points=2), "points"),
        (lambda f, x: loop_work(f, x, 0.1, 0.4, axes=(0, 2)), "axes"),
        (lambda f, x: loop_work(f, x, 0.1, 0.4, axes=(1, 1)), "axes"),
    ],
)
def test_what_cannot_be_asked_is_answered_in_one_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask(ex.target("two_moons").field("linear"), drawn())
