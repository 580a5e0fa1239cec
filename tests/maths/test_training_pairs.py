"""Which pairs a network learns, when, and at what cost: each against a closed form or a second library."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from oracles import gaussian_flow
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from explorer.maths.fields import NetworkField
from explorer.maths.networks import FlowMLP
from explorer.maths.paths import Linear
from explorer.maths.samplers import record
from explorer.maths.targets import as_target, mixture
from explorer.maths.training import (
    BatchTransport,
    Ends,
    Even,
    Independent,
    Pairs,
    Problem,
    PseudoHuber,
    Schedule,
    TeacherPairs,
    followed,
    straightening_of,
    train_flow,
)
from explorer.maths.training.couplings import repaired

MOONS = as_target("two_moons")
MEAN, COVARIANCE = [0.7, -0.4], [[1.7, 0.5], [0.5, 0.6]]
GAUSSIAN = mixture([1.0], [MEAN], [COVARIANCE])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def cost(pairs):
    return float((pairs.clean.double() - pairs.noise.double()).square().sum(1).mean())


def rows(points):
    return sorted(map(tuple, points.tolist()))


def finished(problem, schedule, **options):
    *_, last = train_flow(FlowMLP(width=16, depth=2), problem, schedule, every=0.0, **options)
    return last


def same(a, b):
    return all(torch.equal(a.ema[name], b.ema[name]) for name in a.ema)


def test_transport_within_a_batch_moves_nothing_but_the_partners():
    plain = Independent().pairs(MOONS, 64, generator())
    matched = BatchTransport().pairs(MOONS, 64, generator())
    assert torch.equal(matched.clean, plain.clean) and torch.equal(matched.classes, plain.classes)
    assert rows(matched.noise) == rows(plain.noise)
    assert not torch.equal(matched.noise, plain.noise)


@pytest.mark.parametrize(("n", "seed"), [(2, 0), (7, 1), (48, 2), (512, 3), (512, 4)])
def test_transport_within_a_batch_is_what_a_second_library_finds(n, seed):
    plain = Independent().pairs(MOONS, n, generator(seed))
    distances = cdist(plain.clean.double().numpy(), plain.noise.double().numpy(), "sqeuclidean")
    own, chosen = linear_sum_assignment(distances)
    matched = repaired(plain)
    assert torch.equal(matched.noise, plain.noise[torch.as_tensor(chosen)])
    assert cost(matched) == pytest.approx(distances[own, chosen].mean(), rel=1e-12) and cost(matched) <= cost(
        plain
    )


def test_transport_within_a_batch_is_the_best_of_all_permutations():
    plain = Independent().pairs(MOONS, 6, generator(9))
    best = min(cost(plain._replace(noise=plain.noise[list(p)])) for p in permutations(range(6)))
    assert cost(repaired(plain)) == pytest.approx(best, rel=1e-12) and best < 0.9 * cost(plain)


def test_transport_of_one_pair_is_that_pair_and_pictures_are_matched_too():
    one = Independent().pairs(MOONS, 1, generator())
    assert torch.equal(repaired(one).noise, one.noise)
    pictures = Independent().pairs(as_target("digits"), 32, generator())
    matched = repaired(pictures)
    assert matched.noise.shape == pictures.noise.shape
    assert (matched.clean - matched.noise).square().sum() < (pictures.clean - pictures.noise).square().sum()


def test_the_pairs_of_a_gaussian_teacher_are_its_map_in_closed_form():
    parts = list(followed(GAUSSIAN.field("linear"), 5_000, seed=3))
    made = TeacherPairs.joined(parts, "the exact field", 3).made
    mean, covariance = torch.tensor(MEAN).double(), torch.tensor(COVARIANCE).double()
    expected = gaussian_flow(mean, covariance, made.noise.double(), (0.0, 1.0), (1.0, 0.0))
    assert [len(part.clean) for part in parts] == [4096, 904]
    torch.testing.assert_close(made.clean.double(), expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(torch.cov(made.clean.double().T), covariance, atol=0.08, rtol=0)


def test_a_network_follows_its_own_paths_and_the_noise_is_new():
    field = MOONS.field("linear")
    (part,) = followed(field, 200, seed=5)
    (again,) = followed(field, 200, seed=5)
    assert torch.equal(part.clean, again.clean) and torch.equal(part.noise, again.noise)
    fine = record(field, "heun", steps=400, noise=part.noise.double()).states[-1]
    assert float((fine - part.clean).norm(dim=1).median()) < 1e-3
    assert not torch.equal(part.noise, torch.randn(200, 2, generator=generator(5)))


def test_a_batch_of_a_teachers_pairs_keeps_partners_together():
    noise = torch.randn(50, 2, generator=generator())
    coupling = TeacherPairs(Pairs(2.0 * noise + 1.0, noise), "a line")
    problem = Problem(MOONS, Linear(), "velocity", coupling=coupling)
    batch = problem.batch(400, generator(1))
    # On x = 2 z + 1 the velocity z - x is -(z + 1), and the state (1 - t) x + t z is z (2 - t) + 1 - t.
    z = (batch.x - 1 + batch.t[:, None]) / (2 - batch.t[:, None])
    torch.testing.assert_close(batch.answer, -(z + 1))
    assert batch.classes is None


def test_more_of_both_ends_has_the_sheets_masses():
    times = Ends().at(torch.rand(400_000, generator=generator(), dtype=torch.float64))
    shares = torch.histc(times, 10, 0.0, 1.0) / len(times)
    half = [0.1725, 0.1194, 0.0857, 0.0658, 0.0566]
    torch.testing.assert_close(
        shares, torch.tensor(half + half[::-1], dtype=torch.float64), atol=2e-3, rtol=0
    )


@pytest.mark.parametrize("steepness", [0.1, 4.0, 30.0])
def test_the_quantile_undoes_the_integral_of_the_density(steepness):
    t = np.linspace(0.0, 1.0, 200_001)
    density = np.exp(steepness * (t - 1)) + np.exp(-steepness * t)
    total = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    shares = torch.tensor(total / total[-1])[1000:-1000:9900]
    expected = torch.tensor(t)[1000:-1000:9900]
    torch.testing.assert_close(Ends(steepness).at(shares), expected, atol=1e-6, rtol=0)
    ends = Ends(steepness).at(torch.tensor([0.0, 1.0]))
    assert ends.tolist() == pytest.approx([0.0, 1.0], abs=1e-6) and ends.min() >= 0 and ends.max() <= 1


def test_a_problem_draws_its_times_from_its_density():
    problem = Problem(MOONS, Linear(), "velocity", times=Ends())
    t = problem.batch(10_000, generator()).t
    assert float((t < 0.1).float().mean()) == pytest.approx(0.1725, abs=1e-3)
    assert float(((t > 0.4) & (t < 0.6)).float().mean()) == pytest.approx(2 * 0.0566, abs=1e-3)


def test_the_pseudo_huber_penalty_is_squared_near_and_the_distance_far_out():
    near, far = torch.tensor([[3e-5, 4e-5]]).double(), torch.tensor([[300.0, 400.0]]).double()
    huber = PseudoHuber(0.03)
    assert float(huber.mean(near)) == pytest.approx((5e-5) ** 2 / (2 * 0.03), rel=1e-4)
    assert float(huber.mean(far)) == pytest.approx(500 - 0.03, rel=1e-8)
    assert float(huber.mean(torch.cat([near, far]))) == pytest.approx((500 - 0.03) / 2, rel=1e-6)


def test_the_pull_of_one_sample_is_bounded_by_the_pseudo_huber_penalty():
    off = (
        10.0 ** torch.linspace(-6, 6, 60, dtype=torch.float64)[:, None] * torch.tensor([[0.6, 0.8]]).double()
    )
    off.requires_grad_(True)
    (pull,) = torch.autograd.grad(PseudoHuber().mean(off) * len(off), off)
    size = pull.norm(dim=1)
    assert size.max() <= 1 and float(size[-1]) == pytest.approx(1.0) and bool((size.diff() >= 0).all())
    assert torch.isfinite(
        torch.autograd.grad(PseudoHuber().mean(zero := torch.zeros(1, 2, requires_grad=True)), zero)[0]
    ).all()


def test_what_is_left_out_is_plain_flow_matching_to_the_bit():
    problem = Problem(MOONS, Linear(), "velocity")
    source = generator(4)
    seed = int(torch.randint(1 << 32, (), generator=source))
    clean, noise = MOONS.sample(32, seed), torch.randn(32, 2, generator=source)
    t = (torch.arange(32) + torch.rand(32, generator=source)) / 32
    batch = problem.batch(32, generator(4))
    assert torch.equal(batch.t, t) and torch.equal(batch.answer, noise - clean)
    network = FlowMLP(width=8, depth=1)
    said = network(batch.x, batch.t)
    assert torch.equal(problem.loss(network, batch), (said - batch.answer).square().sum() / 32)
    assert (problem.coupling, problem.times) == (Independent(), Even())


def taught(seed=0, teacher="sha"):
    (part,) = followed(GAUSSIAN.field("linear"), 300, seed)
    coupling = TeacherPairs.joined([part], teacher, seed)
    return Problem(MOONS, Linear(), "velocity", coupling=coupling, times=Ends(), penalty=PseudoHuber())


@pytest.mark.parametrize(
    "problem",
    [taught(), Problem(MOONS, Linear(), "velocity", coupling=BatchTransport())],
    ids=["pairs", "ot"],
)
def test_a_resumed_run_equals_the_unbroken_one_bit_for_bit(tmp_path, problem):
    schedule, file, before = (
        Schedule(steps=40, batch=32, seed=5),
        tmp_path / "run.training",
        torch.get_rng_state(),
    )
    whole = finished(problem, schedule)
    part = train_flow(FlowMLP(width=16, depth=2), problem, schedule, state_file=file, every=0.0)
    for _ in range(17):
        next(part)
    part.close()
    # Pairs are not in the file: they are drawn again.
    again = taught() if isinstance(problem.coupling, TeacherPairs) else problem
    assert same(finished(again, schedule, state_file=file), whole)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (
            taught(teacher="another"),
            "with coupling 'teacher sha, 300 pairs, seed 0', and this one has 'teacher another",
        ),
        (taught(seed=1), "coupling"),
        (Problem(MOONS, Linear(), "velocity"), "this one has 'independent'"),
        (Problem(MOONS, Linear(), "velocity", coupling=taught().coupling, times=Ends()), "penalty"),
        (Problem(MOONS, Linear(), "velocity", coupling=taught().coupling, times=Ends(3.0)), "times"),
    ],
)
def test_a_state_of_another_teacher_or_way_is_refused(tmp_path, other, why):
    schedule, file = Schedule(steps=9, batch=8), tmp_path / "run.training"
    next(train_flow(FlowMLP(width=16, depth=2), taught(), schedule, state_file=file, every=0.0))
    with pytest.raises(ValueError, match=why):
        next(train_flow(FlowMLP(width=16, depth=2), other, schedule, state_file=file))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: TeacherPairs(Pairs(torch.zeros(3, 2), torch.zeros(4, 2)), "x"), "as many clean samples"),
        (lambda: TeacherPairs(Pairs(torch.zeros(0, 2), torch.zeros(0, 2)), "x"), "as many clean samples"),
        (lambda: TeacherPairs(Pairs(torch.full((3, 2), math.nan), torch.zeros(3, 2)), "x"), "must be finite"),
        (lambda: Ends(0.0), "`steepness`"),
        (lambda: PseudoHuber(-1.0), "`knee`"),
        (
            lambda: Problem(as_target("digits"), Linear(), "velocity", coupling=taught().coupling),
            r"shape \[1, 8, 8\]; its teacher's have \[2\]",
        ),
        (
            lambda: Problem(MOONS, Linear(), "velocity", drop=0.1, coupling=taught().coupling),
            "no classes to train on",
        ),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(make, why):
    with pytest.raises(ValueError, match=why) as fault:
        make()
    assert "\n" not in str(fault.value)


@torch.no_grad()
def straightness_by_sums(field, x, steps=400):
    """Liu's S by the midpoint rule, with nothing of the package but the field: E int |v|^2 dt - E |x_1 - x_0|^2."""
    start, energy = x, 0.0
    for k in range(steps):
        t = 1 - (k + 0.5) / steps
        middle = x - field(x, 1 - k / steps).velocity / (2 * steps)
        velocity = field(middle, t).velocity
        x, energy = x - velocity / steps, energy + float(velocity.square().sum(1).mean()) / steps
    return energy - float((x - start).square().sum(1).mean())


def test_reflow_straightens_a_teacher_that_bends():
    """On a small case from end to end: two far Gaussians, whose flow turns where it must choose."""
    target = mixture([0.5, 0.5], [[-1.5, 0.0], [1.5, 0.0]], [[[0.05, 0.0], [0.0, 0.05]]] * 2)
    teacher = target.field("linear")
    coupling = TeacherPairs.joined(list(followed(teacher, 4096)), "the exact field")
    problem = Problem(target, Linear(), "velocity", coupling=coupling)
    *_, last = train_flow(
        FlowMLP(width=64, depth=2), problem, Schedule(steps=500, batch=256, learning_rate=3e-3)
    )
    student = NetworkField(last.network, "linear", "velocity", shape=(2,))
    figures = straightening_of(student, target, teacher)
    noise = torch.randn(500, 2, generator=generator(8), dtype=torch.float64)
    assert figures["straightness"] == pytest.approx(straightness_by_sums(student, noise), rel=0.2)
    assert figures["straightness_of_teacher"] == pytest.approx(straightness_by_sums(teacher, noise), rel=0.2)
    assert figures["straightness"] < 0.1 * figures["straightness_of_teacher"]
