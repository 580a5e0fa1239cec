"""The controls of a cell, and hands on its stage."""

import json
from html import unescape

import pytest
from cells import status

import explorer as ex
from explorer.stage import unpack


def test_every_field_of_the_state_has_its_control(cell):
    view = cell()
    assert set(view._rail.controls) == set(vars(view.state))
    for name, value in vars(view.state).items():
        assert view._rail.input(name).value == value


def test_a_control_runs_anew_and_what_follows_is_settled(cell):
    view = cell().wait()
    first = view.run
    view._rail.input("steps").value = 9
    assert view.run is not first and view.run.steps == 9
    view._rail.input("target").value = "digits"
    assert (view.state.n, view._rail.input("n").value) == (64, 64)
    view._rail.input("compare").value = True
    assert view._rail.controls["sampler_2"] in view._rail.children
    assert len(view.record.panes) == 2


def test_a_refused_value_is_said_and_the_control_goes_back(cell):
    view = cell().wait()
    view._rail.input("seed").value = -5
    assert "`seed` must be a whole number from 0 to 4,294,967,295" in unescape(view._rail.note.value)
    assert view._rail.input("seed").value == view.state.seed == 42
    view._rail.input("seed").value = 7
    assert view._rail.note.value == ""
    assert view.run.seed == 7


def test_the_seed_can_be_drawn_anew(cell):
    view = cell().wait()
    view._rail.controls["seed"].children[1].click()
    assert view.run.seed == view.state.seed != 42


def test_what_is_seldom_needed_is_behind_more(cell):
    rail = cell()._rail
    assert rail.controls["precision"] not in rail.children
    assert len([shown for shown in rail.controls.values() if shown in rail.children]) <= 8
    rail._more.click()
    assert rail.controls["precision"] in rail.children


def test_sliders_by_ratio_begin_and_end_at_their_bounds(cell):
    stops = [stop for _, stop in cell("two_moons", n=333)._rail.input("n").options]
    assert (stops[0], stops[-1]) == (16, 20_000) and 333 in stops
    assert stops == sorted(set(stops)) and len(stops) < 140
    assert all(isinstance(stop, int) for stop in stops)


def test_the_path_of_ones_own_model_cannot_be_changed(cell):
    view = cell(ex.NetworkField(lambda x, t: -x, path="vp"), n=32, steps=3)
    assert [key for _, key in view._rail.input("path").options] == ["vp"]
    with pytest.raises(ValueError, match="`path` must be"):
        view.choose("path", "linear")


def test_a_target_can_be_taken_up_and_put_down_again(cell):
    view = cell(ex.NetworkField(lambda x, t: -x), n=32, steps=3)
    view.choose("target", "rings")
    assert view.record.panes[0].distance
    view.choose("target", "none")
    assert view.record.plan.target is None


# --- hands on the stage ---


def picked(view, **words):
    view._stage.picked = json.dumps(words)
    return view.wait(20)


def test_a_click_launches_a_particle(cell):
    view = cell().wait()
    picked(view, what="launch", x=[0.5, -1], share=0.6, pane=0, n=1)
    (launched,) = view._feed.spec["launched"]
    blocks = [
        b for data in view._feed.blocks() for b in unpack(data) if b.run == launched["run"] and b.kind == 0
    ]
    assert blocks[0].values[0, 0] == pytest.approx([0.5, -1])
    view.choose("steps", 3)
    assert view.wait()._feed.spec["launched"] == []


@pytest.mark.parametrize(
    "words",
    [
        {"what": "launch", "x": [0, 0], "share": 7, "pane": 0},
        {"what": "launch", "x": [0], "share": 0.5, "pane": 0},
        {"what": "launch", "x": ["a", None], "share": 0.5, "pane": 0},
        {"what": "launch", "x": [float("nan"), 0], "share": 0.5, "pane": 0},
        {"what": "launch", "x": [0, 0], "share": 0.5, "pane": True},
        {"what": "launch"},
        {"what": "follow", "particle": 3},
        {},
    ],
)
def test_what_is_no_click_launches_nothing(cell, words):
    assert picked(cell().wait(), **words)._feed.spec["launched"] == []


def test_a_click_in_a_pane_that_is_not_there_is_said(cell):
    view = picked(cell().wait(), what="launch", x=[0, 0], share=0.5, pane=9)
    assert "a particle starts at two finite numbers" in unescape(view._rail.note.value)
    assert status(view) == "done"


def test_a_drawing_becomes_the_target(cell):
    view = picked(cell().wait(), what="draw", points=[[x / 20 - 1, 0.5] for x in range(40)], n=1)
    assert view.state.target.startswith("own:")
    assert float(view.run.states[-1][:, 1].mean()) == pytest.approx(0.5, abs=0.1)
    picked(view, what="draw", points=[[1e9, 0]] * 40, n=2)
    assert "draw it again" in unescape(view._rail.note.value)
