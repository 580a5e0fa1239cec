"""Flow maps while they learn: on data of one Gaussian, where the map is known in closed form."""

import pytest
import torch
from gaussian_students import TARGET, GaussianForm, target_flow

from explorer.maths.networks import GAIN, FlowMLP
from explorer.maths.students.distill import distill
from explorer.maths.students.intervals import interval, parts, sums
from explorer.maths.students.method import Task
from explorer.maths.students.methods.eulerian_map import EulerianMap
from explorer.maths.students.methods.improved_mean_flow import ImprovedMeanFlow
from explorer.maths.students.methods.lagrangian_map import LagrangianMap
from explorer.maths.students.methods.mean_flow import MeanFlow
from explorer.maths.students.methods.progressive_map import ProgressiveMap
from explorer.maths.students.methods.shortcut import Shortcut, with_smallest
from explorer.maths.students.registry import STUDENTS
from explorer.maths.training.protocol import sobol_noise
from explorer.maths.training.run import Schedule

FROM_DATA = [MeanFlow(), ImprovedMeanFlow(), Shortcut()]
MAPS = [LagrangianMap, EulerianMap, ProgressiveMap]
BOTH = [*(kind(teacher) for kind in MAPS for teacher in (True, False)), *FROM_DATA]
SHEET = {
    "lagrangian_map": 0.045,
    "eulerian_map": 0.157,
    "progressive_map": 0.088,
    "mean_flow": 0.182,
    "improved_mean_flow": 0.188,
    "shortcut": 0.201,
}
"""Root mean square error of the worst cell after 2,000 updates from random weights."""
CELLS = [(t, s) for t in (1.0, 0.75, 0.5, 0.25) for s in (0.0, 0.25, 0.5, 0.75) if t > s]


def learner(method, batch=512):
    network = FlowMLP(2, width=16, depth=2)
    return method.learner(Task(TARGET, TARGET.field("linear"), network, Schedule(60, batch)))


@pytest.mark.parametrize("method", BOTH, ids=lambda m: f"{m.name}-{m.asks_teacher}")
def test_a_student_that_can_be_exact_becomes_it(method):
    """From the flow of N(0, I) to that of the data, in three numbers."""
    schedule = {"steps": 120, "batch": 256, "learning_rate": 0.1}
    *_, last = distill(
        method, TARGET.field("linear"), TARGET, network=GaussianForm(landing=False), every=1e9, **schedule
    )
    form = last.student.network
    near = 5e-3 if method.asks_teacher else 0.05  # without a teacher, the noise of some thousand pairs
    assert torch.allclose(form.mean, torch.tensor([0.7, -0.4]), atol=near)
    assert form.variance.item() == pytest.approx(0.25, abs=near)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHEET)
def test_a_trained_map_is_as_near_to_the_exact_one_as_the_sheet_s(name):
    # Seeds move the worst cell by a tenth: improved MeanFlow has .192 here and .220 from seed 0.
    *_, last = distill(name, TARGET.field("linear"), TARGET, steps=2000, seed=1, every=1e9)
    noise, student = sobol_noise(512, (2,)), last.student
    errors = {}
    for t, s in CELLS:
        if not student.refusal(t, s):
            x = target_flow(noise, 1.0, t).float()
            apart = student(x, t, s) - target_flow(x, t, s)
            errors[t, s] = float(apart.square().sum(1).mean().sqrt())
    assert len(errors) == (7 if name == "shortcut" else 10)
    assert max(errors.values()) <= 1.15 * SHEET[name]


def test_a_batch_is_shared_between_the_diagonal_and_intervals():
    even, off = parts(learner(MeanFlow(diagonal=0.25)), 0.25)
    assert len(even.x) == 128 and torch.equal(even.t, even.s)
    assert len(off.x) == 384 and bool((off.t > off.s).all())
    data, noise = off.x - off.t[:, None] * off.velocity, off.x + (1 - off.t)[:, None] * off.velocity
    assert data.mean(0).tolist() == pytest.approx([0.7, -0.4], abs=0.1)  # the ends of each line
    assert data.std().item() == pytest.approx(
        0.75, abs=0.06
    )  # of both coordinates, whose means are 1.1 apart
    assert noise.std().item() == pytest.approx(1.0, abs=0.1)


