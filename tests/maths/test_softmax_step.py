"""The radius of a module's step: against linear nets, torch's own losses, autograd, and what must stay untouched."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from explorer.maths.softmax.step import step_radius

INF, NAN = math.inf, math.nan


def generator(seed):
    return torch.Generator().manual_seed(seed)


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=generator(seed), dtype=dtype)


def filled(module, seed=0, dtype=torch.float64):
    """A module with drawn parameters; the global seed is left alone by the test's own fork."""
    module = module.to(dtype)
    source = generator(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            fan = math.prod(parameter.shape[1:]) or 1
            parameter.copy_(
                torch.randn(parameter.shape, generator=source, dtype=torch.float64) / math.sqrt(fan)
            )
    return module


def built(make, seed=0, dtype=torch.float64):
    with torch.random.fork_rng():
        return filled(make(), seed, dtype)


def linear(dtype=torch.float64):
    return built(lambda: nn.Linear(6, 4), 1, dtype)


def net(dtype=torch.float64):
    return built(lambda: nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 4)), 1, dtype)


def a_step(module, size=0.3, seed=9):
    source = generator(seed)
    return {
        name: size * torch.randn(p.shape, generator=source, dtype=torch.float64).to(p.dtype)
        for name, p in module.named_parameters()
    }


def labels(n, k=4, seed=4):
    return torch.randint(0, k, (n,), generator=generator(seed))


def moved(module, step, scale=1.0):
    """The true logits after a part of the step, by plain assignment."""
    before = {name: p.detach().clone() for name, p in module.named_parameters()}

    def ask(x):
        with torch.no_grad():
            for name, p in module.named_parameters():
                p.copy_(before[name] + scale * step.get(name, torch.zeros_like(p)))
            out = module(x)
            for name, p in module.named_parameters():
                p.copy_(before[name])
        return out

    return ask


def test_a_linear_net_moves_as_its_jvp_says():
    module, x = linear(), draw(20, 6)
    step = a_step(module)
    by_jvp, by_secant = (step_radius(module, x, step, labels(20), by=by) for by in ("jvp", "secant"))
    assert (by_jvp.by, by_secant.by) == ("jvp", "secant")
    torch.testing.assert_close(by_jvp.r, by_secant.r, rtol=1e-12, atol=1e-14)
    change = x @ step["weight"].T + step["bias"]
    expected = (change.amax(1) - change.amin(1)) / math.pi
    torch.testing.assert_close(by_jvp.r, expected, rtol=1e-12, atol=0.0)
    assert by_jvp.binding == int(expected.argmax())
    assert by_jvp.r_max == pytest.approx(float(expected.max()), rel=1e-12)
    for part, found in ((0.99, by_jvp.r_99), (0.5, by_jvp.r_50)):
        assert found == pytest.approx(float(torch.quantile(expected, part)), rel=1e-12)


