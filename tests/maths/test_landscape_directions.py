"""Directions: lengths by the definition, closed planes of paths, round trips, and the symmetry they are made for."""

import copy

import pytest
import torch
from landscapes import Weights, bowl, built, dense_hessian, drawn, mlp, squares
from torch import nn

from explorer.maths.landscape import (
    FlatLoss,
    between,
    gradient_directions,
    landscape,
    path_directions,
    random_directions,
)

BATCH = (drawn(20, 3, seed=5), drawn(20, 2, seed=6))


def by_name(net, vector):
    """Pieces of a vector by parameter name, counted off by hand."""
    pieces, begin = {}, 0
    for name, parameter in net.named_parameters():
        pieces[name] = vector[begin : begin + parameter.numel()].reshape(parameter.shape)
        begin += parameter.numel()
    return pieces


def test_each_filter_of_a_direction_is_as_long_as_the_weights_own():
    net = built(
        lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(4 * 36, 3))
    )
    flat = FlatLoss(lambda m, b: m(b).mean(), net, drawn(2, 2, 8, 8))
    for vector in random_directions(flat, "filter", seed=1).vectors:
        for name, piece in by_name(net, vector).items():
            weight = net.get_parameter(name).detach()
            for row, own in zip(piece, weight, strict=True):
                length = float(own.norm()) if weight.dim() > 1 else 0.0
                assert float(row.norm()) == pytest.approx(length, rel=1e-12, abs=0.0), name


def test_layers_and_all_weights_are_made_as_long_as_their_own():
    net = mlp(3, 6, 2)
    flat = FlatLoss(squares, net, BATCH)
    for vector in random_directions(flat, "layer").vectors:
        for name, piece in by_name(net, vector).items():
            weight = net.get_parameter(name).detach()
            assert float(piece.norm()) == pytest.approx(float(weight.norm()) if weight.dim() > 1 else 0.0)
    whole = torch.cat([p.detach().flatten() for p in net.parameters()])
    for vector in random_directions(flat, "none").vectors:
        assert float(vector.norm()) == pytest.approx(float(whole.norm()))
        assert float(by_name(net, vector)["0.bias"].norm()) > 0


def test_directions_are_drawn_both_ways_and_from_the_seed_alone():
    """The peer's are uniform in [0, 1): all positive, with a cosine of 0.74 between two."""
    flat = FlatLoss(squares, mlp(3, 60, 2), BATCH)
    plane = random_directions(flat, "none", seed=4).vectors
    assert 0.4 < float((plane > 0).double().mean()) < 0.6
    assert abs(float(torch.cosine_similarity(plane[0], plane[1], dim=0))) < 0.2
    assert torch.equal(plane, random_directions(flat, "none", seed=4).vectors)
    assert not torch.equal(plane, random_directions(flat, "none", seed=5).vectors)


def test_rescaling_layers_against_each_other_changes_no_filter_normalised_picture():
    """relu(c a) w / c = relu(a) w: the same function, which raw directions see differently."""
    net = mlp(3, 8, 2, activation=nn.ReLU)
    other = copy.deepcopy(net)
    with torch.no_grad():
        other[0].weight.mul_(10.0)
        other[0].bias.mul_(10.0)
        other[2].weight.div_(10.0)
    for normalise, alike in (("filter", True), ("layer", True), ("none", False)):
        one, two = (
            landscape(squares, m, BATCH, normalise, points=9, tolerance=0.0).loss for m in (net, other)
        )
        assert torch.allclose(one, two, rtol=1e-10) is alike, normalise


