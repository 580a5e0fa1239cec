import itertools
import math

import pytest
import torch

from explorer.maths.paths import PATHS, as_path
from explorer.maths.targets import TARGETS, Mixture, as_target, drawn

PLANE = [name for name, entry in TARGETS.items() if entry.shape == (2,)]
CLASSED = [name for name, entry in TARGETS.items() if entry.labels]
every_target = pytest.mark.parametrize("name", TARGETS)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def states(target, path, t, n=300):
    """Rows as they lie on the path, in float32."""
    level = as_path(path).at(t)
    return (level.alpha * target.sample(n, 1).double() + level.sigma * noise(n, *target.shape)).float()


@every_target
def test_the_menu_knows_a_target_without_building_it(name):
    entry, target = TARGETS[name], as_target(name)
    assert (entry.name, entry.label, entry.source) == (target.name, target.label, target.source)
    assert entry.labels == target.labels == target.field().labels
    assert entry.shape == target.shape == target.field().shape
    assert as_target(name) is target and as_target(target) is target


@every_target
def test_a_seed_repeats_samples_and_another_does_not(name):
    target = as_target(name)
    for draw in (target.sample, target.stratified):
        first = draw(50, 3)
        assert first.shape == (50, *target.shape) and first.dtype == torch.float32
        assert torch.equal(first, draw(50, 3)) and not torch.equal(first, draw(50, 4))


@pytest.mark.parametrize("name", PLANE)
def test_data_and_noise_are_of_like_size_and_lie_in_the_box(name):
    target = as_target(name)
    x = target.sample(20_000, 0)
    assert float(x.square().mean().sqrt()) == pytest.approx(1.0, abs=0.08)
    assert float(x.mean(0).abs().max()) < 0.15
    low_x, low_y, high_x, high_y = target.box
    assert high_x - low_x == high_y - low_y >= 6.0
    inside = (x > torch.tensor([low_x, low_y])) & (x < torch.tensor([high_x, high_y]))
    assert float(inside.all(1).float().mean()) > 0.99


@every_target
@pytest.mark.parametrize("path", PATHS)
def test_float32_answers_like_float64(name, path):
    target = as_target(name)
    field, rows = target.field(path), 40 if name == "digits" else 300
    for t in (1.0, 0.7, 0.3, 0.1, 0.01, 0.001):
        x = states(target, path, t, rows)
        low, high = field(x, t), field(x.double(), t)
        assert torch.isfinite(low.velocity).all()
        sharp = name == "digits" and t <= 0.01  # finite data: x itself holds no more digits than this
        for view, bound in (("denoised", 2e-5), ("noise", 1e-3 if sharp else 2e-5)):
            a, b = getattr(low, view).double(), getattr(high, view)
            assert float((a - b).abs().max()) < bound * max(1.0, float(b.abs().max())), (view, t)


@pytest.mark.parametrize("name", PLANE)
def test_the_score_is_the_gradient_of_the_log_density_on_every_path(name):
    target = as_target(name)
    for path, t in itertools.product(PATHS, (0.02, 0.3, 0.9)):
        x, field = states(target, path, t, 20).double().requires_grad_(), target.field(path)
        (gradient,) = torch.autograd.grad(field.log_density(x, t).sum(), x)
        score = field(x, t).score.detach()
        assert torch.allclose(score, gradient, atol=1e-8 * float(score.abs().max())), (path, t)


@every_target
def test_at_pure_noise_the_clean_sample_is_the_mean_of_the_data(name):
    target = as_target(name)
    if isinstance(target, Mixture):
        mean = (target.weights @ target.means).reshape(target.shape)
    else:
        mean = 0.5 * (target.lows + target.highs).mean(0)
    got = target.field()(noise(5, *target.shape), 1.0).denoised
    assert torch.allclose(got, mean.expand_as(got), atol=1e-12)


@every_target
def test_at_the_data_end_the_clean_sample_is_the_state(name):
    target = as_target(name)
    x = target.sample(5, 0).double()
    for path in PATHS:
        assert torch.allclose(target.field(path)(x, 0.0).denoised, x, atol=1e-12), path


@pytest.mark.parametrize("name", CLASSED)
def test_classes_have_samples_and_fields_of_their_own(name):
    target = as_target(name)
    x, classes = target.labelled(400, 0)
    assert set(classes.tolist()) <= set(range(len(target.labels)))
    last = len(target.labels) - 1
    given = target.given(target.labels[last])
    assert torch.equal(target.sample(30, 5, last), given.sample(30, 5))
    assert set(given.labelled(30, 5)[1].tolist()) == {last}
    shares = target.field().class_posterior(x[:20], 0.05)
    assert torch.allclose(shares.sum(1), torch.ones(20), atol=1e-5)
    assert float((shares.argmax(1) == classes[:20]).float().mean()) > 0.8
    field, ours = target.field().given(last), given.field()
    assert torch.equal(field(x[:20], 0.4).denoised, ours(x[:20], 0.4).denoised)


