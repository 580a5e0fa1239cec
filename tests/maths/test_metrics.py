import time

import pytest
import torch

from explorer.maths.metrics import SlicedTarget, floor, sliced_w2, w2
from explorer.maths.targets import as_target


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("distance", [sliced_w2, w2])
def test_a_cloud_is_at_no_distance_from_itself_in_any_order(distance):
    x = drawn(100, 2)
    assert distance(x, x.flip(0)) == pytest.approx(0.0, abs=1e-7)


def test_a_shifted_cloud_is_at_the_length_of_the_shift():
    x, shift = drawn(200, 3), torch.tensor([0.3, -0.4, 1.2], dtype=torch.float64)
    assert w2(x, x + shift) == pytest.approx(1.3, rel=1e-10)
    # A direction sees the shift times a cosine, whose mean square is 1 / 3 in three dimensions.
    assert sliced_w2(x, x + shift, directions=20_000) == pytest.approx(1.3 / 3**0.5, rel=0.02)


def test_a_scaled_cloud_is_at_the_closed_form():
    x = drawn(300, 2)
    size = float(x.square().sum(1).mean().sqrt())
    assert w2(x, 3 * x) == pytest.approx(2 * size, rel=1e-9)
    assert sliced_w2(x, 3 * x, directions=20_000) == pytest.approx(2 * size / 2**0.5, rel=0.02)


def test_on_a_line_the_sliced_distance_is_the_exact_one():
    a, b = drawn(64, 1), 0.5 + 2 * drawn(64, 1, seed=1)
    assert sliced_w2(a, b) == pytest.approx(w2(a, b), rel=1e-12)


def test_unequal_sizes_are_compared_at_quantiles():
    x = drawn(500, 2)
    assert sliced_w2(x, x.repeat(2, 1)) < 0.01
    assert sliced_w2(x[:250], x + 5.0) == pytest.approx(sliced_w2(x, x + 5.0), rel=0.03)
    assert sliced_w2(x, x[:1]) > 0.5
    assert w2(x, x.repeat(2, 1)) == pytest.approx(0.0, abs=1e-6)


def test_images_are_compared_as_flat_vectors():
    x = drawn(40, 1, 4, 4)
    assert w2(x, x + 0.25) == pytest.approx(1.0, rel=1e-9)
    assert sliced_w2(x, x + 0.25) == sliced_w2(x.flatten(1), x.flatten(1) + 0.25)


def test_directions_are_fixed_by_their_seed():
    a, b = drawn(50, 2), drawn(50, 2, seed=1)
    assert sliced_w2(a, b) == sliced_w2(a, b) != sliced_w2(a, b, seed=1)


@pytest.mark.parametrize(
    ("name", "mean", "spread"), [("eight_gaussians", 0.082, 0.017), ("two_moons", 0.039, 0.014)]
)
def test_the_sliced_floor_is_the_sheets(name, mean, spread):
    draws = [floor(as_target(name), 2048, seed=2 * i) for i in range(24)]
    # The sheet's figure is itself a mean of about five draws.
    assert sum(draws) / 24 == pytest.approx(mean, abs=2.5 * spread * (1 / 24 + 1 / 5) ** 0.5)


@pytest.mark.parametrize(
    ("name", "mean", "spread"), [("eight_gaussians", 0.181, 0.046), ("two_moons", 0.089, 0.015)]
)
def test_the_exact_floor_is_the_sheets(name, mean, spread):
    draws = [floor(as_target(name), 2048, w2, seed=2 * i) for i in range(3)]
    assert sum(draws) / 3 == pytest.approx(mean, abs=2.5 * spread * (1 / 3 + 1 / 5) ** 0.5)


@pytest.mark.parametrize(("name", "mean"), [("eight_gaussians", 0.034), ("two_moons", 0.043)])
def test_even_draws_lower_the_floor_as_the_sheet_says(name, mean):
    target = as_target(name)
    assert w2(target.stratified(2048, 0), target.stratified(2048, 1)) == pytest.approx(mean, abs=0.006)


def test_the_distance_of_a_frame_costs_little():
    target = SlicedTarget(as_target("two_moons").sample(2000, 0))
    x = as_target("two_moons").sample(2000, 1)
    costs = []
    for _ in range(5):
        begun = time.perf_counter()
        target(x)
        costs.append(time.perf_counter() - begun)
    assert min(costs) < 0.05  # 2 ms where numpy sorts with vector instructions, 25 ms where it does not


@pytest.mark.parametrize("distance", [sliced_w2, w2])
def test_clouds_that_cannot_be_compared_are_refused(distance):
    with pytest.raises(ValueError, match=r"samples of one shape; got \[3\] and \[2\]"):
        distance(drawn(5, 3), drawn(5, 2))
    with pytest.raises(ValueError, match="must be finite"):
        distance(drawn(5, 2) / 0.0, drawn(5, 2))
    with pytest.raises(ValueError, match="with n >= 1"):
        distance(drawn(0, 2), drawn(5, 2))
