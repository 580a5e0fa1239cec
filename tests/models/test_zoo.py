"""The shipped networks: they load, they are as good as their cards say, and nothing else loads by name."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from explorer.maths.metrics import sliced_w2, w2
from explorer.maths.samplers import record
from explorer.maths.targets import TARGETS, as_target
from explorer.maths.training.protocol import Protocol, share_of_right_class
from explorer.models.train_command import SAME
from explorer.models.zoo import CATALOGUE, WEIGHTS, from_catalogue, load

PLANE = [name for name, entry in CATALOGUE.items() if TARGETS[entry.target].shape == (2,)]


def test_every_target_of_the_plane_has_a_network_and_the_whole_is_small():
    assert {CATALOGUE[name].target for name in PLANE} == {n for n, t in TARGETS.items() if t.shape == (2,)}
    assert {entry.file for entry in CATALOGUE.values()} <= set(WEIGHTS.iterdir())
    assert sum(entry.file.stat().st_size for entry in CATALOGUE.values()) < 8_000_000


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_card_is_of_the_catalogues_line(name):
    entry = CATALOGUE[name]
    assert {key: getattr(entry.card, key) for key in SAME} == {key: getattr(entry, key) for key in SAME}
    assert entry.card.shape == as_target(entry.target).shape
    assert entry.card.labels == (as_target(entry.target).labels if entry.is_conditional else ())
    assert entry.sha256 == entry.card.weights and len(entry.sha256) == 64


@pytest.mark.parametrize("name", PLANE)
def test_a_network_samples_as_well_as_its_card_says(name):
    entry = CATALOGUE[name]
    protocol = Protocol(as_target(entry.target))
    measured = sliced_w2(protocol.samples(from_catalogue(name)), protocol.data)
    assert measured == pytest.approx(entry.card.figures["sliced_w2"], rel=0.02, abs=5e-4)


@pytest.mark.parametrize("name", PLANE)
def test_a_network_comes_near_the_exact_field(name):
    figures = CATALOGUE[name].card.figures
    assert figures["w2"] < figures["w2_of_exact_field"] + 0.035


@pytest.mark.parametrize(("name", "most"), [("eight_gaussians/linear", 0.080), ("two_moons/linear", 0.055)])
def test_the_teachers_are_as_good_as_the_sheets(name, most):
    protocol = Protocol(as_target(CATALOGUE[name].target))
    distance = w2(protocol.samples(from_catalogue(name)), protocol.data)
    assert distance <= most
    assert distance == pytest.approx(CATALOGUE[name].card.figures["w2"], rel=0.01)


def test_a_teacher_is_the_sheets_network():
    assert sum(value.numel() for value in load("two_moons/linear").module.parameters()) == 51_970


def test_the_digits_have_a_teacher_without_classes():
    field, figures = load("digits/mlp"), CATALOGUE["digits/mlp"].card.figures
    assert sum(value.numel() for value in field.module.parameters()) == 431_424
    assert field.labels == () and CATALOGUE["digits/mlp"].card.storage == "float16"
    assert (
        figures["precision"] > 0.75
        and figures["recall"] > 0.75
        and figures["w2"] < 1.1 * figures["w2_of_data"]
    )


def test_digits_asked_for_by_class_are_of_that_class():
    field = from_catalogue("digits/unet")
    data, classes = as_target("digits").labelled(1797, 0, stratified=True)
    assert field.labels == tuple("0123456789")
    assert share_of_right_class(field, data, classes, n=8, steps=12) > 0.9
    run = record(field, "euler", steps=12, n=64, seed=3)
    assert run.states[-1].shape == (64, 1, 8, 8) and run.ended.kind == "done"


def test_a_loaded_network_is_the_callers_own_and_the_catalogues_is_shared():
    mine, other = load("gaussian/linear"), load("gaussian/linear")
    assert mine.module is not other.module
    assert from_catalogue("gaussian/linear") is from_catalogue("gaussian/linear")


def test_networks_answer_in_the_type_of_the_state():
    x = torch.randn(4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    field = load("two_moons/vp")
    assert field.path.name == "vp" and field(x, 0.5).denoised.dtype == torch.float64
    torch.testing.assert_close(field(x, 0.5).denoised.float(), field(x.float(), 0.5).denoised)


def test_an_unknown_name_answers_with_the_nearest():
    with pytest.raises(ValueError, match=r"did you mean 'two_moons/linear'"):
        load("two_moons/liner")
    with pytest.raises(ValueError, match=r"did you mean 'two_moons/linear'"):
        from_catalogue("two_moon/linear")


def test_a_path_loads_by_load_and_never_from_the_catalogue(tmp_path):
    file = tmp_path / "mine.safetensors"
    file.write_bytes(CATALOGUE["gaussian/linear"].file.read_bytes())
    assert load(file).shape == load(str(file)).shape == (2,)
    for name in (str(file), str(CATALOGUE["gaussian/linear"].file), "../weights/gaussian-linear.safetensors"):
        with pytest.raises(ValueError, match="`model` must be one of the known names"):
            from_catalogue(name)


@pytest.mark.parametrize("name", ["nowhere/net.pt", "mine.safetensors", "model.pkl"])
def test_a_file_that_is_not_there_says_so(name):
    with pytest.raises(ValueError, match="there is no file"):
        load(name)


def test_diffusers_is_not_imported_for_a_network_of_the_plane():
    code = (
        "import sys; from explorer.models.zoo import load; load('two_moons/linear');"
        "assert 'diffusers' not in sys.modules and 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_page_is_what_the_cards_say():
    script = Path(__file__).parents[2] / "docs" / "zoo.py"
    spec = importlib.util.spec_from_file_location("zoo_page", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text() == module.page(), "run `python docs/zoo.py`"