@pytest.mark.parametrize("normalise", ["filter", "layer", "none"])
def test_points_of_the_plane_are_found_again_and_others_by_their_distance(normalise):
    flat = FlatLoss(squares, mlp(3, 6, 2), BATCH)
    plane = random_directions(flat, normalise, seed=2)
    places = drawn(7, 2, seed=3)
    found, distance = plane.project(plane.at(places))
    torch.testing.assert_close(found, places, rtol=1e-9, atol=1e-12)
    assert float(distance.max()) < 1e-12
    away = drawn(flat.size, seed=4)
    basis = torch.linalg.qr(plane.vectors.T).Q
    away = away - basis @ (basis.T @ away)
    found, distance = plane.project(plane.at(places) + away)
    torch.testing.assert_close(found, places, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(distance, away.norm().expand(7), rtol=1e-12, atol=0)


def test_the_plane_of_a_path_on_two_axes_is_those_axes():
    """Points +-3 along one line and +-1 along another about the last: 9 / 10 and 1 / 10 of the spread."""
    one, two = torch.linalg.qr(drawn(38, 2, seed=8)).Q.T
    net = mlp(3, 6, 2)
    flat = FlatLoss(squares, net, BATCH)
    last = torch.nn.utils.parameters_to_vector(net.parameters()).detach()
    path = [last + 3 * one, last - 3 * one, last + two, last - two, net]
    plane = path_directions(flat, path)
    torch.testing.assert_close(plane.explained, torch.tensor([0.9, 0.1], dtype=torch.float64))
    for vector, axis in zip(plane.vectors, (one, two), strict=True):
        torch.testing.assert_close((vector @ axis).abs(), torch.tensor(3.0, dtype=torch.float64))
        assert float(vector.norm()) == pytest.approx(3.0)
    coordinates, distance = plane.project(torch.stack([flat.flatten(point) for point in path]))
    assert float(coordinates.abs().max()) == pytest.approx(1.0)
    torch.testing.assert_close(coordinates[-1], torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-12)
    assert float(distance.max()) < 1e-12


def test_an_iterate_off_the_plane_says_how_far_it_is():
    axes = torch.linalg.qr(drawn(38, 3, seed=8)).Q.T
    flat = FlatLoss(squares, mlp(3, 6, 2), BATCH)
    path = [3 * axes[0], -3 * axes[0], axes[1], -axes[1], 0.1 * axes[2], 0 * axes[0]]
    plane = path_directions(flat, path)
    distance = plane.project(torch.stack(path))[1]
    torch.testing.assert_close(
        distance, torch.tensor([0, 0, 0, 0, 0.1, 0], dtype=torch.float64), rtol=1e-9, atol=1e-12
    )
    assert float(plane.explained.sum()) == pytest.approx(20 / 20.01)


def test_three_nets_span_a_plane_that_has_each_at_its_corner():
    nets = [mlp(3, 6, 2), mlp(3, 6, 2), mlp(3, 6, 2)]
    with torch.no_grad():
        for k, net in enumerate(nets):
            for parameter in net.parameters():
                parameter.add_(0.3 * drawn(*parameter.shape, seed=30 + k))
    plane = between(FlatLoss(squares, nets[0], BATCH), *nets)
    found = landscape(squares, nets[0], BATCH, plane, points=5, extent=1.0, tolerance=0.0)
    for net, (a, b) in zip(nets, [(0, 0), (1, 0), (0, 1)], strict=True):
        i, j = int((found.x - a).abs().argmin()), int((found.y - b).abs().argmin())
        assert float(found.loss[j, i]) == pytest.approx(float(squares(net, BATCH).detach().mean()), rel=1e-10)


def test_downhill_is_against_the_gradient():
    net = mlp(3, 6, 2)
    plane = gradient_directions(FlatLoss(squares, net, BATCH))
    slopes = torch.autograd.grad(squares(net, BATCH).mean(), list(net.parameters()))
    gradient = torch.cat([s.flatten() for s in slopes])
    cosine = torch.cosine_similarity(plane.vectors[0], gradient, dim=0)
    assert float(cosine) == pytest.approx(-1.0)
    assert abs(float(plane.vectors[0] @ plane.vectors[1])) < 1e-10


def test_the_plane_of_eigenvectors_is_that_of_the_dense_matrix():
    net = mlp(3, 6, 2)
    found = landscape(squares, net, BATCH, "eigenvectors", points=5, tolerance=0.5)
    vectors = torch.linalg.eigh(dense_hessian(squares, net, BATCH)).eigenvectors.flip(1)[:, :2].T
    for row, known in zip(found.directions.vectors, vectors, strict=True):
        assert abs(float(torch.cosine_similarity(row, known, dim=0))) > 1 - 1e-3


def test_what_spans_nothing_is_answered_in_one_sentence():
    net, loss, _ = bowl(torch.ones(4, dtype=torch.float64))
    flat = FlatLoss(loss, net, None)
    with pytest.raises(ValueError, match="ask for 'none'"):
        random_directions(flat, "filter")
    with pytest.raises(ValueError, match="goes straight"):
        path_directions(flat, [k * torch.ones(4) for k in range(4)])
    with pytest.raises(ValueError, match="three points"):
        path_directions(flat, [net, net])
    with pytest.raises(ValueError, match="when they differ"):
        between(flat, net, net)
    with pytest.raises(ValueError, match="same architecture"):
        flat.flatten(Weights(torch.ones(3)))
    still = Weights(torch.zeros(4, dtype=torch.float64))
    with pytest.raises(ValueError, match="gradient must not be zero"):
        gradient_directions(FlatLoss(loss, still, None))
