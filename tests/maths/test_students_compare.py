"""Comparison, switch and any-step map: closed forms of a Gaussian, counts, same noise, and what is refused."""

import math
from dataclasses import dataclass, replace

import pytest
import torch
from oracles import NormalField, gaussian_flow
from scipy.optimize import linear_sum_assignment
from torch import nn

import explorer as ex
from explorer.maths.fields import NetworkField
from explorer.maths.students.any_step import any_step
from explorer.maths.students.compare import compare, comparing
from explorer.maths.students.flow_map import AbstractFlowMap, Jump
from explorer.maths.students.ground import Ground
from explorer.maths.students.kinds import (
    DyadicMap,
    EndpointMap,
    FullMap,
    GridMaps,
    PointMap,
    StochasticMap,
    VelocityMap,
)
from explorer.maths.students.scores import composite
from explorer.maths.students.switch import switch_curve, switched
from explorer.maths.training.protocol import sobol_noise

MEAN, VARIANCE = 0.7, 0.25
TARGET = ex.mixture(
    torch.ones(1), torch.full((1, 2), MEAN).double(), VARIANCE * torch.eye(2, dtype=torch.float64)[None]
)


@dataclass(frozen=True, eq=False)
class ExactMap(FullMap):
    """The closed-form flow map of N(mean, variance I), stretched by ``wrong`` on the way where that is not 0."""

    wrong: float = 0.0

    def jump(self, x, t, t_next, source=None):
        moved = gaussian_flow(
            torch.full((2,), MEAN, dtype=torch.float64),
            VARIANCE * torch.eye(2, dtype=torch.float64),
            x.double(),
            (1.0 - t, t),
            (1.0 - t_next, t_next),
        ).to(x.dtype)
        moved = moved + self.wrong * (t - t_next) * x
        return Jump(moved, (x - moved) / (t - t_next))


class Counted(nn.Module):
    """A velocity network of N(mean, variance I) that counts the rows it was asked for."""

    def __init__(self):
        super().__init__()
        self.calls, self.field = 0, NormalField("linear", MEAN, VARIANCE)

    def forward(self, x, t, *_):
        self.calls += 1
        return self.field(x, t).velocity


