"""First pictures from a few samples: within their seconds, of the samples they say, as far off as they say."""

import numpy as np
import pytest
import torch
from landscapes import Weights, built, directly, drawn, mlp, squares
from torch import nn

from explorer.maths.landscape import FlatLoss, Plane, landscape, refine
from explorer.maths.landscape.batches import spread_rows
from explorer.models.problems import problem

TOTAL = 1000
MAKE = {"normed": lambda: nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2))}
AXES = [torch.eye(2, dtype=torch.float64)[k] for k in range(2)]


class Dear:
    """A loss per sample, |w - x_i|^2, that takes seconds of a clock of its own: a call's and a sample's."""

    def __init__(self, monkeypatch, call, sample, total=TOTAL):
        self.call, self.sample, self.seconds, self.asked = call, sample, 0.0, []
        self.batch = (drawn(total, 2, seed=5), torch.arange(total))
        monkeypatch.setattr(FlatLoss, "clock", lambda flat: self.seconds)

    def __call__(self, module, batch):
        self.asked.append(batch[1])
        self.seconds += self.call + self.sample * len(batch[1])
        return (module.w0 - batch[0]).square().sum(1)

    @property
    def problem(self):
        return self, Weights(torch.zeros(2, dtype=torch.float64)), self.batch


def pictures(frames):
    return [frame for frame in frames if frame.level and frame.progress == 0.0]


def test_as_many_samples_are_asked_as_fit(monkeypatch):
    """25 losses in 60 ms: 2.4 ms each, of which 1 is the call, leaves 140 samples at 0.01 ms."""
    loss = Dear(monkeypatch, 1e-3, 1e-5)
    first = next(frame for frame in refine(*loss.problem, AXES) if frame.level)
    assert first.preview is not None
    assert first.preview[0] == pytest.approx(140, abs=1) and first.preview[1] == TOTAL
    assert loss.seconds <= 0.1 and max(map(len, loss.asked)) < TOTAL, "the whole batch waits"
    assert first.level == 5 and not first.ended and np.isnan(first.error)
    assert f"preview, {first.preview[0]} of 1,000 samples" in first.note


def test_a_preview_is_the_mean_of_its_samples_with_two_standard_errors(monkeypatch):
    loss = Dear(monkeypatch, 1e-3, 1e-5)
    first = next(frame for frame in refine(*loss.problem, AXES, points=5) if frame.level)
    rows = loss.asked[-1]
    n, x = len(rows), loss.batch[0][rows].numpy()
    assert n == first.preview[0] == len(set(rows.tolist()))
    for j, b in enumerate(first.y.numpy()):
        for i, a in enumerate(first.x.numpy()):
            known = ((np.array([a, b]) - x) ** 2).sum(1)
            assert float(first.loss[j, i]) == pytest.approx(known.mean(), rel=1e-12)
            error = 2 * known.std(ddof=1) / np.sqrt(n) * np.sqrt(1 - n / TOTAL)
            assert float(first.band[j, i]) == pytest.approx(error, rel=1e-9)


def test_the_whole_batch_takes_over_and_leaves_nothing_of_the_preview(monkeypatch):
    loss = Dear(monkeypatch, 1e-3, 1e-5)
    frames = list(refine(*loss.problem, AXES, points=17, tolerance=0.0))
    kinds = [(frame.level, frame.preview is not None) for frame in pictures(frames)]
    assert kinds == [(5, True), (5, False), (17, False)]
    x = loss.batch[0]
    known = (frames[-1].x - x[:, :1]).square().mean(0)[None, :] + (frames[-1].y - x[:, 1:]).square().mean(0)[
        :, None
    ]
    torch.testing.assert_close(frames[-1].loss, known, rtol=1e-12, atol=0)
    last = frames[-1]
    assert last.ended and last.band is None and last.note == "" and last.evals == 17 * 17
    assert last.centre == pytest.approx(float(x.square().sum(1).mean()), rel=1e-12)


def test_glances_grow_while_all_are_far_dearer(monkeypatch):
    loss = Dear(monkeypatch, 2e-3, 2e-3, total=4096)
    frames = pictures(refine(*loss.problem, AXES, points=5, tolerance=0.5))
    sizes = [frame.preview[0] for frame in frames if frame.preview]
    assert sizes == [2, 16, 128, 1024] and frames[-1].preview is None
    bands = [float(frame.band.max()) for frame in frames if frame.preview]
    assert bands == sorted(bands, reverse=True)


def test_a_view_of_what_is_known_has_no_preview(monkeypatch):
    loss = Dear(monkeypatch, 1e-3, 1e-5)
    plane = Plane(*loss.problem, AXES)
    list(plane.view(points=9, tolerance=1e-9))
    assert not any(frame.preview for frame in plane.view(points=5, extent=0.5, tolerance=0.5))
    assert any(frame.preview for frame in plane.view(points=5, centre=(8.0, 0.0), tolerance=0.5))


