"""Planes and lines: every node a direct evaluation, the error estimate above the error, views that share points."""

import itertools
from itertools import pairwise

import pytest
import torch
from landscapes import Weights, directly, drawn, entropy, mlp, settled, squares
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.utils import parameters_to_vector

import explorer as ex
from explorer.maths.landscape import Directions, FlatLoss, Plane, between, landscape, refine
from explorer.models.problems import problem as named
from explorer.models.zoo import load


@pytest.fixture
def problem():
    net = mlp(3, 6, 2)
    return squares, net, (drawn(20, 3, seed=5), drawn(20, 2, seed=6))


def points_of(plane):
    """(coordinates, loss) of every node."""
    for place, loss in zip(
        itertools.product(*[axis.tolist() for axis in reversed(plane.nodes)]),
        plane.values.flatten(),
        strict=True,
    ):
        yield place[::-1], float(loss)


@pytest.mark.parametrize("name", ["filter", "layer", "none", "gradient", "eigenvectors"])
def test_every_node_is_a_direct_evaluation(problem, name):
    found = landscape(*problem, name, points=9, seed=3)
    plane = found.directions
    for (a, b), loss in points_of(found):
        there = plane.origin + a * plane.vectors[0] + b * plane.vectors[1]
        assert loss == pytest.approx(directly(*problem, there), rel=1e-12)


@pytest.mark.parametrize("points", [5, 9, 11, 51])
def test_no_tolerance_evaluates_every_point_and_the_centre_is_one(problem, points):
    found = landscape(*problem, points=points, tolerance=0.0)
    assert found.loss.shape == (points, points) and found.error == 0.0 and found.ended
    assert torch.equal(found.loss, found.values)
    middle = points // 2
    assert float(found.x[middle]) == float(found.y[middle]) == 0.0
    here = directly(*problem, parameters_to_vector(problem[1].parameters()).detach())
    assert float(found.loss[middle, middle]) == pytest.approx(here, rel=1e-12)
    assert found.centre == pytest.approx(here, rel=1e-12)
    a, b = found.x[0], found.y[-1]
    corner = found.directions.origin + a * found.directions.vectors[0] + b * found.directions.vectors[1]
    assert float(found.loss[-1, 0]) == pytest.approx(directly(*problem, corner), rel=1e-12)


def test_rows_of_a_plane_are_its_lines(problem):
    plane = landscape(*problem, points=9, tolerance=0.0)
    for j, y in enumerate(plane.y):
        origin = plane.directions.origin + y * plane.directions.vectors[1]
        along = Directions(origin, plane.directions.vectors[:1], "row")
        line = landscape(*problem, along, points=9, tolerance=0.0)
        torch.testing.assert_close(line.loss, plane.loss[j], rtol=1e-12, atol=0)


@pytest.mark.parametrize("extent", [0.5, 1.0, 2.0, 3.7])
def test_the_range_is_a_radius(extent):
    """On |w - start|^2 the loss of an end of a line is the squared length of the way there."""
    start = drawn(4, 3)
    found = landscape(
        lambda m, b: (m.w0 - start).square().sum(),
        Weights(start),
        None,
        points=9,
        extent=extent,
        tolerance=0.0,
    )
    length = float(start.norm())  # what filter normalisation makes a direction as long as
    assert float(found.loss[4, -1]) == pytest.approx((extent * length) ** 2, rel=1e-12)
    assert float(found.loss[0, 4]) == pytest.approx((extent * length) ** 2, rel=1e-12)
    assert float(found.x[-1] - found.x[0]) == pytest.approx(2 * extent)


def flow_problem():
    field, n = load("two_moons/linear"), 256
    clean, noise = ex.target("two_moons").sample(n, seed=1), drawn(n, 2, seed=2, dtype=torch.float32)
    t = torch.rand(n, generator=torch.Generator().manual_seed(3))
    module = field.module.requires_grad_(True)
    state = (1 - t)[:, None] * clean + t[:, None] * noise
    return lambda m, b: (m(b[0], b[1]) - b[2]).square().sum(1), module, (state, t, noise - clean)