LOSSES = {
    "plain": nn.CrossEntropyLoss(),
    "smoothed": nn.CrossEntropyLoss(label_smoothing=0.2),
    "weighted": nn.CrossEntropyLoss(weight=torch.tensor([0.5, 2.0, 1.0, 3.0], dtype=torch.float64)),
    "both": nn.CrossEntropyLoss(
        weight=torch.tensor([0.5, 2.0, 1.0, 3.0], dtype=torch.float64), label_smoothing=0.1
    ),
    "ignoring": nn.CrossEntropyLoss(ignore_index=2),
    "ignoring all but": nn.CrossEntropyLoss(ignore_index=-100),
    "summed": nn.CrossEntropyLoss(reduction="sum", label_smoothing=0.1),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("chunk", [1024, 7])
def test_losses_slope_and_bend_are_those_of_torch(name, chunk):
    """On a linear net the linearised loss is the loss, g minus its derivative and kappa its second derivative."""
    module, x, y, loss = linear(), draw(20, 6), labels(20), LOSSES[name]
    if name == "ignoring all but":
        y[::3] = -100
    step = a_step(module)
    at = (0.0, 0.5, 1.0, 3.0)
    told = step_radius(module, x, step, y, loss=loss, at=at, chunk=chunk)
    true = [float(loss(moved(module, step, t)(x), y)) for t in at]
    assert told.losses.tolist() == pytest.approx(true, rel=1e-12)
    z = module(x).detach()
    change = moved(module, step)(x) - z
    t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(loss(z + t * change, y), t, create_graph=True)
    (bend,) = torch.autograd.grad(slope, t)
    slope = slope.detach()
    assert told.g == pytest.approx(-float(slope), rel=1e-11)
    assert told.kappa == pytest.approx(float(bend), rel=1e-11)
    assert told.parabola == pytest.approx(-2 * float(slope) / float(bend), rel=1e-10)


def test_soft_targets_are_those_of_torch():
    module, x, loss = linear(), draw(20, 6), nn.CrossEntropyLoss(label_smoothing=0.1)
    q = torch.softmax(draw(20, 4, seed=5), dim=1)
    step = a_step(module)
    told = step_radius(module, x, step, q, loss=loss, at=(0.0, 2.0))
    assert told.losses.tolist() == pytest.approx(
        [float(loss(moved(module, step, t)(x), q)) for t in (0, 2)], rel=1e-12
    )


def test_a_sigmoid_has_a_radius_for_each_logit():
    module, x = linear(), draw(20, 6)
    loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 2.0, 3.0, 0.5], dtype=torch.float64))
    y, step = (draw(20, 4, seed=3) > 0).double(), a_step(module)
    told = step_radius(module, x, step, y, loss=loss, at=(0.0, 1.0))
    z = module(x).detach()
    a = moved(module, step)(x) - z
    torch.testing.assert_close(told.r, a.abs().flatten() / math.pi, rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(
        told.radius.exact,
        (torch.hypot(z, torch.full_like(z, math.pi)) / a.abs()).flatten(),
        rtol=1e-9,
        atol=0.0,
    )
    assert told.losses.tolist() == pytest.approx([float(loss(z, y)), float(loss(z + a, y))], rel=1e-12)


def test_what_changes_no_singularity_changes_no_radius():
    module, x, y = net(), draw(12, 6), labels(12)
    step = a_step(module)
    plain = step_radius(module, x, step, y)
    for loss in (LOSSES["smoothed"], LOSSES["weighted"], LOSSES["both"]):
        assert torch.equal(step_radius(module, x, step, y, loss=loss).r, plain.r)
    assert torch.equal(step_radius(module, x, step).r, plain.r)


def test_temperature_divides_the_bound_and_hardly_the_radius_of_a_confident_pair():
    module = built(lambda: nn.Linear(1, 2), 0)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[60.0], [0.0]]))
        module.bias.zero_()
    step = {"weight": torch.tensor([[-2.0], [0.0]], dtype=torch.float64)}
    x = torch.ones(1, 1, dtype=torch.float64)
    for temperature in (0.5, 1.0, 4.0):
        told = step_radius(module, x, step, temperature=temperature)
        assert told.rho == pytest.approx(math.pi * temperature / 2, rel=1e-12)
        assert float(told.radius.exact) == pytest.approx(math.hypot(60, math.pi * temperature) / 2, rel=1e-9)


