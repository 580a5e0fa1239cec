"""The Landscape lab in a notebook cell."""

import pytest
import torch
from torch import nn

import explorer as ex


def seeded(build):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        return build()


def squared(net, batch):
    return (net(batch[0])[:, 0] - batch[1]).square()


@pytest.fixture
def own():
    module = seeded(lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)))
    inputs = torch.randn(24, 3, generator=torch.Generator().manual_seed(0))
    return {"module": module, "loss": squared, "batch": (inputs, inputs[:, 0] * inputs[:, 1])}


def test_ones_own_module_is_drawn_and_the_plane_turns_with_the_seed(own):
    view = ex.lab("landscape", **own, log=False)
    first = view.wait().record
    there = float(squared(own["module"], own["batch"]).mean().detach())
    assert first.frame.centre == pytest.approx(there, rel=1e-5)
    assert "own:" in view.state.problem and first.subject.rows == 24
    view._rail.input("seed").value = 5
    second = view.wait().record
    assert not torch.allclose(first.frame.loss, second.frame.loss)
    assert second.frame.centre == pytest.approx(there, rel=1e-5)
    view.close()


def test_a_training_of_ones_own_goes_on_in_the_cell_and_decays_where_the_cursor_stands(own):
    view = ex.lab("landscape", **own, view="training", optimisers="sgd,adam", steps=50, looks=2)
    button = view.wait()._rail.input("train")
    assert button.description == "Train" and "nothing trained" in view._line
    button.value = True
    record = view.wait().record
    assert (button.value, button.description) == (False, "Train")
    assert [run.label for run in record.descent.runs] == [
        "SGD",
        "Adam",
    ] and record.descent.ended.kind == "done"
    view.choose("view", "river")
    view.choose("runner", "sgd")
    assert len(view.wait().record.courses) == 1
    view._stage.cursor = 0.75  # a quarter of 50 + 60 steps
    view.choose("decay", True)
    courses = view.wait().record.courses
    assert len(courses) == 2 and courses[1].first == pytest.approx(27.5, abs=1)
    view.close()


def test_the_exported_page_holds_the_map(own, tmp_path):
    view = ex.lab("landscape", **own, log=False)
    file = view.export(tmp_path / "plane.html")
    assert 20_000 < file.stat().st_size < 5_000_000
    assert "contours" in file.read_text()
    view.close()


def test_a_thing_by_position_has_no_place_here():
    with pytest.raises(ValueError, match="Landscape"):
        ex.lab("landscape", "two_moons")
