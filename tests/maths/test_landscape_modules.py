"""Any module and loss: layers that trip other tools, what is left as it was, and what is refused in a sentence."""

import copy
import random

import numpy as np
import pytest
import torch
from landscapes import Weights, built, differenced_hessian, directly, drawn, entropy, mlp, squares
from torch import nn
from torch.nn.functional import dropout, scaled_dot_product_attention

from explorer.maths.borrowed import global_randomness_kept
from explorer.maths.landscape import FlatLoss, Plane, converge, density, landscape, refine, spectrum, trace


class Attention(nn.Module):
    """One head over three tokens of four numbers."""

    def __init__(self):
        super().__init__()
        self.inputs, self.out = nn.Linear(4, 12), nn.Linear(4, 4)

    def forward(self, x):
        q, k, v = self.inputs(x.reshape(-1, 3, 4)).chunk(3, dim=-1)
        return self.out(scaled_dot_product_attention(q, k, v)).flatten(1)


class Tied(nn.Module):
    """One matrix in and out; a second layer shares its bias with the first."""

    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Linear(12, 3), nn.Linear(3, 3)
        self.outer.bias = self.inner.bias

    def forward(self, x):
        return self.outer(torch.tanh(self.inner(x))) @ self.inner.weight


class Idle(nn.Module):
    """A layer that nothing calls, and one that is frozen."""

    def __init__(self):
        super().__init__()
        self.frozen, self.used, self.idle = nn.Linear(12, 4), nn.Linear(4, 12), nn.Linear(4, 5)
        self.frozen.requires_grad_(False)

    def forward(self, x):
        return self.used(torch.tanh(self.frozen(x)))


def small(*middle):
    return nn.Sequential(nn.Linear(12, 4), *middle, nn.Linear(4, 12))


MODULES = {
    "silu": lambda: small(nn.SiLU()),
    "mish": lambda: small(nn.Mish()),
    "group_norm": lambda: small(nn.GroupNorm(2, 4), nn.SiLU()),
    "layer_norm": lambda: small(nn.LayerNorm(4), nn.GELU()),
    "attention": Attention,
    "tied": Tied,
    "idle": Idle,
    "batch_norm_train": lambda: small(nn.BatchNorm1d(4), nn.Tanh()),
    "batch_norm_eval": lambda: small(nn.BatchNorm1d(4), nn.Tanh()).eval(),
    "convolution": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 3, 4)), nn.Conv2d(1, 2, 3, padding=1), nn.SiLU(), nn.Flatten(), nn.Linear(24, 12)
    ),
}
BATCH = (drawn(10, 12, seed=5), drawn(10, 12, seed=6))


@pytest.fixture(params=MODULES)
def name(request):
    return request.param


def test_every_module_has_its_dense_spectrum(name):
    net = built(MODULES[name])
    known = torch.linalg.eigvalsh(differenced_hessian(squares, net, BATCH)).flip(0)[:5]
    found = spectrum(squares, net, BATCH, tolerance=1e-4)
    assert found.converged and found.by == "double backward"
    torch.testing.assert_close(found.eigenvalues, known, rtol=1e-6, atol=0)


@pytest.mark.parametrize("by", ["loop", "vmap"])
def test_every_module_has_its_direct_losses(name, by):
    net = built(MODULES[name])
    plane = Plane(squares, net, BATCH, "none")
    plane.evaluator.by, plane.evaluator.chunk = by, 7
    if by == "vmap" and name == "batch_norm_train":
        with pytest.raises(RuntimeError):
            list(plane.view(points=5, tolerance=0.0))
        plane.evaluator.by = ""  # left to choose, it does not take what fails
        assert landscape(squares, net, BATCH, "none", points=5, tolerance=0.0).by == "loop"
        return
    *_, found = plane.view(points=5, tolerance=0.0)
    assert found.by == by
    for (i, j), loss in np.ndenumerate(found.loss.numpy()):
        there = plane.directions.at(torch.stack([found.x[j], found.y[i]])[None])[0]
        assert loss == pytest.approx(directly(squares, net, BATCH, there), rel=1e-11)


def test_a_tied_weight_is_there_once_even_when_only_its_memory_is_shared():
    net = built(lambda: nn.Sequential(nn.Linear(3, 3, bias=False), nn.Tanh(), nn.Linear(3, 3, bias=False)))
    net[2].weight = nn.Parameter(net[0].weight.data)
    flat = FlatLoss(squares, net, (drawn(5, 3), drawn(5, 3, seed=1)))
    assert flat.size == 9
    w = net[0].weight.detach() + 0.3
    x, y = flat.batch
    assert flat.value(w.flatten()) == pytest.approx(
        float((torch.tanh(x @ w.T) @ w.T - y).square().sum(1).mean())
    )