def test_a_soft_cap_adds_its_poles():
    module, x = linear(), draw(9, 6)
    step, cap = a_step(module), 3.0
    told = step_radius(module, x, step, soft_cap=cap)
    z = module(x).detach()
    a = moved(module, step)(x) - z
    poles = (z.square() + (math.pi * cap / 2) ** 2).sqrt() / a.abs()
    logits, speeds = torch.func.jvp(
        lambda t: cap * torch.tanh((z + t * a) / cap), (torch.zeros(()).double(),), (torch.ones(()).double(),)
    )
    expected = torch.maximum((speeds.amax(1) - speeds.amin(1)) / math.pi, 1 / poles.amin(1))
    torch.testing.assert_close(told.r, expected, rtol=1e-10, atol=0.0)
    torch.testing.assert_close(told.radius.logits, logits, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("class_dim", [-1, 1])
def test_a_sequence_has_a_radius_for_each_token_that_counts(class_dim):
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(6, 5)

        def forward(self, x):
            out = self.head(x)
            return out if class_dim == -1 else out.transpose(1, 2)

    module, x = built(Tokens), draw(4, 7, 6)
    y = torch.randint(0, 5, (4, 7), generator=generator(2))
    y[1, 3:] = -100
    step = a_step(module)
    told = step_radius(module, x, step, y, class_dim=class_dim, chunk=3)
    change = x @ step["head.weight"].T + step["head.bias"]
    spread = (change.amax(2) - change.amin(2)).flatten() / math.pi
    counted = (y != -100).flatten()
    assert told.places.tolist() == counted.nonzero()[:, 0].tolist() and len(told.r) == 24
    torch.testing.assert_close(told.r, spread[counted], rtol=1e-12, atol=0.0)
    assert told.binding is not None and told.binding_input == told.binding // 7
    z = (module(x) if class_dim == 1 else module(x).transpose(1, 2)).detach()
    assert float(told.losses[0]) == pytest.approx(float(functional.cross_entropy(z, y)), rel=1e-12)


def test_predicted_flips_and_kl_keep_to_what_r_allows():
    """Linear logits: flips are the true ones; a margin above pi r keeps its class; KL stays below (pi r)^2 / 8."""
    module, x, y = linear(), draw(300, 6), labels(300)
    step = a_step(module)
    told = step_radius(module, x, step, y)
    before, after = module(x).detach(), moved(module, step)(x)
    assert torch.equal(told.flips, before.argmax(1) != after.argmax(1))
    top = before.topk(2, dim=1).values
    assert not bool((told.flips & (top[:, 0] - top[:, 1] > math.pi * told.r)).any())
    p, q = before.log_softmax(1), after.log_softmax(1)
    assert bool(((p.exp() * (p - q)).sum(1) <= (math.pi * told.r) ** 2 / 8 + 1e-12).all())


@pytest.mark.parametrize("seed", range(12))
def test_the_certificate_of_descent_holds_on_linear_nets(seed):
    module, x, y = linear(), draw(40, 6, seed=seed), labels(40, seed=seed)
    loss = functional.cross_entropy(module(x), y)
    step = {
        n: -7.0 * g
        for (n, _), g in zip(
            module.named_parameters(), torch.autograd.grad(loss, module.parameters()), strict=True
        )
    }
    loss, told = loss.detach(), step_radius(module, x, step, y)
    assert 0 < told.descent < told.parabola
    for part in (0.3, 0.9, 1.0):
        assert float(functional.cross_entropy(moved(module, step, part * told.descent)(x), y)) < float(loss)
    uphill = step_radius(module, x, {n: -p for n, p in step.items()}, y)
    assert uphill.descent == 0.0


def test_r_below_one_does_not_mean_descent():
    """The conflicting pair of the sheet: logits theta with both labels, r = 0.9, and the loss doubles."""
    module = built(lambda: nn.Linear(1, 2, bias=False))
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[-0.1], [0.0]]))
    x, y = torch.ones(2, 1, dtype=torch.float64), torch.tensor([0, 1])
    step = {"weight": torch.tensor([[0.9 * math.pi], [0.0]], dtype=torch.float64)}
    told = step_radius(module, x, step, y, at=(0.0, 1.0))
    assert told.r_max == pytest.approx(0.9, rel=1e-12)
    assert float(told.losses[0]) == pytest.approx(0.694, abs=5e-4)
    assert float(told.losses[1]) == pytest.approx(1.427, abs=5e-4)


