"""Students of a teacher's pairs, and of its steps: each on a teacher whose paths are known."""

import math

import pytest
import torch
from torch import nn

from explorer.maths.fields import NetworkField
from explorer.maths.networks import FlowMLP
from explorer.maths.students import STUDENTS, Course, Task, distill
from explorer.maths.students.judge import made
from explorer.maths.students.methods.pairs import RegressionOnPairs
from explorer.maths.students.methods.progressive import Progressive
from explorer.maths.students.methods.reflow import Reflow
from explorer.maths.students.methods.reflow_distill import ReflowDistill
from explorer.maths.students.methods.rf_plus_plus import RectifiedFlowPlusPlus
from explorer.maths.targets import as_target
from explorer.maths.training import Schedule

RATE = 0.8
"""The teacher's dx/dt is so many times x: it takes z to ``z exp(-RATE)``."""


class Linear(nn.Module):
    def forward(self, x, t):
        return RATE * x


class Straight(nn.Module):
    """The velocity of straight lines from z to ``z exp(-b)``, seen from where they are at t; b is learnt."""

    def __init__(self, b=0.2):
        super().__init__()
        self.b, self.asked = nn.Parameter(torch.tensor(b)), []

    def forward(self, x, t):
        if self.training:
            self.asked.append(t.detach().clone())
        end = torch.exp(-self.b)
        t = torch.as_tensor(t).expand(len(x))[:, None]
        return x * (1.0 - end) / ((1.0 - t) * end + t)


class Factor(nn.Module):
    """A velocity that is some multiple of x; the multiple is learnt."""

    def __init__(self, w=0.5):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w))

    def forward(self, x, t):
        return self.w * x


def learner(method, network, **schedule):
    settings = {"steps": 200, "batch": 128, "learning_rate": 0.05} | schedule
    teacher = NetworkField(Linear(), "linear", "velocity")
    made = method.learner(Task(as_target("two_moons"), teacher, network, Schedule(**settings)))
    for _ in method.prepare(made):
        pass
    return made


def finished(method, network, **schedule):
    work = learner(method, network, **schedule)
    while work.step < work.schedule.steps:
        work.update()
    return work.student()


@pytest.mark.parametrize(
    "method",
    [
        RegressionOnPairs(pairs=512),
        Reflow(pairs=512),
        RectifiedFlowPlusPlus(pairs=512),
        ReflowDistill(pairs=512),
        ReflowDistill(pairs=512, straight=True),
    ],
    ids=lambda m: f"{m.name}{getattr(m, 'straight', '')}",
)
def test_students_of_pairs_land_where_the_teacher_does_in_one_call(method):
    student = finished(method, Straight())
    z = torch.randn(9, 2, generator=torch.Generator().manual_seed(1))
    for evals in (1, 2, 4, 8) if student.kind == "velocity" else (1,):
        ends = made(student, z, evals)
        torch.testing.assert_close(ends, z * math.exp(-RATE), atol=3e-3, rtol=0)


def test_pairs_hold_where_the_teacher_takes_each_noise():
    kept = learner(RegressionOnPairs(pairs=300), Straight()).kept
    assert kept["noise"].shape == kept["clean"].shape == (300, 2)
    torch.testing.assert_close(kept["clean"], kept["noise"] * math.exp(-RATE), atol=1e-3, rtol=0)


def test_the_one_step_of_a_reflow_is_learnt_from_the_reflows_own_pairs():
    work = learner(ReflowDistill(pairs=300), Straight(), steps=20, learning_rate=1e-3)
    teachers = work.kept["noise"].clone()
    while work.step < 12:  # 6 of 10 updates are the reflow's
        assert work.update().keys() == {"velocity"}
    b = float(work.averaged.b)
    assert work.turns and abs(b - RATE) > 0.3  # far from learnt, so that whose pairs they are shows
    assert work.update() == {} and work.step == 12
    torch.testing.assert_close(work.kept["clean"], work.kept["noise"] * math.exp(-b), atol=1e-3, rtol=0)
    assert not torch.allclose(teachers, work.kept["noise"])
    assert work.update().keys() == {"distance"} and work.step == 13 and not work.turns
    assert float(work.averaged.b) == pytest.approx(b, abs=2e-3)  # its average is the next stage's start


def test_a_reflow_as_teacher_spares_the_first_stage():
    method = ReflowDistill(straight=True, pairs=64)
    assert method.schedule.steps == 4000 and ReflowDistill().schedule.steps == 10_000
    assert learner(method, Straight()).update().keys() == {"distance"}


def test_times_of_rf_plus_plus_have_the_sheets_masses():
    network = Straight()
    learner(RectifiedFlowPlusPlus(pairs=64), network, batch=50_000).update()
    half = torch.tensor([0.1725, 0.1194, 0.0857, 0.0658, 0.0566])
    masses = torch.histc(network.asked[0], 10, 0.0, 1.0) / 50_000
    torch.testing.assert_close(masses, torch.cat([half, half.flip(0)]), atol=2e-4, rtol=0)


