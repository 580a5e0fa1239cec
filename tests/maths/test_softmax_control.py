"""An optimiser under radius control: what it lets through, what it takes back, and what survives a spike."""

import math
from itertools import pairwise

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from explorer.maths.softmax.control import RadiusControl, part_of
from explorer.maths.softmax.step import step_radius

INF, NAN = math.inf, math.nan


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def net(seed=0, sizes=(6, 16, 4), act=nn.Tanh):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
        parts = [part for layer in layers[:-1] for part in (layer, act())]
        return nn.Sequential(*parts, layers[-1])


def batch(n=20, seed=0):
    return draw(n, 6, seed=seed), torch.randint(0, 4, (n,), generator=torch.Generator().manual_seed(seed))


def values(module):
    return {name: p.detach().clone() for name, p in module.named_parameters()}


def backward(module, x, y):
    module.zero_grad()
    loss = functional.cross_entropy(module(x), y)
    loss.backward()
    return loss


MAKERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
}


@pytest.mark.parametrize("name", MAKERS)
def test_short_steps_are_the_optimisers_own_to_the_bit(name):
    plain, held = net(), net()
    x, y = batch()
    optimizer = MAKERS[name](plain.parameters())
    control = RadiusControl(MAKERS[name](held.parameters()), held, r_max=50.0)
    for _ in range(25):
        backward(plain, x, y)
        optimizer.step()
        backward(held, x, y)
        control.step(x)
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), held.parameters(), strict=True))
    assert control.log == [] and 2 <= control.measured <= 5 and control.scale == 1.0


@pytest.mark.parametrize("name", MAKERS)
def test_a_long_step_is_cut_to_the_limit_in_its_own_direction(name):
    module, (x, y) = net(), batch()
    before = values(module)
    whole = net()
    backward(whole, x, y)
    optimizer = MAKERS[name](whole.parameters())
    optimizer.param_groups[0]["lr"] = 40.0
    optimizer.step()
    long = {n: p - before[n] for n, p in values(whole).items()}
    r = step_radius(module, x, long).r_max
    assert r > 2.0
    inner = MAKERS[name](module.parameters())
    inner.param_groups[0]["lr"] = 40.0
    control = RadiusControl(inner, module, r_max=0.5)
    backward(module, x, y)
    control.step(x)
    for n, p in values(module).items():
        torch.testing.assert_close(p - before[n], long[n] * (0.5 / r), rtol=1e-3, atol=1e-5)
    taken = {n: p - before[n] for n, p in values(module).items()}
    assert step_radius(module, x, taken, start=before).r_max == pytest.approx(0.5, rel=1e-4)
    (event,) = control.log
    assert (event.step, event.kind, event.by) == (1, "capped", "jvp")
    assert event.r == pytest.approx(r, rel=1e-5) and event.scale == pytest.approx(0.5 / r, rel=1e-5)


def test_the_part_of_a_step_is_nothing_for_nan():
    """The trap: Python's min(1.0, nan) is 1.0, an uncontrolled step."""
    assert min(1.0, NAN) == 1.0
    found = [part_of(r, 1.0) for r in (NAN, INF, 0.0, 1.0, 4.0, -0.0)]
    assert found == [0.0, 0.0, 1.0, 1.0, 0.25, 1.0]


@pytest.mark.parametrize("mode", ["cap", "alarm"])
@pytest.mark.parametrize("bad", [NAN, INF])
def test_a_gradient_that_is_not_finite_skips_the_step_and_spares_the_memory(mode, bad):
    module, (x, y) = net(), batch()
    control = RadiusControl(MAKERS["adamw"](module.parameters()), module, mode=mode, r_max=50.0)
    backward(module, x, y)
    control.step(x)
    before = values(module)
    backward(module, x, y)
    next(module.parameters()).grad[0, 0] = bad
    control.step(x)
    assert all(torch.equal(p, before[n]) for n, p in module.named_parameters())
    assert [(e.step, e.kind, e.scale) for e in control.log] == [(2, "skipped", 0.0)] and math.isnan(control.r)
    backward(module, x, y)
    control.step(x)
    after = values(module)
    assert all(bool(p.isfinite().all()) for p in after.values())
    assert control.scale == 1.0 and 0 < control.r < INF
    assert not torch.equal(after["0.weight"], before["0.weight"])


