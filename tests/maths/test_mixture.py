import math

import pytest
import torch

from explorer.maths.paths import PATHS, as_path
from explorer.maths.targets import Mixture, mixture
from tests.oracles import gaussian_flow, integrate, mixture_posterior

WEIGHTS = [0.5, 0.2, 0.3]
MEANS = [[1.2, 0.3], [-0.9, 0.8], [0.1, -1.1]]
OVAL = [[[0.20, 0.06], [0.06, 0.10]], [[0.05, 0.0], [0.0, 0.30]], [[0.15, -0.1], [-0.1, 0.20]]]
ROUND = [0.1, 0.3, 0.05]
KINDS = {"oval": OVAL, "round": ROUND, "equal": [0.1] * 3}
every_path = pytest.mark.parametrize("path", PATHS)
every_kind = pytest.mark.parametrize("kind", KINDS)


def three(kind):
    return mixture(WEIGHTS, MEANS, KINDS[kind], classes=[0, 1, 1], labels=("right", "left"))


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def states(path, t, n=6):
    level = as_path(path).at(t)
    return level.alpha * drawn(n, 2, seed=3) + level.sigma * drawn(n, 2)


def jacobian(function, x):
    """Rows of d function(x)_i / dx_i [n, d, d] by autograd."""
    return torch.stack([torch.autograd.functional.jacobian(lambda y: function(y[None])[0], row) for row in x])


@every_path
@every_kind
@pytest.mark.parametrize("t", [0.01, 0.4, 0.95])
def test_the_score_is_the_gradient_of_the_log_density(path, kind, t):
    field, x = three(kind).field(path), states(path, t).requires_grad_()
    (gradient,) = torch.autograd.grad(field.log_density(x, t).sum(), x)
    assert torch.allclose(field(x, t).score, gradient, rtol=1e-9, atol=1e-9)


@every_kind
@pytest.mark.parametrize(
    ("path", "t"), [("linear", 0.2), ("linear", 0.6), ("vp", 0.3), ("cosine", 0.5), ("ve", 0.01)]
)
def test_density_mean_and_covariance_are_those_of_brute_force(kind, path, t):
    target, level = three(kind), as_path(path).at(t)
    spread = torch.diag_embed(target.diagonals) if target.covariances is None else target.covariances
    x, field = states(path, t, n=2), target.field(path)
    for i, row in enumerate(x):
        log_density, mean, covariance = mixture_posterior(
            WEIGHTS, MEANS, spread.numpy(), row, level.alpha, level.sigma
        )
        assert float(field.log_density(x, t)[i]) == pytest.approx(log_density, abs=1e-8)
        assert field(x, t).denoised[i].tolist() == pytest.approx(mean.tolist(), abs=1e-8)
        got = field.posterior_covariance(x, t)[i].flatten().tolist()
        assert got == pytest.approx(covariance.flatten().tolist(), abs=1e-8)


@every_path
@every_kind
def test_the_posterior_covariance_is_the_slope_of_the_mean(path, kind):
    t, field = 0.45, three(kind).field(path)
    x, level = states(path, t), as_path(path).at(t)
    slope = jacobian(lambda y: field(y, t).denoised, x)
    expected = level.alpha / level.sigma**2 * field.posterior_covariance(x, t)
    assert torch.allclose(expected, slope, rtol=1e-9, atol=1e-9 * float(slope.abs().max()))


@every_path
@every_kind
@pytest.mark.parametrize("t", [0.02, 0.5, 0.97])
def test_the_velocitys_jacobian_and_divergence_are_autograds(path, kind, t):
    field, x = three(kind).field(path), states(path, t)
    slope = jacobian(lambda y: field(y, t).velocity, x)
    scale = float(slope.abs().max())
    assert torch.allclose(field.velocity_jacobian(x, t), slope, atol=1e-9 * scale)
    assert torch.allclose(field.divergence(x, t), slope.diagonal(dim1=1, dim2=2).sum(1), atol=1e-9 * scale)


@every_path
def test_the_flow_of_one_gaussian_is_the_closed_form(path):
    mean, covariance = torch.tensor([0.7, -0.4]).double(), torch.tensor(OVAL[0]).double()
    field, way = mixture([1.0], mean[None], covariance[None]).field(path), as_path(path)
    t0, t1 = way.time_of(10.0), way.time_of(0.05)
    x = way.sigma(t0) * drawn(4, 2)
    ends = [(way.alpha(t), way.sigma(t)) for t in (t0, t1)]
    got = integrate(lambda x, t: field(x, t).velocity, x, t0, t1)
    assert torch.allclose(got, gaussian_flow(mean, covariance, x, *ends), atol=1e-8)


