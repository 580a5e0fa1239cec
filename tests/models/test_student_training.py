"""The train command makes students: from the right teacher, through interrupts, to a card that says what was made."""

import pytest
import torch
from interrupts import stopped_by_ctrl_c

from explorer.maths.metrics import w2
from explorer.maths.students import STUDENTS
from explorer.maths.students.judge import made
from explorer.maths.targets import as_target
from explorer.maths.training.protocol import Protocol, sobol_noise
from explorer.models.checkpoints import load_network, read_card
from explorer.models.student_figures import Classes, at, evals_of, figures_of_student
from explorer.models.students import student_entry
from explorer.models.train_command import run_train
from explorer.models.zoo import CATALOGUE, STUDENT_CATALOGUE, load, student

QUICK = {"steps": 30, "batch": 16}


@pytest.fixture
def unmeasured(monkeypatch):
    """Runs whose figures are not what is looked at."""
    monkeypatch.setattr("explorer.models.train_student.figures_of_student", lambda *_: {"w2_at_1_eval": 0.5})


def test_a_student_is_trained_saved_and_loaded_with_the_sum_of_its_teacher(tmp_path, capsys):
    (file,) = run_train(["two_moons/consistency_distillation"], out=tmp_path, **QUICK)
    card = read_card(file)
    assert file.name == "two_moons-consistency_distillation.safetensors"
    assert list(tmp_path.iterdir()) == [file]
    assert (card.method, card.kind, card.evals) == ("consistency_distillation", "endpoint", (1, 2, 4, 8))
    assert (card.teacher, card.teacher_weights) == ("two_moons/linear", CATALOGUE["two_moons/linear"].sha256)
    assert card.settings["cells"] == 64 and card.storage == "float16" and card.torch == torch.__version__
    assert card.command == (
        "sampler-explorer train two_moons/consistency_distillation --steps 30 --batch 16 "
        "--learning-rate 0.001 --seed 0"
    )
    assert load(file).kind == "endpoint" and student(file).method == "consistency_distillation"
    said = capsys.readouterr().out
    assert all(
        word in said for word in ("its teacher is", "a student by consistency_distillation", card.weights)
    )
    assert_figures_are_of_the_weights_in(file)


def assert_figures_are_of_the_weights_in(file):
    protocol, figures = Protocol(as_target("two_moons")), read_card(file).figures
    noise, teacher = sobol_noise(protocol.n, (2,)), load("two_moons/linear")
    for evals in (1, 4):
        found = w2(made(student(file), noise, evals), protocol.data)
        assert figures[f"w2_{at(evals)}"] == pytest.approx(found, abs=2e-6)
        euler = w2(protocol.samples(teacher, steps=evals), protocol.data)
        assert figures[f"w2_of_teacher_{at(evals)}"] == pytest.approx(euler, abs=2e-6)


def test_the_same_command_twice_gives_the_same_weights_and_a_whole_file_is_left_alone(
    tmp_path, unmeasured, capsys
):
    for folder in "ab":
        run_train(["gaussian/mean_flow"], out=tmp_path / folder, **QUICK)
    a, b = (read_card(tmp_path / folder / "gaussian-mean_flow.safetensors") for folder in "ab")
    assert a.weights == b.weights and a.kind == "full"
    capsys.readouterr()
    run_train(["gaussian/mean_flow"], out=tmp_path / "a", **QUICK)
    assert "is there already" in capsys.readouterr().out
    run_train(["gaussian/mean_flow"], out=tmp_path / "a", seed=1, **QUICK)
    assert read_card(tmp_path / "a" / "gaussian-mean_flow.safetensors").weights != a.weights


def test_a_teacher_that_was_trained_here_is_taken_before_the_shipped_one(tmp_path, unmeasured):
    teacher, file = run_train(["gaussian/linear", "gaussian/lagrangian_map"], out=tmp_path, **QUICK)
    card = read_card(file)
    assert card.teacher_weights == read_card(teacher).weights != CATALOGUE["gaussian/linear"].sha256
    run_train(["gaussian/linear"], out=tmp_path, steps=31, batch=16)
    run_train(["gaussian/lagrangian_map"], out=tmp_path, **QUICK)
    assert read_card(file).teacher_weights != card.teacher_weights