def test_intervals_are_the_larger_and_the_smaller_of_two_even_draws():
    t, s = interval(learner(MeanFlow()), 20_000)
    assert t.mean().item() == pytest.approx(2 / 3, abs=0.005)
    assert s.mean().item() == pytest.approx(1 / 3, abs=0.005)
    assert (t - s > 0.5).float().mean().item() == pytest.approx(0.25, abs=0.01)


def test_both_parts_count_by_the_size_of_the_whole_batch():
    one = learner(MeanFlow(), batch=8)
    two, three = torch.full((3, 2), 2.0), torch.full((5, 2), 3.0)
    assert {k: float(v) for k, v in sums(one, even=two, off=three).items()} == {"even": 3.0, "off": 11.25}


def test_shortcuts_learn_each_size_of_step_alike_and_only_from_its_own_grid():
    method = Shortcut()
    even, steps = method.batch(learner(method, batch=4 * 6 * 64))
    sizes = steps.t - steps.s
    assert len(even.x) == 3 * 6 * 64
    assert {size: int((sizes == size).sum()) for size in sizes.unique().tolist()} == {
        2.0**-k: 64 for k in range(6)
    }
    assert torch.equal(torch.round(steps.t / sizes), steps.t / sizes)  # t = 1 - j d
    assert steps.s.min() == 0 and steps.t.max() == 1
    for size in (0.5, 0.125):
        begun = steps.t[sizes == size].unique()
        assert len(begun) == round(1 / size)


def test_the_smallest_halves_of_a_shortcut_read_the_velocity():
    heard = []

    def u(x, t, s):
        heard.append(s)
        return x

    t = torch.tensor([1.0, 0.75, 0.5])
    with_smallest(u, 1 / 64)(torch.zeros(3, 2), t, t - torch.tensor([1 / 64, 1 / 32, 0.5]))
    assert torch.equal(heard[0], torch.tensor([1.0, 0.75 - 1 / 32, 0.0]))


def test_a_shortcut_goes_by_the_steps_that_it_learnt():
    student = learner(Shortcut()).student()
    assert [n for n in range(1, 65) if student.takes(n)] == [1, 2, 4, 8, 16, 32]
    with pytest.raises(ValueError, match="halved steps"):
        student(torch.zeros(1, 2), 0.75, 0.25)


@pytest.mark.parametrize("kind", MAPS, ids=lambda k: k.name)
def test_a_map_without_a_teacher_begins_at_random_and_says_so(kind):
    alone, taught = kind(teacher=False), kind()
    assert (taught.asks_teacher, taught.begins) == (True, "teacher")
    assert (alone.asks_teacher, alone.begins) == (False, "random")

    class Silent(type(TARGET.field("linear"))):
        def __call__(self, x, t):
            raise AssertionError("the teacher was asked")

    field = TARGET.field("linear")
    field.__class__ = Silent
    one = alone.learner(Task(TARGET, field, FlowMLP(2, width=16, depth=2), Schedule(60, 64)))
    assert all(torch.isfinite(part) for part in alone.losses(one).values())
    with pytest.raises(AssertionError, match="was asked"):
        taught.losses(one)


def test_maps_along_the_flow_begin_with_small_weights():
    assert {name for name, method in STUDENTS.items() if method.gain != GAIN} == {"eulerian_map", "mean_flow"}


@pytest.mark.parametrize("kind", [*MAPS, MeanFlow, ImprovedMeanFlow, Shortcut], ids=lambda k: k.name)
def test_settings_that_cannot_be_are_refused(kind):
    for wrong in (1.0, -0.1, float("nan")):
        with pytest.raises(ValueError, match="`diagonal` must be at least 0 and less than 1"):
            kind(diagonal=wrong)
    with pytest.raises(ValueError, match="`levels` must be a whole number from 1 to 10"):
        Shortcut(levels=11)