@pytest.mark.parametrize("mode", ["cap", "alarm"])
def test_a_radius_of_nan_skips_the_step(mode):
    module, (x, y) = net(), batch()
    control = RadiusControl(MAKERS["sgd"](module.parameters()), module, mode=mode)
    before = values(module)
    backward(module, x, y)
    poisoned = x.clone()
    poisoned[3, 2] = NAN
    control.step(poisoned)
    assert all(torch.equal(p, before[n]) for n, p in module.named_parameters())
    assert control.log[0].kind == "skipped" and control.scale == 0.0


@pytest.mark.parametrize("mode", ["cap", "alarm"])
def test_an_optimiser_that_makes_a_nan_is_taken_back(mode):
    class Broken(torch.optim.SGD):
        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.fill_(NAN)

    module, (x, y) = net(), batch()
    control = RadiusControl(Broken(module.parameters(), lr=1.0), module, mode=mode)
    before = values(module)
    backward(module, x, y)
    control.step(x)
    assert all(torch.equal(p, before[n]) for n, p in module.named_parameters())
    assert control.log[0].kind == "skipped" and math.isnan(control.log[0].r)


def test_an_alarm_tells_and_lets_through():
    module, (x, y) = net(), batch()
    control = RadiusControl(torch.optim.SGD(module.parameters(), lr=100.0), module, mode="alarm")
    before = values(module)
    backward(module, x, y)
    grads = [p.grad.clone() for p in module.parameters()]
    control.step(x)
    for (n, p), g in zip(module.named_parameters(), grads, strict=True):
        torch.testing.assert_close(p.detach(), before[n] - 100.0 * g)
    assert control.log[0].kind == "alarm" and control.log[0].r > 1 and control.scale == 1.0


def test_a_lazy_control_measures_a_spike_at_once():
    module, (x, y) = net(), batch()
    inner = torch.optim.SGD(module.parameters(), lr=0.01)
    control = RadiusControl(inner, module)
    for i in range(40):
        inner.param_groups[0]["lr"] = 1e3 if i in (13, 27) else 0.01
        backward(module, x, y)
        control.step(x)
        assert control.scale * control.r <= 1.0 + 1e-9
    assert {e.step for e in control.log} == {14, 28}
    assert control.measured < 15


@pytest.mark.parametrize(
    ("what", "is_met"),
    [("nothing", False), ("rate", True), ("tensor rate", True), ("decay", True), ("gradient", True)],
)
def test_in_deep_calm_steps_pass_unfollowed_until_what_makes_them_changes(monkeypatch, what, is_met):
    module, (x, y) = net(), batch()
    rate = torch.tensor(0.01) if what == "tensor rate" else 0.01
    inner = torch.optim.SGD(module.parameters(), lr=rate)
    control, followed = RadiusControl(inner, module), []
    length = control._trail.length
    monkeypatch.setattr(control._trail, "length", lambda: followed.append(control.steps) or length())
    group = inner.param_groups[0]
    for step in range(1, 11):
        backward(module, x, y)
        if step == 10:
            if what == "rate":
                group["lr"] = 1e5
            if what == "tensor rate":
                group["lr"].fill_(1e5)
            if what == "decay":
                group["weight_decay"] = 1e5
            if what == "gradient":
                for p in module.parameters():
                    p.grad *= 1e5
        control.step(x)
    # The first measures, and r is known: so short a step has room to grow tenfold.
    assert followed == [1, 10][: 2 if is_met else 1]
    assert (control.scale < 1) == is_met and bool(control.log) == is_met


@pytest.mark.parametrize("momentum", [0.9, 0.99])
@pytest.mark.parametrize("first", [0.06, 0.15, 0.3, 0.45])
def test_a_memory_that_fills_up_does_not_carry_unfollowed_steps_beyond_the_limit(momentum, first):
    """Along one gradient steps of a cold momentum grow to ten, or a hundred, times the first."""
    module, (x, y) = net(), batch()
    backward(module, x, y)
    step = {n: -p.grad for n, p in module.named_parameters()}
    slow = 1e-3  # the limit moves, not the step: the net stays nearly where it is
    limit = step_radius(module, x, step).r_max * slow / first
    inner = torch.optim.SGD(module.parameters(), lr=slow, momentum=momentum)
    control = RadiusControl(inner, module, r_max=limit)
    for _ in range(120):
        before = values(module)
        backward(module, x, y)
        control.step(x)
        taken = {n: p - before[n] for n, p in values(module).items()}
        assert step_radius(module, x, taken, start=before).r_max <= 1.001 * limit
    assert any(event.kind == "capped" for event in control.log) or first / (1 - momentum) < 1


