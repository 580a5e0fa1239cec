"""Losses beside plain cross-entropy: weights of samples, the focal loss, and what has no softmax radius at all."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from explorer.maths.softmax import vocabulary
from explorer.maths.softmax.control import RadiusControl
from explorer.maths.softmax.losses import FocalLoss
from explorer.maths.softmax.step import step_radius


def generator(seed):
    return torch.Generator().manual_seed(seed)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def linear(classes=4):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Linear(6, classes).double()


X, Y = draw(20, 6), torch.randint(0, 4, (20,), generator=generator(4))
STEP = {"weight": 0.3 * draw(4, 6, seed=2), "bias": 0.3 * draw(4, seed=3)}
WEIGHTS = torch.rand(20, generator=generator(6), dtype=torch.float64).add(0.1)
WEIGHTS[[2, 7]] = 0.0
CLASSES = torch.tensor([0.5, 2.0, 1.0, 3.0], dtype=torch.float64)


def logits(t, module):
    change = X @ STEP["weight"].T + STEP["bias"]
    return module(X).detach() + t * change


def derivatives(ask):
    """A loss of the part of the step, with its slope and bend at 0, by torch's own reverse mode."""
    t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    loss = ask(t)
    (slope,) = torch.autograd.grad(loss, t, create_graph=True)
    (bend,) = torch.autograd.grad(slope, t)
    return float(loss.detach()), float(slope.detach()), float(bend)


@pytest.mark.parametrize(
    "loss",
    [nn.CrossEntropyLoss(), nn.CrossEntropyLoss(weight=CLASSES), nn.CrossEntropyLoss(label_smoothing=0.2)],
    ids=["plain", "classes", "smoothed"],
)
@pytest.mark.parametrize("chunk", [1024, 6])
def test_samples_count_as_their_weights_say(loss, chunk):
    module = linear()
    told = step_radius(module, X, STEP, Y, weights=WEIGHTS, loss=loss, at=(0.0, 1.0, 2.5), chunk=chunk)
    own = type(loss)(weight=loss.weight, label_smoothing=loss.label_smoothing, reduction="none")
    total = (WEIGHTS * (1.0 if loss.weight is None else CLASSES[Y])).sum()

    def mean(t):
        return (WEIGHTS * own(logits(t, module), Y)).sum() / total

    assert told.losses.tolist() == pytest.approx([float(mean(t)) for t in (0.0, 1.0, 2.5)], rel=1e-12)
    _, slope, bend = derivatives(mean)
    assert told.g == pytest.approx(-slope, rel=1e-11) and told.kappa == pytest.approx(bend, rel=1e-11)
    assert told.places.tolist() == [i for i in range(20) if i not in (2, 7)]


def test_positive_weights_move_no_singularity():
    module = linear()
    plain = step_radius(module, X, STEP, Y)
    told = step_radius(module, X, STEP, Y, weights=torch.linspace(0.01, 50.0, 20))
    assert torch.equal(told.r, plain.r) and torch.equal(told.radius.exact, plain.radius.exact)
    same = step_radius(module, X, STEP, Y, weights=torch.full((20,), 7.0))
    assert same.g == pytest.approx(plain.g, rel=1e-12)
    assert same.descent == pytest.approx(plain.descent, rel=1e-12)


def test_soft_targets_and_sigmoids_are_weighed_too():
    module, soft = linear(), torch.softmax(draw(20, 4, seed=5), dim=1)
    told = step_radius(module, X, STEP, soft, weights=WEIGHTS, at=(1.0,))
    end = logits(1.0, module)
    expected = (WEIGHTS * functional.cross_entropy(end, soft, reduction="none")).sum() / WEIGHTS.sum()
    assert float(told.losses[0]) == pytest.approx(float(expected), rel=1e-12)
    y = (soft > 0.3).double()
    told = step_radius(module, X, STEP, y, weights=WEIGHTS, loss=nn.BCEWithLogitsLoss(), at=(1.0,))
    each = functional.binary_cross_entropy_with_logits(end, y, reduction="none")
    expected = (WEIGHTS[:, None] * each).sum() / (4 * WEIGHTS.sum())
    assert float(told.losses[0]) == pytest.approx(float(expected), rel=1e-12)
    assert len(told.r) == 4 * 18


