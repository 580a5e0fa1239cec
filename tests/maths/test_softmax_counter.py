"""Counter-examples and collapse: closed forms, theorems, the sheet's counts, and where each type stops hearing."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import Perceptron
from torch import nn
from torch.nn import functional

from explorer.maths.softmax.experiments import (
    addition,
    collapse,
    conflicting_pair,
    digits_pair,
    digits_split,
    least_squares,
    lost_margin,
    perceptron,
    signed,
    watched_training,
)
from explorer.maths.softmax.experiments.collapse import TYPES, perpendicular, softmax_loss, stablemax_loss
from explorer.maths.softmax.experiments.optimisers import OPTIMISERS, made
from explorer.models.classifiers import classifier


def last(records):
    return [*records][-1]


def test_the_conflicting_pair_doubles_its_loss_within_the_radius():
    # z = -0.1 moves to -0.1 + 0.9 pi: the mean of softplus(z) and softplus(-z) goes from .694 to 1.427.
    pair = conflicting_pair((0.9,))
    ends = [-0.1, -0.1 + 0.9 * math.pi]
    before, after = ((math.log1p(math.exp(z)) + math.log1p(math.exp(-z))) / 2 for z in ends)
    assert pair.loss0 == pytest.approx(before, rel=1e-12) and round(before, 3) == 0.694
    assert pair.loss == (pytest.approx(after, rel=1e-12),) and round(after, 3) == 1.427
    # Two classes: the zero lies at sqrt(margin^2 + pi^2) over the speed.
    assert pair.exact == pytest.approx(math.hypot(0.1, math.pi) / math.pi, rel=1e-9)
    mirrored = conflicting_pair((0.9,), start=0.1)
    assert mirrored.loss == pytest.approx(pair.loss)
    with pytest.raises(ValueError, match="must not be 0"):
        conflicting_pair(start=0.0)


@pytest.mark.parametrize(("classes", "counts"), [((3, 8), (278, 74)), ((4, 9), (280, 16))])
def test_larger_steps_separate_sooner_at_a_higher_loss(classes, counts):
    rows = signed(digits_pair(*classes))
    slow, quick = (last(perceptron(rows, rate)) for rate in (1.0, 1e4))
    assert (slow.first, quick.first) == counts
    assert max(slow.r) < 0.75 and 50 < quick.median_r < 200
    assert max(quick.loss[: quick.first]) > 20 * max(slow.loss)
    assert slow.errors[-1] == quick.errors[-1] == 0 and slow.errors[-2] > 0


def test_descent_with_great_steps_is_the_batch_perceptron():
    rows = signed(digits_pair(3, 8))
    run = last(perceptron(rows, 1e12, most=2000))
    w, x = np.zeros(rows.shape[1]), rows.numpy()
    # From 0 the first step weighs every row by one half; afterwards the wrong ones count whole, the right ones not.
    w = w + x.sum(0) / 2 / len(x)
    count = 1
    while (x @ w <= 0).any():
        w, count = w + x[x @ w <= 0].sum(0) / len(x), count + 1
    assert run.first == count
    # A second library finds that there is something to find.
    found = Perceptron(fit_intercept=False, max_iter=5000, tol=None, shuffle=False)
    found.fit(np.concatenate([x, -x]), np.repeat([1, 0], len(x)))
    assert (x @ found.coef_[0] > 0).all()


@pytest.mark.parametrize(
    ("method", "rate", "count"),
    [
        ("gradient", 100.0, 308),
        ("normalised", 100.0, 2),
        ("normalised", 10.0, 2),
        ("normalised", 1.0, 16),
        ("normalised", 0.1, 157),
    ],
)
def test_steps_to_no_error_on_the_worst_case_are_the_published_ones(method, rate, count):
    # Tyurin 2024, table 1, on the data of theorem 5.1: one point of a class and 999 of the other.
    rows = torch.tensor([[0.5, -1.0], *[[0.5, 1.0]] * 999], dtype=torch.float64)
    assert last(perceptron(rows, rate, method)).first == count


def test_normalised_descent_keeps_the_theorems_bound():
    # Tyurin 2024: at most R^2 / mu^2 + 2 log(2n - 1) / (rate mu^2) steps, mu the margin of the best unit separator.
    source = torch.Generator().manual_seed(3)
    best = functional.normalize(torch.randn(5, generator=source, dtype=torch.float64), dim=0)
    rows = torch.randn(400, 5, generator=source, dtype=torch.float64)
    rows = rows * torch.sign(rows @ best)[:, None]
    rows = rows[rows @ best > 0.2]
    n, reach = len(rows), float(rows.norm(dim=1).max())
    for rate in (1.0, 100.0, 1e6):
        run = last(perceptron(rows, rate, "normalised", most=20_000))
        most = (reach / 0.2) ** 2 + 2 * math.log(2 * n - 1) / (rate * 0.2**2)
        assert run.first is not None and run.first <= most


def test_the_perceptron_says_what_cannot_be():
    rows = signed(digits_pair(3, 8))
    with pytest.raises(ValueError, match="did you mean 'normalised'"):
        next(perceptron(rows, 1.0, "normalized"))
    with pytest.raises(ValueError, match="above 0"):
        next(perceptron(rows, 0.0))
    run = last(perceptron(rows, 1.0, most=5))
    assert run.first is None and len(run.loss) == 6


def test_squares_have_no_ghosts_and_diverge_beyond_their_edge():
    split = digits_split()
    below, above = least_squares(split, 0.95), least_squares(split, 1.05)
    assert not below.diverges and above.diverges and below.status == above.status == "not applicable"
    assert "does not mean that the step is safe" in below.text
    # By numpy: 2 over the largest squared singular value of x / sqrt(n).
    top = np.linalg.svd(split.x.double().numpy(), compute_uv=False)[0]
    assert below.edge == pytest.approx(2 * len(split.x) / top**2, rel=1e-9)
    # Past the edge the top direction grows by 2 * 1.05 - 1 = 1.1 in each step: its square by 1.21.
    assert above.loss[-1] / above.loss[-2] == pytest.approx(1.21, rel=1e-3)
    with pytest.raises(ValueError, match="above 0"):
        least_squares(split, 0.0)


@pytest.mark.parametrize(("name", "margin"), [("float32", 16.6), ("float16", 7.6), ("bfloat16", 5.5)])
def test_each_type_loses_a_term_at_its_known_margin(name, margin):
    assert lost_margin(TYPES[name]) == pytest.approx(margin, abs=0.05)
    logits = torch.tensor([[m, 0.0] for m in (margin - 0.25, margin + 0.25)]).to(TYPES[name])
    loss = softmax_loss(logits, torch.zeros(2, dtype=torch.long))
    assert float(loss[0]) > 0 and float(loss[1]) == 0


def test_the_losses_are_torchs_and_the_papers():
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
    y = torch.tensor([0, 1, 2, 3, 4, 0])
    torch.testing.assert_close(softmax_loss(logits, y), functional.cross_entropy(logits, y, reduction="none"))
    # s(2) = 3, s(-1) = 1/2, s(0) = 1.
    found = stablemax_loss(torch.tensor([[2.0, -1.0, 0.0]]), torch.tensor([0]))
    assert float(found) == pytest.approx(-math.log(3 / 4.5))
    # Where the exponential has lost everything, this one has not.
    far = torch.tensor([[60.0, 0.0]])
    assert float(softmax_loss(far, torch.tensor([0]))) == 0 < float(stablemax_loss(far, torch.tensor([0])))


def test_the_perpendicular_gradient_has_no_part_along_the_weights():
    p = nn.Parameter(torch.tensor([3.0, 4.0]))
    p.grad = torch.tensor([1.0, 0.0])
    perpendicular([p])
    torch.testing.assert_close(p.grad, torch.tensor([1.0 - 3 * 3 / 25, -3 * 4 / 25]))


def test_the_sums_are_sums_and_every_pair_is_there_once():
    split = addition(7, 0.6, seed=2)
    pairs = torch.cat([split.x, split.test_x])
    assert len(split.x) == 29 and len({tuple(pair) for pair in pairs.tolist()}) == 49
    assert all((a + b) % 7 == s for (a, b), s in zip(split.x.tolist(), split.y.tolist(), strict=True))


def test_what_cannot_be_collapsed_is_said():
    with pytest.raises(ValueError, match="did you mean 'float32'"):
        next(collapse("float23"))
    with pytest.raises(ValueError, match="did you mean 'stablemax'"):
        next(collapse(cure="stabelmax"))


def test_a_wild_rate_ends_with_a_word():
    frames = list(collapse("float16", prime=5, steps=30, learning_rate=1e6, every=1))
    assert frames[-1].ended == "diverged" and not math.isfinite(frames[-1].loss)


@pytest.mark.slow
def test_half_precision_dies_and_the_cures_live():
    dead, stable, away = (
        last(collapse("float16", cure, steps=500)) for cure in ("none", "stablemax", "perpendicular")
    )
    # All three know the training pairs; the first hears of most of them no more, and learns of no others.
    assert min(dead.train, stable.train, away.train) > 0.98
    assert dead.absorbed > 0.5 > 0.05 > max(stable.absorbed, away.absorbed)
    assert dead.test < 0.1 < 0.15 < stable.test < away.test and away.test > 0.75


@pytest.mark.slow
def test_single_precision_dies_at_its_margin_and_double_goes_on():
    single, double = (last(collapse(kind, learning_rate=0.1, steps=150)) for kind in ("float32", "float64"))
    assert single.absorbed > 0.3 and double.absorbed < 0.1
    assert single.margin == pytest.approx(16.6, abs=1.5)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_training_is_watched_under_every_optimiser(name):
    module = classifier("linear", 0)
    frames = list(watched_training(module, digits_split(), name, learning_rate=0.01, steps=25, look_every=10))
    assert [f.step for f in frames] == list(range(1, 26)) and frames[-1].ended == "done"
    assert frames[-1].loss < frames[0].loss and all(f.scale == 1.0 for f in frames)
    assert [f.step for f in frames if f.test is not None] == [10, 20, 25]
    assert all(f.r_50 <= f.r_99 <= f.r_max for f in frames) and frames[0].absorbed == 0


def test_a_watched_steps_r_is_that_of_the_way_it_went():
    module, split = classifier("linear", 0), digits_split()
    before = [p.detach().clone() for p in module.parameters()]
    (frame,) = watched_training(module, split, "sgd", learning_rate=3.0, steps=1, batch=None, watch=2000)
    weight, bias = (p.detach() - q for p, q in zip(module.parameters(), before, strict=True))
    moved = split.x.double() @ weight.double().T + bias.double()
    assert frame.r_max == pytest.approx(float((moved.amax(1) - moved.amin(1)).max()) / math.pi, rel=1e-4)


def test_a_controlled_training_takes_no_step_beyond_its_limit():
    ask = watched_training(
        classifier("mlp", 0), digits_split(), "sgd", learning_rate=50.0, steps=20, r_max=0.5, watch=2000
    )
    frames = list(ask)
    assert min(f.scale for f in frames) < 0.5 and max(f.r_max for f in frames) < 0.5 * 1.001


def test_a_training_that_diverges_says_so_and_stops():
    module = nn.Sequential(classifier("mlp", 0), nn.Flatten())
    ask = watched_training(module, digits_split(), "sgd", learning_rate=1e30, steps=50)
    frames = list(ask)
    assert frames[-1].ended == "diverged" and len(frames) < 50 and frames[-1].test is not None


def test_training_says_what_cannot_be():
    split, module = digits_split(), classifier("linear", 0)
    for given, why in (
        ({"optimiser": "adma"}, "did you mean 'adam'"),
        ({"learning_rate": 0.0}, "above 0"),
        ({"steps": 0}, "at least 1"),
        ({"batch": 0}, "at least 1"),
    ):
        with pytest.raises(ValueError, match=why):
            next(watched_training(module, split, **given))


def test_adagrad_norm_divides_by_the_length_of_all_gradients_so_far():
    p = nn.Parameter(torch.tensor([0.0, 0.0], dtype=torch.float64))
    holder = nn.Module()
    holder.p = p
    optimizer = made("adagrad_norm", holder, 2.0)
    p.grad = torch.tensor([3.0, 4.0], dtype=torch.float64)
    optimizer.step()
    torch.testing.assert_close(p.detach(), torch.tensor([-1.2, -1.6], dtype=torch.float64))
    optimizer.step()  # now sqrt(25 + 25)
    torch.testing.assert_close(p.detach(), torch.tensor([-1.2, -1.6], dtype=torch.float64) * (1 + 0.5**0.5))
    again = made("adagrad_norm", holder, 2.0)
    again.load_state_dict(optimizer.state_dict())
    assert again.param_groups[0]["square"] == pytest.approx(50.0)


@pytest.mark.parametrize("cure", ["none", "stablemax"])
def test_what_a_label_leaves_to_others_is_one_less_its_probability(cure):
    *_, frame = collapse("float32", cure, steps=60)
    first = next(iter(collapse("float32", cure, steps=0)))
    # Before a step 31 residues are as good as one another; afterwards the loss is minus the logarithm of p.
    assert first.doubt == pytest.approx(30 / 31, abs=2e-3)
    assert 1.0 - frame.doubt == pytest.approx(math.exp(-frame.loss), abs=0.1)
