"""The training room: what a descent does is what torch does, and nothing of the module or the world is touched."""

import copy
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Muon

from explorer.maths.landscape.training import (
    OPTIMISERS,
    Rule,
    WarmStable,
    decay_now,
    descend,
    digits_problem,
    resume,
    river,
    tracks,
)
from explorer.maths.landscape.training.observer import PART, STEP
from tests.maths.landscapes import Weights, bowl, built, drawn, entropy, mlp, squares


def small(seed=0):
    """A net, its loss per sample, and a batch, in float64."""
    return squares, mlp(5, 7, 2), (drawn(24, 5, seed=seed + 1), drawn(24, 2, seed=seed + 2))


def last_of(records):
    *_, last = records
    return last


TORCHS = {
    "sgd": lambda p: [SGD(p, lr=0.05)],
    "momentum": lambda p: [SGD(p, lr=0.05, momentum=0.9)],
    "adam": lambda p: [Adam(p, lr=0.05)],
    "adamw": lambda p: [AdamW(p, lr=0.05)],
    "muon": lambda p: [
        Muon([q for q in p if q.dim() > 1], lr=0.05, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        Adam([q for q in p if q.dim() == 1], lr=0.05),
    ],
}


@pytest.mark.parametrize("name", TORCHS)
def test_a_descent_is_the_plain_loop_of_torch(name):
    loss, net, batch = small()
    twin = copy.deepcopy(net)
    optimisers = TORCHS[name](list(twin.parameters()))
    losses = []
    for step in range(12):
        mean = loss(twin, batch).mean()
        losses.append(float(mean.detach()))
        for optimiser in optimisers:
            optimiser.zero_grad()
        mean.backward()
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = 0.05 * min(1.0, (12 - step) / 6)
            optimiser.step()
    options = {"steps": 12, "learning_rate": 0.05, "schedule": WarmStable(0.0, 0.5)}
    run = last_of(descend(loss, net, batch, [name], **options)).runs[0]
    assert run.losses.tolist() == pytest.approx(losses, rel=1e-12)
    expected = torch.cat([p.detach().flatten() for p in twin.parameters()])
    torch.testing.assert_close(run.last.place, expected, rtol=1e-10, atol=1e-12)
    assert run.last.loss == pytest.approx(float(loss(twin, batch).mean().detach()), rel=1e-12)
    assert run.rates[-1] == pytest.approx(0.05 / 6)


@torch.random.fork_rng()
def test_nothing_is_touched():
    net = built(lambda: nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.SiLU(), nn.Linear(6, 3))).train()
    net[0].weight.grad = torch.ones_like(net[0].weight)
    batch = (drawn(16, 5), torch.arange(16) % 3)
    torch.manual_seed(5), np.random.seed(5)
    before = copy.deepcopy(net.state_dict()), torch.get_rng_state(), np.random.get_state()
    descent = last_of(descend(entropy, net, batch, list(OPTIMISERS), steps=4, rows=8, budget=None))
    tracks(descent), river(descent, "sgd"), last_of(decay_now(descent, "adam", 3, steps=2))
    run = descent.runs[0]
    assert all(torch.equal(value, before[0][name]) for name, value in net.state_dict().items())
    assert net.training and torch.equal(net[0].weight.grad, torch.ones_like(net[0].weight))
    assert net[3].weight.grad is None and all(p.requires_grad for p in net.parameters())
    assert torch.equal(torch.get_rng_state(), before[1])
    assert all(np.array_equal(a, b) for a, b in zip(np.random.get_state(), before[2], strict=True))
    assert run.losses[-1] < run.losses[0]


def test_tied_unused_and_frozen_parameters_pass():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other, self.idle = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(2, 2)
            self.other.weight = self.one.weight
            self.other.bias.requires_grad_(False)

        def forward(self, x):
            return self.other(torch.tanh(self.one(x)))

    net, batch = built(Odd), (drawn(12, 4), drawn(12, 4, seed=1))
    run = last_of(descend(squares, net, batch, ["sgd"], steps=5, learning_rate=0.02, budget=None)).runs[0]
    twin, optimiser = copy.deepcopy(net), None
    optimiser = SGD([p for p in twin.parameters() if p.requires_grad], lr=0.02)
    for _ in range(5):
        optimiser.zero_grad()
        squares(twin, batch).mean().backward()
        optimiser.step()
    expected = [twin.one.weight, twin.one.bias, twin.idle.weight, twin.idle.bias]
    torch.testing.assert_close(run.last.place, torch.cat([p.detach().flatten() for p in expected]))
    assert bool(torch.isfinite(run.probes.noise).all()) and not run.notes


