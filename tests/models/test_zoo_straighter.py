"""Networks trained on other pairs: they are straighter than their teachers, and are found, trained and refused well."""

from dataclasses import replace

import pytest
import torch
from safetensors import safe_open

from explorer.maths.curvature import curvature
from explorer.maths.samplers import record
from explorer.maths.training import followed
from explorer.models.card import VERSION
from explorer.models.checkpoints import load_network, read_card, save_network
from explorer.models.train_command import run_train
from explorer.models.zoo import CATALOGUE, STRAIGHTER, from_catalogue, load, straighter

NAMES = [name for name, entry in CATALOGUE.items() if entry.beside]
TAUGHT = [name for name in NAMES if CATALOGUE[name].teacher]
TARGETS = ("two_moons", "eight_gaussians", "checkerboard")
QUICK = {"steps": 20, "batch": 16}


def figures(name):
    return CATALOGUE[name].card.figures


def test_every_way_ships_for_the_three_targets_and_teachers_come_first():
    assert set(NAMES) == {f"{target}/{way}" for target in TARGETS for way in STRAIGHTER}
    places = {name: place for place, name in enumerate(CATALOGUE)}
    assert all(places[CATALOGUE[name].beside] < places[name] for name in NAMES)


@pytest.mark.parametrize("name", TAUGHT)
def test_a_card_names_the_very_weights_of_its_teacher(name):
    card = CATALOGUE[name].card
    assert card.teacher_weights == CATALOGUE[card.teacher].card.weights
    assert card.command.split()[:3] == ["sampler-explorer", "train", name]


@pytest.mark.parametrize("name", NAMES)
def test_paths_are_straighter_than_those_of_the_teacher(name):
    assert figures(name)["straightness"] < figures(name)["straightness_of_teacher"]


@pytest.mark.parametrize("name", TAUGHT)
def test_a_teachers_pairs_make_paths_nearly_straight(name):
    own = figures(name)
    plain = figures(f"{CATALOGUE[name].target}/reflow")["straightness_of_teacher"]
    assert own["straightness"] < 0.05 * plain


@pytest.mark.parametrize("target", TARGETS)
def test_figures_of_a_teacher_are_those_of_its_own_card(target):
    first, second = figures(f"{target}/reflow"), figures(f"{target}/reflow_2")
    assert second["straightness_of_teacher"] == pytest.approx(first["straightness"], abs=2e-6)
    assert figures(f"{target}/rf_plus_plus")["straightness_of_teacher"] == first["straightness_of_teacher"]
    assert figures(f"{target}/ot")["straightness_of_teacher"] == first["straightness_of_teacher"]


@pytest.mark.parametrize("name", NAMES)
def test_straightness_is_what_the_card_says_from_other_noise(name):
    noise = torch.randn(600, 2, generator=torch.Generator().manual_seed(7))
    measured = curvature(from_catalogue(name), steps=60, rows=1, noise=noise).mean_straightness
    assert measured == pytest.approx(figures(name)["straightness"], rel=0.35, abs=1e-4)


@pytest.mark.parametrize("name", TAUGHT)
def test_few_evals_serve_a_straight_field_and_many_lose_little(name):
    own, plain = figures(name), figures(f"{CATALOGUE[name].target}/linear")
    assert own["w2_at_8_evals"] < 0.8 * plain["w2_at_8_evals"]
    assert own["w2"] < plain["w2"] + 0.02
    assert own["w2_at_1_eval"] < 0.25


@pytest.mark.parametrize("target", TARGETS)
def test_reflow_keeps_partners_and_transport_does_not(target):
    """Reflow walks its teacher's pairs along straight lines; a batch's transport makes partners of its own."""
    (pairs,) = followed(from_catalogue(f"{target}/linear"), 500, seed=99)

    def off(name):
        ends = record(from_catalogue(f"{target}/{name}"), "heun", steps=40, noise=pairs.noise).states[-1]
        return float((ends - pairs.clean).norm(dim=1).median())

    assert off("reflow") < 0.06 and off("rf_plus_plus") < 0.06
    assert off("ot") > 2 * off("reflow")


@pytest.fixture
def quick_pairs(monkeypatch):
    """Fewer pairs, where it is not them that are looked at."""
    monkeypatch.setattr("explorer.models.teachers.PAIRS", 256)


@pytest.fixture
def unmeasured(monkeypatch):
    """Runs whose figures are not what is looked at."""
    monkeypatch.setattr("explorer.models.train_command.figures_of", lambda *_: {"w2": 0.5})
    monkeypatch.setattr("explorer.models.train_command.straightening_of", lambda *_: {"straightness": 0.1})


def test_a_student_begins_from_its_teacher_and_says_whose_it_is(tmp_path, quick_pairs, capsys):
    (file,) = run_train(["two_moons/reflow"], out=tmp_path, learning_rate=1e-9, **QUICK)
    card, teacher = read_card(file), load_network(CATALOGUE["two_moons/linear"].file)
    assert file.name == "two_moons-reflow.safetensors"
    assert (card.teacher, card.teacher_weights) == ("two_moons/linear", teacher[1].weights)
    assert (card.coupling, card.times, card.penalty) == ("teacher", "even", "squared")
    assert set(figures("two_moons/reflow")) == set(card.figures)
    student = load_network(file)[0].state_dict()
    for name, value in teacher[0].state_dict().items():
        torch.testing.assert_close(student[name], value, atol=1e-6, rtol=0)
    assert "its teacher is" in capsys.readouterr().out
    run_train(["two_moons/reflow"], out=tmp_path, learning_rate=1e-9, **QUICK)
    assert "is there already" in capsys.readouterr().out