@pytest.mark.parametrize("shape", ["sample", "token"])
@pytest.mark.parametrize("with_targets", [True, False])
def test_tokens_are_weighed_alike_with_the_head_in_pieces(monkeypatch, shape, with_targets):
    monkeypatch.setattr(vocabulary, "NUMBERS", 11)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 9)).double()
    x, y = draw(4, 3, 6, seed=7), torch.randint(0, 9, (4, 3), generator=generator(8))
    step = {n: 0.3 * draw(*p.shape, seed=i) for i, (n, p) in enumerate(module.named_parameters())}
    weights = torch.tensor([1.0, 0.0, 2.0, 0.5], dtype=torch.float64)
    if shape == "token":
        weights = weights[:, None] * torch.tensor([1.0, 3.0, 0.0], dtype=torch.float64)
    aims = y if with_targets else None
    whole, pieces = (step_radius(module, x, step, aims, weights=weights, head=head) for head in (None, "2"))
    torch.testing.assert_close(whole.r, pieces.r, rtol=1e-11, atol=0.0)
    assert whole.places.tolist() == pieces.places.tolist()
    assert (
        whole.places.tolist() == weights.expand(3, 4).T.flatten().nonzero()[:, 0].tolist()
        if (shape == "sample")
        else weights.flatten().nonzero()[:, 0].tolist()
    )
    assert whole.kappa == pytest.approx(pieces.kappa, rel=1e-10)
    assert whole.g == pytest.approx(pieces.g, rel=1e-10, nan_ok=not with_targets)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        (torch.full((20,), -1.0), "numbers of at least 0"),
        (torch.full((20,), math.nan), "numbers of at least 0"),
        (torch.ones(3), r"`weights` must be \[n, ..\] for the 20 inputs"),
        (torch.ones(20, 3), "or one for each of the 20 rows"),
    ],
)
def test_weights_that_make_no_sense_are_refused(weights, sentence):
    with pytest.raises(ValueError, match=sentence):
        step_radius(linear(), X, STEP, Y, weights=weights)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 3.5])
@pytest.mark.parametrize("weight", [None, CLASSES], ids=["even", "classes"])
def test_a_focal_loss_tells_its_own_slope_and_bend_and_keeps_r(gamma, weight):
    """The formula is spelled out with the labels' probabilities; r is that of cross-entropy."""
    module, y = linear(), Y.clone()
    y[5] = -100
    counted = y != -100
    loss = FocalLoss(gamma, weight=weight)
    told = step_radius(module, X, STEP, y, loss=loss, at=(0.0, 1.0))
    heft = torch.ones(4, dtype=torch.float64) if weight is None else weight

    def mean(t):
        p = logits(t, module).exp()[counted]
        p = p[range(19), y[counted]] / p.sum(1)
        w = heft[y[counted]]
        return -(w * (1 - p) ** gamma * p.log()).sum() / w.sum()

    begin, slope, bend = derivatives(mean)
    assert told.losses.tolist() == pytest.approx([begin, float(mean(1.0))], rel=1e-11)
    assert float(loss(logits(1.0, module), y)) == pytest.approx(float(mean(1.0)), rel=1e-11)
    assert told.g == pytest.approx(-slope, rel=1e-10) and told.kappa == pytest.approx(bend, rel=1e-10)
    assert torch.equal(told.r, step_radius(module, X, STEP, y).r)
    assert math.isnan(told.descent)
    with pytest.raises(ValueError, match="only `r` and `rho` hold"):
        _ = told.radius


def test_the_other_singularities_of_a_focal_loss_are_beyond_its_bound():
    """Its zeros of the classes without the label: of a pair, at sqrt(d^2 + pi^2) over the difference of speeds."""
    z, a = draw(500, 3, seed=1), draw(500, 3, seed=2)
    others = torch.hypot(z[:, 1] - z[:, 2], torch.tensor(math.pi, dtype=torch.float64))
    others = others / (a[:, 1] - a[:, 2]).abs()
    bound = math.pi / (a.amax(1) - a.amin(1))
    assert bool((bound <= others).all())
    told = step_radius(nn.Identity(), z, {}, torch.zeros(500, dtype=torch.long), loss=FocalLoss())
    assert told.status == "ok" and told.r_max == 0.0


class StableMax(nn.CrossEntropyLoss):
    """Inherits from cross-entropy and is none: x + 1 or 1 / (1 - x) in the place of the exponential."""

    def forward(self, input, target):
        s = torch.where(input >= 0, input + 1, 1 / (1 - input))
        return functional.nll_loss((s / s.sum(1, keepdim=True)).log(), target)


@pytest.mark.parametrize("loss", [StableMax(), nn.MSELoss(), nn.MultiMarginLoss()])
def test_what_has_no_softmax_is_not_applicable_and_never_safe(loss):
    told = step_radius(linear(), X, STEP, Y, loss=loss)
    assert told.status == "not applicable" and "does not mean that the step is safe" in told.text
    assert all(math.isnan(value) for value in (told.r_max, told.r_99, told.g, told.kappa, told.descent))
    assert not told.rho > 0
    module = linear()
    with pytest.raises(ValueError, match="has no softmax radius"):
        RadiusControl(torch.optim.SGD(module.parameters(), lr=0.1), module, loss=loss)