class Everything(nn.Module):
    """Dropout, batch statistics, an attribute of its own, a frozen and a tied weight."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.5)
        self.second = nn.Linear(8, 8)
        self.second.weight.requires_grad_(False)
        self.third = nn.Linear(8, 8)
        self.third.weight = self.second.weight
        self.out = nn.Linear(8, 4)

    def forward(self, x):
        h = self.drop(self.norm(self.first(x)))
        h = functional.dropout(self.third(torch.tanh(self.second(h))), 0.5, training=True)
        return self.out(h)


@pytest.mark.parametrize("by", ["jvp", "secant"])
@pytest.mark.parametrize("training", [True, False])
def test_nothing_is_left_changed(by, training):
    module = built(Everything).train(training)
    module.drop.train(not training)  # a mode of its own
    x, y = draw(10, 6), labels(10)
    functional.cross_entropy(module.norm(module.first(x))[:, :4], y).backward()
    before = {n: v.clone() for n, v in module.state_dict().items()}
    grads = {n: None if p.grad is None else p.grad.clone() for n, p in module.named_parameters()}
    modes = [m.training for m in module.modules()]
    state, fast = torch.random.get_rng_state(), torch.backends.mha.get_fastpath_enabled()
    step_radius(module, x, a_step(module), y, by=by)
    assert all(torch.equal(v, before[n]) for n, v in module.state_dict().items())
    for n, p in module.named_parameters():
        assert (p.grad is None) == (grads[n] is None) and (p.grad is None or torch.equal(p.grad, grads[n]))
    assert [m.training for m in module.modules()] == modes
    assert not module.second.weight.requires_grad and module.out.weight.requires_grad
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.backends.mha.get_fastpath_enabled() == fast


def test_modes_come_back_when_the_module_fails():
    class Failing(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(6, 4)

        def forward(self, x):
            raise KeyError("broken")

    module = built(Failing).train()
    with pytest.raises(KeyError):
        step_radius(module, draw(3, 6), a_step(module))
    assert module.training and module.inner.training


def test_batch_norm_takes_the_statistics_that_the_loss_sees():
    module = built(lambda: nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 4)))
    module[1].running_mean += 3.0
    module[1].running_var *= 9.0
    x, step = draw(30, 6), a_step(module, 1e-4)
    for training in (True, False):
        module.train(training)
        told = step_radius(module, x, step, chunk=8)
        ends = []
        for sign in (1.0, -1.0):
            copy = built(lambda: nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 4)))
            copy.load_state_dict(module.state_dict())
            copy.train(training)
            ends.append(moved(copy, step, sign)(x))
        change = (ends[0] - ends[1]) / 2
        torch.testing.assert_close(told.r, (change.amax(1) - change.amin(1)) / math.pi, rtol=1e-5, atol=0.0)


def test_tied_weights_move_once_and_absent_names_not_at_all():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(4, 4, bias=False)
            self.b = nn.Linear(4, 4, bias=False)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(torch.tanh(self.a(x)))

    module, x = built(Tied), draw(5, 4)
    p = 1e-5 * draw(4, 4, seed=3)
    change = moved(module, {"a.weight": p}, 0.5)(x) - moved(module, {"a.weight": p}, -0.5)(x)
    for name in ("a.weight", "b.weight"):
        told = step_radius(module, x, {name: p})
        torch.testing.assert_close(told.r, (change.amax(1) - change.amin(1)) / math.pi, rtol=1e-6, atol=0.0)
    assert step_radius(module, x, {}).r_max == 0.0


def test_no_displacement_has_no_radius_to_cross():
    module, x, y = net(), draw(5, 6), labels(5)
    told = step_radius(module, x, {n: torch.zeros_like(p) for n, p in module.named_parameters()}, y)
    assert (told.r_max, told.rho, told.g, told.kappa, told.status) == (0.0, INF, 0.0, 0.0, "ok")


def test_a_jvp_is_as_good_for_steps_beyond_the_range_of_its_type():
    """A power of two keeps tangents in range, in half precision too; a JVP is linear."""
    module, x = net(torch.float32), draw(8, 6, dtype=torch.float32)
    plain = step_radius(module, x, a_step(module))
    for power in (-110, 90):
        told = step_radius(module, x, {n: p * 2.0**power for n, p in a_step(module).items()})
        assert told.r_max == pytest.approx(plain.r_max * 2.0**power, rel=1e-5)
    for dtype, digits in ((torch.float16, 4e-3), (torch.bfloat16, 3e-2)):
        small = step_radius(net(dtype), x.to(dtype), {n: p.to(dtype) for n, p in a_step(module).items()})
        assert small.r_max == pytest.approx(plain.r_max, rel=digits)
        assert isinstance(small.r_max, float) and small.r.dtype == torch.float64


@pytest.mark.parametrize("bad", [NAN, INF])
def test_a_step_that_is_not_finite_has_a_radius_of_nan(bad):
    module, x, y = net(), draw(5, 6), labels(5)
    step = a_step(module)
    step["2.bias"][1] = bad
    told = step_radius(module, x, step, y)
    assert math.isnan(told.r_max) and math.isnan(told.rho) and math.isnan(told.descent)
    assert told.status == "NaN" and "must not be taken" in told.text


def test_a_nan_sample_is_the_one_that_binds():
    module, x = net(), draw(5, 6)
    x[3, 0] = NAN
    told = step_radius(module, x, a_step(module), labels(5))
    assert math.isnan(told.r_max) and math.isnan(told.r_50) and told.binding == 3 and told.status == "NaN"


def test_masked_classes_are_not_there():
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(6, 4)

        def forward(self, x):
            return self.inner(x).masked_fill(torch.tensor([False, True, False, False]), -INF)

    module, x = built(Masked), draw(10, 6)
    step, y = a_step(module), torch.tensor([0, 2, 3, 0, 2, 3, 0, 2, 3, 0])
    told = step_radius(module, x, step, y)
    change = (x @ step["inner.weight"].T + step["inner.bias"])[:, [0, 2, 3]]
    torch.testing.assert_close(told.r, (change.amax(1) - change.amin(1)) / math.pi, rtol=1e-12, atol=0.0)
    assert float(told.losses[0]) == pytest.approx(
        float(functional.cross_entropy(module(x).detach(), y)), rel=1e-12
    )


def test_rows_without_weight_are_dropped_and_none_left_is_said():
    module, x, y = linear(), draw(6, 6), torch.tensor([0, 1, 2, 3, 0, 1])
    step = a_step(module)
    loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 0.0, 1.0, 1.0], dtype=torch.float64))
    assert step_radius(module, x, step, y, loss=loss).places.tolist() == [0, 2, 3, 4]
    for inputs, targets in ((x, torch.full((6,), -100)), (x[:0], y[:0])):
        told = step_radius(module, inputs, step, targets)
        assert (told.status, told.r_max, told.rho, told.binding) == ("no rows", 0.0, INF, None)
        assert "nothing was asked" in told.text


def test_mean_squared_error_is_not_applicable_and_never_safe():
    told = step_radius(linear(), draw(5, 6), a_step(linear()), loss=nn.MSELoss())
    assert told.status == "not applicable" and math.isnan(told.r_max)
    assert "does not mean that the step is safe" in told.text


@pytest.mark.parametrize(("dtype", "margin"), [(torch.float32, 17.0), (torch.float16, 8.0)])
def test_absorbed_labels_are_counted_beside_an_r_of_nearly_nothing(dtype, margin):
    """Softmax collapse, at margins of about 16.6 in float32 and 7.6 in float16."""
    module = built(lambda: nn.Linear(2, 2, bias=False), 0, dtype)
    with torch.no_grad():
        module.weight.copy_(torch.eye(2))
    y = torch.tensor([0, 0])
    x = torch.tensor([[margin, 0.0], [margin - 1.5, 0.0]], dtype=dtype)
    told = step_radius(module, x, {}, y)
    assert told.absorbed == 0.5
    if dtype == torch.float32:
        assert float(functional.cross_entropy(module(x[:1]).detach(), y[:1])) == 0.0


class Attending(nn.Module):
    """Attention through torch's fused kernel."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(8, 24)
        self.out = nn.Linear(8, 4)

    def forward(self, x):
        q, k, v = self.mix(x).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        return self.out(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2).mean(1))