def test_the_rows_of_an_update_are_the_same_for_every_optimiser_and_every_time():
    loss, net, batch = small()
    other_still = Rule("other", "Other", "", lambda p, rate: [Adam(p, lr=rate)], 1e-12)
    still = Rule("still", "Still", "", lambda p, rate: [SGD(p, lr=rate)], 1e-12)
    options = {"steps": 40, "rows": 6, "seed": 3, "probes": []}
    one, other = last_of(descend(loss, net, batch, [other_still, still], **options)).runs
    torch.testing.assert_close(one.losses, other.losses, rtol=1e-6, atol=0)
    again = last_of(descend(loss, net, batch, [other_still], **options)).runs[0]
    assert torch.equal(again.losses, one.losses)
    moved = last_of(descend(loss, net, batch, [other_still], **options | {"seed": 4})).runs[0]
    assert not torch.equal(moved.losses, one.losses)
    # Six of 24 rows without replacement: the mean is the whole batch's, the spread that of a finite population.
    each = loss(net, batch).detach()
    spread = float(each.var()) / 6 * (1 - 6 / 24)
    assert float(one.losses.mean()) == pytest.approx(float(each.mean()), abs=4 * math.sqrt(spread / 40))
    assert float(one.losses.var()) == pytest.approx(spread, rel=0.7)
    assert one.last.loss == pytest.approx(float(each.mean()), rel=1e-6)


def test_a_descent_that_was_stopped_goes_on_to_the_bit():
    loss, net, batch = small()
    options = {"steps": 15, "rows": 16, "looks": 5, "budget": None, "schedule": "cosine"}
    names = ["momentum", "adam", "polargrad"]
    whole = last_of(descend(loss, net, batch, names, **options))
    for halt in (0, 20):
        records = descend(loss, net, batch, names, **options, every=0.0)
        stopped = next(record for k, record in enumerate(records) if k == halt)
        records.close()
        before = [run.last.place.clone() for run in stopped.runs]
        gone_on = last_of(resume(stopped))
        for one, other in zip(whole.runs, gone_on.runs, strict=True):
            assert torch.equal(one.last.place, other.last.place) and torch.equal(one.losses, other.losses)
            assert [m.step for m in one.marks] == [m.step for m in other.marks]
            assert all(torch.equal(a.mean, b.mean) for a, b in zip(one.points, other.points, strict=True))
            torch.testing.assert_close(vars(one.probes), vars(other.probes), rtol=0, atol=0, equal_nan=True)
        assert all(torch.equal(a, run.last.place) for a, run in zip(before, stopped.runs, strict=True))
    assert gone_on.ended == whole.ended and gone_on.ended.kind == "done"


def test_records_come_from_the_first_moment_and_all_walk_together():
    records = list(descend(*small(), ["sgd", "adam"], steps=9, probes=[], every=0.0))
    assert records[0].step == 0 and records[0].ended is None and len(records[0].runs[0].losses) == 0
    assert all(abs(one.step - other.step) <= 1 for one, other in (record.runs for record in records))
    assert [record.ended is None for record in records] == [True] * (len(records) - 1) + [False]
    assert records[-1].step == 9 and records[-1].seconds > records[3].seconds > 0.0


def test_what_is_kept_is_bounded_and_lies_odd_steps_apart():
    run = last_of(descend(*small(), ["sgd"], steps=400, probes=[], every=9.0)).runs[0]
    steps = run.steps.tolist()
    gaps = {b - a for a, b in pairwise(steps[:-1])}
    assert (
        len(run.marks) <= 129
        and len(gaps) == 1
        and gaps.pop() % 2 == 1
        and steps[0] == 0
        and steps[-1] == 400
    )
    assert run.places.shape == (len(steps), len(run.last.place))
    assert sum(mark.state is not None for mark in run.marks) <= len(run.marks) / 4 + 1
    # The loss at a mark is that of its place, and a mean is over every step of its span.
    loss, net, batch = small()
    mark = run.marks[5]
    torch.nn.utils.vector_to_parameters(mark.place, net.parameters())
    assert float(loss(net, batch).mean().detach()) == pytest.approx(mark.loss, rel=1e-12)
    short = last_of(descend(*small(), ["sgd"], steps=20, probes=[])).runs[0]  # a mark at every step
    torch.testing.assert_close(run.marks[1].mean, short.places[1 : steps[1] + 1].mean(0))


@pytest.mark.parametrize("at", [0, 17, 40])
def test_decay_now_begins_where_the_run_was_and_comes_to_rest(at):
    loss, net, batch = small()
    options = {"rows": 8, "probes": [], "learning_rate": 0.01}
    descent = last_of(descend(loss, net, batch, ["adam", "sgd"], steps=40, **options))
    branch = last_of(decay_now(descent, "adam", at, steps=20)).runs[0]
    first = branch.marks[0]
    assert first.step == at == branch.first and branch.step == at + 20 and "decayed from" in branch.label
    if at:
        until = last_of(descend(loss, net, batch, ["adam"], steps=at, **options)).runs[0]
        assert torch.equal(first.place, until.last.place)
    assert branch.rates.tolist() == pytest.approx([0.01 * (20 - k) / 20 for k in range(20)])
    assert branch.last.loss < first.loss