@every_kind
def test_all_paths_carry_one_curve_up_to_scaling(kind):
    ends = {}
    for path in PATHS:
        way, field = as_path(path), three(kind).field(path)
        t0, t1 = way.time_of(10.0), way.time_of(0.05)
        x = integrate(
            lambda x, t, field=field: field(x, t).velocity, way.alpha(t0) * 10 * drawn(4, 2), t0, t1
        )
        ends[path] = x / way.alpha(t1)
    for path, end in ends.items():
        assert torch.allclose(end, ends["linear"], atol=1e-8), path


def test_the_ring_of_eight_ends_where_the_sheet_says():
    angles = torch.arange(8).double() * math.pi / 4
    means = 2 * torch.stack([angles.cos(), angles.sin()], 1)
    field = mixture([1.0] * 8, means, [0.15**2] * 8).field("ve")
    x = torch.tensor([[3.0, 1.0], [-1.0, 4.0], [0.5, -2.0]]).double()
    got = integrate(lambda x, t: field(x, t).velocity, x, 10.0 / 80, 0.01 / 80)
    expected = [[1.735174, 0.158492], [-0.107789, 1.793621], [0.098178, -1.699316]]
    assert torch.allclose(got, torch.tensor(expected).double(), atol=2e-6)


def test_two_points_part_at_a_noise_of_their_own_distance():
    m = 1.3
    field = mixture([1.0, 1.0], [[-m], [m]], [0.0, 0.0]).field("ve")
    origin = torch.zeros(1, 1).double()
    for sigma in (0.4, m, 3.0, 40.0):
        slope = field.velocity_jacobian(origin, sigma / 80)[0, 0, 0] / 80
        assert float(slope) == pytest.approx((1 - m**2 / sigma**2) / sigma, abs=1e-12), sigma
    x = torch.linspace(-4, 4, 9).double()[:, None]
    assert torch.allclose(field(x, 2.0 / 80).denoised, m * torch.tanh(m * x / 4), atol=1e-12)


@every_path
def test_class_shares_sum_to_one_and_their_gradient_is_the_difference_of_scores(path):
    t, field = 0.5, three("oval").field(path)
    x = states(path, t).requires_grad_()
    shares = field.class_posterior(x, t)
    assert torch.allclose(shares.sum(1), torch.ones(len(x)).double())
    for label in field.labels:
        (gradient,) = torch.autograd.grad(
            shares[:, field.labels.index(label)].log().sum(), x, retain_graph=True
        )
        difference = field.given(label)(x, t).score - field(x, t).score
        assert torch.allclose(difference, gradient, rtol=1e-8, atol=1e-8), label


@every_path
@every_kind
def test_a_time_for_each_row_gives_what_a_common_time_gives(path, kind):
    field = three(kind).field(path)
    times, x = torch.linspace(0.05, 0.95, 6).double(), states(path, 0.5)
    for ask in (
        lambda x, t: field(x, t).velocity,
        field.log_density,
        field.posterior_covariance,
        field.velocity_jacobian,
        field.class_posterior,
    ):
        one_by_one = torch.cat([ask(row[None], float(t)) for row, t in zip(x, times, strict=True)])
        assert torch.allclose(ask(x, times), one_by_one, rtol=1e-9, atol=1e-12)


@every_path
@every_kind
def test_forward_mode_sees_the_change_along_x_and_t(path, kind):
    field, t = three(kind).field(path), torch.full((6,), 0.4).double()
    x, dx = states(path, 0.4), drawn(6, 2, seed=8)
    _, slope = torch.func.jvp(lambda x, t: field(x, t).velocity, (x, t), (dx, torch.ones_like(t)))
    step = 1e-5
    ahead, behind = (field(x + s * dx, t + s).velocity for s in (step, -step))
    expected = (ahead - behind) / (2 * step)
    assert torch.allclose(slope, expected, atol=1e-6 * float(expected.abs().max()))


def test_many_rows_are_answered_in_parts_as_if_at_once(monkeypatch):
    field, x, times = three("oval").field(), drawn(50, 2), torch.linspace(0.1, 0.9, 50).double()
    whole = [field(x, times).velocity, field.log_density(x, 0.3), field.velocity_jacobian(x, times)]
    monkeypatch.setattr("explorer.maths.targets.mixture_field.HELD", 40)
    parts = [field(x, times).velocity, field.log_density(x, 0.3), field.velocity_jacobian(x, times)]
    for a, b in zip(whole, parts, strict=True):
        assert torch.allclose(a, b, atol=1e-13)