def test_where_r_has_room_looks_grow_rare():
    module, (x, y) = net(), batch()
    control, looks = RadiusControl(torch.optim.SGD(module.parameters(), lr=1e-3), module), []
    for step in range(1, 300):
        backward(module, x, y)
        before = control.measured
        control.step(x)
        looks += [step] * (control.measured - before)
    assert looks == [1, 11, 51, 211]


@pytest.mark.parametrize(
    ("r", "wait"),
    [(0.1, 80), (0.15, 80), (0.2, 40), (0.3, 20), (0.4, 10), (0.9, 10), (math.nan, 10)],
)
def test_the_next_wait_is_as_long_as_r_may_outgrow_its_guess_again(r, wait):
    """The guess was 0.1, the limit is 1, and the last wait was 20 steps."""
    module = net()
    control = RadiusControl(torch.optim.SGD(module.parameters(), lr=1e-3), module)
    control._rate, control._wait, control.r = 0.1, 20, r
    control._learn(1.0)
    assert control._wait == wait


def test_an_eager_control_measures_every_step_and_an_accurate_r():
    module, (x, y) = net(), batch()
    control = RadiusControl(MAKERS["adamw"](module.parameters()), module, lazy=False, r_max=50.0)
    for _ in range(5):
        before = values(module)
        backward(module, x, y)
        control.step(x)
        taken = {n: p - before[n] for n, p in values(module).items()}
        assert control.r == step_radius(module, x, taken, start=before).r_max
    assert control.measured == 5


def test_few_rows_keep_the_worst_in_sight():
    """One input of 64 moves its logits a hundred times as far as the others."""
    module = net()
    x, y = batch(64)
    x[37] *= 100.0
    control = RadiusControl(MAKERS["sgd"](module.parameters()), module, lazy=False, rows=8, r_max=1e9)
    found = []
    for _ in range(30):
        backward(module, x, y)
        control.step(x)
        found.append(37 in control._chosen(x, 8).tolist())
    assert any(found)
    first = found.index(True)
    assert all(found[first:])
    assert len(control.last.r) == 8


def test_in_calm_the_secant_is_looked_at_and_no_step_is_cut_on_its_word():
    """It is that of the step itself, over all inputs; the spike's r is the product's."""
    x, y = batch(64)
    x[37] *= 100.0
    module = net(sizes=(6, 8, 4))
    inner = torch.optim.SGD(module.parameters(), lr=1e-4)
    control = RadiusControl(inner, module)
    for _ in range(11):  # the first is the product's; ten steps later it is looked at again
        backward(module, x, y)
        before = values(module)
        control.step(x)
    assert control.measured == 2
    taken = {n: p - before[n] for n, p in values(module).items()}
    by_secant = step_radius(module, x, taken, start=before, by="secant")
    assert control.last.by == "secant" and control.log == []
    assert control.r == pytest.approx(by_secant.r_max, rel=1e-4) and control.last.binding == 37
    inner.param_groups[0]["lr"] = 1e3
    backward(module, x, y)
    before = values(module)
    control.step(x)
    assert len(control.last.r) == 64 and control.last.binding == 37
    (event,) = control.log
    taken = {n: p - before[n] for n, p in values(module).items()}
    assert (event.kind, event.by) == ("capped", "jvp")
    assert step_radius(module, x, taken, start=before).r_max == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize(("part", "by"), [(0.5, "secant"), (0.9, "jvp")])
def test_where_the_secant_comes_near_the_limit_the_product_is_asked(part, by):
    """Of steps that are equally long, for a limit that r is a part of."""
    module, (x, y) = net(), batch(16)
    inner = torch.optim.SGD(module.parameters(), lr=1e-3)
    probe = RadiusControl(inner, module, lazy=False)
    backward(module, x, y)
    probe.step(x)
    control = RadiusControl(inner, module, r_max=probe.r / part, every=2)
    for _ in range(3):
        backward(module, x, y)
        control.step(x)
    assert control.measured >= 2 and control.last.by == by and control.log == []


