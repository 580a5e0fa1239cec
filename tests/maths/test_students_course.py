"""The course of a student: what its records say, that a stop keeps the best, and that an interrupt changes nothing."""

import math
from itertools import islice

import pytest
import torch

import explorer.maths.students.course as course_module
from explorer.maths.fields import NetworkField
from explorer.maths.networks import FlowMLP
from explorer.maths.students import Course, Task, distill, matching
from explorer.maths.students.course_state import save_course
from explorer.maths.students.methods.dmd2 import DMD2
from explorer.maths.students.methods.f_distill import FDistill
from explorer.maths.students.methods.pairs import RegressionOnPairs
from explorer.maths.students.methods.progressive import Progressive
from explorer.maths.students.methods.reflow_distill import ReflowDistill
from explorer.maths.students.methods.transition_matching import TransitionMatching
from explorer.maths.targets import as_target
from explorer.maths.training import Schedule

SMALL = RegressionOnPairs(pairs=256)
NARROW = {"width": 16, "depth": 2}


@pytest.fixture(autouse=True)
def fewer_looks(monkeypatch):
    """In a run of 60 updates the judge is asked every fourth time, at most."""
    monkeypatch.setattr(course_module, "LOOKS", 15)


def teacher(seed=3):
    return NetworkField(FlowMLP(**NARROW, seed=seed).requires_grad_(False), "linear", "velocity")


def course(file=None, method=SMALL, steps=60, **options):
    task = Task(
        as_target("two_moons"),
        options.pop("teacher", None) or teacher(),
        options.pop("network", None) or FlowMLP(**NARROW, seed=1),
        Schedule(steps, batch=64, learning_rate=options.pop("learning_rate", 1e-3), seed=5),
    )
    return Course(method.learner(task), every=1e9, state_file=file, **options)


def weights(student):
    return student.network.state_dict()


def same(a, b):
    return weights(a).keys() == weights(b).keys() and all(
        torch.equal(v, weights(b)[k]) for k, v in weights(a).items()
    )


def ended(course):
    *_, last = course.records()
    return last


def until(course, step):
    """Pull records up to a step, then stop."""
    records = course.records()
    for record in records:
        if record.step >= step:
            break
    records.close()
    return record


def test_records_count_up_and_the_last_says_how_it_ended():
    records = list(distill(SMALL, teacher(), "two_moons", steps=20, batch=32, every=0.0))
    assert records[0].doing == "following the teacher, 100%" and records[0].step == 0
    assert [r.step for r in records[1:]] == list(range(1, 21))
    assert [r.ended is None for r in records] == [True] * 20 + [False]
    last = records[-1]
    assert last.ended.kind == "done" and last.seconds_left == 0.0 and last.best_step == last.judged == 20
    assert all(r.loss == pytest.approx(sum(r.parts.values())) for r in records[1:])
    assert all(r.cloud.shape == (1000, 2) for r in records)
    assert [r.seconds for r in records] == sorted(r.seconds for r in records)


