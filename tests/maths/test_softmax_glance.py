"""The quick look of a control: the same r as the whole record, and the record behind it."""

import math

import pytest
import torch
from torch import nn

from explorer.maths.softmax.glance import Glance, glance
from explorer.maths.softmax.lengths import length
from explorer.maths.softmax.record import StepRadius
from explorer.maths.softmax.step import step_radius


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Texts(nn.Module):
    """Logits [n, 5, k] of every position."""

    def __init__(self, classes):
        super().__init__()
        self.inner, self.classes = nn.Linear(6, 5 * classes), classes

    def forward(self, x):
        return self.inner(x).tanh().unflatten(-1, (5, self.classes))


def moved(module, size=1e-3, kind=None):
    """Where the module stood, the way it then went, and how long that was."""
    if kind is not None:
        module.to(kind)
    before = {n: p.detach().clone() for n, p in module.named_parameters()}
    way = {n: (size * draw(*p.shape, seed=i)).to(p) for i, (n, p) in enumerate(before.items())}
    with torch.no_grad():
        for n, p in module.named_parameters():
            p += way[n]
    return before, way, length(way.values())


def made(name):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return {
            "few": lambda: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4)),
            "many": lambda: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 200)),
            "texts": lambda: Texts(7),
            "one": lambda: nn.Sequential(nn.Linear(6, 1), nn.Flatten(0)),
            "keeping": lambda: nn.Sequential(nn.Linear(6, 4), Keeping()),
        }[name]()


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", ["few", "many", "texts"])
def test_a_glance_along_a_way_has_the_records_r(name, kind):
    module = made(name)
    before, way, size = moved(module, kind=kind)
    x = draw(20, 6, seed=9).to(kind)
    seen, whole = glance(module, x, before, way, size), step_radius(module, x, way, start=before)
    assert isinstance(seen, Glance) and seen.by == whole.by == "jvp"
    assert seen.quantile(1.0) == whole.r_max > 0
    assert torch.equal(seen.record.r, whole.r) and torch.equal(seen.record.places, whole.places)
    assert seen.quantile(0.5) == whole.r_50 and seen.record.kappa == whole.kappa


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["few", "many", "texts"])
def test_a_glance_back_has_the_secants_r(name, kind):
    module = made(name)
    before, way, _ = moved(module, size=0.1, kind=kind)
    x = draw(20, 6, seed=9).to(kind)
    seen, whole = glance(module, x, before), step_radius(module, x, way, start=before, by="secant")
    assert isinstance(seen, Glance) and seen.by == "secant"
    exact = 1e-5 if kind == torch.float32 else 1e-12
    assert seen.r_max == pytest.approx(whole.r_max, rel=exact) == seen.record.r_max
    assert seen.record.r_50 == pytest.approx(whole.r_50, rel=exact)


def test_what_a_glance_cannot_tell_is_told_by_the_record():
    """Few digits, a class that is masked out, a NaN, targets, and one number a sample (that is refused)."""
    x = draw(20, 6, seed=9)
    module = made("few")
    before, *_ = moved(module, kind=torch.bfloat16)
    assert isinstance(glance(module, x.bfloat16(), before), StepRadius)
    module = made("few")
    before, way, size = moved(module)
    masked = nn.Sequential(module, Masked())
    named = {f"0.{n}": p for n, p in before.items()}
    for given in ((), ({f"0.{n}": p for n, p in way.items()}, size)):
        found = glance(masked, x, named, *given)
        assert isinstance(found, StepRadius) and found.status == "ok" and 0 < found.r_max < math.inf
        assert found.r_max < glance(module, x, before).r_max * 1.001
    poisoned = x.clone()
    poisoned[3, 2] = math.nan
    for given in ((), (way, size)):
        assert math.isnan(glance(module, poisoned, before, *given).quantile(1.0))
    labels = torch.zeros(20, dtype=torch.long)
    assert (
        glance(module, x, before, way, size, labels).g == step_radius(module, x, way, labels, start=before).g
    )
    flat = made("one")
    before, *_ = moved(flat)
    with pytest.raises(ValueError, match="one number a sample"):
        glance(flat, x, before)


class Masked(nn.Module):
    def forward(self, z):
        return z.masked_fill(torch.arange(z.shape[-1]) == 1, -torch.inf)


def test_a_module_that_returns_what_it_stores_is_seen_twice():
    module = made("keeping")
    before, way, _ = moved(module, size=0.1)
    x = draw(20, 6, seed=9)
    seen = glance(module, x, before)
    module(draw(20, 6, seed=10))  # it writes over what it returned
    whole = step_radius(
        module[0], x, {n[2:]: p for n, p in way.items()}, start={n[2:]: p for n, p in before.items()}
    )
    assert 0 < seen.r_max == pytest.approx(whole.r_max, rel=1e-4)
    assert seen.record.r_max == pytest.approx(seen.r_max) and seen.record.kappa == pytest.approx(
        whole.kappa, rel=1e-4
    )


class Keeping(nn.Module):
    """Returns one and the same tensor at every call."""

    def __init__(self):
        super().__init__()
        self.own = torch.zeros(20, 4)

    def forward(self, z):
        return self.own.copy_(z.detach())