def test_the_secant_is_not_asked_of_numbers_with_too_few_digits():
    module, (x, y) = net().to(torch.bfloat16), batch(16)
    control = RadiusControl(torch.optim.SGD(module.parameters(), lr=1e-3), module, every=2)
    for _ in range(3):
        backward(module, x.to(torch.bfloat16), y)
        control.step(x.to(torch.bfloat16))
    assert control.measured >= 2 and control.last.by == "jvp"


def test_a_lazy_control_survives_the_spikes_that_an_eager_one_survives():
    """Single and lasting spikes of ten to ten thousand times the learning rate: all scales stay finite, r within 1."""
    for times in (10.0, 1e4):
        for last in (21, 40):
            ends = {}
            for lazy in (True, False):
                module, (x, y) = net(), batch(40, seed=3)
                inner = torch.optim.Adam(module.parameters(), lr=1e-2)
                control = RadiusControl(inner, module, lazy=lazy)
                for i in range(40):
                    inner.param_groups[0]["lr"] = 1e-2 * (times if 20 <= i < last else 1.0)
                    before = values(module)
                    backward(module, x, y)
                    control.step(x)
                    taken = {n: p - before[n] for n, p in values(module).items()}
                    if i >= 18:
                        r = step_radius(module, x, taken, start=before).r_max
                        assert r <= 1.0 + 1e-4, (times, lazy, i)
                ends[lazy] = float(backward(module, x, y).detach())
            assert ends[True] == pytest.approx(ends[False], rel=0.2)


def test_weights_reach_the_measurement():
    module, (x, y) = net(), batch(40)
    x[5] *= 100.0
    weights = torch.ones(40)
    weights[5] = 0.0
    control = RadiusControl(MAKERS["sgd"](module.parameters()), module, lazy=False, r_max=1e9)
    backward(module, x, y)
    control.step(x, y, weights=weights)
    assert control.last.places.tolist() == [i for i in range(40) if i != 5]


def test_a_quantile_lets_one_row_in_a_hundred_pass():
    x, y = batch(200)
    x[5] *= 30.0
    scales = {}
    for quantile in (1.0, 0.9):
        held = net()
        control = RadiusControl(torch.optim.SGD(held.parameters(), lr=30.0), held, quantile=quantile)
        backward(held, x, y)
        control.step(x)
        scales[quantile] = control.scale
        assert control.scale == pytest.approx(1.0 / control.last.quantile(quantile), rel=1e-9)
    assert scales[0.9] > scales[1.0]


def test_descent_keeps_within_its_certificate_too():
    """On a linear net the certificate is a theorem: the loss falls at any learning rate, each step."""
    module = net(sizes=(6, 4))
    x, y = batch(40)
    control = RadiusControl(torch.optim.SGD(module.parameters(), lr=1e3), module, lazy=False, descent=True)
    losses = []
    for _ in range(15):
        losses.append(float(backward(module, x, y).detach()))
        control.step(x, y)
    assert all(b < a for a, b in pairwise(losses))


def test_closures_and_answers_pass_through():
    module, (x, y) = net(), batch()
    control = RadiusControl(torch.optim.LBFGS(module.parameters(), lr=0.5, max_iter=4), module, r_max=0.2)
    before = values(module)
    answer = control.step(x, y, lambda: backward(module, x, y))
    assert float(answer.detach()) == pytest.approx(
        float(functional.cross_entropy(torch.func.functional_call(module, before, (x,)), y))
    )
    taken = {n: p - before[n] for n, p in values(module).items()}
    assert step_radius(module, x, taken, start=before).r_max <= 0.2 * (1 + 1e-4)


def test_a_saved_control_goes_on_as_if_nothing_had_happened(tmp_path):
    x, y = batch()
    module = net()
    control = RadiusControl(MAKERS["adamw"](module.parameters()), module, r_max=0.05)
    for _ in range(7):
        backward(module, x, y)
        control.step(x)
    assert control.log
    torch.save({"control": control.state_dict(), "module": module.state_dict()}, tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    other = net(seed=5)
    again = RadiusControl(MAKERS["adamw"](other.parameters()), other, r_max=0.05)
    again.load_state_dict(state["control"])
    other.load_state_dict(state["module"])
    for _ in range(7):
        for m, c in ((module, control), (other, again)):
            backward(m, x, y)
            c.step(x)
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), other.parameters(), strict=True))
    assert (again.log, again.steps, again.measured) == (control.log, control.steps, control.measured)
    with pytest.raises(ValueError, match="must be a RadiusControl's"):
        again.load_state_dict({})