def test_a_teacher_that_was_trained_here_is_taken_before_the_shipped_one(
    tmp_path, quick_pairs, unmeasured, capsys
):
    teacher, student = run_train(["gaussian/linear", "gaussian/rf_plus_plus"], out=tmp_path, **QUICK)
    first = read_card(student)
    assert first.teacher_weights == read_card(teacher).weights != CATALOGUE["gaussian/linear"].sha256
    assert (first.times, first.penalty) == ("ends", "pseudo_huber")
    # Another teacher makes another student, though the settings are the same.
    run_train(["gaussian/linear"], out=tmp_path, steps=21, batch=16)
    run_train(["gaussian/rf_plus_plus"], out=tmp_path, **QUICK)
    assert read_card(student).teacher_weights != first.teacher_weights
    (twice,) = run_train(["gaussian/rf_plus_plus"], out=tmp_path, **QUICK)
    assert "is there already" in capsys.readouterr().out and twice == student


def test_an_interrupt_while_pairs_are_made_says_how_to_go_on(tmp_path, quick_pairs, monkeypatch, capsys):
    def interrupted(field, pairs, seed):
        yield next(followed(field, 8, seed))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("explorer.models.teachers.followed", interrupted)
        run_train(["gaussian/reflow"], out=tmp_path, **QUICK)
    said = capsys.readouterr().out
    assert "while gaussian/linear made its pairs; the same command goes on from there" in said
    assert list(tmp_path.iterdir()) == []


def test_a_run_over_pairs_goes_on_to_the_same_weights(tmp_path, quick_pairs, unmeasured, monkeypatch):
    import explorer.models.train_command as command

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(command, "save_network", interrupted)
        run_train(["gaussian/reflow"], out=tmp_path / "a", **QUICK)
    (resumed,) = run_train(["gaussian/reflow"], out=tmp_path / "a", **QUICK)
    (whole,) = run_train(["gaussian/reflow"], out=tmp_path / "b", **QUICK)
    assert read_card(resumed).weights == read_card(whole).weights


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("gaussian/reflow_2", {}, r"needs 'gaussian/reflow', which is not shipped and not in 'nets'; train"),
        (
            "two_moons/reflow",
            {"predicts": "noise"},
            "begins from the weights of 'two_moons/linear'.*predicts",
        ),
        ("two_moons/reflow", {"path": "vp"}, "'two_moons/reflow' is on the linear path"),
        ("two_moons/reflow_3", {}, "did you mean 'two_moons/reflow"),
        ("digits/ot", {}, "`name`"),
    ],
)
def test_what_cannot_be_taught_is_said_in_one_sentence(tmp_path, name, options, why):
    with pytest.raises(ValueError, match=why) as fault:
        run_train([name], out=tmp_path / "nets", **options, **QUICK)
    assert "\n" not in str(fault.value)
    assert not [file for file in (tmp_path / "nets").glob("*")]


def test_cards_from_before_these_ways_read_as_plain_ones(tmp_path):
    entry = CATALOGUE["gaussian/linear"]
    with safe_open(entry.file, framework="pt") as archive:
        text = archive.metadata()["network"]
    assert '"version":1' in text and "teacher" not in text
    assert (entry.card.coupling, entry.card.teacher, entry.card.version) == ("independent", "", VERSION)
    again = save_network(tmp_path / "again.safetensors", load(entry.name).module, entry.card)
    assert read_card(tmp_path / "again.safetensors") == again == entry.card


@pytest.mark.parametrize(
    "change",
    [
        {"teacher": 3},
        {"teacher": None},
        {"teacher_weights": ["a"]},
        {"teacher": "x" * 3000},
        {"coupling": "guess"},
        {"coupling": ["ot"]},
        {"times": {}},
        {"penalty": "cubic"},
        {"version": 1, "teacher": 3},
        {"version": VERSION + 1},
        {"version": 0},
        {"version": True},
    ],
    ids=str,
)
def test_a_card_whose_teacher_or_way_cannot_be_is_refused(tmp_path, change):
    network, card = load_network(CATALOGUE["two_moons/linear"].file)
    file = tmp_path / "hostile.safetensors"
    save_network(file, network, replace(card, **change))
    with pytest.raises(ValueError, match="was not loaded") as fault:
        load_network(file)
    assert "\n" not in str(fault.value) and len(str(fault.value)) < 600


def test_a_straighter_line_keeps_what_it_does_not_change():
    plain = CATALOGUE["checkerboard/linear"]
    line = straighter(plain, "rf_plus_plus")
    assert line.architecture == plain.architecture and line.target == plain.target
    assert (line.name, line.teacher, line.beside) == ("checkerboard/rf_plus_plus", plain.name, plain.name)
    assert straighter(plain, "ot").beside == plain.name and straighter(plain, "ot").teacher == ""
    assert straighter(plain, "reflow_2").teacher == "checkerboard/reflow"


@pytest.mark.slow
def test_a_shipped_student_comes_out_of_its_command_again(tmp_path):
    (file,) = run_train(["two_moons/reflow"], out=tmp_path)
    again, shipped = read_card(file), CATALOGUE["two_moons/reflow"].card
    if again.torch == shipped.torch and again.weights == shipped.weights:
        return
    assert again.figures["w2"] == pytest.approx(shipped.figures["w2"], rel=0.15)
    assert again.figures["straightness"] < 0.05 * again.figures["straightness_of_teacher"]


def test_the_menu_of_a_target_shows_them_by_name():
    from explorer.labs.menus import models

    menu = models({"target": "two_moons", "model": "two_moons/linear"})
    assert {menu[f"two_moons/{way}"] for way in STRAIGHTER} == {
        "MLP, minibatch OT coupling",
        "MLP, reflow once",
        "MLP, reflow twice",
        "MLP, rf++",
    }
    assert not [name for name in menu if name.startswith("checkerboard")]