@pytest.mark.parametrize("name", ["checkerboard", "swiss_roll", "gaussian"])
def test_a_target_without_classes_says_so(name):
    target = as_target(name)
    assert set(target.labelled(10, 0)[1].tolist()) == {-1}
    with pytest.raises(ValueError, match="has no classes"):
        target.sample(10, 0, "left")


def test_eight_gaussians_and_two_moons_are_those_of_the_sheet():
    eight, moons = as_target("eight_gaussians"), as_target("two_moons")
    assert torch.allclose(eight.means.norm(dim=1), torch.tensor(1.5).double())
    assert eight.diagonals.sqrt().unique().tolist() == pytest.approx([0.1])
    assert eight.sample(200_000, 0).std(0).tolist() == pytest.approx([1.06, 1.06], abs=0.01)
    assert len(moons.means) == 128
    assert float(moons.means.square().mean()) == pytest.approx(1.0)
    assert moons.diagonals.sqrt().unique().tolist() == pytest.approx([0.08])
    assert moons.sample(200_000, 0).std(0).tolist() == pytest.approx([1.235, 0.71], abs=0.01)


def test_even_draws_have_even_counts():
    for name, k in (("eight_gaussians", 8), ("two_moons", 2), ("pinwheel", 5)):
        _, classes = as_target(name).labelled(400, 0, stratified=True)
        assert classes.bincount().tolist() == [400 // k] * k, name


@pytest.mark.parametrize("name", ["two_moons", "swiss_roll", "spirals", "rings", "smiley"])
def test_thin_curves_have_no_gaps(name):
    target = as_target(name)
    apart = torch.cdist(target.means, target.means).fill_diagonal_(math.inf).amin(1)
    assert float(apart.max()) < 2.0 * float(target.diagonals[0, 0].sqrt()) + 1e-9


def test_digits_are_images_in_the_unit_range():
    target = as_target("digits")
    assert target.means.shape == (1797, 64)
    assert (float(target.means.min()), float(target.means.max())) == (-1.0, 1.0)
    assert float(target.means.mean()) == pytest.approx(-0.389, abs=1e-3)
    assert float(target.means.std()) == pytest.approx(0.752, abs=1e-3)
    assert target.box is None
    images, classes = target.labelled(100, 0)
    assert torch.equal(target.field()(images, 1e-3).denoised.round(decimals=3), images)
    assert float((target.field().class_posterior(images, 0.1).argmax(1) == classes).float().mean()) == 1.0


@pytest.mark.parametrize("n", [0, -3, True])
def test_a_number_of_samples_that_cannot_be_is_refused(n):
    with pytest.raises(ValueError, match="`n` must be a whole number of samples, at least 1"):
        as_target("two_moons").sample(n)


def test_an_unknown_target_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'two_moons'"):
        as_target("two_mons")
    with pytest.raises(ValueError, match="did you mean 'upper'"):
        as_target("two_moons").given("uper")


def test_drawn_points_stay_where_they_were_drawn():
    line = torch.stack([torch.linspace(0.0, 3.0, 61), torch.full((61,), 2.0)], 1)
    target = drawn(line.tolist())
    assert torch.allclose(target.means, line.double(), atol=1e-6)
    assert float(target.diagonals[0, 0].sqrt()) == pytest.approx(0.05, rel=1e-4)
    assert target.sample(2000, 0).mean(0).tolist() == pytest.approx([1.5, 2.0], abs=0.1)
    assert drawn(line).name == drawn(line).name != drawn(line + 0.1).name


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        ([[0.0, 0.0], [1.0, 1.0]], "3 to 5000 in number; got 2: draw more"),
        (torch.zeros(5001, 2), "got 5001"),
        ([[0.0, 0.0, 0.0]] * 3, r"`points` must have shape \[m, 2\]; got \[3, 3\]"),
        ([[0.0, 4.5]] * 3, r"lie in \[-4, 4\]"),
        ([[0.0, math.nan]] * 3, "must be finite"),
        ("circle", r"`points` must be numbers \[m, 2\]; got str"),
        ([[0.0, 1.0], [2.0]], r"`points` must be numbers \[m, 2\]; got list"),
    ],
)
def test_drawings_that_cannot_be_are_refused_in_one_sentence(points, sentence):
    with pytest.raises(ValueError, match=sentence):
        drawn(points)


def test_points_drawn_on_one_spot_still_have_width():
    target = drawn([[1.0, 1.0]] * 5)
    assert target.has_density
    assert torch.isfinite(target.field()(noise(4, 2), 0.01).velocity).all()
