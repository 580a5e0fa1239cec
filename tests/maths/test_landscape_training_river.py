"""The river and its valley, the tracks on one plane, and the problems of the training room."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import explorer as ex
from explorer.maths.landscape import landscape
from explorer.maths.landscape.training import (
    PROBLEMS,
    Problem,
    decay_now,
    descend,
    digits_problem,
    flow_problem,
    modular_problem,
    river,
    tracks,
)
from tests.maths.landscapes import Weights, bowl, drawn, mlp, squares

STEEP, FALL, NOISE, RATE = 4.0, 0.3, 2.0, 0.2
"""Curvature k of the hill, slope a of the river, deviation s of the slope across, learning rate eta."""


def last_of(records):
    *_, last = records
    return last


@pytest.fixture(scope="module")
def toy():
    """Losses ``k x^2 / 2 - a y + xi_i x`` whose xi have mean 0 and deviation s, one drawn at a time."""
    pulls = drawn(2000)
    pulls = (pulls - pulls.mean()) / pulls.std(correction=0) * NOISE

    def loss(m, xi):
        return 0.5 * STEEP * m.w0[0] ** 2 - FALL * m.w0[1] + xi * m.w0[0]

    net = Weights(torch.zeros(2, dtype=torch.float64))
    return last_of(descend(loss, net, pulls, ["sgd"], steps=1501, learning_rate=RATE, rows=1, probes=[]))


@pytest.mark.slow
def test_the_toy_river_flows_at_its_speed_and_its_hill_costs_what_the_sheet_says(toy):
    found = river(toy, "sgd", k=1, spans=4)
    assert found.speed == pytest.approx(RATE * FALL, rel=1e-3) and found.straightness > 0.999
    assert abs(float(found.direction[1])) == pytest.approx(1.0, abs=1e-3)
    assert found.curvatures.tolist() == pytest.approx([STEEP])
    torch.testing.assert_close(found.progress, RATE * FALL * found.steps.double(), rtol=1e-2, atol=0.5)
    expected = RATE * NOISE**2 / (2.0 * (2.0 - RATE * STEEP))
    kept = found.hill_loss[4:]
    assert float(kept.mean()) == pytest.approx(expected, rel=4 * math.sqrt(2 / len(kept)))
    # With one hill the floor is the bowl's: what is left of the loss above it is the square of the swing.
    average = toy.runs[0].places[:, 0] - found.across[:, 0] * found.hills[0, 0]
    torch.testing.assert_close(
        found.hill_loss, 0.5 * STEEP * (toy.runs[0].places[:, 0] ** 2 - average**2), rtol=1e-3, atol=1e-3
    )
    assert float(found.hill_share.mean()) > 0.7


@pytest.mark.slow
def test_decay_wins_the_hills_part_of_the_loss(toy):
    """Averaged over branches: a decayed run stands on the river's bed, where the loss is -a y alone."""
    above = []
    for at in (500, 750, 1000, 1250, 1501):
        branch = last_of(decay_now(toy, "sgd", at, steps=60)).runs[0]
        place = branch.last.place
        above.append(branch.last.loss + FALL * float(place[1]))
        assert float(place[1]) == pytest.approx(RATE * FALL * (at + 30.5), rel=1e-6)
    hill = RATE * NOISE**2 / (2.0 * (2.0 - RATE * STEEP))
    spread = 2.0 * hill / STEEP  # the variance across, which every update shrinks and feeds
    for k in range(60):
        rate = RATE * (60 - k) / 60
        spread = (1.0 - rate * STEEP) ** 2 * spread + rate**2 * NOISE**2
    left = 0.5 * STEEP * spread
    assert left < 0.15 * hill and np.mean(above) == pytest.approx(left, rel=3 * math.sqrt(2 / 5))
    assert 0.0 <= np.mean(above) < 0.3 * hill


def test_a_river_needs_a_run_that_flows():
    net, batch = mlp(3, 4, 1), (drawn(8, 3), drawn(8, 1))
    short = last_of(descend(squares, net, batch, ["sgd"], steps=3, probes=[]))
    with pytest.raises(ValueError, match="5 points or more"):
        river(short, "sgd")
    longer = last_of(descend(squares, net, batch, ["sgd"], steps=9, probes=[], learning_rate=0.01))
    assert river(longer, "sgd").across.shape == (10, 2)
    with pytest.raises(ValueError, match="whole number of hills"):
        river(longer, "sgd", k=0)
    with pytest.raises(ValueError, match="`spans` must be"):
        river(longer, "sgd", spans=0)
    still = last_of(
        descend(lambda m, b: (0 * m.w0).sum(), Weights(drawn(3)), None, ["sgd"], steps=9, probes=[])
    )
    with pytest.raises(ValueError, match="stands still"):
        river(still, "sgd")


