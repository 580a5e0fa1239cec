"""Problems by name: the losses of the shipped networks, held to losses by hand."""

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector

import explorer as ex
from explorer.models.problems import PROBLEM_LABELS, moved, usual_rows


def value(problem):
    return float(problem.loss(problem.module, problem.batch).detach().double().mean())


def test_a_flows_loss_is_the_squared_error_of_its_velocity():
    problem = ex.problem("two_moons/linear", n=128)
    field = ex.load("two_moons/linear")
    said = field(problem.batch.x, problem.batch.t).velocity
    by_hand = (said - problem.batch.answer).square().sum(1).double().mean()
    assert value(problem) == pytest.approx(float(by_hand.detach()), rel=1e-5)
    assert len(problem.batch.x) == 128 and all(p.requires_grad for p in problem.module.parameters())


def test_a_level_is_the_noise_share_of_every_pair():
    problem = ex.problem("two_moons/linear", n=16, level=0.25)
    assert torch.allclose(problem.batch.t, torch.full((16,), 0.25))
    with pytest.raises(ValueError, match="only a flow's loss has noise levels"):
        ex.problem("classifier/mlp", level=0.5)


def test_a_classifier_stands_at_its_stages_on_the_same_digits():
    losses = [
        value(ex.problem("classifier/mlp", n=200, stage=stage))
        for stage in ("fresh", "early", "mid", "trained")
    ]
    assert losses == sorted(losses, reverse=True) and losses[0] == pytest.approx(2.303, abs=0.03)
    problem = ex.problem("classifier/mlp", n=200)
    own = ex.classifier("mlp", stage="final")
    assert value(problem) == pytest.approx(
        float(cross_entropy(own(problem.batch[0]), problem.batch[1]).detach()), rel=1e-5
    )


def test_first_weights_are_drawn_from_their_seed_and_nothing_else():
    before = torch.get_rng_state()
    one, same, other = (
        ex.problem("two_moons/linear", n=8, stage="fresh", first=first) for first in (3, 3, 4)
    )
    assert torch.equal(before, torch.get_rng_state())
    first, again, else_ = (parameters_to_vector(p.module.parameters()) for p in (one, same, other))
    assert torch.equal(first, again) and not torch.equal(first, else_)
    assert torch.equal(one.batch.x, other.batch.x)


def test_the_transformer_that_is_asked_for_has_learnt_to_add():
    problem = ex.problem("modular")
    pairs, sums = problem.batch
    assert value(problem) < 0.01
    assert (problem.module(pairs).argmax(1) == sums).all() and torch.equal(sums, pairs.sum(1) % 23)


def test_a_moved_module_is_another_one():
    problem = ex.problem("classifier/linear", n=8)
    before = parameters_to_vector(problem.module.parameters()).detach().clone()
    twin = moved(problem.module, before + 1.0)
    assert torch.equal(parameters_to_vector(twin.parameters()).detach(), before + 1.0)
    assert torch.equal(parameters_to_vector(problem.module.parameters()).detach(), before)


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(ValueError, match="two_moons/linear"):
        ex.problem("two_moons/linaer")
    with pytest.raises(ValueError, match="early"):
        ex.problem("classifier/mlp", stage="earlier")
    assert usual_rows("digits/unet") == 256 and usual_rows("two_moons/vp") == 2048
    assert "digits/unet" in PROBLEM_LABELS and "modular" in PROBLEM_LABELS