def centred(module, x, step, width=1e-4):
    return (moved(module, step, width)(x) - moved(module, step, -width)(x)) / (2 * width)


@pytest.mark.parametrize("kind", ["fused", "layer"])
def test_attention_keeps_its_forward_derivative(kind):
    make = {
        "fused": Attending,
        "layer": lambda: nn.Sequential(
            nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True),
            nn.Flatten(),
            nn.Linear(40, 4),
        ),
    }[kind]
    module, x = built(make).eval(), draw(6, 5, 8)
    step = a_step(module, 0.1)
    told = step_radius(module, x, step)
    assert told.by == "jvp"
    change = centred(module, x, step)
    torch.testing.assert_close(told.r, (change.amax(1) - change.amin(1)) / math.pi, rtol=1e-5, atol=0.0)


def test_what_has_no_forward_derivative_is_asked_at_both_ends_and_says_so():
    class Leaving(torch.autograd.Function):
        @staticmethod
        def forward(context, x):
            return x.clone()

        @staticmethod
        def backward(context, gradient):
            return gradient

    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(6, 4)

        def forward(self, x):
            return Leaving.apply(self.inner(x))

    module, x = built(Odd), draw(9, 6)
    step = a_step(module)
    told = step_radius(module, x, step, chunk=4)
    assert told.by == "secant"
    change = x @ step["inner.weight"].T + step["inner.bias"]
    torch.testing.assert_close(told.r, (change.amax(1) - change.amin(1)) / math.pi, rtol=1e-12, atol=0.0)