def test_a_river_splits_a_place_into_parts_that_add_up():
    net, batch = mlp(3, 6, 1), (drawn(20, 3), drawn(20, 1))
    run = last_of(descend(squares, net, batch, ["sgd"], steps=30, probes=[], learning_rate=0.05))
    found = river(run, "sgd", k=3, spans=1)
    basis = torch.cat([found.direction[None], found.hills])
    torch.testing.assert_close(basis @ basis.T, torch.eye(4, dtype=torch.float64), atol=1e-10, rtol=0)
    places = run.runs[0].places
    torch.testing.assert_close(found.progress, (places - places[0]) @ found.direction)
    mean = (
        places[9] + places[10] + 0.0
    ) / 2.0  # a mark at every step: the spans beside point 9 hold 9 and 10
    torch.testing.assert_close(found.across[9], found.hills @ (places[9] - mean))
    floor = places[9] - found.across[9] @ found.hills
    torch.nn.utils.vector_to_parameters(floor, net.parameters())
    assert float(squares(net, batch).mean().detach()) == pytest.approx(float(found.floor[9]), rel=1e-12)


def test_two_parameters_are_their_own_plane():
    net, loss, _ = bowl(torch.tensor([3.0, 1.0], dtype=torch.float64))
    descent = last_of(descend(loss, net, None, ["sgd", "adam"], steps=20, probes=[], learning_rate=0.1))
    seen = tracks(descent)
    for track, run in zip(seen.tracks, descent.runs, strict=True):
        assert float(track.distance.max()) < 1e-12
        torch.testing.assert_close(track.shadow, track.loss)
        torch.testing.assert_close(seen.directions.at(track.coordinates), run.places)
        assert torch.equal(track.steps, run.steps)
    picture = landscape(*descent.problem, seen.directions, extent=seen.extent, centre=seen.centre)
    assert float(seen.directions.explained.sum()) == pytest.approx(1.0)
    for track in seen.tracks:
        x, y = track.coordinates.T
        assert picture.x[0] < x.min() and x.max() < picture.x[-1]
        assert picture.y[0] < y.min() and y.max() < picture.y[-1]


def test_tracks_say_how_far_they_are_from_their_plane_and_what_the_plane_says_there():
    net, batch = mlp(3, 6, 1), (drawn(20, 3), drawn(20, 1))
    descent = last_of(descend(squares, net, batch, ["sgd", "muon", "adam"], steps=12, probes=[]))
    seen = tracks(descent)
    points = np.concatenate([run.places.numpy() for run in descent.runs])
    best = min(descent.runs, key=lambda run: run.last.loss).last
    assert torch.equal(seen.directions.origin, best.place)
    # numpy's own decomposition of all points about the best end says what the nearest plane leaves out.
    values = np.linalg.svd(points - best.place.numpy(), compute_uv=False) ** 2
    left = sum(float(track.distance.square().sum()) for track in seen.tracks)
    assert left == pytest.approx(values[2:].sum(), rel=1e-6)
    assert seen.directions.explained.tolist() == pytest.approx(list(values[:2] / values.sum()), rel=1e-6)
    track = seen.tracks[1]
    vectors = seen.directions.vectors.numpy().T
    offset = descent.runs[1].places[4].numpy() - best.place.numpy()
    expected, (squared,), *_ = np.linalg.lstsq(vectors, offset, rcond=None)
    np.testing.assert_allclose(track.coordinates[4], expected)
    assert float(track.distance[4]) == pytest.approx(math.sqrt(squared))
    nearest = torch.from_numpy(best.place.numpy() + vectors @ expected)
    torch.nn.utils.vector_to_parameters(nearest, net.parameters())
    assert float(track.shadow[4]) == pytest.approx(float(squares(net, batch).mean().detach()), rel=1e-9)
    assert bool(tracks(descent, seen.directions, shadows=False).tracks[0].shadow.isnan().all())