def snapshot(net):
    return (
        {k: v.clone() for k, v in net.state_dict().items()},
        [
            (p.requires_grad, None if p.grad is None else p.grad.clone(), p.data_ptr())
            for p in net.parameters()
        ],
        [m.training for m in net.modules()],
        torch.get_rng_state(),
        np.random.get_state()[1].copy(),
    )


def check_same(before, after):
    assert before[0].keys() == after[0].keys()
    assert all(torch.equal(before[0][k], after[0][k]) for k in before[0])
    for (needs, grad, place), (needs_, grad_, place_) in zip(before[1], after[1], strict=True):
        assert needs == needs_ and place == place_
        assert (grad is None) == (grad_ is None) and (grad is None or torch.equal(grad, grad_))
    assert before[2] == after[2] and torch.equal(before[3], after[3])
    assert np.array_equal(before[4], after[4])


@pytest.mark.parametrize("act", [landscape, spectrum, density, trace], ids=lambda f: f.__name__)
def test_module_gradients_buffers_mode_and_randomness_are_bit_identical_after_use(act):
    net = built(lambda: nn.Sequential(nn.Linear(12, 12), nn.BatchNorm1d(12), nn.SiLU(), nn.Linear(12, 12)))
    net[3].eval()
    squares(net, BATCH).mean().backward()
    net[0].bias.grad = None

    def wasteful(module, batch):
        """Draws from every global generator and throws it away."""
        torch.rand(3), np.random.rand(3), random.random()
        return squares(module, batch)

    before = snapshot(net)
    act(wasteful, net, BATCH)
    check_same(before, snapshot(net))


def test_python_s_generator_is_kept_as_well():
    """By itself, since the type checker of the tests draws from it."""
    before = random.getstate()
    with global_randomness_kept(torch.zeros(1)):
        random.random()
        assert random.getstate() != before
    assert random.getstate() == before


@pytest.mark.parametrize("act", [refine, converge])
def test_a_generator_left_half_way_leaves_all_as_it_was_too(act):
    net = built(MODULES["batch_norm_train"])
    before = snapshot(net)
    frames = act(squares, net, BATCH)
    for _ in range(3):
        next(frames)
        check_same(before, snapshot(net))
    frames.close()
    check_same(before, snapshot(net))


def test_a_loss_may_be_a_mean_or_one_value_per_sample():
    net = mlp(12, 5, 12)
    one = landscape(squares, net, BATCH, points=9, tolerance=0.0)
    two = landscape(lambda m, b: squares(m, b).mean(), net, BATCH, points=9, tolerance=0.0)
    torch.testing.assert_close(one.loss, two.loss, rtol=1e-12, atol=0)
    tops = [spectrum(f, net, BATCH, k=2).eigenvalues for f in (squares, lambda m, b: squares(m, b).mean())]
    torch.testing.assert_close(*tops, rtol=1e-9, atol=0)


def test_a_loss_may_differentiate_inside():
    """|du/dx - 1|^2 of a net of one number, as the losses of physics do."""
    net, x = mlp(1, 6, 1), drawn(20, 1, seed=3)

    def residual(module, batch):
        x = batch.clone().requires_grad_(True)
        with torch.enable_grad():
            slope = torch.autograd.grad(module(x).sum(), x, create_graph=True)[0]
        return (slope - 1.0).square().sum(1)

    def careless(module, batch):
        x = batch.clone().requires_grad_(True)
        return (torch.autograd.grad(module(x).sum(), x, create_graph=True)[0] - 1.0).square().sum(1)

    for loss in (residual, careless):
        found = landscape(loss, net, x, points=5, tolerance=0.0)
        there = found.directions.at(torch.stack([found.x[0], found.y[3]])[None])[0]
        w1, b1, w2 = there[:6], there[6:12], there[12:18]
        slopes = ((1 - torch.tanh(x * w1 + b1).square()) * w1 * w2).sum(1)  # u' of a tanh net, by hand
        assert float(found.loss[3, 0]) == pytest.approx(float((slopes - 1.0).square().mean()), rel=1e-12)
        known = torch.linalg.eigvalsh(differenced_hessian(loss, net, x)).flip(0)[:2]
        torch.testing.assert_close(
            spectrum(loss, net, x, k=2, tolerance=1e-4).eigenvalues, known, rtol=1e-6, atol=0
        )


