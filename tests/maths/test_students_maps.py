"""What each kind of map may be asked, what it answers, and how it walks in the one loop."""

import pytest
import torch
from oracles import gaussian_flow
from torch import nn

from explorer.maths.samplers import record
from explorer.maths.students import KINDS, Leap
from explorer.maths.students.judge import made
from explorer.maths.students.kinds import (
    DyadicMap,
    EndpointMap,
    FullMap,
    GridMaps,
    PointMap,
    StochasticMap,
    VelocityMap,
)

MEAN = torch.tensor([0.7, -0.4], dtype=torch.float64)
COVARIANCE = torch.tensor([[1.1, 0.5], [0.5, 0.6]], dtype=torch.float64)


def flowed(x, t, s):
    return gaussian_flow(MEAN, COVARIANCE, x, (1.0 - t, t), (1.0 - s, s))


class Exact(nn.Module):
    """The average velocity of one Gaussian's flow, by a second route; without ``s`` that down to the data."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def forward(self, x, t, s=0.0):
        self.asked.append((t, s))
        return (flowed(x, t, s) - x) / (s - t)


class Constant(nn.Module):
    """The same velocity everywhere; counts its calls, whatever they are given."""

    def __init__(self, value=1.0):
        super().__init__()
        self.value, self.calls = value, 0

    def forward(self, x, *others):
        self.calls += 1
        return torch.full_like(x, self.value)


def grids(*sizes):
    return nn.ModuleDict({str(size): Constant(float(size)) for size in sizes})


def points(n=5, shape=(2,), seed=0):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_every_kind_is_in_the_list_under_its_own_key():
    assert set(KINDS) == {"full", "endpoint", "point", "grid", "velocity", "stochastic"}
    assert all(kind.kind == key and kind.label and kind.valid for key, kind in KINDS.items())


@pytest.mark.parametrize(("t", "s"), [(1.0, 0.0), (1.0, 0.25), (0.75, 0.5), (0.3, 0.0)])
def test_a_full_map_of_exact_velocities_is_the_flow(t, s):
    x = points()
    torch.testing.assert_close(FullMap(Exact(), (2,))(x, t, s), flowed(x, t, s), atol=1e-12, rtol=0)


def test_an_endpoint_map_lands_on_the_data_without_a_draw():
    x = points()
    student = EndpointMap(Exact(), (2,))
    torch.testing.assert_close(student(x, 0.6, 0.0), flowed(x, 0.6, 0.0), atol=1e-12, rtol=0)


def test_an_endpoint_map_noises_again_from_the_generator_it_is_given():
    x, student = points(), EndpointMap(Exact(), (2,))
    fresh = torch.randn(5, 2, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    there = student(x, 1.0, 0.4, generator=torch.Generator().manual_seed(7))
    torch.testing.assert_close(there, 0.6 * flowed(x, 1.0, 0.0) + 0.4 * fresh, atol=1e-12, rtol=0)
    other = student(x, 1.0, 0.4, generator=torch.Generator().manual_seed(8))
    assert not torch.allclose(there, other)
    with pytest.raises(ValueError, match=r"draws noise on its way to t = 0\.4; give generator="):
        student(x, 1.0, 0.4)


def test_the_marginals_of_an_endpoint_map_that_is_exact_are_those_of_the_flow():
    # Landing and noising again must give N((1 - s) mu, (1 - s)^2 S + s^2 I), whatever the road.
    x, generator = points(40_000, seed=1), torch.Generator().manual_seed(2)
    student = EndpointMap(Exact(), (2,))
    half = student(student(x, 1.0, 0.7, generator), 0.7, 0.5, generator)
    torch.testing.assert_close(half.mean(0), 0.5 * MEAN, atol=0.02, rtol=0)
    expected = 0.25 * COVARIANCE + 0.25 * torch.eye(2, dtype=torch.float64)
    torch.testing.assert_close(half.T.cov(), expected, atol=0.01, rtol=0)


def test_a_grid_map_asks_the_network_of_the_step():
    student, x = GridMaps(grids(1, 4), (2,)), points()
    torch.testing.assert_close(student(x, 1.0, 0.0), x - 1.0, rtol=0, atol=1e-12)
    torch.testing.assert_close(student(x, 0.75, 0.5), x - 0.25 * 4.0, rtol=0, atol=1e-12)
    assert student.most_evals == 4 and [e for e in range(1, 9) if student.takes(e)] == [1, 4]
    third = GridMaps(grids(3), (2,))  # a third is no float, and still a step of its grid
    assert third.takes(3) and third.times(3) == pytest.approx([1.0, 2 / 3, 1 / 3, 0.0])


MAPS = {
    "full": (FullMap(Exact(), (2,)), [(1.0, 0.0), (0.9, 0.123)], []),
    "halved": (
        DyadicMap(Exact(), (2,), finest=8),
        [(1.0, 0.0), (0.5, 0.0), (0.75, 0.5), (0.125, 0.0)],
        [(0.9, 0.4), (1.0, 0.3), (0.75, 0.25), (0.0625, 0.0)],
    ),
    "endpoint": (EndpointMap(Exact(), (2,)), [(1.0, 0.0), (0.7, 0.2)], []),
    "point": (PointMap(Exact(), (2,)), [(1.0, 0.0)], [(1.0, 0.5), (0.5, 0.0)]),
    "grid": (
        GridMaps(grids(1, 2, 4, 8), (2,)),
        [(1.0, 0.0), (0.5, 0.0), (0.375, 0.25)],
        [(0.75, 0.25), (1.0, 0.9375), (0.3, 0.05)],
    ),
    "velocity": (VelocityMap(Constant(), (2,)), [(1.0, 0.0), (0.31, 0.3)], []),
    "stochastic": (StochasticMap(Constant(), (2,)), [(1.0, 0.0), (0.6, 0.25)], []),
}


@pytest.mark.parametrize("name", MAPS)
def test_each_kind_takes_its_own_pairs_of_times_and_refuses_all_others_in_a_sentence(name):
    student, valid, refused = MAPS[name]
    for t, s in valid:
        assert student.refusal(t, s) == ""
        assert student(points(), t, s, torch.Generator().manual_seed(0)).shape == (5, 2)
    for t, s in refused:
        with pytest.raises(ValueError) as told:
            student(points(), t, s, torch.Generator().manual_seed(0))
        sentence = str(told.value)
        assert (
            student.label in sentence and student.valid in sentence and f"got t = {t:g} to {s:g}" in sentence
        )
    for t, s in ((0.5, 0.5), (0.2, 0.6), (1.5, 0.0), (1.0, -0.1)):
        with pytest.raises(ValueError, match="`times` must fall from at most 1 to at least 0"):
            student(points(), t, s)


def test_states_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="`x`"):
        FullMap(Exact(), (2,))(points(shape=(3,)), 1.0, 0.0)


@pytest.mark.parametrize("evals", [0, -1, True])
def test_evals_are_whole_numbers(evals):
    with pytest.raises(ValueError, match="`evals` must be a whole number of at least 1"):
        FullMap(Exact(), (2,)).times(evals)


@pytest.mark.parametrize(
    ("kind", "evals"), [("full", 5), ("endpoint", 4), ("grid", 8), ("velocity", 3), ("point", 1)]
)
def test_a_walk_counts_each_call_of_the_network_and_keeps_the_first_noise(kind, evals):
    network = {"grid": nn.ModuleDict({"8": Constant()})}.get(kind) or Constant()
    counted, noise = network["8"] if kind == "grid" else network, points(6)
    student = KINDS[kind](network, (2,))
    run = record(student, Leap(student), steps=evals, noise=noise)
    assert counted.calls == evals and run.evals[-1] == evals and run.evals[0] == 0
    assert torch.equal(run.states[0], noise) and run.times.tolist() == pytest.approx(student.times(evals))


def test_a_draw_of_a_stochastic_map_costs_as_many_evals_as_its_head():
    network = Constant()
    student = StochasticMap(network, (2,), inner=16)
    run = record(student, Leap(student), steps=4, noise=points(6))
    assert network.calls == 64 and run.evals.tolist() == [0, 16, 32, 48, 64]
    with pytest.raises(ValueError, match="at least 16, in calls of 16; got 24"):
        student.times(24)


def test_a_walk_lands_where_the_calls_do_and_a_seed_means_the_same_noise_for_all():
    teacher, student = FullMap(Exact(), (2,)), EndpointMap(Exact(), (2,))
    runs = [
        record(s, Leap(s), steps=4, n=9, seed=5, dtype=torch.float64) for s in (teacher, student, student)
    ]
    assert torch.equal(runs[0].states[0], runs[1].states[0])
    assert torch.equal(runs[1].states[-1], runs[2].states[-1])
    torch.testing.assert_close(runs[0].states[-1], flowed(runs[0].states[0], 1.0, 0.0), atol=1e-12, rtol=0)
    again = torch.Generator().manual_seed(3)
    other = record(student, Leap(student), steps=4, noise=runs[1].states[0], seed=6)
    assert torch.equal(other.states[0], runs[1].states[0])
    assert not torch.allclose(other.states[-1], runs[1].states[-1])
    assert student(points(), 1.0, 0.5, again).shape == (5, 2)


def test_a_walk_on_times_a_student_was_not_made_for_is_refused():
    student = PointMap(Exact(), (2,), "pairs")
    with pytest.raises(
        ValueError, match="student 'pairs' is a point map and goes from t = 1 to t_next = 0 only"
    ):
        record(student, Leap(student), steps=2, n=4)
    halved = MAPS["halved"][0]
    with pytest.raises(ValueError, match=r"got t = 1 to 0\.7"):
        record(halved, Leap(halved), grid=(1.0, 0.7, 0.0), n=4, dtype=torch.float64)


def test_samples_may_have_any_shape():
    noise = points(3, (1, 4, 4))
    student = FullMap(Constant(), (1, 4, 4))
    run = record(student, Leap(student), steps=2, noise=noise)
    torch.testing.assert_close(run.states[-1], noise - 1.0, atol=1e-12, rtol=0)


def test_the_judge_noises_again_from_the_same_even_draws_each_time():
    student, noise = EndpointMap(Constant(0.5), (2,)), points(64)
    assert torch.equal(made(student, noise, 4), made(student, noise, 4))
    # A constant velocity of 1/2: x0 = x - t/2, so what comes out is linear in the three fresh draws.
    unknown = made(student, noise, 2) - (0.5 * (noise - 0.5) - 0.25)
    assert unknown.mean(0).abs().max() < 0.05 and unknown.std(0).sub(0.5).abs().max() < 0.05
