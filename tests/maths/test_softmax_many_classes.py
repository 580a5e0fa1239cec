"""Beyond a few dozen classes logits stay as the module lays them out: what a step tells is the same."""

import math

import pytest
import torch
from torch import nn
from torch.func import functional_call, jvp

from explorer.maths.softmax import told as sums
from explorer.maths.softmax.rows import MANY
from explorer.maths.softmax.speeds import MOST, NUMBERS, at_once
from explorer.maths.softmax.step import step_radius

CLASSES = MANY + 9


class Words(nn.Module):
    """Tokens [n, 5] to logits [n, 5, k]."""

    def __init__(self, dtype: torch.dtype = torch.float64):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.words = nn.Embedding(CLASSES, 8, dtype=dtype)
            self.head = nn.Linear(8, CLASSES, dtype=dtype)
        self.asked: list[int] = []

    def forward(self, tokens):
        self.asked.append(len(tokens))
        return 3.0 * self.head(torch.tanh(self.words(tokens)))


def tokens(n: int) -> torch.Tensor:
    return torch.randint(0, CLASSES, (n, 5), generator=torch.Generator().manual_seed(1))


def a_step(module: nn.Module) -> dict[str, torch.Tensor]:
    source = torch.Generator().manual_seed(2)
    return {n: 0.1 * torch.randn(p.shape, generator=source).to(p) for n, p in module.named_parameters()}


def by_hand(module, x, step):
    own = {n: p.detach() for n, p in module.named_parameters()}
    z, a = jvp(lambda values: functional_call(module, values, (x,)), (own,), (step,))
    return z.flatten(0, -2), a.flatten(0, -2)


@pytest.mark.parametrize("block", [sums.BLOCK, CLASSES * 4])
def test_what_is_told_is_what_sums_by_hand_give(monkeypatch, block):
    monkeypatch.setattr(sums, "BLOCK", block)
    module, x = Words(), tokens(6)
    step, y = a_step(module), tokens(6).roll(1, 0)
    at = (0.0, 0.5, 2.0)
    told = step_radius(module, x, step, y, at=at)
    z, a = by_hand(module, x, step)
    torch.testing.assert_close(told.r, (a.amax(1) - a.amin(1)) / math.pi, rtol=1e-12, atol=0.0)
    p, aimed = z.softmax(1), a.gather(1, y.reshape(-1, 1))[:, 0]
    mean = (p * a).sum(1)
    assert told.g == pytest.approx(float((aimed - mean).mean()), rel=1e-10)
    assert told.kappa == pytest.approx(float(((p * a * a).sum(1) - mean.square()).mean()), rel=1e-10)
    losses = [nn.functional.cross_entropy(z + t * a, y.reshape(-1)) for t in at]
    torch.testing.assert_close(told.losses, torch.stack(losses), rtol=1e-12, atol=0.0)
    assert torch.equal(told.flips, z.argmax(1) != (z + a).argmax(1))
    torch.testing.assert_close(told.logits, z, rtol=1e-13, atol=0.0)
    pieces = step_radius(module_of_one_head(module), x, headed(step), y, at=at, head="head")
    assert told.r_max == pytest.approx(pieces.r_max, rel=1e-10)
    assert told.kappa == pytest.approx(pieces.kappa, rel=1e-10)


class Plain(Words):
    """The same logits with the factor inside the head."""

    def forward(self, tokens):
        return self.head(torch.tanh(self.words(tokens)))


def module_of_one_head(module: Words) -> Plain:
    plain = Plain()
    plain.load_state_dict(headed(module.state_dict()))
    return plain


def headed(values):
    return {n: 3.0 * v if n.startswith("head") else v for n, v in values.items()}


def test_soft_targets_and_smoothing_too():
    module, x = Words(), tokens(4)
    step = a_step(module)
    z, a = by_hand(module, x, step)
    soft = torch.rand(20, CLASSES, dtype=torch.float64, generator=torch.Generator().manual_seed(3)).softmax(1)
    told = step_radius(module, x, step, soft.view(4, 5, -1), at=(1.0,))
    assert float(told.losses[0]) == pytest.approx(float(nn.functional.cross_entropy(z + a, soft)), rel=1e-12)
    assert told.g == pytest.approx(
        float((soft * a).sum(1).mean() - (z.softmax(1) * a).sum(1).mean()), rel=1e-10
    )


def test_dropped_classes_and_a_nan_are_told_as_among_few():
    class Masked(Words):
        def forward(self, tokens):
            z = super().forward(tokens).clone()
            z[..., 0] = self.fill
            return z

    module, x = Masked(), tokens(3)
    step = a_step(module)
    module.fill = -math.inf
    told = step_radius(module, x, step, torch.full_like(x, 3), at=())
    _, a = by_hand(module, x, step)
    torch.testing.assert_close(told.r, (a[:, 1:].amax(1) - a[:, 1:].amin(1)) / math.pi, rtol=1e-12, atol=0.0)
    assert told.status == "ok" and math.isfinite(told.g) and math.isfinite(told.kappa)
    module.fill = math.nan
    assert step_radius(module, x, step).status == "NaN"


def test_a_small_type_is_widened_before_speeds_are_compared():
    module = Words(torch.float32)
    told = step_radius(module, tokens(3), a_step(module))
    assert told.r.dtype == told.logits.dtype == torch.float64
    assert torch.equal(told.r, (told.speeds.amax(1) - told.speeds.amin(1)) / math.pi)


def test_the_record_keeps_a_copy_of_what_a_module_stores():
    class Table(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(torch.randn(4, CLASSES, generator=torch.Generator().manual_seed(4)))

        def forward(self, x):
            return self.table

    module, step = Table(), {"table": torch.randn(4, CLASSES, generator=torch.Generator().manual_seed(5))}
    told = step_radius(module, torch.zeros(4, 1), step)
    then = module.table.detach().double()
    with torch.no_grad():
        module.table.fill_(7.0)
    step["table"].zero_()
    assert torch.equal(told.logits, then) and bool((told.speeds != 0).all())


def test_long_inputs_are_asked_a_few_at_a_time():
    module, x = Words(), tokens(MOST // 5 + 7)
    whole = step_radius(module, x, a_step(module), chunk=len(x))
    assert module.asked == [len(x)]
    module.asked.clear()
    torch.testing.assert_close(step_radius(module, x, a_step(module)).r, whole.r, rtol=1e-12, atol=0.0)
    assert module.asked == [MOST // 5, len(x) - MOST // 5]
    assert at_once(torch.zeros(10, 64)) == MOST  # short rows of numbers
    assert at_once(torch.zeros(2, NUMBERS // 4)) == 4
    assert at_once({"pixels": torch.zeros(3, NUMBERS), "scale": 2.0}) == 1
    assert at_once((torch.zeros(3, 2), torch.zeros(3, 512, dtype=torch.long))) == 4
    assert at_once(torch.zeros(0, 4)) == MOST
