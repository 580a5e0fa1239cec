"""The training runner: what it reaches, what it leaves alone, and that an interrupt changes nothing."""

import math
import signal
import subprocess
import sys

import pytest
import torch
from torch import nn

from explorer.maths.networks import FlowMLP
from explorer.maths.paths import VE, VP, Linear, Trig
from explorer.maths.targets import as_target, mixture
from explorer.maths.training import Problem, Schedule, train_flow
from explorer.maths.training.protocol import Protocol, sobol_noise

MOONS = Problem(as_target("two_moons"), Linear(), "velocity")


def finished(schedule, state_file=None, problem=MOONS, **options):
    *_, last = train_flow(
        FlowMLP(width=16, depth=2), problem, schedule, state_file=state_file, every=0.0, **options
    )
    return last


def same(a, b):
    return all(torch.equal(a.ema[name], b.ema[name]) for name in a.ema)


def one_gaussian(variances):
    return mixture([1.0], [[0.7] * len(variances)], [torch.diag(torch.tensor(variances)).tolist()])


def test_one_gaussian_is_learnt_down_to_the_floor_in_closed_form():
    variances = [1.7, 0.3]
    problem = Problem(one_gaussian(variances), Linear(), "velocity")
    *_, last = train_flow(
        FlowMLP(width=64, depth=2), problem, Schedule(steps=1200, batch=512, learning_rate=3e-3)
    )
    floor = math.pi / 2 * sum(math.sqrt(v) for v in variances)
    generator = torch.Generator().manual_seed(77)
    with torch.no_grad():
        loss = float(problem.loss(last.network, problem.batch(100_000, generator)))
    assert loss == pytest.approx(floor, rel=0.03)
    x, t = torch.randn(4, 2, generator=generator), 0.4
    exact = problem.target.field(Linear())(x, t).velocity
    torch.testing.assert_close(last.network(x, t), exact, atol=0.2, rtol=0)


@pytest.mark.parametrize(
    ("path", "predicts"), [(Linear(), "denoised"), (VP(), "v"), (VP(), "noise"), (Trig(), "velocity")]
)
def test_every_answer_is_the_exact_fields_view_on_average(path, predicts):
    target = one_gaussian([0.5, 1.5])
    problem = Problem(target, path, predicts)
    batch = problem.batch(50_000, torch.Generator().manual_seed(1))
    batch = batch._replace(x=batch.x.double(), t=batch.t.double())
    said = target.field(path)(batch.x, batch.t)
    level = path.at(batch.t[:, None])
    view = (
        level.alpha * said.noise - level.sigma * said.denoised if predicts == "v" else getattr(said, predicts)
    )
    away = batch.answer - view
    assert away.mean(0).abs().max() < 0.03
    # What is left over must know nothing of the state.
    assert (away * batch.x).mean(0).abs().max() < 0.05


def test_records_count_up_and_the_last_says_how_it_ended():
    records = list(train_flow(FlowMLP(width=8, depth=1), MOONS, Schedule(steps=20, batch=32), every=0.0))
    assert [r.step for r in records] == list(range(1, 21))
    assert [r.ended is None for r in records] == [True] * 19 + [False]
    assert records[-1].ended.kind == "done" and records[-1].seconds_left == 0.0
    assert all(math.isfinite(r.loss) for r in records)


def test_a_records_network_does_not_change_as_training_goes_on():
    records = train_flow(FlowMLP(width=8, depth=1), MOONS, Schedule(steps=20, batch=32), every=0.0)
    first = next(records)
    before = first.network(torch.ones(2, 2), 0.5)
    *_, last = records
    assert torch.equal(first.network(torch.ones(2, 2), 0.5), before)
    assert not torch.equal(last.network(torch.ones(2, 2), 0.5), before)


def test_the_average_follows_its_formula():
    class One(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.zeros(2))

        def forward(self, x, t):
            return self.w.expand_as(x)

    network, seen = One(), []
    for record in train_flow(network, MOONS, Schedule(steps=30, batch=8), every=0.0):
        seen.append((network.w.detach().clone(), record.ema["w"].clone()))
    average = torch.zeros(2)
    for n, (raw, ema) in enumerate(seen, 1):
        d = min(0.999, n / (n + 10))
        average = d * average + (1 - d) * raw
        torch.testing.assert_close(ema, average)


def test_the_learning_rate_rises_and_falls():
    schedule = Schedule(steps=1000, learning_rate=1.0)
    rates = [schedule.rate(i) for i in range(1000)]
    assert rates[0] == pytest.approx(0.01) and max(rates) == pytest.approx(rates[99], rel=0.01)
    assert rates[-1] < 1e-4 and rates[500] == pytest.approx(0.5)


def test_a_resumed_run_equals_the_unbroken_one_bit_for_bit(tmp_path):
    schedule, file = Schedule(steps=60, batch=64, seed=5), tmp_path / "run.training"
    whole = finished(schedule)
    part = train_flow(FlowMLP(width=16, depth=2), MOONS, schedule, state_file=file, every=0.0)
    for _ in range(23):
        next(part)
    part.close()
    again = train_flow(FlowMLP(width=16, depth=2, seed=9), MOONS, schedule, state_file=file, every=0.0)
    first = next(again)
    assert first.step == 24
    *_, last = again
    assert same(last, whole) and last.step == 60