def test_a_cheap_loss_is_asked_whole(monkeypatch):
    loss = Dear(monkeypatch, 1e-4, 1e-6)
    assert not any(frame.preview for frame in refine(*loss.problem, AXES, points=9))


@pytest.mark.parametrize("kind", ["scalar", "normed", "fixed", "mixed"])
def test_what_has_no_samples_of_its_own_is_asked_whole(monkeypatch, kind):
    """A mean; BatchNorm in train mode, whose samples look at each other; a loss for one size; lengths that differ."""
    loss = Dear(monkeypatch, 1e-2, 1e-4)
    net = built(MAKE[kind]) if kind in MAKE else mlp(2, 3, 2)
    y = drawn(TOTAL, 2, seed=6)

    def asked(module, batch):
        own = loss(Weights(torch.zeros(2, dtype=torch.float64)), batch)
        losses = squares(module, (batch[0], y[: len(own)] if kind == "mixed" else batch[0]))
        if kind == "fixed":
            losses = losses + y[:, 0] * 0.0
        return losses.mean() if kind == "scalar" else losses

    frames = list(refine(asked, net, loss.batch, points=5, tolerance=0.0))
    assert (kind == "mixed") == any(frame.preview for frame in frames)
    there = frames[-1].directions.at(torch.stack([frames[-1].x[0], frames[-1].y[0]])[None])[0]
    assert float(frames[-1].loss[0, 0]) == pytest.approx(directly(asked, net, loss.batch, there), rel=1e-11)


def test_a_random_dear_loss_is_refused_before_anything_is_drawn(monkeypatch):
    loss = Dear(monkeypatch, 1e-2, 1e-4)
    noisy = lambda m, b: loss(m, b) * torch.rand(len(b[1]), dtype=torch.float64)  # noqa: E731
    with pytest.raises(ValueError, match="the same number twice"):
        Plane(noisy, *loss.problem[1:], AXES)


def test_places_in_one_vmap_have_the_losses_of_one_after_the_other(monkeypatch):
    """Where calls are what costs, the whole picture is asked at once; the losses are the same."""
    net, batch = mlp(3, 6, 2), (drawn(64, 3, seed=5), drawn(64, 2, seed=6))
    seen = []

    def looked(module, b):
        seen.append(1)
        FlatLoss.spent += 4e-3 + 1e-4 * len(b[0])
        return squares(module, b)

    monkeypatch.setattr(FlatLoss, "spent", 0.0, raising=False)
    monkeypatch.setattr(FlatLoss, "clock", lambda flat: FlatLoss.spent)
    plane = Plane(looked, net, batch)
    before = len(seen)
    first = next(frame for frame in plane.view(points=5) if frame.level)
    assert first.preview is not None and len(seen) - before == 1, "25 places at once"
    rows = spread_rows(64)[: first.preview[0]]
    for i, j in ((0, 0), (2, 3), (4, 1)):
        there = plane.directions.at(torch.stack([first.x[i], first.y[j]])[None])[0]
        few = tuple(part[rows] for part in batch)
        assert float(first.loss[j, i]) == pytest.approx(directly(squares, net, few, there), rel=1e-11)


@pytest.mark.parametrize("total", [7, 100, 2048])
def test_any_beginning_of_the_order_is_spread_over_all_rows(total):
    order = spread_rows(total)
    assert sorted(order.tolist()) == list(range(total))
    for few in (4, 16, 64):
        if few < total / 2:
            gaps = np.diff(np.sort(order[:few].numpy()))
            assert gaps.max() <= 4.0 * total / few and gaps.min() >= total / few / 4.0


@pytest.mark.parametrize("rows", [16, 128])
def test_nine_in_ten_true_losses_lie_within_the_band(rows):
    """Of a shipped flow network's loss, over 40 places in the batch to begin at."""
    asked = problem("two_moons/linear", n=512)
    plane, truth = Plane(*asked), landscape(*asked, points=5, tolerance=0.0)
    places = [(float(a), float(b)) for a in truth.x for b in truth.y]
    glance, order, held = plane.evaluator.glance, spread_rows(512), []
    glance.total = 512
    for begin in range(0, 512, 13):
        glance._order = (order + begin) % 512
        looks = list(glance.looks(places, rows))
        means, band = (torch.cat([getattr(look, name) for look in looks]) for name in ("means", "band"))
        held.append(((means.reshape(5, 5).T - truth.loss).abs() <= band.reshape(5, 5).T).double().mean())
    assert 0.85 <= float(torch.stack(held).mean()) < 1.0


def test_the_small_unet_is_looked_at_through_a_few_digits_first():
    first = next(frame for frame in refine(*problem("digits/unet")) if frame.level)
    assert first.preview is not None and first.preview[1] == 256 and first.preview[0] <= 64
    assert bool(torch.isfinite(first.loss).all()) and float(first.band.min()) > 0.0
