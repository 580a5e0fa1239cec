"""The rules for a step's edge cases, one by one, as section 4 of the softmax radius's sheet numbers them: 1 to 5."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from explorer.maths.softmax.control import RadiusControl, part_of
from explorer.maths.softmax.radius import radius
from explorer.maths.softmax.step import step_radius

INF, NAN = math.inf, math.nan


def generator(seed):
    return torch.Generator().manual_seed(seed)


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64).to(dtype)


def filled(module, seed=0):
    with torch.no_grad():
        for i, p in enumerate(module.parameters()):
            p.copy_(0.4 * draw(*p.shape, seed=seed + i))
    return module


def linear(classes=4, dtype=torch.float64):
    with torch.random.fork_rng():
        return filled(nn.Linear(6, classes)).to(dtype)


def steps(module, size=0.3):
    return {n: size * draw(*p.shape, seed=9 + i) for i, (n, p) in enumerate(module.named_parameters())}


def rs(change):
    """r of changes of logits [n, k]: the definition."""
    return (change.amax(1) - change.amin(1)) / math.pi


class From(nn.Module):
    """Logits of a formula in one parameter w, the same for all inputs."""

    def __init__(self, formula, w):
        super().__init__()
        self.formula, self.w = formula, nn.Parameter(torch.tensor(w, dtype=torch.float64))

    def forward(self, x):
        return torch.stack(self.formula(self.w)).expand(len(x), -1)


def controlled(module, x, y, optimizer, **options):
    control = RadiusControl(optimizer, module, **options)
    before = {n: p.detach().clone() for n, p in module.named_parameters()}
    module.zero_grad()
    functional.cross_entropy(module(x), y).backward()
    control.step(x)
    return control, before, {n: p.detach() - before[n] for n, p in module.named_parameters()}


def test_rule_1_speeds_are_those_of_what_was_really_added_to_the_parameters():
    """Adam with decoupled weight decay: neither the gradient nor lr times it."""
    module, x, y = linear(), draw(20, 6), torch.arange(20) % 4
    inner = torch.optim.AdamW(module.parameters(), lr=0.02, weight_decay=0.5)
    control, _, added = controlled(module, x, y, inner, lazy=False, r_max=50.0)
    change = x @ added["weight"].T + added["bias"]
    assert control.r == pytest.approx(float(rs(change).max()), rel=1e-9)


def test_rule_1_no_displacement_is_no_r_and_a_whole_step():
    module, x, y = linear(), draw(20, 6), torch.arange(20) % 4
    control, _, added = controlled(module, x, y, torch.optim.SGD(module.parameters(), lr=0.0))
    assert (control.r, control.scale, control.log) == (0.0, 1.0, [])
    assert all(bool((p == 0).all()) for p in added.values())


@pytest.mark.parametrize("power", [-120, -60, 60, 100])
def test_rule_1_tangents_keep_in_range_by_a_power_of_two(power):
    """Powers of two are exact, so r is the same number times the power, to rounding of float32."""
    module, x = linear(dtype=torch.float32), draw(20, 6, dtype=torch.float32)
    step = {n: p.float() for n, p in steps(module).items()}
    far = {n: torch.ldexp(p, torch.tensor(power)) for n, p in step.items()}
    expected = math.ldexp(step_radius(module, x, step).r_max, power)
    assert step_radius(module, x, far).r_max == pytest.approx(expected, rel=1e-6)


def test_rule_2_a_class_that_is_not_there_is_dropped_even_if_its_slope_is_nan():
    """log(0 w) is minus infinity, and its derivative 0 / 0."""
    module = From(lambda w: [w, torch.log(0 * w), -2 * w], 1.0)
    told = step_radius(module, torch.zeros(3, 1), {"w": torch.tensor(0.5, dtype=torch.float64)})
    assert bool(told.speeds[:, 1].isnan().all())
    assert told.r.tolist() == pytest.approx([1.5 / math.pi] * 3, rel=1e-14)
    assert told.status == "ok"


def test_rule_2_fewer_than_two_classes_or_one_speed_have_no_zero():
    step = {"w": torch.tensor(0.5, dtype=torch.float64)}
    for formula in (lambda w: [w], lambda w: [w, w + 1], lambda w: [w, torch.log(0 * w)]):
        told = step_radius(From(formula, 1.0), torch.zeros(2, 1), step)
        assert (told.r_max, told.rho, told.status) == (0.0, INF, "ok")
        assert bool(told.radius.exact.isinf().all())


def test_rule_2_no_class_at_all_is_nan():
    module = From(lambda w: [torch.log(0 * w), torch.log(0 * w)], 1.0)
    told = step_radius(module, torch.zeros(2, 1), {"w": torch.tensor(0.5, dtype=torch.float64)})
    assert math.isnan(told.r_max) and told.status == "NaN"


def test_rule_3_the_trap_min_of_one_and_nan():
    assert min(1.0, NAN) == 1.0  # what a naive control would do
    assert (part_of(NAN, 1.0), part_of(INF, 1.0), part_of(2.0, 1.0), part_of(0.5, 1.0)) == (
        0.0,
        0.0,
        0.5,
        1.0,
    )


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("nan slope", lambda w: [torch.sqrt(w * w), -w]),  # 0 / 0 at 0
        ("inf slope", lambda w: [torch.sqrt(w + 1e-300) * 0 + torch.sqrt(w), -w]),
    ],
)
@pytest.mark.parametrize("lazy", [True, False])
def test_rule_3_a_slope_that_is_no_number_skips_the_step(name, formula, lazy):
    """And puts every parameter back to the bit: no 0 times inf on the way."""

    class Blind(torch.optim.SGD):
        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p += 0.5

    module, x = From(formula, 0.0), torch.zeros(4, 1)
    control = RadiusControl(Blind(module.parameters(), lr=1.0), module, lazy=lazy)
    control.step(x)
    assert module.w.item() == 0.0 and control.scale == 0.0
    (event,) = control.log
    assert event.kind == "skipped" and math.isnan(event.r) == (name == "nan slope")
    if name == "inf slope":
        assert event.r == INF and control.last.rho == 0.0 and control.last.status == "infinite"


def test_rule_4_ignored_rows_and_rows_of_no_weight_are_dropped():
    """The rows that move most are those left out."""
    module, x, y = linear(), draw(12, 6), torch.arange(12) % 4
    x[3:6] *= 100.0
    step = steps(module)
    change = x @ step["weight"].T + step["bias"]
    kept = torch.tensor([0, 1, 2, *range(6, 12)])
    ignoring, weights = y.clone(), torch.ones(12)
    ignoring[3:6], weights[3:6] = -100, 0.0
    for told in (step_radius(module, x, step, ignoring), step_radius(module, x, step, y, weights=weights)):
        assert told.places.tolist() == kept.tolist()
        torch.testing.assert_close(told.r, rs(change[kept]), rtol=1e-12, atol=0.0)
    assert float(rs(change[kept]).max()) < 0.1 * float(rs(change).max())


@pytest.mark.parametrize("way", ["empty", "ignored", "weightless"])
def test_rule_4_a_batch_of_no_rows_says_so(way):
    module, x, y = linear(), draw(5, 6), torch.zeros(5, dtype=torch.long)
    weights = torch.zeros(5) if way == "weightless" else None
    x, y = (x[:0], y[:0]) if way == "empty" else (x, y)
    told = step_radius(module, x, steps(module), y if way != "ignored" else y - 100, weights=weights)
    assert (told.status, told.rho, told.r_max, told.binding) == ("no rows", INF, 0.0, None)


def test_rule_4_classes_of_one_slope_are_one_class_of_their_joint_weight():
    """Three classes of weight 1 against one: sqrt(ln(3)^2 + pi^2) by the formula for two."""
    z = torch.zeros(1, 4, dtype=torch.float64)
    a = torch.tensor([[0.0, 0.0, 0.0, 2.0]], dtype=torch.float64)
    assert float(radius(z, a).exact) == pytest.approx(math.hypot(math.log(3), math.pi) / 2, rel=1e-13)


def test_rule_5_half_precision_logits_are_measured_in_double_and_told_as_floats():
    module, x = linear(dtype=torch.bfloat16), draw(20, 6, dtype=torch.bfloat16)
    step = {n: p.bfloat16() for n, p in steps(module).items()}
    told = step_radius(module, x, step)
    assert told.r.dtype == told.logits.dtype == torch.float64
    assert all(type(value) is float for value in (told.r_max, told.r_99, told.r_50, told.rho, told.kappa))
    # Differences of the speeds as they came: no rounding to bfloat16 in between.
    assert torch.equal(told.r, rs(told.speeds))
    assert not torch.equal(told.r.bfloat16().double(), told.r)


@pytest.mark.parametrize("size", [1e-12, 1e-200])
def test_rule_5_no_epsilon_biases_small_spreads(size):
    z, a = torch.zeros(1, 2, dtype=torch.float64), torch.tensor([[size, 0.0]], dtype=torch.float64)
    rho = radius(z, a)
    assert float(rho.bound) == math.pi / size
    assert float(rho.exact) == pytest.approx(math.pi / size, rel=1e-12)
