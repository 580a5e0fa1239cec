"""The Step safety lab in a notebook cell."""

import pytest
import torch
from torch import nn

import explorer as ex


@pytest.fixture
def view():
    made = ex.lab("safety", net="linear", batch=64)
    yield made
    made.close()


def test_a_step_opens_and_follows_the_choices(view):
    record = view.wait().record
    assert record.plan.state.view == "step" and record.plan.told.r_max == pytest.approx(1.0, rel=1e-5)
    assert repr(view) == "Step safety(linear, step)"
    view.choose("view", "ghosts")
    assert view.wait().record.plane.is_certain
    assert view._rail.input("margin").value == 3.0
    view.choose("margin", 5.0)
    assert view.wait().record.state.margin == 5.0
    assert "margin=5.0" in view.recipe()


def test_the_page_is_exported_with_its_cursor(view, tmp_path):
    file = view.export(tmp_path / "step.html")
    text = file.read_text()
    assert "step size r" in text and len(text) < 5_000_000


def test_ones_own_module_and_batch_are_taken():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        module = nn.Sequential(nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 3))
        batch = torch.rand(40, 16), torch.randint(0, 3, (40,))
    view = ex.lab("safety", module=module, batch=batch)
    record = view.wait().record
    assert record.plan.module is module and view.state.net.startswith("own:")
    assert view._rail.input("net").value == view.state.net
    assert "Your module" in view._line
    view.choose("view", "samples")
    assert view.wait().record.images.shape[1:] == (4, 4)
    view.choose("view", "onset")
    view.choose("question", "net")
    assert view.wait().record.table.stages == ("own",)
    view.choose("net", "linear")
    assert view.wait().record.table.stages == ("final",)
    view.close()


def test_what_is_no_module_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="takes what it shows by name"):
        ex.lab("safety", "two_moons")
    with pytest.raises(ValueError, match="`module` must be"):
        ex.lab("safety", module="mlp", batch=(torch.zeros(1, 2), torch.zeros(1).long()))


def test_a_training_is_stopped_and_kept():
    view = ex.lab("safety", view="training", net="mlp", updates=1000)
    while not view._feed.status.get("done"):
        pass
    view.cancel()
    record = view.wait().record
    assert 0 < len(record.frames) < 1000 and view.status.startswith("stopped after step")
    view.close()