def digits_problem():
    """A ReLU classifier after a short training: losses from near 0 to tens on one plane."""
    data = load_digits()
    x, y = torch.tensor(data.data / 16.0), torch.tensor(data.target)
    net = mlp(64, 32, 32, 10, activation=nn.ReLU)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(80):
        optimiser.zero_grad()
        entropy(net, (x, y)).mean().backward()
        optimiser.step()
    return entropy, net, (x[:256], y[:256])


@pytest.mark.parametrize("make", [flow_problem, digits_problem])
@pytest.mark.parametrize("name", ["filter", "gradient"])
def test_the_surplus_is_never_under_the_true_error(make, name):
    problem = make()
    dense = landscape(*problem, name, points=33, tolerance=0.0)
    span = float(dense.loss.max() - dense.loss.min())
    for frame in refine(*problem, name, points=33, tolerance=1e-9):
        if frame.level in (11, 17) and frame.progress == 0.0:
            true = float((frame.loss - dense.loss).abs().max())
            assert 1e-7 * span < true <= frame.error, f"{frame.level} nodes"
            assert true <= {11: 0.05, 17: 0.01}[frame.level] * span


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rows"), [("classifier/mlp", 256), ("two_moons/linear", 512), ("digits/unet", 8)]
)
def test_the_shipped_problems_lie_within_their_surplus_too(name, rows):
    """And 11 x 11 nodes within 0.7 % of the range, 17 x 17 points asked one by one."""
    shipped = named(name, n=rows)
    dense = landscape(*shipped, points=17, tolerance=0.0)
    span = float(dense.loss.max() - dense.loss.min())
    second = next(f for f in refine(*shipped, points=17, tolerance=1e-9) if f.level == 11)
    true = float((second.loss - dense.loss).abs().max())
    assert 1e-7 * span < true <= second.error
    assert true <= 0.007 * span


def test_refinement_ends_within_the_tolerance_or_with_every_point(problem):
    loose, tight = landscape(*problem, tolerance=0.02), landscape(*problem, tolerance=1e-7)
    assert 0.0 < loose.error <= 0.02 * float(loose.loss.max() - loose.loss.min())
    assert loose.level < 33 and tight.error == 0.0 and tight.level == 51
    assert float((loose.loss - tight.loss).abs().max()) <= loose.error


def test_levels_are_nested_and_a_new_picture_comes_with_each(problem):
    frames = list(refine(*problem, points=51, tolerance=1e-12))
    levels = [frame.level for frame in frames if frame.progress == 0.0]
    assert levels == [5, 11, 17, 33, 51]
    assert [f.ended for f in frames] == [False] * (len(frames) - 1) + [True]
    assert bool(frames[0].loss.isnan().all()) and frames[0].level == 0
    kept = {f.level: f for f in frames if f.progress == 0.0}
    for coarse, fine in pairwise([5, 11, 17, 33]):
        among = torch.isin(kept[fine].nodes[0], kept[coarse].nodes[0])
        assert int(among.sum()) == coarse
        assert torch.equal(kept[fine].values[among][:, among], kept[coarse].values)
    # A known node is never evaluated twice: 33^2 hold the smaller ones, 51^2 share 3 x 3 places with them.
    assert frames[-1].evals == 33**2 + 51**2 - 9


def test_a_view_moved_or_zoomed_begins_with_the_points_it_shares(problem):
    loss, net, batch = problem
    calls = []

    def counted(module, b):
        calls.append(1)
        return loss(module, b).mean() * 1.0

    plane = Plane(counted, net, batch)
    plane.evaluator.by = "loop"
    first = list(plane.view(points=17, tolerance=1e-9))[-1]
    assert first.level == 17
    before = len(calls)
    zoomed = list(plane.view(points=9, extent=0.5, tolerance=1e-9))[-1]
    assert len(calls) == before, "all 9 x 9 nodes of the inner half are among the 17 x 17"
    torch.testing.assert_close(zoomed.loss, first.loss[4:13, 4:13], rtol=0, atol=0)
    known = len(plane.known)
    moved = list(plane.view(points=17, centre=(0.5, 0.0), tolerance=1e-9))[-1]
    assert len(calls) - before == len(plane.known) - known, "no node is asked twice"
    assert len(calls) - before < 250, "of 329 that a first view asks"
    torch.testing.assert_close(moved.loss[:, :13], first.loss[:, 4:], rtol=0, atol=0)
    odd = list(plane.view(points=17, extent=0.7, centre=(0.1, -0.2), tolerance=0.05))[-1]
    there = plane.directions.at(torch.tensor([[float(odd.x[3]), float(odd.y[11])]]))[0]
    assert float(odd.loss[11, 3]) == pytest.approx(directly(*problem, there), abs=odd.error)


