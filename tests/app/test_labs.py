"""One door, many labs: groups, layers and files are each lab's own, and tabs carry what labs share."""

import json
import math
import time
from urllib.parse import parse_qs

import pytest
from draws import LAB as DRAWS

from explorer.app import files
from explorer.app.page import _tabs, build
from explorer.app.rail import content_of
from explorer.app.server import warm_up
from explorer.app.visit import Visit
from explorer.labs import LABS
from explorer.labs.gate import BATCH, INTERACTIVE, Gate

SCRUB = LABS["scrub"]
SMALL = "v=1&n=128&steps=4"


def finish(gate):
    while gate.turn(INTERACTIVE) or gate.turn(BATCH):
        pass


def visit_of(lab, query="", gate=None, **more):
    made = Visit(lab, gate or Gate(), query=query, **more)
    made.begin()
    finish(made.gate)
    return made


@pytest.fixture(autouse=True)
def draws(monkeypatch):
    monkeypatch.setitem(LABS, DRAWS.name, DRAWS)


@pytest.fixture
def scrub():
    return visit_of(SCRUB, SMALL)


@pytest.fixture
def draws_visit():
    return visit_of(DRAWS)


def follow(visit, name):
    """The visit that the link of a tab leads to, while the page it was on is still there."""
    query = {key: values[-1] for key, values in parse_qs(visit.tabs[name]).items()}
    mine = query.pop("mine", "")
    text = "&".join(f"{key}={value}" for key, value in query.items())
    return visit_of(LABS[query["lab"]], text, visit.gate, mine=mine)


# --- each lab says what it has ---


def test_the_rail_has_the_groups_of_the_lab_in_its_order(draws_visit):
    groups = content_of(draws_visit)["groups"]
    assert [group["label"] for group in groups] == ["Sizes", "Data", "Show"]
    assert [[control["name"] for control in group["controls"]] for group in groups] == [
        ["steps", "level"],
        ["target", "n", "seed"],
        [],
    ]


@pytest.mark.parametrize("name", LABS)
def test_every_control_of_every_lab_stands_in_one_of_its_groups(name):
    lab = LABS[name]
    assert {control.group for control in lab.controls.values()} <= set(lab.groups)
    assert "show" in lab.groups, "the chips of the layers stand there"
    assert set(lab.layers_on) <= set(lab.layers) and lab.layers_on


def test_a_heading_says_its_first_word_for_the_controls_under_it():
    labels = {name: SCRUB.label_of(control) for name, control in SCRUB.controls.items()}
    assert (labels["sampler_2"], labels["sampler"]) == ("Sampler", "Sampler")
    assert labels["grid_2"] == "Time grid"


def test_chips_are_the_layers_of_the_lab_that_the_picture_has(scrub, draws_visit):
    names = [name for name, *_ in scrub.layer_chips()]
    assert names == ["target", "particles", "paths", "clean", "field", "density"]
    assert [name for name, *_ in draws_visit.layer_chips()] == ["particles"], (
        "no map, no pairs in this picture"
    )
    draws_visit.feed.amend(heat={"nx": 2, "ny": 2})
    assert [name for name, *_ in draws_visit.layer_chips()] == ["map", "particles"]
    with pytest.raises(ValueError, match="map, particles, pairs"):
        draws_visit.switch_layer("clean", True)


def test_what_is_saved_is_what_the_lab_calls_its_runs(draws_visit):
    (file,) = files.saved(draws_visit)
    assert file.name == "two_moons_5.safetensors"
    assert files.run_of(file.data).states.shape == (6, 500, 2)


def test_a_run_that_no_state_shows_is_refused_where_the_lab_cannot_show_it(scrub, draws_visit):
    run = scrub.done.record.panes[0].run
    before = draws_visit.done
    with pytest.raises(ValueError, match="Draws lab shows a run only through a state"):
        draws_visit.open_run(run)
    assert draws_visit.done is before and not draws_visit.is_opened


def test_every_first_picture_is_computed_and_the_first_labs_is_waited_for():
    gate = Gate().start()
    try:
        warm_up(gate, "cpu")
        assert gate.finished(Visit(SCRUB, gate).key), "it is there when the server opens"
        until = time.monotonic() + 120
        while not gate.finished(Visit(DRAWS, gate).key):
            assert time.monotonic() < until
            time.sleep(0.02)
    finally:
        gate.close()


# --- tabs ---


def test_a_tab_carries_what_was_chosen_and_leaves_the_rest_as_a_newcomer_sees_it(scrub):
    scrub.choose("target", "rings")
    scrub.choose("sampler", "euler")
    scrub.move(0.25)
    there = follow(scrub, "draws")
    assert there.lab is DRAWS and there.note == "" and there.share == 0.25
    assert (there.state.target, there.state.n, there.state.level) == ("rings", 128, 0.01)
    assert there.state.steps == 5, "its steps are called moments: another thing"


def test_what_does_not_fit_there_is_left_out_without_a_word(scrub):
    scrub.choose("n", 9000)
    scrub.choose("seed", 7)
    there = follow(scrub, "draws")
    assert (there.state.n, there.state.seed, there.note) == (500, 7, "")


def test_the_way_back_brings_the_state_back(draws_visit):
    draws_visit.choose("target", "spirals")
    back = follow(follow(draws_visit, "scrub"), "draws")
    assert back.state == draws_visit.state