def test_a_run_that_diverges_ends_with_a_sentence_and_the_others_go_on():
    net, loss, _ = bowl(torch.tensor([1.0, 10.0], dtype=torch.float64))
    batch = None
    last = last_of(
        descend(loss, net, batch, ["sgd", "adam"], steps=200, learning_rate={"sgd": 0.3}, probes=["sam"])
    )
    sgd, adam = last.runs
    assert (
        sgd.ended.kind == "diverged" and sgd.step < 200 and "try a smaller learning rate" in last.ended.text
    )
    assert last.ended.kind == "done" and adam.step == 200 and adam.ended.kind == "done"
    assert bool(torch.isfinite(sgd.losses).all()) and len(sgd.losses) == sgd.step
    alone = last_of(descend(loss, net, batch, ["sgd"], steps=200, learning_rate=1e9))
    assert alone.ended.kind == "diverged"
    assert resume(last) and last_of(resume(last)).ended == last.ended


def test_probes_keep_to_their_budget_and_say_what_they_left_out():
    problem = digits_problem(n=64)
    for steps, budget in ((200, 0.3), (20, 0.15)):
        last = last_of(descend(*problem, ["sgd"], steps=steps, budget=budget, looks=40))
        run = last.runs[0]
        spent = run.memory["observer"]["spent"]
        assert sum(spent.values()) <= budget * STEP * steps * 1.01
        looks = len(range(0, steps, max(1, steps // 40) | 1))
        for name in PART:
            made = int((~getattr(run.probes, name).isnan()).sum())
            assert made + run.skipped.get(name, 0) == looks, name
    assert run.skipped["sharpness"] == looks, "one sharpness costs more than 20 steps' allowance"
    free = last_of(descend(*problem, ["sgd"], steps=9, budget=None, looks=3)).runs[0]
    assert not free.skipped and bool(torch.isfinite(free.probes.sharpness).all())


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"optimisers": ["sdg"]}, "did you mean 'sgd'"),
        ({"optimisers": []}, "at least one"),
        ({"optimisers": "sgd"}, "list of at least one"),
        ({"optimisers": ["sgd", "sgd"]}, "differ in name"),
        ({"steps": 0}, "`steps` must be"),
        ({"learning_rate": 0.0}, "`learning_rate` must be above 0"),
        ({"learning_rate": {"sgd": math.inf}}, "`learning_rate` must be above 0"),
        ({"learning_rate": {"sdg": 0.1}}, "did you mean 'sgd'"),
        ({"schedule": "cosinus"}, "did you mean 'cosine'"),
        ({"rows": 25}, "from 1 to the 24"),
        ({"rows": 0}, "from 1 to the 24"),
        ({"seed": -1}, "`seed` must be"),
        ({"budget": -0.1}, "`budget` must be"),
        ({"probes": ["sharpnes"]}, "did you mean 'sharpness'"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(change, match):
    options = {"optimisers": ["sgd"], "steps": 5} | change
    with pytest.raises(ValueError, match=match):
        next(descend(*small(), **options))


def test_losses_that_cannot_be_trained_are_said_in_a_sentence():
    net, batch = small()[1:]
    with pytest.raises(ValueError, match="one value per sample"):
        next(descend(lambda m, b: squares(m, b).mean(), net, batch, ["sgd"], rows=4))
    with pytest.raises(ValueError, match="as many losses"):
        next(descend(lambda m, b: squares(m, (batch[0], batch[1])), net, [0], ["sgd"], rows=4))
    dropout = built(lambda: nn.Sequential(nn.Linear(5, 2), nn.Dropout(0.5)))
    with pytest.raises(ValueError, match="same number twice"):
        next(descend(squares, dropout, batch, ["sgd"]))
    descent = last_of(descend(squares, net, batch, ["sgd"], steps=5))
    with pytest.raises(ValueError, match="from 0 to 5"):
        next(decay_now(descent, "sgd", 6))
    with pytest.raises(ValueError, match="'sgd'"):
        next(decay_now(descent, "sdg", 2))


def test_a_batch_may_be_any_tree():
    net = Weights(drawn(3))
    batch = {"x": drawn(10, 3), "more": [drawn(10), None, "text", 2.0], "fixed": drawn(3, 3)}

    def loss(m, b):
        return ((b["x"] @ b["fixed"] @ m.w0 - b["more"][0]) * b["more"][3]).square()

    last = last_of(descend(loss, net, batch, ["sgd"], steps=3, rows=4, learning_rate=1e-3))
    assert last.ended.kind == "done" and replace(last.plan, rows=None).steps == 3