def test_a_cancel_is_obeyed_within_one_point(problem):
    calls = []

    def slow(module, batch):
        calls.append(1)
        return squares(module, batch)

    plane = Plane(slow, *problem[1:])
    plane.evaluator.by = "loop"
    before, frames = len(calls), plane.view()
    for k in range(1, 8):
        next(frames)
        assert len(calls) - before == k
    frames.close()
    assert len(calls) - before == 7


def test_a_line_between_two_nets_has_their_losses_at_its_ends(problem):
    loss, net, batch = problem
    other = settled(mlp(3, 6, 2), seed=40)
    flat = FlatLoss(*problem)
    line = landscape(*problem, between(flat, net, other), points=17, extent=0.5, centre=(0.5,), tolerance=0.0)
    assert line.loss.shape == (17,) and (float(line.x[0]), float(line.x[-1])) == (0.0, 1.0)
    assert float(line.loss[0]) == pytest.approx(float(loss(net, batch).detach().mean()), rel=1e-12)
    assert float(line.loss[-1]) == pytest.approx(float(loss(other, batch).detach().mean()), rel=1e-9)
    with pytest.raises(ValueError, match="a line has no `y`"):
        _ = line.y


def test_a_loss_below_zero_is_drawn_too():
    """The bowl a^2 + b^2 - 9 in the coordinates of two unit vectors."""
    net = Weights(torch.zeros(2, dtype=torch.float64))
    plane = [torch.eye(2, dtype=torch.float64)[k] for k in range(2)]
    found = landscape(lambda m, b: m.w0.square().sum() - 9.0, net, None, plane, extent=2.0, tolerance=1e-3)
    known = found.x.square()[None, :] + found.y.square()[:, None] - 9.0
    assert float((found.loss - known).abs().max()) <= max(found.error, 1e-12)


def test_holes_are_counted_and_left_open():
    """A loss that is not finite right of a = 0.6."""
    net = Weights(torch.zeros(2, dtype=torch.float64))
    plane = [torch.eye(2, dtype=torch.float64)[k] for k in range(2)]

    def holed(module, batch):
        return (1.0 + module.w0.square().sum()) * (0.6 - module.w0[0]).sign().clamp(min=0.0).reciprocal()

    found = landscape(holed, net, None, plane, points=21)
    right = found.x > 0.6
    assert found.ended and found.holes == 21 * int(right.sum()) and found.error == 0.0
    assert bool(found.loss[:, right].isnan().all()) and bool(found.loss[:, ~right].isfinite().all())
    nowhere = landscape(lambda m, b: m.w0.sum() * torch.nan, net, None, plane, points=5)
    assert nowhere.holes == 25 and bool(nowhere.loss.isnan().all())


def test_a_loss_that_looks_elsewhere_is_told_so(problem):
    loss, net, batch = problem
    found = landscape(lambda m, b: loss(net, b).detach(), net, batch)
    assert "does it use the module" in found.note and found.level == 11


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"points": 50}, "`points` must be odd"),
        ({"points": 3}, "`points` must be odd"),
        ({"extent": 0.0}, "`extent` must be above 0"),
        ({"extent": float("inf")}, "`extent` must be above 0"),
        ({"tolerance": 1.0}, "`tolerance` must be a share"),
        ({"centre": (0.0,)}, "`centre` must be 2 finite"),
        ({"directions": "filters"}, "did you mean 'filter'"),
        ({"directions": [torch.ones(3)]}, "must have shape"),
        ({"directions": [torch.ones(38), torch.ones(38)]}, "zero or parallel"),
        ({"directions": 3}, "`directions` must be one of"),
    ],
)
def test_what_cannot_be_drawn_is_answered_in_one_sentence(problem, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        landscape(*problem, **options)
