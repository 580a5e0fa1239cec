"""The shipped students: they load, do as well as the sheet's, and beat their teachers where evals are few."""

import importlib
from functools import cache
from pathlib import Path

import pytest
import torch

from benchmarks.sheet import DIGITS, ROWS, TRANSITIONS
from explorer.maths.metrics import w2
from explorer.maths.students import KINDS, STUDENTS
from explorer.maths.students.judge import made
from explorer.maths.targets import as_target
from explorer.maths.training.protocol import Protocol, sobol_noise
from explorer.models.student_figures import at
from explorer.models.train_student import agrees
from explorer.models.zoo import (
    CATALOGUE,
    STUDENT_CATALOGUE,
    WEIGHTS,
    load,
    student,
    student_from_catalogue,
    students_of,
)

HELD = ("two_moons", "eight_gaussians")
PLANE = ("two_moons", "eight_gaussians", "checkerboard")
WITHIN = 1.15
MOST_BYTES = 20_000_000
ALL = [name for target in (*PLANE, "digits") for name in students_of(target)]
ONE_CALL = [f"{target}/{method}" for target in HELD for method in ROWS if method != "transition_matching"]


@cache
def reached(name, calls):
    """W2 of a shipped student after so many calls, recomputed from its file under the protocol."""
    map_, target = student_from_catalogue(name), as_target(name.split("/")[0])
    protocol = Protocol(target)
    noise = sobol_noise(protocol.n, target.shape)
    return w2(made(map_, noise, calls * map_.evals_per_call), protocol.data)


@cache
def one_step_of_the_teacher(target):
    """W2 of the teacher's one Euler step under the protocol."""
    protocol = Protocol(as_target(target))
    return w2(protocol.samples(load(f"{target}/linear"), steps=1), protocol.data)


def test_every_method_ships_for_the_three_targets_and_three_for_the_digits():
    for target in PLANE:
        assert {name.split("/")[1] for name in students_of(target)} == {*STUDENTS, "reflow_2"}
    assert {name.split("/")[1] for name in students_of("digits")} >= set(DIGITS) - {"teacher"}


def test_the_files_are_those_of_the_catalogues_and_fit_the_budget():
    named = {entry.file for entry in (*CATALOGUE.values(), *STUDENT_CATALOGUE.values())}
    assert named == set(WEIGHTS.iterdir())
    assert sum(file.stat().st_size for file in WEIGHTS.iterdir()) < MOST_BYTES


@pytest.mark.parametrize("name", STUDENT_CATALOGUE)
def test_the_card_is_of_the_catalogues_line_and_names_the_very_weights_of_its_teacher(name):
    entry = STUDENT_CATALOGUE[name]
    card = entry.card
    for key in (
        "target",
        "architecture",
        "steps",
        "batch",
        "learning_rate",
        "seed",
        "method",
        "storage",
        "teacher",
    ):
        assert getattr(card, key) == getattr(entry, key), key
    assert agrees(card.settings, entry) and card.kind in KINDS
    assert card.teacher_weights == CATALOGUE[entry.teacher].sha256
    assert card.command.split()[:3] == ["sampler-explorer", "train", name]
    assert card.seconds > 0 and {f"w2_{at(count)}" for count in card.evals} <= set(card.figures)


@pytest.mark.parametrize("name", ALL)
def test_a_student_loads_as_the_map_that_its_card_says(name):
    map_, entry = student_from_catalogue(name), students_of(name.split("/")[0])[name]
    assert map_.kind == (entry.card.kind or "velocity") and map_.shape == as_target(entry.target).shape
    assert map_.method in STUDENTS
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in map_.network.parameters())
    assert student_from_catalogue(name) is map_ and student(name).network is not map_.network


@pytest.mark.parametrize("name", ONE_CALL)
def test_a_shipped_student_is_as_good_as_the_sheets(name):
    target, method = name.split("/")
    for calls, sheet in zip((1, 2), ROWS[method][target], strict=False):
        assert reached(name, calls) < WITHIN * sheet, f"{calls} calls; the sheet has {sheet}"


@pytest.mark.parametrize("name", ONE_CALL)
def test_at_one_eval_a_student_beats_its_teacher_four_times(name):
    teacher = one_step_of_the_teacher(name.split("/")[0])
    assert reached(name, 1) * 4.0 < teacher
    assert teacher > 1.3


@pytest.mark.parametrize("target", HELD)
@pytest.mark.parametrize("calls", [1, 2])
def test_transition_matching_is_held_to_its_own_table(target, calls):
    assert reached(f"{target}/transition_matching", calls) < WITHIN * TRANSITIONS[target][calls, 16]


@pytest.mark.parametrize("name", [name for name in STUDENT_CATALOGUE if not name.startswith("digits")])
def test_figures_of_the_card_are_those_of_the_file(name):
    card = STUDENT_CATALOGUE[name].card
    count = card.evals[0]
    map_ = student_from_catalogue(name)
    protocol = Protocol(as_target(card.target))
    measured = w2(made(map_, sobol_noise(protocol.n, map_.shape), count), protocol.data)
    assert measured == pytest.approx(card.figures[f"w2_{at(count)}"], rel=0.01)


@pytest.mark.parametrize("method", [method for method in DIGITS if method != "teacher"])
def test_students_of_the_digits_are_near_the_sheets(method):
    figures = STUDENT_CATALOGUE[f"digits/{method}"].card.figures
    for count, (distance, precision, recall) in DIGITS[method].items():
        assert figures[f"w2_{at(count)}"] < 1.05 * distance  # the floor of 2.6 hides most of the range
        assert figures[f"precision_{at(count)}"] > precision / WITHIN
        assert figures[f"recall_{at(count)}"] > recall / WITHIN
        assert figures[f"classes_{at(count)}"] == 10.0
    assert figures["classes_of_teacher_at_1_eval"] < 10.0


def test_at_one_eval_the_teacher_is_worse_than_untouched_noise():
    for target in HELD:
        protocol = Protocol(as_target(target))
        noise = w2(sobol_noise(protocol.n, (2,)), protocol.data)
        assert STUDENT_CATALOGUE[f"{target}/pairs"].card.figures["w2_of_teacher_at_1_eval"] > 1.5 * noise


def test_an_unknown_student_answers_with_the_nearest_and_a_field_is_none():
    with pytest.raises(ValueError, match="did you mean 'two_moons/mean_flow'"):
        load("two_moons/meanflow")
    with pytest.raises(ValueError, match="`student` must be one of the known names"):
        student_from_catalogue("two_moons/linear")
    with pytest.raises(ValueError, match="predicts v on the vp path"):
        student("two_moons/vp")
    with pytest.raises(ValueError, match="with classes"):
        student("digits/unet")


def test_a_straightened_field_is_a_student_too():
    x = sobol_noise(16, (2,))
    for way, method in (("reflow", "reflow"), ("reflow_2", "reflow"), ("rf_plus_plus", "rf_plus_plus")):
        field, map_ = load(f"two_moons/{way}"), student(f"two_moons/{way}")
        assert (map_.kind, map_.method) == ("velocity", method)
        torch.testing.assert_close(map_(x, 1.0, 0.25), x - 0.75 * field(x, 1.0).velocity)
    assert student("two_moons/linear").method == ""


def test_the_page_is_what_the_cards_say():
    script = Path(__file__).parents[2] / "docs" / "students.py"
    spec = importlib.util.spec_from_file_location("students_page", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text() == module.page(), "run `python docs/students.py`"
