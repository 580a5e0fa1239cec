"""Modes, neighbours and kernels: the sheet's known answers, and a second route for each on the same samples."""

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.neighbors import NearestNeighbors

from explorer.maths.metrics import KernelTarget, mmd2, pair_distances, w2
from explorer.maths.modes import modes_of, parts_of
from explorer.maths.neighbours import precision_recall, share_inside
from explorer.maths.samplers import record
from explorer.maths.targets import TARGETS, as_target, drawn, mixture
from explorer.maths.training.protocol import sobol_noise


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "total", "recall", "of_noise"),
    [("eight_gaussians", 8, 0.995, 0.21), ("two_moons", 16, 0.993, 0.45)],
)
def test_the_exact_flow_and_untouched_noise_have_the_sheets_figures(name, total, recall, of_noise):
    target, noise = as_target(name), sobol_noise(2048, (2,))
    flown = modes_of(record(target.field("linear"), "heun", steps=50, noise=noise).states[-1], target)
    assert flown.precision == pytest.approx(1.0, abs=0.001)
    assert (flown.covered, flown.total) == (total, total)
    assert flown.recall == pytest.approx(recall, abs=0.0015)
    assert modes_of(noise, target).precision == pytest.approx(of_noise, abs=0.006)


def test_bins_of_the_moons_are_eight_neighbours_of_one_moon():
    target = as_target("two_moons")
    # The centre of bin b lies half-way along its eight components, which stand in order on each half circle.
    for b in range(16):
        here = target.means[8 * b : 8 * b + 8].mean(0, keepdim=True)
        assert modes_of(here, target).shares.tolist() == [float(i == b) for i in range(16)]


def test_a_lost_mode_lowers_recall_and_not_precision():
    target = as_target("eight_gaussians")
    x, component = target.labelled(8000, 0, stratified=True)
    kept = modes_of(x[component != 3], target)
    assert kept.precision > 0.999 and kept.covered == 7 and not bool(kept.reached[3])
    # Seven modes hold 8 / 7 of their share, the eighth none of it.
    assert kept.recall == pytest.approx(7 / 8, abs=0.001)


def test_a_quarter_of_the_fair_share_is_the_border_of_covered():
    target = as_target("two_gaussians")
    places = target.means.float()
    few, more = (torch.cat([places[:1].repeat(1000 - m, 1), places[1:].repeat(m, 1)]) for m in (125, 126))
    assert modes_of(few, target).covered == 1 and modes_of(more, target).covered == 2
    assert modes_of(few, target).recall == pytest.approx(0.5 * (1 + 0.25), abs=1e-12)


def test_far_samples_and_nan_belong_to_no_mode():
    target = as_target("two_gaussians")  # std 0.15 at (1.4, 0)
    x = torch.tensor([[1.4 + 0.59, 0.0], [1.4 + 0.61, 0.0], [float("nan"), 0.0]])
    assert modes_of(x, target).shares.tolist() == pytest.approx([0.0, 1 / 3])


def test_a_slanted_component_is_measured_by_its_own_axes():
    covariance = torch.tensor([[[1.0, 0.9], [0.9, 1.0]]], dtype=torch.float64)  # variances 1.9 and 0.1
    target = mixture(torch.ones(1), torch.zeros(1, 2), covariance)
    along, across = torch.tensor([[1.0, 1.0]]) / 2**0.5, torch.tensor([[1.0, -1.0]]) / 2**0.5
    assert modes_of(3.9 * 1.9**0.5 * along, target).precision == 1.0
    assert modes_of(4.1 * 1.9**0.5 * along, target).precision == 0.0
    assert modes_of(3.9 * 0.1**0.5 * across, target).precision == 1.0
    assert modes_of(4.1 * 0.1**0.5 * across, target).precision == 0.0


def test_squares_of_the_board_are_modes_with_sharp_edges():
    target = as_target("checkerboard")
    x = target.stratified(4000, 3)
    seen = modes_of(x, target)
    assert seen.precision == 1.0 and seen.covered == seen.total == 8 and seen.recall > 0.999
    board = 2 * 3**0.5 * (torch.rand(40_000, 2, generator=torch.Generator().manual_seed(0)) - 0.5)
    assert modes_of(board, target).precision == pytest.approx(0.5, abs=0.01)  # half of the board is dark


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "digits"])
def test_data_of_every_set_of_the_plane_reaches_all_of_its_modes(name):
    target = as_target(name)
    seen = modes_of(target.stratified(4000, 5), target)
    assert seen.precision > 0.999 and seen.covered == seen.total and seen.recall > 0.98
    assert float(parts_of(target).fair.sum()) == pytest.approx(1.0, abs=1e-12)