def test_chunks_inputs_by_name_and_records_give_one_answer():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(6, 4)

        def forward(self, x, scale, shift=0.0):
            class Output:
                logits = self.inner(x) * scale[:, None] + shift

            return Output()

    module, x, scale = built(Named), draw(11, 6), draw(11, seed=8)
    step, y = a_step(module), labels(11)
    plain = step_radius(module, (x, scale), step, y)
    other = step_radius(module, {"x": x, "scale": scale, "shift": 2.0}, step, y, chunk=3)
    torch.testing.assert_close(plain.r, other.r, rtol=1e-12, atol=0.0)
    assert plain.g == pytest.approx(other.g, rel=1e-11) and plain.binding == other.binding


def test_a_start_elsewhere_is_measured_there():
    module, x, y = net(), draw(9, 6), labels(9)
    step = a_step(module)
    away = {n: p.detach() + 0.2 for n, p in module.named_parameters()}
    told = step_radius(module, x, step, y, start=away)
    other = net()
    other.load_state_dict(away)
    assert torch.equal(told.r, step_radius(other, x, step, y).r)
    assert not torch.equal(told.r, step_radius(module, x, step, y).r)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"displacement": {"wieght": torch.zeros(4, 6)}}, "did you mean 'weight'"),
        ({"displacement": {"weight": torch.zeros(6, 4)}}, r"must be \[4, 6\] like the parameter"),
        ({"targets": torch.tensor([0, 1])}, r"must be \[n, ..\] for the 5 inputs"),
        ({"targets": torch.tensor([0, 1, 2, 3, 4])}, "labels must lie from 0 to 3"),
        ({"temperature": 0.0}, "`temperature` must be a positive number"),
        ({"soft_cap": -1.0}, "`soft_cap` must be a positive number"),
        ({"by": "magic"}, "must be one of the known names"),
        ({"chunk": 0}, "`chunk` must be a whole number"),
        ({"inputs": 3.0}, "`inputs` must be a tensor"),
    ],
)
def test_misuse_is_answered_in_a_sentence(change, sentence):
    given = {"inputs": draw(5, 6), "displacement": {}, "targets": None} | change
    with pytest.raises(ValueError, match=sentence):
        step_radius(linear(), **given)
