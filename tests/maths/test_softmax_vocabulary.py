"""A head in pieces of the vocabulary: the same record as with all logits at once, at a fraction of the memory."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from explorer.maths.softmax import vocabulary
from explorer.maths.softmax.step import step_radius

ROOT = Path(__file__).parents[2]


def generator(seed):
    return torch.Generator().manual_seed(seed)


class Tokens(nn.Module):
    """Numbers of tokens in, logits of the next ones out; the head may be the embedding's own weight."""

    def __init__(self, classes=50, tied=False, bias=False, after=None):
        super().__init__()
        self.embed, self.body = nn.Embedding(classes, 8), nn.Sequential(nn.Linear(8, 8), nn.Tanh())
        self.head = nn.Linear(8, classes, bias=bias)
        if tied:
            self.head.weight = self.embed.weight
        self.after = after or nn.Identity()

    def forward(self, x):
        return self.after(self.head(self.body(self.embed(x))))


def made(seed=0, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Tokens(**options).double()


def asked(module, n=6, length=7, seed=1):
    x, y = torch.randint(0, 50, (2, n, length), generator=generator(seed))
    step = {
        name: 0.5 * torch.randn(p.shape, generator=generator(i), dtype=p.dtype)
        for i, (name, p) in enumerate(module.named_parameters())
    }
    return x, step, y


def assert_same(one, other):
    torch.testing.assert_close(one.r, other.r, rtol=1e-11, atol=0.0, equal_nan=True)
    assert torch.equal(one.places, other.places) and torch.equal(one.flips, other.flips)
    torch.testing.assert_close(one.losses, other.losses, rtol=1e-11, atol=0.0, equal_nan=True)
    assert one.g == pytest.approx(other.g, rel=1e-9, nan_ok=True)
    assert one.kappa == pytest.approx(other.kappa, rel=1e-9, nan_ok=True)
    assert (one.absorbed, one.status, one.binding_input) == (
        other.absorbed,
        other.status,
        other.binding_input,
    )


@pytest.mark.parametrize("pieces", [1, 7, 50, 10_000])
@pytest.mark.parametrize("shape", [{}, {"tied": True}, {"bias": True}])
@pytest.mark.parametrize("by", ["jvp", "secant"])
def test_pieces_tell_what_the_whole_tells(monkeypatch, pieces, shape, by):
    module = made(**shape)
    x, step, y = asked(module)
    y[2, 3:] = -100
    monkeypatch.setattr(vocabulary, "NUMBERS", pieces * 21)
    for chunk in (3, 100):
        assert_same(
            step_radius(module, x, step, y, head="head", by=by, chunk=chunk),
            step_radius(module, x, step, y, by=by),
        )
    assert "forward" not in vars(module.head)


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0.7, "soft_cap": 2.0},
        {"loss": nn.CrossEntropyLoss(label_smoothing=0.1)},
        {"loss": nn.CrossEntropyLoss(weight=torch.linspace(0.0, 2.0, 50, dtype=torch.float64))},
        {"loss": nn.CrossEntropyLoss(reduction="sum", ignore_index=4)},
        {"at": (0.0, 1.0, 40.0)},
    ],
)
def test_losses_and_caps_come_in_pieces_too(monkeypatch, options):
    module = made(bias=True)
    x, step, y = asked(module)
    monkeypatch.setattr(vocabulary, "NUMBERS", 9 * 42)
    assert_same(
        step_radius(module, x, step, y, head="head", **options), step_radius(module, x, step, y, **options)
    )
    assert_same(step_radius(module, x, step, head="head", **options), step_radius(module, x, step, **options))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_rules_for_what_has_no_radius_hold_in_pieces(monkeypatch, bad):
    """A class at minus infinity is not there; a NaN logit is NaN; an infinite one too."""
    module = made(bias=True)
    x, step, y = asked(module)
    y[y == 11] = 12
    monkeypatch.setattr(vocabulary, "NUMBERS", 5 * 42)
    with torch.no_grad():
        module.head.bias[11] = -math.inf
    assert_same(step_radius(module, x, step, y, head="head"), step_radius(module, x, step, y))
    with torch.no_grad():
        module.head.bias[30] = bad
    told = step_radius(module, x, step, y, head="head")
    assert told.status == "NaN" and math.isnan(told.r_max)


def test_a_head_that_is_not_the_last_word_is_refused():
    for module, name, sentence in (
        (made(after=nn.Tanh()), "head", "more follows it"),
        (made(), "haed", "must name the linear layer"),
        (made(), "body.0", "more follows it"),
    ):
        x, step, y = asked(module)
        with pytest.raises(ValueError, match=sentence):
            step_radius(module, x, step, y, head=name)
        assert "forward" not in vars(module.head)
    with pytest.raises(ValueError, match="leave `head` out"):
        step_radius(made(), x, {}, head="head", loss=nn.BCEWithLogitsLoss())


@pytest.mark.slow
def test_memory_stays_a_quarter_of_the_whole():
    """2,048 tokens of 32,768 classes, each way in a process of its own: the most that it ever held, less its start."""
    found = {
        kind: int(
            subprocess.run(
                [sys.executable, "-m", "benchmarks.peak", kind],
                capture_output=True,
                text=True,
                check=True,
                cwd=ROOT,
            ).stdout
        )
        for kind in ("whole", "pieces")
    }
    assert found["whole"] > 2 * 4 * 2048 * 32768 // 1024  # kB: at least the logits and their speeds
    assert 0 < found["pieces"] <= 0.25 * found["whole"]
