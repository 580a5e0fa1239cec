"""One visitor without a screen: choices in, asks at the gate and facts out."""

import json
import math

import pytest

from explorer.app.asks import asked_of, asks_of
from explorer.app.rail import content_of
from explorer.app.visit import Visit
from explorer.labs import LABS
from explorer.labs.gate import BATCH, INTERACTIVE, Gate

LAB = LABS["scrub"]


def finish(gate):
    while gate.turn(INTERACTIVE) or gate.turn(BATCH):
        pass


@pytest.fixture
def visit():
    made = Visit(LAB, Gate(), query="v=1&n=64&steps=4")
    made.begin()
    finish(made.gate)
    return made


def test_the_first_picture_comes_whole_and_says_what_it_cost(visit):
    facts = visit.facts()
    assert facts["line"].startswith("4 steps · 7 evals") and not facts["running"] and facts["has_run"]
    assert visit.feed.status["kind"] == "done"
    assert facts["link"] == "v=1&lab=scrub&steps=4&n=64"
    compile(facts["recipe"], "recipe", "exec")


def test_a_second_visitor_of_the_same_state_costs_nothing(visit):
    other = Visit(LAB, visit.gate, query="v=1&n=64&steps=4")
    other.begin()
    assert other.facts()["has_run"] and visit.gate.runs == 1
    assert other.feed.spec["panes"][0]["run"] != visit.feed.spec["panes"][0]["run"], (
        "no page sees a run id twice"
    )


def test_a_picture_that_is_kept_is_whole_before_the_choice_of_it_has_returned(visit):
    visit.choose("steps", 5)
    finish(visit.gate)
    visit.choose("steps", 6)  # under way, and wanted no more
    visit.choose("steps", 4)
    assert visit.facts()["line"].startswith("4 steps") and not visit.facts()["running"]
    shown = visit.feed.spec["panes"][0]["run"]
    finish(visit.gate)
    assert visit.feed.spec["panes"][0]["run"] == shown, "nothing that was asked before it is shown after it"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 10**9),
        ("steps", -5),
        ("steps", math.nan),
        ("steps", "20"),
        ("steps", None),
        ("steps", True),
        ("n", 1e308),
        ("seed", 2**32),
        ("target", "../../etc/passwd"),
        ("target", ["two_moons"]),
        ("target", "own:0123456789abcdef"),
        ("sampler", "eulr"),
        ("compare", 1),
        ("nothing", 1),
        ("__class__", 1),
    ],
)
def test_what_cannot_be_reaches_no_computation(visit, name, value):
    state, runs = visit.state, visit.gate.runs
    with pytest.raises(ValueError):
        visit.choose(name, value)
    finish(visit.gate)
    assert (visit.state, visit.gate.runs) == (state, runs) and visit.facts()["has_run"]


def test_a_choice_settles_what_depends_on_it(visit):
    visit.choose("sampler", "diffusers/ddim")
    assert visit.state.grid == "default"
    controls = {one["name"]: one for group in content_of(visit)["groups"] for one in group["controls"]}
    options = controls["sampler"]["options"]
    assert [group["label"] for group in options] == ["", "diffusers schedulers"]


def test_a_launched_particle_joins_the_picture_and_a_new_run_clears_it(visit):
    visit.pick(json.dumps({"what": "launch", "x": [0.5, -0.5], "share": 0.75, "pane": 0, "n": 1}))
    finish(visit.gate)
    assert len(visit.feed.spec["launched"]) == 1 and visit.facts()["line"].startswith("4 steps")
    visit.choose("steps", 5)
    finish(visit.gate)
    assert visit.feed.spec["launched"] == []


def test_a_launch_that_fails_is_a_note_and_the_run_stands(visit):
    visit.pick(json.dumps({"what": "launch", "x": [0.5, -0.5], "share": 0.75, "pane": 7, "n": 1}))
    finish(visit.gate)
    assert "panes" in visit.note and "error" in visit.note and visit.feed.status["kind"] == "done"


@pytest.mark.parametrize(
    "picked",
    [
        {"what": "launch", "x": [math.nan, 0], "share": 0.5, "pane": 0},
        {"what": "launch", "x": [1e999, 0], "share": 0.5, "pane": 0},
        {"what": "launch", "x": "ab", "share": 0.5, "pane": 0},
        {"what": "launch", "x": [0, 0, 0], "share": 0.5, "pane": 0},
        {"what": "launch", "x": [0, 0], "share": 1.5, "pane": 0},
        {"what": "launch", "x": [0, 0], "share": None, "pane": 0},
        {"what": "launch", "x": [0, 0], "share": 0.5, "pane": True},
        {"what": "launch", "x": [0, 0], "share": 0.5},
        {"what": "elsewhere"},
        {"what": "draw", "points": [[math.nan, 0]] * 40},
        {"what": "draw", "points": "all"},
        {},
    ],
)
def test_what_no_hand_can_pick_is_refused(visit, picked):
    runs = visit.gate.runs
    with pytest.raises(ValueError):
        visit.pick(json.dumps(picked))
    assert visit.gate.runs == runs


def test_a_drawn_target_is_this_visitors_own(visit):
    points = [[math.cos(k), math.sin(k)] for k in range(40)]
    visit.pick(json.dumps({"what": "draw", "points": points, "n": 1}))
    finish(visit.gate)
    assert visit.state.target.startswith("own:") and visit.facts()["has_run"]
    other = Visit(LAB, visit.gate, query=visit.link)
    assert other.state.target == LAB.initial().target and "another visitor" in other.note


def test_layers_follow_the_chips_and_nothing_else(visit):
    visit.switch_layer("field", True)
    visit.switch_layer("clean", False)
    assert visit.layers == ["target", "particles", "paths", "field"]
    for name, value in (("nothing", True), ("field", 1), ("field", None)):
        with pytest.raises(ValueError):
            visit.switch_layer(name, value)


def test_the_cursor_is_kept_within_its_bounds(visit):
    for share in (math.nan, math.inf, -1, 2, "x", None, True):
        visit.move(share)
    assert visit.share is None
    visit.move(0.25)
    assert "at=0.25" in visit.link


def test_a_page_that_is_left_ends_its_run():
    gate = Gate()
    visit = Visit(LAB, gate, query="v=1&n=64&steps=50")
    visit.begin()
    gate.turn()
    gate.turn()
    visit.leave()
    gate.turn()
    assert not gate.turn() and gate.finished(visit.key) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 3999,
        "null",
        "3",
        '"a"',
        "[1]",
        '[{"n": "1"}]',
        '[{"n": true}]',
        "[" + "{}," * 9 + "{}]",
    ],
)
def test_what_is_no_list_of_asks_is_refused(text):
    with pytest.raises(ValueError, match="cannot be read"):
        asks_of(text, 0)


def test_only_newer_asks_are_answered_in_their_order():
    text = json.dumps([{"n": 3, "what": "c"}, {"n": 1, "what": "a"}, {"n": 2, "what": "b"}])
    assert [ask["what"] for ask in asks_of(text, 1)] == ["b", "c"]
    with pytest.raises(ValueError, match="characters"):
        asked_of("x" * 5000)