def test_a_newcomer_s_tab_opens_a_newcomer_s_page(draws_visit):
    there = follow(draws_visit, "scrub")
    assert there.state == SCRUB.initial() and there.share is None
    assert parse_qs(draws_visit.tabs["scrub"]) == {"v": ["1"], "lab": ["scrub"]}


def test_the_tabs_follow_the_state_in_what_the_page_is_told(scrub):
    before = scrub.facts()["tabs"]
    scrub.choose("target", "rings")
    after = scrub.facts()["tabs"]
    assert set(after) == set(LABS) and "rings" in after["draws"] != before["draws"]
    assert after["scrub"] == scrub.link


POINTS = [[math.cos(k), math.sin(k)] for k in range(40)]


def test_a_drawn_target_comes_along_while_its_page_is_open(scrub):
    scrub.pick(json.dumps({"what": "draw", "points": POINTS, "n": 1}))
    finish(scrub.gate)
    there = follow(scrub, "draws")
    assert there.state.target == scrub.state.target and there.note == "" and there.facts()["has_run"]
    assert there.shelf is scrub.shelf


def test_a_drawn_target_comes_along_for_nobody_without_the_word(scrub):
    scrub.pick(json.dumps({"what": "draw", "points": POINTS, "n": 1}))
    link = scrub.tabs["draws"]
    assert scrub.word in link and scrub.word not in scrub.link
    other = visit_of(DRAWS, link.split("&mine=")[0], mine="guessed")
    assert other.state.target == "two_moons" and "another visitor" in other.note
    word = scrub.word
    scrub.leave()
    finish(scrub.gate)
    late = visit_of(DRAWS, link.split("&mine=")[0], mine=word)
    assert late.state.target == "two_moons", "nothing is kept for a visitor who has gone"


def test_the_link_of_another_lab_than_the_first_names_it(draws_visit):
    assert draws_visit.link == "v=1&lab=draws"
    assert visit_of(SCRUB).link == ""


def test_a_lab_that_is_not_there_opens_the_first_and_says_so():
    visit = visit_of(SCRUB, "v=1&lab=curvatures&n=64&steps=4")
    assert "names the lab 'curvatures', which is not there; Scrub was opened" in visit.note
    assert visit.state.steps == 4
    assert visit_of(SCRUB, "lab=scrub").note == ""


def test_the_head_has_a_link_to_every_lab_and_marks_the_one_that_is_open():
    tabs = _tabs("draws")
    assert [(tab["name"], tab["href"], tab["is_here"]) for tab in tabs][-1] == ("draws", "?lab=draws", True)
    assert sum(tab["is_here"] for tab in tabs) == 1
    html = build(Gate(), "cpu")  # no document: the page of nobody
    assert html is not None


# --- the two labs that are there ---

CURVATURE = LABS["curvature"]
FEW = "v=1&lab=curvature&n=16&steps=8"


def test_from_scrub_to_curvature_the_choices_go_along_and_each_keeps_its_own(scrub):
    scrub.choose("target", "eight_gaussians")
    scrub.choose("model", "eight_gaussians/linear")
    scrub.choose("sampler", "euler")
    scrub.choose("steps", 9)
    link = {key: values[-1] for key, values in parse_qs(scrub.tabs["curvature"]).items()}
    there = Visit(CURVATURE, scrub.gate, query="&".join(f"{key}={value}" for key, value in link.items()))
    state = there.state
    assert (state.target, state.model, state.sampler) == (
        "eight_gaussians",
        "eight_gaussians/linear",
        "euler",
    )
    assert state.n == 128 and state.steps == CURVATURE.initial().steps, "9 steps of a sampler are no moments"
    assert there.note == ""


def test_a_saved_run_becomes_a_state_of_the_lab_that_measures_runs(scrub):
    (file,) = files.saved(scrub)
    visit = Visit(CURVATURE, Gate(), query=FEW)
    visit.open_run(files.run_of(file.data))
    finish(visit.gate)
    assert not visit.is_opened and visit.state.model.startswith("own:") and visit.facts()["has_run"]
    (run,) = CURVATURE.runs(visit.done.record)
    assert run.states.shape == (5, 128, 2) and run.sampler == "heun"
    assert "own:" not in visit.tabs["scrub"], "a run is no model of the Scrub lab"
    visit.choose("coordinates", "vp")
    finish(visit.gate)
    assert visit.facts()["has_run"] and visit.state.coordinates == "vp"


def test_a_map_is_a_layer_only_of_a_picture_that_has_one():
    visit = visit_of(CURVATURE, f"{FEW}&second=none")
    names = [name for name, *_ in visit.layer_chips()]
    assert names == ["target", "particles", "paths", "density"]
    visit.choose("colour", "asymmetry")
    finish(visit.gate)
    names = [name for name, *_ in visit.layer_chips()]
    assert names == ["target", "map", "particles", "paths", "density"]
    visit.choose("second", "exact")
    finish(visit.gate)
    assert "pairs" in [name for name, *_ in visit.layer_chips()]


@pytest.mark.parametrize("name", ["scrub", "curvature"])
def test_controls_are_named_once_under_their_headings(name):
    lab = LABS[name]
    for group in lab.groups:
        labels = [lab.label_of(control) for control in lab.controls.values() if control.group == group]
        assert len(labels) == len(set(labels)) and all(labels), group