def test_a_callers_own_time_is_not_counted(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(course_module.time, "perf_counter", lambda: clock[0])
    made = course()
    records = made.records()
    while (record := next(records)).ended is None:
        clock[0] += 1000.0
    assert record.ended.kind == "done" and record.seconds == 0.0


def test_a_records_student_does_not_change_as_learning_goes_on():
    records = iter(course().records())
    first = next(r for r in records if r.step == 4)
    before = {k: v.clone() for k, v in weights(first.student).items()}
    for _ in records:
        pass
    assert all(torch.equal(v, before[k]) for k, v in weights(first.student).items())


def test_the_running_average_is_the_sum_of_all_weights_seen():
    made, seen = course(steps=15), []
    for _ in made.records():
        seen.append(made.learner.network.layers[0].weight.detach().clone())
    average = FlowMLP(**NARROW, seed=1).layers[0].weight.detach().clone()
    for n, raw in enumerate(seen[1:], 1):  # the first record is of the pairs
        decay = min(0.999, n / (n + 10))
        average = decay * average + (1 - decay) * raw
    torch.testing.assert_close(made.learner.averaged.layers[0].weight, average)


def test_a_stop_keeps_the_best_and_names_its_step(monkeypatch):
    # A judge whose word is given: the best is at update 4, all after it are worse.
    words = iter([9.0, 5.0, 4.0, 3.0, 1.0, *[2.0] * 100])
    monkeypatch.setattr(course_module.Judge, "w2", lambda self, cloud: next(words))
    made = course(steps=15)
    seen = list(islice(made.records(), 12))
    best = next(r for r in seen if r.step == 4)
    assert seen[-1].step == 11 and seen[-1].best_step == 4
    assert same(seen[-1].student, best.student) and seen[-1].w2 == 2.0 and best.w2 == 1.0


def test_closing_and_calling_again_goes_on_to_the_same_student():
    whole, broken = ended(course()), course()
    assert until(broken, 23).step == 24
    first = next(iter(broken.records()))
    assert first.step == 28
    last = ended(broken)
    assert last.step == 60 and same(last.student, whole.student) and last.w2 == whole.w2


def test_a_resumed_course_equals_the_unbroken_one_bit_for_bit(tmp_path):
    file, unbroken = tmp_path / "one.distilling", course()
    whole = ended(unbroken)
    stopped = until(course(file), 23)
    again = course(file, network=FlowMLP(**NARROW, seed=9))
    assert again.prepared and again.best.step == stopped.best_step and again.last.w2 == stopped.w2
    assert same(again.best.student, stopped.student)
    assert again.seconds == pytest.approx(stopped.seconds, abs=0.05)
    first = next(iter(again.records()))
    assert first.step == 28
    last = ended(again)
    assert same(last.student, whole.student) and last.step == 60 and last.w2 == whole.w2
    assert torch.equal(again.learner.generator.get_state(), unbroken.learner.generator.get_state())


MORE = {
    "progressive": (Progressive(), 30),
    "reflow_distill": (ReflowDistill(pairs=256), 30),
    "transition_matching": (TransitionMatching(inner=4), 16),
    "dmd2, from pairs": (DMD2(critic_updates=2), 28),
    "dmd2, few steps and adversarial": (DMD2(start="teacher", evals=2, gan=True, critic_updates=2), 16),
    "f_distill": (FDistill(start="teacher", critic_updates=1), 16),
}


@pytest.mark.parametrize("name", MORE)
@pytest.mark.parametrize("share", [0.2, 0.55])
def test_methods_of_several_networks_and_stages_go_on_bit_for_bit(name, share, tmp_path, monkeypatch):
    monkeypatch.setattr(matching, "PAIRS", 256)
    monkeypatch.setattr(course_module, "LOOKS", 4)
    file, (method, steps) = tmp_path / "one.distilling", MORE[name]

    def new(seed, file=None):
        network = method.fresh(2, 0, seed) if method.kind == "stochastic" else FlowMLP(**NARROW, seed=seed)
        made = course(file, method=method, steps=steps, network=network)
        made.every = 0.0
        return made

    whole = new(1)
    unbroken = ended(whole)
    stopped = until(new(1, file), round(share * steps))
    again = new(9, file)
    assert again.learner.step == stopped.step < steps and again.best.step == stopped.best_step
    assert same(again.best.student, stopped.student)
    last = ended(again)
    assert same(last.student, unbroken.student) and last.w2 == unbroken.w2
    for key, network in again.learner.networks.items():
        theirs = whole.learner.networks[key].state_dict()
        assert all(torch.equal(value, theirs[k]) for k, value in network.state_dict().items()), key


def test_a_finished_course_stays_finished(tmp_path):
    file = tmp_path / "one.distilling"
    whole = ended(course(file))
    (record,) = course(file).records()
    assert record.ended.kind == "done" and same(record.student, whole.student)


def test_an_interrupt_inside_an_update_falls_back_on_a_whole_state(tmp_path, monkeypatch):
    file, steps = tmp_path / "one.distilling", iter(range(100))
    whole, step = ended(course()), torch.optim.Adam.step

    def interrupted(self, *args):
        step(self, *args)
        if next(steps) == 17:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(torch.optim.Adam, "step", interrupted)
        ended(course(file, save_every=0.0))
    again = course(file)
    assert again.learner.step == 17
    assert same(ended(again).student, whole.student)


class Exploding(FlowMLP):
    """A network that answers NaN from one call on."""

    def __init__(self, at):
        super().__init__(**NARROW, seed=1)
        self.calls, self.at = 0, at

    def forward(self, x, t, t_next=None):
        self.calls += self.training  # the averaged copy, that is judged, is in eval mode
        return super().forward(x, t, t_next) + (math.nan if self.calls >= self.at and self.training else 0.0)


def test_a_network_that_yields_nan_ends_with_the_step_and_the_last_good_weights(tmp_path):
    file = tmp_path / "one.distilling"
    made = course(file, network=Exploding(at=13), save_every=0.0)
    last = ended(made)
    assert last.ended.kind == "diverged" and last.ended.step == 13
    assert last.ended.text.startswith("diverged at step 13: the loss is nan; the weights of step ")
    assert f"the weights of step {last.best_step} are kept" in last.ended.text and 0 < last.best_step < 13
    assert all(torch.isfinite(v).all() for v in weights(last.student).values())
    assert course(file).learner.step == 12  # what was saved before


def test_a_teacher_that_yields_nan_ends_the_same_way():
    class Blank(FlowMLP):
        def forward(self, x, t, t_next=None):
            return super().forward(x, t, t_next) * math.nan

    blank = NetworkField(Blank(**NARROW), "linear", "velocity")
    with pytest.raises(ValueError, match=r"paths do not arrive.*train the teacher again"):
        ended(course(teacher=blank))


def test_a_huge_learning_rate_ends_with_the_step_named(monkeypatch):
    monkeypatch.setattr(course_module, "LOOKS", 40)
    last = ended(course(learning_rate=1.0, steps=400, network=FlowMLP()))
    assert last.ended.kind == "diverged" and last.ended.text.startswith(
        f"diverged at step {last.ended.step}: its"
    )
    assert "smaller learning rate" in last.ended.text
    assert all(torch.isfinite(v).all() for v in weights(last.student).values())


def test_a_state_of_other_settings_names_both_sides(tmp_path):
    file = tmp_path / "one.distilling"
    until(course(file), 2)
    with pytest.raises(ValueError, match=r"with steps 60, and this one has 61"):
        course(file, steps=61)
    with pytest.raises(ValueError, match=r"method .*pairs=256.* and this one has .*pairs=128"):
        course(file, method=RegressionOnPairs(pairs=128))
    with pytest.raises(ValueError, match="with teacher"):
        course(file, teacher=teacher(seed=4))
    with pytest.raises(ValueError, match="with network"):
        course(file, network=FlowMLP(width=8, depth=2))


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "pickle"])
def test_a_damaged_state_is_refused_in_one_sentence(tmp_path, damage):
    file = tmp_path / "one.distilling"
    until(course(file), 2)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    changed = {"empty": b"", "cut": data[:-9], "flipped": data, "pickle": b"\x80\x04N."}[damage]
    file.write_bytes(bytes(changed))
    with pytest.raises(ValueError, match="not a whole distillation state; remove it"):
        course(file)


def test_a_state_of_plain_training_is_refused(tmp_path):
    from explorer.maths.paths import Linear
    from explorer.maths.training import Problem, train_flow

    file = tmp_path / "one.training"
    problem = Problem(as_target("two_moons"), Linear(), "velocity")
    list(train_flow(FlowMLP(**NARROW), problem, Schedule(3, batch=8), state_file=file))
    with pytest.raises(ValueError, match="not a whole distillation state"):
        course(file)


def test_a_kill_in_the_middle_of_a_write_leaves_the_old_state(tmp_path, monkeypatch):
    file = tmp_path / "one.distilling"
    made = course(file)
    until(made, 4)
    before = file.read_bytes()

    def killed(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("os.replace", killed)
        save_course(file, made)
    assert file.read_bytes() == before