def test_times_of_reflow_are_even():
    network = Straight()
    learner(Reflow(pairs=64), network, batch=50_000).update()
    masses = torch.histc(network.asked[0], 10, 0.0, 1.0) / 50_000
    torch.testing.assert_close(masses, torch.full((10,), 0.1), atol=2e-4, rtol=0)


def test_the_loss_of_rf_plus_plus_is_pseudo_huber():
    # The teacher's velocity is 0 where it ends as it began; then a network that is off by d everywhere costs that.
    class Still(nn.Module):
        def forward(self, x, t):
            return 0.0 * x

    class Off(nn.Module):
        def __init__(self):
            super().__init__()
            self.d = nn.Parameter(torch.tensor([0.3, 0.4]))

        def forward(self, x, t):
            return self.d.expand_as(x)

    method = RectifiedFlowPlusPlus(pairs=64, knee=1.2)
    task = Task(as_target("two_moons"), NetworkField(Still(), "linear", "velocity"), Off(), Schedule(10, 32))
    work = method.learner(task)
    list(method.prepare(work))
    assert work.update()["velocity"] == pytest.approx(1.3 - 1.2, abs=1e-4)  # sqrt(.5^2 + 1.2^2) - 1.2


def test_progressive_stages_compose_to_all_64_steps_of_the_teacher():
    # On dx/dt = a x one Euler step of 1/64 multiplies by 1 - a/64; each stage must give the square of the one before.
    student = finished(Progressive(), Factor(RATE), steps=1200, learning_rate=0.02)
    assert sorted(student.sizes) == [1, 2, 4, 8]
    z = torch.randn(9, 2, generator=torch.Generator().manual_seed(1))
    for size in student.sizes:
        torch.testing.assert_close(made(student, z, size), z * (1 - RATE / 64) ** 64, atol=2e-4, rtol=0)
    assert abs((1 - RATE / 64) ** 64 - math.exp(-RATE)) > 2e-3  # and not the teacher's exact flow


def test_progressive_gives_the_last_two_stages_three_times_as_long():
    work = learner(Progressive(), Factor(), steps=12_000)
    assert work.ends == [1200, 2400, 3600, 4800, 8400, 12_000] and Progressive().schedule.steps == 12_000


def test_a_progressive_student_has_the_networks_that_there_are_by_now():
    work, seen = learner(Progressive(), Factor(), steps=40, batch=8), {}
    seen[0] = sorted(work.student().sizes)
    while work.step < 40:
        work.update()
        seen[work.step] = sorted(work.student().sizes)
    stations = {0: [32], 4: [32], 5: [16], 9: [8], 13: [4, 8], 17: [2, 4, 8], 28: [2, 4, 8], 29: [1, 2, 4, 8]}
    assert all(seen[step] == sizes for step, sizes in stations.items()) and seen[40] == [1, 2, 4, 8]


def test_on_the_way_the_best_student_is_one_that_needs_the_fewest_evals():
    teacher = NetworkField(Linear(), "linear", "velocity")
    task = Task(as_target("two_moons"), teacher, Factor(), Schedule(40, 32, 0.01))
    for record in Course(Progressive().learner(task), every=1e9).records():
        if record.step in (4, 12, 20, 33):
            assert min(record.student.sizes) == {4: 32, 12: 8, 20: 2, 33: 1}[record.step]
            assert record.cloud.shape == (1000, 2) and math.isfinite(record.w2)


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_a_run_too_short_for_its_stages_still_ends_with_a_whole_student(steps):
    assert sorted(finished(Progressive(), Factor(), steps=steps, batch=8).sizes) == [1, 2, 4, 8]
    assert finished(ReflowDistill(pairs=32), Straight(), steps=steps, batch=8).kind == "point"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Reflow(pairs=0), "`pairs` must be a whole number of at least 1; got 0"),
        (lambda: RectifiedFlowPlusPlus(steepness=0.0), "`steepness`"),
        (lambda: RectifiedFlowPlusPlus(knee=-1.0), "`knee`"),
        (lambda: Progressive(patience=0.0), "`patience` must be a number from 0.1 to 100; got 0.0"),
        (lambda: ReflowDistill(pairs=-3), "`pairs`"),
    ],
)
def test_settings_that_cannot_be_are_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_a_fresh_student_sees_as_fine_as_its_teacher():
    fine = NetworkField(FlowMLP(width=8, depth=1, waves=3), "linear", "velocity")
    for name in ("reflow", "transition_matching"):
        *_, last = (
            distill(name, fine, "two_moons", steps=1, batch=8)
            if name != "reflow"
            else distill(Reflow(pairs=8), fine, "two_moons", steps=1, batch=8)
        )
        assert last.student.network.waves == 3


def test_every_one_of_the_family_is_in_the_list_with_its_kind():
    kinds = {
        "pairs": "point",
        "progressive": "grid",
        "reflow": "velocity",
        "rf_plus_plus": "velocity",
        "reflow_distill": "point",
        "transition_matching": "stochastic",
    }
    assert all(STUDENTS[name].kind == kind for name, kind in kinds.items())
