"""Rules 6 to 8 for a step's edge cases: what a module does along the way; see ``test_softmax_rules`` for the others."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from explorer.maths.softmax.step import step_radius


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def filled(module, seed=0):
    with torch.no_grad():
        for i, p in enumerate(module.parameters()):
            p.copy_(0.4 * draw(*p.shape, seed=seed + i))
    return module


def linear(dtype=torch.float64):
    with torch.random.fork_rng():
        return filled(nn.Linear(6, 4)).to(dtype)


def steps(module, size=0.3):
    return {n: size * draw(*p.shape, seed=9 + i) for i, (n, p) in enumerate(module.named_parameters())}


def rs(change):
    """r of changes of logits [n, k]: the definition."""
    return (change.amax(1) - change.amin(1)) / math.pi


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm, self.drop = nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5)
        self.out, self.unused = nn.Linear(8, 4), nn.Linear(3, 3)
        self.again = nn.Linear(8, 8)
        self.tied = nn.Linear(8, 8)
        self.tied.weight = self.again.weight
        self.out.bias.requires_grad_(False)

    def forward(self, x):
        return self.out(self.drop(self.tied(self.again(self.norm(self.first(x))))))


def normed():
    with torch.random.fork_rng():
        return filled(Normed().double(), 3).train()


def test_rule_6_statistics_are_the_batchs_and_the_running_ones_stay():
    """By the formula, written out: batch statistics, no dropout, tied weights moved together, unused ones nowhere."""
    module, x = normed(), draw(16, 6)
    module.norm.running_mean += 5.0
    before = {n: v.clone() for n, v in module.state_dict().items()}
    moving = {n: p for n, p in steps(module, 0.1).items() if n != "out.bias"}

    def logits(t):
        v = {n: before[n] + t * moving.get(n, torch.zeros(())) for n in before}
        h = x @ v["first.weight"].T + v["first.bias"]
        h = (h - h.mean(0)) / (h.var(0, correction=0) + module.norm.eps).sqrt()
        h = h * v["norm.weight"] + v["norm.bias"]
        h = h @ v["again.weight"].T + v["again.bias"]
        h = h @ v["again.weight"].T + v["tied.bias"]
        return h @ v["out.weight"].T + before["out.bias"]

    told = step_radius(module, x, moving)
    width = 1e-5
    expected = rs((logits(width) - logits(-width)) / (2 * width))
    torch.testing.assert_close(told.r, expected, rtol=1e-7, atol=0.0)
    assert all(torch.equal(v, before[n]) for n, v in module.state_dict().items())
    assert module.training and module.drop.training and module.norm.training
    assert module.tied.weight is module.again.weight and isinstance(module.first.weight, nn.Parameter)


def test_rule_6_a_tied_weight_moves_once_under_either_name():
    module, x = normed(), draw(16, 6)
    p = 0.1 * draw(8, 8, seed=5)
    assert torch.equal(
        step_radius(module, x, {"again.weight": p}).r, step_radius(module, x, {"tied.weight": p}).r
    )


def test_rule_6_all_comes_back_when_the_module_fails():
    module = normed()
    own = dict(module.named_parameters())
    with pytest.raises(RuntimeError):
        step_radius(module, draw(4, 5), steps(module))
    assert module.training and module.drop.training
    assert all(p is own[n] for n, p in module.named_parameters())


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix, self.out = nn.Linear(8, 24), nn.Linear(8, 4)

    def forward(self, x):
        q, k, v = self.mix(x).chunk(3, -1)
        return self.out(functional.scaled_dot_product_attention(q, k, v).mean(1))


def test_rule_7_attention_is_differentiated_by_its_plain_formula_and_the_kernels_are_as_before():
    with torch.random.fork_rng():
        module = filled(Attending().double())
    x, step = draw(6, 5, 8), steps(module, 0.05)
    flags = torch.backends.cuda
    reads = (flags.flash_sdp_enabled, flags.mem_efficient_sdp_enabled, flags.math_sdp_enabled)
    before = [read() for read in reads]
    told = step_radius(module, x, step)
    assert told.by == "jvp" and [read() for read in reads] == before
    secant = step_radius(module, x, {n: 1e-5 * p for n, p in step.items()}, by="secant")
    torch.testing.assert_close(told.r, 1e5 * secant.r, rtol=1e-3, atol=0.0)


def test_rule_7_what_has_no_forward_mode_falls_back_to_the_secant_and_says_so():
    class Straight(torch.autograd.Function):
        @staticmethod
        def forward(context, x):
            return x.clone()

    class Opaque(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = linear()

        def forward(self, x):
            return Straight.apply(self.inner(x))

    module, x = Opaque(), draw(7, 6)
    told, step = step_radius(module, x, steps(module)), steps(module)
    assert told.by == "secant"
    change = x @ step["inner.weight"].T + step["inner.bias"]
    torch.testing.assert_close(told.r, rs(change), rtol=1e-11, atol=0.0)


def test_rule_8_in_bfloat16_a_small_difference_is_noise_and_ours_are_not():
    """The trap of a fixed h = 1e-4; the product and the whole step's change keep to the sheet's 0.9 % and 11 %."""
    exact, module = linear(), linear(dtype=torch.bfloat16)
    with torch.no_grad():  # the same numbers, so that only the arithmetic differs
        for p, q in zip(exact.parameters(), module.parameters(), strict=True):
            p.copy_(q.double())
    x = draw(200, 6).bfloat16()
    step = {n: p.bfloat16() for n, p in steps(module, 1.0).items()}
    true = step_radius(exact, x.double(), {n: p.double() for n, p in step.items()}).r_max
    for by, digits in (("jvp", 0.009), ("secant", 0.11)):
        assert step_radius(module, x, step, by=by).r_max == pytest.approx(true, rel=digits)
    with torch.no_grad():
        ahead = functional.linear(x, module.weight + 1e-4 * step["weight"], module.bias + 1e-4 * step["bias"])
        naive = float(rs((ahead.double() - module(x).double()) / 1e-4).max())
    assert abs(naive / true - 1) > 0.5


def test_rule_8_steps_of_float32_differences_agree_with_the_product():
    """h = 0.01 of the last known radius: at most 0.3 % away on a net that bends."""
    with torch.random.fork_rng():
        module = filled(nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.Linear(16, 4)).double())
    x, step = draw(30, 6), steps(module, 0.1)
    told = step_radius(module, x, step)
    small = {n: 0.01 * told.rho * p for n, p in step.items()}
    secant = step_radius(module, x, small, by="secant").r_max / (0.01 * told.rho)
    assert secant == pytest.approx(told.r_max, rel=3e-3)