def test_covariances_that_are_round_answer_like_variances():
    round_ = mixture(WEIGHTS, MEANS, ROUND)
    full = mixture(WEIGHTS, MEANS, torch.diag_embed(torch.tensor(ROUND)[:, None].expand(3, 2)))
    x = drawn(6, 2)
    assert torch.allclose(round_.field()(x, 0.3).velocity, full.field()(x, 0.3).velocity, atol=1e-7)


def test_finite_data_gives_the_weighted_mean_of_the_data_in_many_dimensions():
    points, x, t = drawn(40, 9, seed=2), drawn(5, 9), 0.6
    field = mixture([1.0] * 40, points, [0.0] * 40).field()
    weights = torch.softmax(-((x[:, None] - 0.4 * points) ** 2).sum(2) / (2 * 0.36), 1)
    assert torch.allclose(field(x, t).denoised, weights @ points, atol=1e-12)


def test_finite_data_at_the_data_end_is_the_state_and_has_no_density():
    field, x = mixture([1.0, 1.0], [[-1.0, 0.0], [1.0, 0.0]], [0.0, 0.0]).field(), drawn(3, 2)
    assert torch.allclose(field(x, 0.0).denoised, x)
    with pytest.raises(ValueError, match="`log_density` needs sigma > 0"):
        field.log_density(x, 0.0)
    with pytest.raises(ValueError, match="`velocity_jacobian` needs sigma > 0"):
        field.velocity_jacobian(x, 0.0)


def test_samples_have_the_moments_of_the_mixture():
    target = three("oval")
    x = target.sample(200_000, seed=4).double()
    weights, means, spread = target.weights, target.means, target.covariances
    mean = weights @ means
    away = means - mean
    covariance = torch.einsum("k,kij->ij", weights, spread + away[:, :, None] * away[:, None, :])
    assert torch.allclose(x.mean(0), mean, atol=0.01)
    assert torch.allclose(x.T.cov(), covariance, atol=0.02)


def test_a_mixture_of_tensors_takes_gradients_off_and_keeps_float64():
    target = Mixture(torch.ones(2), torch.zeros(2, 2, requires_grad=True), variances=torch.ones(2))
    assert target.means.dtype == torch.float64 and not target.means.requires_grad
    assert target.weights.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"weights": [0.5, 0.5]}, "`weights` must be 3 numbers, one for each mean; got 2"),
        ({"weights": [0.5, 0.5, 0.0]}, "`weights` must be positive; the least is 0"),
        ({"means": [1.0, 2.0]}, r"`means` must have shape \[k, d\], none of them 0; got \[2\]"),
        ({"means": [[math.nan, 0.0]] * 3}, "`means` must be finite; got NaN or infinity"),
        ({"covariances": [0.1, -0.1, 0.1]}, "`variances` must not be negative; the least is -0.1"),
        ({"covariances": [0.1, 0.1]}, "`variances` must be 3 numbers, one for each mean; got 2"),
        ({"covariances": [[[1.0]]] * 3}, r"`covariances` must have shape \[3, 2, 2\]; got \[3, 1, 1\]"),
        (
            {"covariances": [[[1.0, 0.5], [0.0, 1.0]]] * 3},
            "must be symmetric; .* average it with its transpose",
        ),
        ({"covariances": [[[1.0, 2.0], [2.0, 1.0]]] * 3}, "no negative eigenvalue; the least is -1"),
        ({"covariances": [[1.0], [1.0, 2.0]]}, "`covariances` must be numbers in even rows; got list"),
        ({"classes": [0, 1]}, r"`classes` must be 3 indices from 0, one for each mean; got \[2\]"),
        ({"classes": [0, 1, 2], "labels": ("a", "b")}, "`labels` must name 3 classes; got 2"),
        ({"labels": ("a", "b")}, r"give `classes` \[k\] too"),
    ],
)
def test_what_cannot_be_a_mixture_is_refused_in_one_sentence(wrong, sentence):
    good = {"weights": WEIGHTS, "means": MEANS, "covariances": OVAL}
    with pytest.raises(ValueError, match=sentence) as caught:
        mixture(**{**good, **wrong})
    assert "\n" not in str(caught.value)


def test_a_state_of_the_wrong_shape_is_refused_in_one_sentence():
    field = three("oval").field()
    with pytest.raises(ValueError, match=r"`x` must be a floating-point tensor \[n, 2\]; got .*\[5, 3\]"):
        field(drawn(5, 3), 0.5)
    with pytest.raises(ValueError, match="no classes"):
        mixture(WEIGHTS, MEANS, OVAL).given("left")
    with pytest.raises(ValueError, match="has no classes"):
        mixture(WEIGHTS, MEANS, OVAL).field().class_posterior(drawn(2, 2), 0.5)
    with pytest.raises(ValueError, match="did you mean 'left'"):
        field.given("lef")