class Head(nn.Module):
    """A head that always answers the same velocity; counts its calls."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, y, r, x, t):
        self.calls += 1
        return y - x


def exact(wrong=0.0):
    return ExactMap(nn.Identity(), (2,), "lagrangian_map", wrong)


def teacher():
    return TARGET.field("linear")


@pytest.fixture(scope="module")
def table():
    students = {
        "true": exact(),
        "stretched": exact(0.3),
        "point": PointMap(Counted(), (2,), "pairs"),
        "again": EndpointMap(Counted(), (2,), "consistency_distillation"),
        "matched": PointMap(Counted(), (2,), "dmd2"),
    }
    return compare(teacher(), students, evals=(1, 2, 4), n=200, seeds=(0, 1))


def test_the_exact_map_is_at_the_floor_and_at_no_distance_from_its_pairs(table):
    row = table.row("true")
    for cell in row.cells:
        assert cell.mean("pair_rmse") < 2e-3  # of the teacher's own 50 Heun steps
        assert cell.mean("w2") < 1.6 * max(table.floors)
        assert cell.mean("precision") == 1.0 and cell.mean("covered") == 1.0
        assert cell.is_paired and cell.distances.shape == (200,) and cell.ends.shape == (200, 2)
    assert row.at(1).mean("w2") == pytest.approx(row.at(4).mean("w2"), abs=1e-5)


def test_a_stretched_map_is_off_by_what_it_was_stretched(table):
    # One call from t = 1: ends differ by 0.3 x, and E|x|^2 = 2 in the plane.
    assert table.row("stretched").at(1).mean("pair_rmse") == pytest.approx(0.3 * 2**0.5, rel=0.01)


def test_figures_are_those_of_other_routes_on_the_same_clouds(table):
    ground = Ground(teacher(), TARGET, 200, 0)
    cell = table.row("stretched").at(1)
    costs = torch.cdist(cell.ends.double(), ground.data.points.double()).square().numpy()
    rows, columns = linear_sum_assignment(costs)
    assert cell.scores[0].w2 == pytest.approx(costs[rows, columns].mean() ** 0.5, rel=1e-6)
    torch.testing.assert_close(cell.ends, exact(0.3).jump(sobol_noise(200, (2,)), 1.0, 0.0).x)
    gap = (cell.ends - ground.ends).double().norm(dim=1)
    torch.testing.assert_close(cell.distances, gap)
    assert cell.scores[0].pair_rmse == pytest.approx(float(gap.square().mean().sqrt()), rel=1e-6)


def test_euler_on_the_exact_field_has_its_closed_form_spread(table):
    # One Euler step from t = 1 lands on the mean, whatever the noise: all of W2 is the data's own spread.
    cell = table.row("teacher").at(1)
    data = Ground(teacher(), TARGET, 200, 0).data.points.double()
    assert cell.scores[0].w2 == pytest.approx(float((data - MEAN).square().sum(1).mean().sqrt()), rel=1e-4)


def test_what_cannot_be_asked_is_missing_with_its_reason(table):
    cell = table.row("point").at(2)
    assert not cell.scores and math.isnan(cell.mean("w2")) and cell.ends is None
    assert "from t = 1 to t_next = 0 only" in cell.reason
    assert table.row("point").at(1).scores and not table.row("point").at(1).reason


def test_pairs_are_no_target_for_distribution_matching_or_noise_on_the_way(table):
    assert table.row("again").at(1).is_paired and not table.row("again").at(2).is_paired
    assert table.row("point").at(1).is_paired and not table.row("matched").at(1).is_paired


def test_figures_spread_over_seeds_and_the_floor_is_of_that_many(table):
    cell = table.row("true").at(1)
    assert len(cell.scores) == 2 and cell.spread("w2") > 0
    assert cell.mean("w2") == pytest.approx(sum(s.w2 for s in cell.scores) / 2)
    assert cell.spread("w2") == pytest.approx(abs(cell.scores[0].w2 - cell.scores[1].w2) / 2**0.5)
    assert len(table.even_floors) == len(table.plain_floors) == 2 and min(table.floors) > 0


def test_the_table_comes_row_by_row_the_first_seed_first():
    tables = list(comparing(teacher(), [exact(), exact(0.1)], evals=(1, 2), n=50, seeds=(0, 7)))
    assert len(tables) == 2 * 3
    assert [t.done for t in tables] == [0, 0, 1, 1, 1, 2]
    assert not tables[0].rows[1].at(1).scores and tables[2].rows[2].at(2).scores
    assert [row.name for row in tables[0].rows] == ["teacher", "lagrangian_map", "lagrangian_map 2"]


def test_evals_are_calls_of_the_network():
    network, head = Counted(), Head()
    made = compare(
        teacher(),
        [VelocityMap(network, (2,)), StochasticMap(head, (2,), "transition_matching", inner=4)],
        evals=(1, 2, 8),
        n=20,
        seeds=(0,),
    )
    assert network.calls == 1 + 2 + 8 and head.calls == 8  # 2 x 4; 1 and 2 are no whole calls
    assert "calls of 4" in made.row("transition_matching").at(2).reason
    heun = compare(teacher(), [], evals=(1, 2, 3), n=20, seeds=(0,), sampler="heun").row("teacher")
    assert heun.at(3).scores and "heun takes 1, 3, 5, ... evals" in heun.at(2).reason


def test_everybody_starts_from_the_noise_that_a_recorded_run_begins_with():
    plain = compare(teacher(), [exact()], evals=(1,), n=30, seeds=(5,), even=False)
    run = ex.record(exact(), n=30, seed=5)
    torch.testing.assert_close(plain.row("lagrangian_map").at(1).ends, run.states[-1])
    assert plain.floors == plain.plain_floors


@pytest.mark.slow
def test_the_protocol_is_the_sheets():
    target = ex.target("two_moons")
    made = compare(target.field("linear"), [], evals=(1, 2), protocol=True)
    assert (made.n, made.seeds) == (2048, (0,))
    # The sheet's exact field by Euler, and two even draws.
    assert made.row("teacher").at(1).mean("w2") == pytest.approx(1.417, rel=0.01)
    assert made.row("teacher").at(2).mean("w2") == pytest.approx(0.694, rel=0.01)
    assert made.floors[0] == pytest.approx(0.043, abs=0.004)


def test_without_a_target_all_is_held_against_the_teacher():
    field = NetworkField(Counted(), "linear", "velocity", shape=(2,))
    made = compare(field, [exact()], evals=(1,), n=60, seeds=(0,))
    cell = made.row("lagrangian_map").at(1)
    assert math.isnan(cell.mean("w2")) and math.isnan(cell.mean("covered"))
    assert made.main == "w2_to_teacher" and math.isfinite(cell.mean("w2_to_teacher"))
    assert cell.mean("precision") > 0.5 and "w2" not in made.parts()
    assert math.isfinite(made.mmhm()["lagrangian_map", 1].value)


def test_a_known_target_adds_the_exact_field():
    field = NetworkField(Counted(), "linear", "velocity", shape=(2,))
    made = compare(field, [], TARGET, evals=(1,), n=20, seeds=(0,))
    assert [row.role for row in made.rows] == ["teacher", "exact"]
    assert made.rows[0].at(1).mean("w2") == pytest.approx(made.rows[1].at(1).mean("w2"), rel=1e-4)


class Wild(nn.Module):
    def forward(self, x, t):
        return x * float("inf")


def test_samples_that_are_not_finite_are_missing_and_not_a_traceback():
    made = compare(teacher(), [VelocityMap(Wild(), (2,))], evals=(1,), n=20, seeds=(0, 1))
    assert "not finite" in made.row("velocity").at(1).reason and not made.row("velocity").at(1).scores


def test_students_of_another_shape_or_path_are_refused_with_both_named():
    with pytest.raises(ValueError, match=r"shape \[3\], and its teacher's are \[2\]"):
        compare(teacher(), [FullMap(nn.Identity(), (3,))])
    with pytest.raises(ValueError, match="this teacher is on 'vp'"):
        compare(TARGET.field("vp"), [exact()])
    with pytest.raises(ValueError, match="must be flow maps; got MixtureField"):
        compare(teacher(), [teacher()])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"evals": (0,)}, "`evals` must be different whole numbers"),
        ({"evals": (1, 1)}, "`evals` must be different"),
        ({"seeds": ()}, "`seeds` must be different"),
        ({"n": 10}, "`n` must be a whole number of samples from 16"),
    ],
)
def test_numbers_that_cannot_be_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        comparing(teacher(), [exact()], **options)


def test_the_composite_is_the_harmonic_mean_of_parts_scaled_over_the_rows():
    parts = torch.tensor([[0.1, 0.9], [0.3, 1.0], [0.2, 0.5]])
    made = composite(parts, ("low", "high"))
    torch.testing.assert_close(
        made.scaled,
        torch.tensor([[1.0, 0.8], [0.0, 1.0], [0.5, 0.0]], dtype=torch.float64),
        atol=1e-6,
        rtol=0,
    )
    # 2 / (1 / 1 + 1 / .8), and two rows that are the worst in one part: 2 / (1000 + 1), 2 / (2 + 1000).
    assert made.value.tolist() == pytest.approx([0.888889, 2 / 1001, 2 / 1002], rel=1e-5)


def test_one_bad_row_lifts_all_others():
    rows = torch.tensor([[0.10], [0.11], [0.12]])
    alone = composite(rows, ("low",)).value
    beside = composite(torch.cat([rows, torch.tensor([[2.0]])]), ("low",)).value
    assert alone[1] == pytest.approx(0.5) and beside[1] > 0.99 and beside[2] > 0.98


def test_rows_that_are_equal_or_not_known_scale_nobody():
    made = composite(torch.tensor([[1.0], [1.0], [float("nan")]]), ("low",))
    assert made.value.tolist()[:2] == [1.0, 1.0] and math.isnan(made.value[2])
    with pytest.raises(ValueError, match="low or high of each of 2 parts"):
        composite(torch.zeros(3, 2), ("low",))


def test_a_switch_takes_the_teachers_steps_then_the_students():
    noise = sobol_noise(40, (2,)).double()
    run = switched(teacher(), exact(), 3, steps=8, calls=2, sampler="euler", noise=noise)
    whole = ex.record(teacher(), "euler", steps=8, noise=noise)
    assert run.times.tolist() == [1.0, 0.875, 0.75, 0.625, 0.3125, 0.0]
    assert run.evals.tolist() == [0, 1, 2, 3, 4, 5]
    torch.testing.assert_close(run.states[:4], whole.states[:4], rtol=0, atol=0)
    torch.testing.assert_close(run.states[5], exact().jump(run.states[3], 0.625, 0.0).x)
    assert run.ended.kind == "done" and run.ended.step == 5
    assert run.denoised.shape == run.states.shape and len(run.velocities) == 5


def test_evals_of_a_switch_count_both_sides():
    run = switched(teacher(), exact(), 2, steps=4, calls=3, sampler="heun", n=10)
    assert run.evals.tolist() == [0, 2, 4, 5, 6, 7]


def test_the_ends_of_a_switch_are_the_student_and_the_teacher():
    noise = sobol_noise(30, (2,))
    student, alone = switched(teacher(), exact(), 0, steps=4, noise=noise), ex.record(exact(), noise=noise)
    torch.testing.assert_close(student.states[-1], alone.states[-1])
    own, whole = (
        switched(teacher(), exact(), 4, steps=4, noise=noise),
        ex.record(teacher(), "heun", steps=4, noise=noise),
    )
    torch.testing.assert_close(own.states, whole.states)
    assert own.evals.tolist() == whole.evals.tolist()


def test_what_a_student_cannot_do_from_there_is_said():
    point = PointMap(Counted(), (2,), "pairs")
    with pytest.raises(
        ValueError, match=r"point map and goes from t = 1 to t_next = 0 only; got t = 0\.75 to 0"
    ):
        switched(teacher(), point, 1, steps=4)
    with pytest.raises(
        ValueError, match="`k` must be a whole number of the teacher's steps, from 0 to 4; got 5"
    ):
        switched(teacher(), exact(), 5, steps=4)
    with pytest.raises(ValueError, match="chooses its own steps"):
        switched(teacher(), exact(), 1, steps=4, sampler="rk45")
    with pytest.raises(ValueError, match="`calls` must be a whole number of at least 1; got 0"):
        switched(teacher(), exact(), 1, steps=4, calls=0)


def test_maps_on_grids_are_asked_where_they_fit():
    grid = GridMaps(nn.ModuleDict({"2": Counted()}), (2,), "progressive")
    run = switched(teacher(), grid, 2, steps=4, sampler="euler", n=8)
    assert run.evals.tolist() == [0, 1, 2, 3] and run.times[-2] == 0.5
    with pytest.raises(ValueError, match="it has M = 2"):
        switched(teacher(), grid, 1, steps=4, n=8)


def test_what_was_lost_comes_back_the_later_a_collapsed_student_is_asked():
    target = ex.target("two_gaussians")

    class Left(nn.Module):
        def forward(self, x, t, *_):  # the velocity to the left component, wherever x is
            left = torch.tensor([-1.4, 0.0], dtype=x.dtype)
            return (x - left) / max(t, 1e-3)

    curve = switch_curve(target.field("linear"), VelocityMap(Left(), (2,), "lost"), target, steps=8, n=200)
    recalls, covered = [p.recall for p in curve.points], [p.covered for p in curve.points]
    assert covered[0] == 1 and recalls[0] == pytest.approx(0.5) and covered[-1] == 2 and recalls[-1] > 0.95
    assert curve.modes == 2 and curve.points[-1].pair_rmse == 0.0 < curve.points[0].pair_rmse
    assert [p.evals for p in curve.points] == [1, 3, 5, 7, 9, 11, 13, 15, 15]


def test_a_curve_of_a_point_map_says_why_it_has_no_middle():
    curve = switch_curve(teacher(), PointMap(Counted(), (2,), "pairs"), TARGET, steps=3, n=50)
    assert [bool(p.reason) for p in curve.points] == [False, True, True, False]
    assert math.isnan(curve.points[1].w2) and "point map" in curve.points[1].reason


def test_the_exact_map_has_no_error_between_any_two_times():
    student = exact()
    seen = any_step(student, NormalField("linear", MEAN, VARIANCE), points=32, cells=6, rtol=1e-13)
    below = torch.ones(6, 6, dtype=torch.bool).triu()
    assert bool(seen.error[below].isfinite().all()) and bool(seen.error[~below].isnan().all())
    assert float(seen.error[below].max()) < 1e-10
    assert float(seen.consistency[below].max()) < 1e-12


def test_a_wrong_map_has_the_error_that_it_was_given():
    seen = any_step(exact(0.2), NormalField("linear", MEAN, VARIANCE), points=512, cells=4)
    # At t = 1 the states are the noise, E|x|^2 = 2: the error of a call to s is 0.2 (1 - s) sqrt(2).
    assert seen.error[0].tolist() == pytest.approx(
        [0.2 * (1 - s) * 2**0.5 for s in seen.nexts.tolist()], rel=0.01
    )
    assert float(seen.consistency[0, -1]) > 0.005
    assert seen.mean_error > 0.05


def test_cells_that_cannot_be_asked_are_empty_and_say_why():
    field = NormalField("linear", MEAN, VARIANCE)
    point = any_step(PointMap(Counted(), (2,), "pairs"), field, points=8, cells=4)
    assert int(point.error.isfinite().sum()) == 1 and math.isfinite(point.error[0, -1])
    assert "point map" in point.reasons[1, 3] and "below t" in point.reasons[2, 0]
    dyadic = any_step(DyadicMap(Counted(), (2,), "shortcut"), field, points=8, cells=4)
    assert math.isfinite(dyadic.error[0, 1]) and math.isnan(dyadic.error[0, 2])  # a half, three quarters
    again = any_step(EndpointMap(Counted(), (2,), "cd"), field, points=8, cells=4)
    assert again.error[:, -1].isfinite().all() and again.error[:, :-1].isnan().all()
    assert "no single end" in again.reasons[0, 0] and again.consistency.isnan().all()
    draws = any_step(StochasticMap(Head(), (2,), inner=2), field, points=8, cells=3)
    assert draws.error.isnan().all() and math.isnan(draws.mean_error)


@pytest.mark.parametrize("options", [{"cells": 1}, {"points": 5000}, {"cells": True}])
def test_any_step_refuses_numbers_that_cannot_be(options):
    with pytest.raises(ValueError, match="must be a whole number from 2"):
        any_step(exact(), NormalField("linear"), **options)


def test_a_student_is_recorded_and_walked_without_a_sampler():
    student: AbstractFlowMap = exact()
    run = ex.record(student, steps=2, n=9, seed=3)
    assert run.times.tolist() == [1.0, 0.5, 0.0] and run.evals.tolist() == [0, 1, 2] and run.sampler == "leap"
    assert [frame.t for frame in ex.walk(student, n=4)] == [1.0, 0.0]
    with pytest.raises(ValueError, match="a student makes its own calls; got sampler='heun'"):
        ex.record(student, "heun")
    with pytest.raises(ValueError, match=r"only; got t = 1 to 0\.5"):
        ex.record(replace_kind(student), steps=2, n=4)


def replace_kind(student):
    return PointMap(student.network, student.shape, "pairs")


def test_a_field_is_still_walked_by_heun_when_no_sampler_is_named():
    assert ex.record(teacher(), steps=3, n=4).sampler == "heun"


def test_records_are_frozen(table):
    with pytest.raises(AttributeError):
        table.rows[0].cells[0].evals = 5
    assert replace(table, n=3).n == 3


def test_the_judge_says_what_modes_a_student_covers_while_it_learns():
    target = ex.target("two_gaussians")
    progress = list(ex.distill("pairs", target.field("linear"), target, steps=3, batch=64, every=0.0))[-1]
    inside = (progress.cloud[:, None] - target.means.float()).norm(dim=-1) <= 4 * 0.15
    assert progress.reached.precision == pytest.approx(float(inside.any(1).double().mean()), abs=1e-9)
    assert progress.reached.modes == 2
    assert progress.reached.covered == int((inside.double().mean(0) > 0.25 / 2).sum())