@pytest.mark.parametrize("method", ["progressive", "transition_matching", "shortcut", "lagrangian_map"])
def test_every_kind_of_network_has_its_place_in_a_file(tmp_path, unmeasured, method):
    (file,) = run_train([f"checkerboard/{method}"], out=tmp_path, **QUICK)
    entry, map_ = student_entry(CATALOGUE["checkerboard/linear"], method), load(file)
    assert read_card(file).architecture == entry.architecture and entry.architecture["waves"] == 3
    assert map_.kind == STUDENTS[method].kind
    x = sobol_noise(8, (2,))
    assert made(map_, x, map_.evals_per_call).shape == (8, 2)


@pytest.mark.slow
def test_an_interrupt_says_how_to_go_on_and_going_on_gives_the_unbroken_weights(tmp_path, unmeasured):
    name, steps = "gaussian/lagrangian_map", 400
    state = stopped_by_ctrl_c(name, tmp_path / "a" / "gaussian-lagrangian_map.safetensors", steps)
    (resumed,) = run_train([name], out=tmp_path / "a", steps=steps, batch=16)
    (whole,) = run_train([name], out=tmp_path / "b", steps=steps, batch=16)
    assert read_card(resumed).weights == read_card(whole).weights and not state.exists()


def test_a_run_that_diverges_ends_with_a_sentence_and_writes_nothing(tmp_path, monkeypatch):
    from explorer.maths.students.methods.lagrangian_map import LagrangianMap

    monkeypatch.setattr(
        LagrangianMap,
        "losses",
        lambda self, learner: {"bad": learner.network(torch.ones(1, 2), 1.0).sum() * torch.nan},
    )
    with pytest.raises(
        ValueError, match=r"gaussian/lagrangian_map diverged at step 1: .*nothing was written"
    ):
        run_train(["gaussian/lagrangian_map"], out=tmp_path, **QUICK)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("two_moons/meanflow", {}, "did you mean 'two_moons/mean_flow'"),
        ("two_moons/mean_flow", {"path": "vp"}, "is on the linear path"),
        ("two_moons/mean_flow", {"predicts": "noise"}, "a student's network gives a velocity"),
        ("two_moons/mean_flow", {"steps": 0}, "`steps`"),
        ("digits/transition_matching", {}, "networks for the plane only"),
        ("nowhere/mean_flow", {}, "`name` must be one of the known names"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_sentence(tmp_path, name, options, why):
    with pytest.raises(ValueError, match=why):
        run_train([name], out=tmp_path / "nets", **options)


def test_classes_are_told_as_a_nearest_neighbour_tells_them():
    from sklearn.neighbors import KNeighborsClassifier

    data, classes = as_target("digits").labelled(1797, 3, stratified=True)
    judge, half = Classes(data[:1200], classes[:1200]), data[1200:]
    neighbours = KNeighborsClassifier(1).fit(data[:1200].flatten(1), classes[:1200])
    theirs = torch.bincount(torch.from_numpy(neighbours.predict(half.flatten(1))), minlength=10) / len(half)
    shares = judge.shares(half)
    assert shares.sum() == pytest.approx(1.0) and float((shares - theirs).abs().max()) < 0.03
    assert float(judge.shares(data[classes == 7])[7]) > 0.95


def test_a_grid_student_is_judged_where_it_has_a_network_and_a_point_map_once():
    assert evals_of(student("two_moons/pairs")) == (1,)
    assert evals_of(student("two_moons/lagrangian_map")) == (1, 2, 4, 8)
    assert evals_of(student("two_moons/transition_matching")) == (16, 32, 64, 128)
    assert [at(n) for n in (1, 2)] == ["at_1_eval", "at_2_evals"]


@pytest.mark.slow
def test_figures_of_pictures_say_how_many_classes_were_met():
    target, teacher = as_target("digits"), load("digits/mlp")
    figures = figures_of_student(student("digits/pairs"), teacher, target, (1,))
    shipped = STUDENT_CATALOGUE["digits/pairs"].card.figures
    for name, value in figures.items():
        assert value == pytest.approx(shipped[name], rel=0.02, abs=0.005), name


@pytest.mark.slow
def test_a_shipped_student_comes_out_of_its_command_again(tmp_path):
    (file,) = run_train(["two_moons/pairs"], out=tmp_path)
    again, shipped = read_card(file), STUDENT_CATALOGUE["two_moons/pairs"].card
    if again.torch == shipped.torch and again.weights == shipped.weights:
        return
    assert again.figures["w2_at_1_eval"] == pytest.approx(shipped.figures["w2_at_1_eval"], rel=0.15)
    assert load_network(file)[1].teacher_weights == shipped.teacher_weights