def test_what_has_no_modes_is_not_given_any():
    assert modes_of(as_target("digits").sample(4), as_target("digits")) is None
    scattered = drawn((4.0 * torch.rand(300, 2, generator=torch.Generator().manual_seed(0)) - 2.0).tolist())
    assert modes_of(scattered.sample(10), scattered) is None
    stroke = drawn([[-2.0 + 0.04 * i, 0.3] for i in range(100)])
    assert modes_of(stroke.sample(10), stroke).total == 12  # 100 points, about eight to a bin


def test_samples_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"samples \[n, 2\] with n >= 1; got \[4, 3\]"):
        modes_of(torch.zeros(4, 3), as_target("two_moons"))


@pytest.mark.parametrize("k", [1, 3])
def test_precision_and_recall_are_those_of_scikit_learns_neighbours(k):
    made, data = normal(150, 5), 0.8 * normal(200, 5, seed=1) + 0.4

    def inside(points, others):
        radii = NearestNeighbors(n_neighbors=k + 1).fit(others).kneighbors(others)[0][:, -1]
        gaps = np.linalg.norm(points[:, None] - others[None], axis=-1)
        return (gaps <= radii).any(1).mean()

    found = precision_recall(made, data, k)
    assert found.precision == pytest.approx(inside(made.numpy(), data.numpy()), abs=1e-6)
    assert found.recall == pytest.approx(inside(data.numpy(), made.numpy()), abs=1e-6)
    assert 0.1 < found.recall < 1.0 and found.precision != found.recall


def test_halves_of_the_digits_have_the_sheets_precision_and_recall():
    data, _ = as_target("digits").labelled(1797, 31, stratified=True)
    a, b = data.chunk(2)
    found = precision_recall(a, b)
    # The sheet's halves are others: sqrt(.1 * .9 / 898) is .01 for each of the two.
    assert found.precision == pytest.approx(0.90, abs=0.03) and found.recall == pytest.approx(0.91, abs=0.03)


def test_balls_hold_their_own_and_not_what_is_far():
    cloud = normal(50, 3)
    assert share_inside(cloud, cloud) == 1.0 and share_inside(cloud + 100, cloud) == 0.0
    with pytest.raises(ValueError, match="more than 3"):
        share_inside(cloud, cloud[:3])


def test_w2_is_that_of_scipys_assignment():
    a, b = normal(120, 3), 0.5 * normal(120, 3, seed=1) + 1.0
    costs = ((a[:, None] - b[None]) ** 2).sum(-1).numpy()
    rows, columns = linear_sum_assignment(costs)
    assert w2(a, b) == pytest.approx(costs[rows, columns].mean() ** 0.5, rel=1e-10)


def test_the_kernel_distance_is_the_sum_over_all_pairs():
    a, b = normal(23, 2), 0.7 * normal(31, 2, seed=1) + 0.2

    def kernel(x, y):
        d2 = sum((float(p) - float(q)) ** 2 for p, q in zip(x, y, strict=True))
        return sum(np.exp(-d2 / (2 * h * h)) for h in (0.1, 0.3, 1.0)) / 3

    def within(c):
        return np.mean([kernel(x, y) for i, x in enumerate(c) for j, y in enumerate(c) if i != j])

    across = np.mean([kernel(x, y) for x in a for y in b])
    assert mmd2(a, b) == pytest.approx(within(a) + within(b) - 2 * across, abs=1e-12)
    assert KernelTarget(b)(KernelTarget(a)) == mmd2(a, b)


def test_the_kernel_distance_is_unbiased_with_the_sheets_floor():
    target = as_target("two_moons")
    draws = torch.tensor([mmd2(target.sample(500, 2 * i), target.sample(500, 2 * i + 1)) for i in range(40)])
    assert float(draws.std()) == pytest.approx(0.0008, abs=0.0005)
    assert abs(float(draws.mean())) < 3 * float(draws.std()) / 40**0.5
    assert 0.25 < float((draws < 0).double().mean()) < 0.75
    assert mmd2(target.sample(500), target.sample(500, 1) + 0.3) > 0.02


def test_the_kernels_grow_with_the_dimensions():
    a, b = normal(40, 2), normal(40, 2, seed=1)
    spread = [
        torch.cat([x] * 8, dim=1) for x in (a, b)
    ]  # every distance grows by sqrt(8), and so do the widths
    assert mmd2(*spread) == pytest.approx(mmd2(a, b), rel=1e-9)


def test_one_point_has_no_discrepancy_within():
    with pytest.raises(ValueError, match="at least two points"):
        mmd2(normal(1, 2), normal(5, 2))


def test_pairs_are_compared_row_by_row():
    a = normal(6, 2)
    assert pair_distances(a, a + torch.tensor([3.0, 4.0])).tolist() == pytest.approx([5.0] * 6)
    with pytest.raises(ValueError, match="row by row"):
        pair_distances(a, a[:3])
