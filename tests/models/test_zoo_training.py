"""The train command: it writes whole files, goes on after an interrupt, and repeats the shipped networks."""

import argparse

import pytest
import torch
from interrupts import stopped_by_ctrl_c

from explorer.maths.metrics import w2
from explorer.maths.targets import as_target
from explorer.maths.training.protocol import Protocol
from explorer.models.checkpoints import read_card
from explorer.models.train_command import add_train_arguments, run_train, run_train_command
from explorer.models.zoo import CATALOGUE, load

QUICK = {"steps": 30, "batch": 16}


@pytest.fixture
def unmeasured(monkeypatch):
    """Runs whose figures are not what is looked at."""
    monkeypatch.setattr("explorer.models.train_command.figures_of", lambda field, target: {"w2": 0.5})


def test_a_target_is_trained_saved_and_loaded(tmp_path, capsys):
    (file,) = run_train(["gaussian"], out=tmp_path / "nets", **QUICK)
    card = read_card(file)
    assert file.name == "gaussian-linear.safetensors" and card.steps == 30 and card.torch == torch.__version__
    assert card.command == (
        "sampler-explorer train gaussian --path linear --predicts velocity --steps 30 --batch 16 "
        "--learning-rate 0.002 --seed 0"
    )
    assert set(card.figures) == {"w2", "w2_at_8_evals", "w2_of_exact_field", "sliced_w2"}
    said = capsys.readouterr().out
    assert card.weights in said and str(file) in said
    assert load(file).shape == (2,) and list(file.parent.iterdir()) == [file]


def test_the_same_command_twice_gives_the_same_weights(tmp_path, unmeasured):
    for folder in ("a", "b"):
        run_train(["two_gaussians"], out=tmp_path / folder, path="trig", **QUICK)
    a, b = (read_card(tmp_path / folder / "two_gaussians-trig.safetensors") for folder in "ab")
    assert a.weights == b.weights and a.figures == b.figures
    assert (a.path, a.predicts) == ("trig", "velocity")


def test_a_network_that_is_there_is_left_as_it_is(tmp_path, unmeasured, capsys):
    (file,) = run_train(["gaussian"], out=tmp_path, **QUICK)
    before = file.read_bytes()
    run_train(["gaussian"], out=tmp_path, **QUICK)
    assert file.read_bytes() == before and "is there already" in capsys.readouterr().out
    run_train(["gaussian"], out=tmp_path, steps=31, batch=16)
    assert read_card(file).steps == 31


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on_and_going_on_gives_the_unbroken_weights(tmp_path, unmeasured):
    state = stopped_by_ctrl_c("gaussian", tmp_path / "a" / "gaussian-linear.safetensors", 1500)
    (whole,) = run_train(["gaussian"], out=tmp_path / "b", steps=1500, batch=16)
    (resumed,) = run_train(["gaussian"], out=tmp_path / "a", steps=1500, batch=16)
    assert read_card(resumed).weights == read_card(whole).weights
    assert not state.exists()


def test_an_interrupt_while_a_network_is_measured_says_how_to_go_on_too(tmp_path, monkeypatch, capsys):
    import explorer.models.train_command as command

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(command, "save_network", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_train(["gaussian"], out=tmp_path / "a", **QUICK)
    assert "the same command goes on from there" in capsys.readouterr().out
    (resumed,) = run_train(["gaussian"], out=tmp_path / "a", **QUICK)
    (whole,) = run_train(["gaussian"], out=tmp_path / "b", **QUICK)
    assert read_card(resumed).weights == read_card(whole).weights


def test_a_run_that_diverges_ends_with_a_sentence_and_writes_nothing(tmp_path, monkeypatch):
    from explorer.maths.training import Problem

    monkeypatch.setattr(
        Problem, "loss", lambda self, network, batch: network(batch.x, batch.t).sum() * torch.nan
    )
    with pytest.raises(
        ValueError, match=r"gaussian/linear diverged at step 1: the loss is nan; .*nothing was"
    ):
        run_train(["gaussian"], out=tmp_path, **QUICK)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("names", "options", "why"),
    [
        ([], {}, "`names`"),
        (["two_moon"], {}, "did you mean 'two_moons'"),
        (["two_moons"], {"steps": 0}, "`steps`"),
        (["two_moons"], {"seed": -1}, "`seed`"),
        (["two_moons"], {"path": "ve"}, "near unit size"),
        (["two_moons/linear"], {"path": "trig"}, "give 'two_moons' to train on path 'trig'"),
        (["two_moons"], {"learning_rate": 7.0}, "`learning_rate`"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_sentence(tmp_path, names, options, why):
    with pytest.raises(ValueError, match=why):
        run_train(names, out=tmp_path / "nets", **options)


def test_a_folder_that_cannot_be_made_is_said_in_one_sentence(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ValueError, match="cannot make the folder 'taken'"):
        run_train(["gaussian"], out=tmp_path / "taken", **QUICK)


def test_the_options_of_the_command_reach_the_run(tmp_path, unmeasured):
    parser = argparse.ArgumentParser()
    add_train_arguments(parser)
    line = f"two_moons --path vp --predicts noise --steps 5 --batch 8 --seed 3 --learning-rate 0.01 --out {tmp_path}"
    args = parser.parse_args(line.split())
    args.device = "cpu"
    assert run_train_command(args) == 0
    card = read_card(tmp_path / "two_moons-vp.safetensors")
    assert (card.path, card.predicts, card.steps, card.batch) == ("vp", "noise", 5, 8)
    assert (card.seed, card.learning_rate) == (3, 0.01)


@pytest.mark.slow
def test_pictures_train_with_classes(tmp_path):
    (file,) = run_train(["digits"], out=tmp_path, steps=2, batch=4)
    card = read_card(file)
    assert file.name == "digits-unet.safetensors" and card.labels == tuple("0123456789")
    assert {"precision", "recall", "right_class"} <= set(card.figures)


@pytest.mark.slow
def test_a_shipped_network_comes_out_of_its_command_again(tmp_path):
    (file,) = run_train(["gaussian/linear"], out=tmp_path)
    again, shipped = read_card(file), CATALOGUE["gaussian/linear"].card
    if again.torch == shipped.torch and again.weights == shipped.weights:
        return
    protocol = Protocol(as_target("gaussian"))
    assert w2(protocol.samples(load(file)), protocol.data) == pytest.approx(shipped.figures["w2"], rel=0.15)