def test_an_interrupt_inside_an_update_falls_back_on_a_whole_state(tmp_path, monkeypatch):
    schedule, file = Schedule(steps=40, batch=64), tmp_path / "run.training"
    whole, steps = finished(schedule), iter(range(100))
    step = torch.optim.Adam.step

    def interrupted(self, *args):
        step(self, *args)
        if next(steps) == 17:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(torch.optim.Adam, "step", interrupted)
        finished(schedule, file, save_every=0.0)
    assert same(finished(schedule, file), whole)


KILLED = """
import sys, torch
from pathlib import Path
torch.set_num_threads(1)
from explorer.maths.networks import FlowMLP
from explorer.maths.paths import Linear
from explorer.maths.targets import as_target
from explorer.maths.training import Problem, Schedule, train_flow
problem = Problem(as_target("two_moons"), Linear(), "velocity")
schedule = Schedule(steps=1500, batch=64, seed=5)
for record in train_flow(FlowMLP(width=16, depth=2), problem, schedule, state_file=Path(sys.argv[1]),
                         every=0.02, save_every=0.05):
    print(record.step, flush=True)
"""


def test_a_run_killed_in_the_middle_goes_on_to_the_same_weights(tmp_path):
    schedule, file = Schedule(steps=1500, batch=64, seed=5), tmp_path / "run.training"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(file)], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if int(line) >= 200 and file.exists():
            break
    process.send_signal(signal.SIGKILL)
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    records = train_flow(FlowMLP(width=16, depth=2), MOONS, schedule, state_file=file, every=0.0)
    first = next(records)
    assert 1 < first.step < 1500
    *_, last = records
    whole = list(train_flow(FlowMLP(width=16, depth=2), MOONS, schedule, every=1e9))[-1]
    assert same(last, whole)


def test_a_state_of_other_settings_names_both_sides(tmp_path):
    file = tmp_path / "run.training"
    next(train_flow(FlowMLP(width=16, depth=2), MOONS, Schedule(steps=9, batch=8), state_file=file))
    with pytest.raises(ValueError, match=r"batch 8, and this one has 16"):
        next(train_flow(FlowMLP(width=16, depth=2), MOONS, Schedule(steps=9, batch=16), state_file=file))
    with pytest.raises(ValueError, match="network"):
        next(train_flow(FlowMLP(width=8, depth=2), MOONS, Schedule(steps=9, batch=8), state_file=file))


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "pickle"])
def test_a_damaged_state_is_refused_in_one_sentence(tmp_path, damage):
    file = tmp_path / "run.training"
    finished(Schedule(steps=5, batch=8), file)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    changed = {"empty": b"", "cut": data[:-9], "flipped": data, "pickle": b"\x80\x04N."}[damage]
    file.write_bytes(bytes(changed))
    with pytest.raises(ValueError, match="not a whole training state; remove it"):
        finished(Schedule(steps=5, batch=8), file)


class Exploding(nn.Module):
    """Answers as told until a step comes, then with ``last``."""

    def __init__(self, at, last):
        super().__init__()
        self.w, self.calls, self.at, self.last = nn.Parameter(torch.zeros(2)), 0, at, last

    def forward(self, x, t):
        self.calls += 1
        return self.w.expand_as(x) * 1.0 + (self.last if self.calls == self.at else 0.0)


@pytest.mark.parametrize(
    ("at", "last", "why"), [(7, math.nan, "the loss is nan"), (260, 1e3, "is over 100 times its median")]
)
def test_divergence_ends_with_a_sentence_and_weights_that_are_finite(at, last, why):
    *_, end = train_flow(Exploding(at, last), MOONS, Schedule(steps=400, batch=16), every=0.0)
    assert end.ended.kind == "diverged" and end.ended.step == at
    assert end.ended.text.startswith(f"diverged at step {at}: ") and why in end.ended.text
    assert all(torch.isfinite(value).all() for value in end.ema.values())


@pytest.mark.parametrize(
    ("path", "predicts", "why"),
    [
        (VE(), "denoised", "near unit size"),
        (VP(), "velocity", "no bound at t = 0"),
        (Linear(), "speed", "`predicts`"),
    ],
)
def test_what_cannot_be_learnt_is_refused(path, predicts, why):
    with pytest.raises(ValueError, match=why):
        Problem(as_target("two_moons"), path, predicts)


def test_classes_are_dropped_at_the_share_that_was_asked():
    problem = Problem(as_target("two_moons"), Linear(), "velocity", drop=0.15)
    classes = problem.batch(20_000, torch.Generator().manual_seed(0)).classes
    shares = torch.bincount(classes, minlength=3) / 20_000
    torch.testing.assert_close(shares, torch.tensor([0.425, 0.425, 0.15]), atol=0.015, rtol=0)
    with pytest.raises(ValueError, match="no classes"):
        Problem(as_target("checkerboard"), Linear(), "velocity", drop=0.1)


def test_the_protocol_reaches_the_sheets_floor_with_the_exact_field():
    from explorer.maths.metrics import w2

    target = as_target("two_moons")
    protocol = Protocol(target)
    made = protocol.samples(target.field("linear"), "heun", 50)
    assert w2(made, protocol.data) == pytest.approx(0.038, abs=0.003)


def test_even_noise_is_standard_and_repeats():
    noise = sobol_noise(2048, (2,))
    assert noise.mean(0).abs().max() < 0.005 and (noise.std(0) - 1).abs().max() < 0.01
    assert torch.equal(noise, sobol_noise(2048, (2,)))
