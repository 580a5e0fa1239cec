"""The Students lab in a notebook cell."""

import pytest

import explorer as ex


@pytest.fixture
def view():
    made = ex.lab("students", "two_moons/pairs", "two_moons/lagrangian_map", n=48, steps=4)
    yield made
    made.close()


def test_students_by_name_stand_beside_their_teacher(view):
    assert [pane.label for pane in view.wait().record.panes] == ["Teacher", "Pairs", "Lagrangian"]
    assert view.run.steps == 4


def test_chips_are_pressed_in_the_order_of_their_colours(view):
    row = view._rail.input("students")
    assert row.value == "pairs,lagrangian_map"
    by_key = {key: chip for (_, key), chip in zip(row.options, row._row.children, strict=True)}
    by_key["pairs"].value = False
    assert view.state.students == "lagrangian_map"
    by_key["reflow"].value = True
    assert view.state.students == "lagrangian_map,reflow"
    assert "ex-place-1" in by_key["reflow"]._dom_classes
    by_key["pairs"].value = True
    by_key["rf_plus_plus"].value = True
    assert view.state.students == "lagrangian_map,reflow,rf_plus_plus"
    assert not by_key["pairs"].value


def test_a_student_is_trained_in_the_cell_and_is_yours():
    view = ex.lab("students", "two_moons", view="train", updates=200, method="lagrangian_map", n=48, steps=4)
    button = view.wait()._rail.input("train")
    assert button.description == "Train"
    button.value = True
    view.wait()
    assert (button.value, button.description) == (False, "Train")
    assert view.state.students.split(",")[-1].startswith("own:")
    assert "200 of 200 updates" in view._line
    view.choose("view", "compare")
    assert view.wait().record.panes[-1].label.startswith("Yours")
    view.close()


def test_ones_own_student_and_teacher_are_taken():
    student, teacher = ex.load("two_moons/lagrangian_map"), ex.load("two_moons/linear")
    view = ex.lab("students", teacher, students=[student], target="two_moons", n=32, steps=3)
    record = view.wait().record
    assert record.plan.teacher is teacher and record.plan.students[0].student is student
    view.close()
    with pytest.raises(ValueError, match="holds samples against their data"):
        ex.lab("students", ex.NetworkField(teacher.module, path="linear", predicts="velocity"))


def test_a_recorded_run_has_no_place_here():
    with pytest.raises(ValueError, match="Students"):
        ex.lab("students", ex.record(ex.target("two_moons").field("linear"), n=8, steps=2))