def test_what_diverged_lays_no_plane():
    net, loss, _ = bowl(torch.tensor([3.0, 1.0, 0.5], dtype=torch.float64))
    rates = {"sgd": 5.0, "adam": 0.1}
    wild = last_of(descend(loss, net, None, ["sgd", "adam"], steps=40, probes=[], learning_rate=rates))
    assert wild.runs[0].ended.kind == "diverged"
    seen = tracks(wild)
    assert seen.extent < 2.0 and float(seen.tracks[0].coordinates.abs().max()) > 10.0


def test_the_flow_loss_at_one_level_is_the_squared_error_of_the_velocity_there():
    field, target = ex.load("two_moons/linear"), ex.target("two_moons")
    problem = flow_problem(field, target, n=4096, level=0.3, seed=4)
    x, t, answer, _ = problem.batch
    assert bool((t == 0.3).all())
    each = problem.loss(problem.module, problem.batch).detach()
    said = field(x, 0.3).velocity
    torch.testing.assert_close(each, (said - answer).square().sum(1))
    # The least that any network can reach is the exact field's: what is left is the spread of the answers.
    floor = (target.field("linear")(x.double(), 0.3).velocity - answer).square().sum(1).mean()
    assert float(floor) < float(each.mean()) < 1.05 * float(floor)
    spread = flow_problem(field, target, n=64).batch.t
    assert float(spread.min()) < 1 / 64 and float(spread.max()) > 63 / 64
    assert not any(p.requires_grad for p in field.module.parameters()), "the zoo's own stays frozen"


@pytest.mark.parametrize("name", ["two_moons/vp", "digits/unet", "digits/mlp"])
def test_networks_of_the_zoo_are_problems_that_can_be_trained(name):
    target = ex.target(name.split("/")[0])
    problem = flow_problem(ex.load(name), target, n=6, level=0.5)
    run = last_of(
        descend(*problem, ["adam"], steps=2, learning_rate=1e-4, probes=["noise"], budget=None)
    ).runs[0]
    assert run.losses[-1] < run.losses[0] and bool(torch.isfinite(run.probes.noise).all()), run.notes


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_demo_problems_are_the_same_every_time_and_are_learnt(name):
    one, other = PROBLEMS[name](), PROBLEMS[name]()
    both = zip(one.module.parameters(), other.module.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in both)
    assert all(torch.equal(a, b) for a, b in zip(one.batch, other.batch, strict=True))
    moved = PROBLEMS[name](seed=1)
    assert not torch.equal(next(moved.module.parameters()), next(one.module.parameters()))
    first = float(one.loss(one.module, one.batch).mean().detach())
    assert first == pytest.approx(math.log({"digits": 10, "modular": 23}[name]), rel=0.1), (
        "it begins at chance"
    )
    run = last_of(descend(*one, ["adam"], steps=60, probes=[])).runs[0]
    assert run.last.loss < 0.3 * first
    there = one.at(run.last.place)
    loss, module, batch = there
    assert float(loss(module, batch).mean().detach()) == pytest.approx(run.last.loss, rel=1e-4)
    assert there.label == one.label and float(one.loss(one.module, one.batch).mean().detach()) == first


def test_modular_addition_asks_what_it_says():
    problem = modular_problem(7, share=1.0)
    pairs, answers = problem.batch
    assert len(pairs) == 49 and len({tuple(pair) for pair in pairs.tolist()}) == 49
    assert all((a + b) % 7 == c for (a, b), c in zip(pairs.tolist(), answers.tolist(), strict=True))
    logits = problem.module(pairs)
    assert logits.shape == (49, 7) and not torch.equal(logits, problem.module(pairs.flip(1)))


def test_problems_that_cannot_be_are_said_in_a_sentence():
    field, target = ex.load("two_moons/linear"), ex.target("two_moons")
    for build, match in (
        (lambda: flow_problem(field, target, level=1.5), "`level` must be"),
        (lambda: digits_problem(n=2000), "from 1 to 1797"),
        (lambda: modular_problem(1), "`modulus` must be"),
        (lambda: modular_problem(share=0.0), "`share` must be"),
        (lambda: Problem(squares, nn.Linear(2, 1), None).at(torch.zeros(5)), "must have shape"),
        (lambda: flow_problem(ex.NetworkField(lambda x, t: x), target), "around a torch module"),
    ):
        with torch.random.fork_rng(), pytest.raises(ValueError, match=match):
            build()