def test_out_of_memory_halves_the_chunk_goes_on_and_says_so(monkeypatch):
    """Memory for 5 at a time: 64, 32, 16 and 8 fail."""
    plane = Plane(squares, mlp(12, 5, 12), BATCH)
    plane.evaluator.by, plane.evaluator.chunk = "vmap", 64
    plain, sizes = FlatLoss.values, []

    def tight(self, points):
        sizes.append(len(points))
        if len(points) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self, points)

    monkeypatch.setattr(FlatLoss, "values", tight)
    *_, found = plane.view(points=9, tolerance=0.0)
    assert "4 losses at a time" in found.note and found.by == "vmap"
    assert sizes[:4] == [24, 16, 8, 4] or sizes[:5] == [24, 24, 16, 8, 4]
    monkeypatch.undo()
    known = landscape(squares, plane.flat.module, BATCH, found.directions, points=9, tolerance=0.0)
    torch.testing.assert_close(found.loss, known.loss, rtol=1e-10, atol=0)


def trains(module, batch):
    with torch.no_grad():
        next(module.parameters()).mul_(0.9)
    return squares(module, batch)


def trains_in_secret(module, batch):
    next(module.parameters()).data.mul_(0.9)
    return squares(module, batch)


@pytest.mark.parametrize("act", [landscape, spectrum])
@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (
            lambda m, b: (m(b[0]) - b[1]).square(),
            r"scalar tensor or one value per sample \[n\]; got \[10, 12\]",
        ),
        (lambda m, b: 3.0, "got float"),
        (lambda m, b: torch.tensor(3), r"got \[\]"),
        (lambda m, b: squares(m, b)[:0], r"got \[0\]"),
        (lambda m, b: dropout(squares(m, b), 0.5), "the same number twice"),
        (trains, "must leave the module as it is"),
        (trains_in_secret, "must leave the module as it is"),
    ],
)
def test_a_loss_that_cannot_be_is_refused_in_one_sentence(act, loss, sentence):
    net = mlp(12, 5, 12)
    before = snapshot(net)
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match=sentence):
        act(loss, net, BATCH)
    assert torch.equal(state, torch.get_rng_state())
    check_same(before, snapshot(net))


def test_a_module_with_nothing_to_move_is_refused():
    frozen = mlp(12, 5, 12).requires_grad_(False)
    with pytest.raises(ValueError, match="got none"):
        landscape(squares, frozen, BATCH)
    mixed = copy.deepcopy(frozen).requires_grad_(True)
    mixed[0].float()
    with pytest.raises(ValueError, match=r"torch.float32 on cpu, torch.float64 on cpu"):
        spectrum(squares, mixed, BATCH)
    graph = Weights(torch.ones(2))
    graph.kept = graph.w0 * 2
    with pytest.raises(ValueError, match="can be copied"):
        spectrum(squares, graph, BATCH)


def test_dropout_in_eval_mode_and_classifiers_pass():
    net = built(lambda: nn.Sequential(nn.Linear(12, 6), nn.Dropout(0.5), nn.ReLU(), nn.Linear(6, 4))).eval()
    labels = torch.arange(10) % 4
    found = landscape(entropy, net, (BATCH[0], labels), points=9)
    assert found.ended and bool(found.loss.isfinite().all())
    with pytest.raises(ValueError, match="dropout into eval mode"):
        landscape(entropy, net.train(), (BATCH[0], labels))


class Counting(nn.Module):
    """Its answer grows with the calls it has had, kept in buffers: one written into, one replaced."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(12, 12)
        self.register_buffer("written", torch.zeros(1, dtype=torch.float64))
        self.register_buffer("replaced", torch.zeros(1, dtype=torch.float64))

    def forward(self, x):
        self.written += 1
        self.replaced = self.replaced + 1
        return self.layer(x) * self.written * self.replaced


def test_buffers_are_put_back_after_each_evaluation():
    net = built(Counting)
    found = landscape(squares, net, BATCH, points=5, tolerance=0.0)
    corner = found.directions.at(torch.stack([found.x[0], found.y[0]])[None])[0]
    assert float(found.loss[0, 0]) == pytest.approx(directly(squares, net, BATCH, corner), rel=1e-11)
    known = torch.linalg.eigvalsh(differenced_hessian(squares, net, BATCH)).flip(0)[:2]
    torch.testing.assert_close(spectrum(squares, net, BATCH, k=2).eigenvalues, known, rtol=1e-4, atol=0)
    assert (float(net.written), float(net.replaced)) == (0.0, 0.0)