def test_schedules_and_zero_grad_act_on_the_optimiser():
    module, (x, y) = net(), batch()
    control = RadiusControl(torch.optim.SGD(module.parameters(), lr=1.0), module)
    schedule = torch.optim.lr_scheduler.StepLR(control.optimizer, step_size=1, gamma=0.1)
    backward(module, x, y)
    control.step(x)
    schedule.step()
    assert control.param_groups[0]["lr"] == pytest.approx(0.1)
    control.zero_grad()
    assert all(p.grad is None for p in module.parameters())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"r_max": NAN}, "`r_max` must be a positive number"),
        ({"every": 0}, "`every` must be a whole number"),
        ({"rows": 0}, "`rows` must be a whole number"),
        ({"quantile": 0.0}, "`quantile` must lie above 0"),
        ({"loss": nn.MSELoss()}, "a MSELoss has no softmax radius"),
    ],
)
def test_misuse_is_answered_in_a_sentence(options, sentence):
    module = net()
    with pytest.raises(ValueError, match=sentence):
        RadiusControl(MAKERS["sgd"](module.parameters()), module, **options)
    with pytest.raises(ValueError, match="parameters of `module` only"):
        RadiusControl(MAKERS["sgd"](net().parameters()), module)


def digits(*classes):
    """Images over 16 and labels, or two classes as 0 and 1."""
    images, targets = load_digits(return_X_y=True)
    x, y = torch.tensor(images / 16.0), torch.tensor(targets)
    if not classes:
        return x.float(), y
    chosen = (y == classes[0]) | (y == classes[1])
    return x[chosen], (y[chosen] == classes[1]).double()


@pytest.mark.parametrize(
    ("classes", "rate", "published"),
    [((3, 8), 1e4, 74), ((4, 9), 1e4, 16), ((3, 8), 1.0, 278), ((4, 9), 1.0, 280)],
)
def test_logistic_regression_is_right_far_beyond_the_radius(classes, rate, published):
    """The perceptron limit: with steps of r about 100 the first step without an error comes sooner, as in the sheet."""
    x, y = digits(*classes)
    with torch.random.fork_rng():
        module = nn.Linear(64, 1).double()
    for p in module.parameters():
        nn.init.zeros_(p)
    loss, radii, count = nn.BCEWithLogitsLoss(), [], 0
    while bool(((module(x)[:, 0] > 0) != (y > 0)).any()):
        module.zero_grad()
        loss(module(x)[:, 0], y).backward()
        step = {name: -rate * p.grad for name, p in module.named_parameters()}
        radii.append(step_radius(module, x, step, loss=loss).r_max)
        with torch.no_grad():
            for name, p in module.named_parameters():
                p += step[name]
        count += 1
    assert count == published
    if rate == 1.0:
        assert max(radii) <= 0.76
    else:
        assert 30 < sorted(radii)[len(radii) // 2] < 1000


@pytest.mark.slow
def test_control_survives_a_spike_that_kills_the_plain_run():
    """Row P1 of the sheet at 1e-2: Adam, a thousand times the learning rate from step 50 on; one seed."""
    x, y = digits()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    train, test = order[: int(0.8 * len(x))], order[int(0.8 * len(x)) :]
    reached = {}
    for kind in ("plain", "lazy", "eager"):
        module = net(sizes=(64, 128, 10), act=nn.ReLU)
        inner = torch.optim.Adam(module.parameters(), lr=1e-2)
        control = RadiusControl(
            inner, module, lazy=kind == "lazy", mode="alarm" if kind == "plain" else "cap", every=10
        )
        source = torch.Generator().manual_seed(1)
        for i in range(200):
            inner.param_groups[0]["lr"] = 1e-2 * (1000 if i >= 50 else 1)
            few = train[torch.randint(0, len(train), (64,), generator=source)]
            backward(module, x[few], y[few])
            inner.step() if kind == "plain" else control.step(x[few])
        reached[kind] = float((module(x[test]).argmax(1) == y[test]).double().mean())
    assert reached["plain"] < 0.5
    assert reached["lazy"] > 0.9 and reached["eager"] > 0.9
