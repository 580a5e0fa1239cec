"""A visitor of the Students lab: chips, training in its own lane, and others who go on meanwhile."""

import json
import time

import pytest

import explorer as ex
from explorer.app.files import saved
from explorer.app.rail import content_of
from explorer.app.visit import Visit
from explorer.labs import LABS
from explorer.labs.gate import BATCH, INTERACTIVE, Gate

QUERY = "v=1&lab=students&n=48&steps=4&students=pairs&view={view}&updates={updates}"


def visit_of(gate, view="train", updates=6000, lab="students"):
    made = Visit(LABS[lab], gate, query=QUERY.format(view=view, updates=updates))
    made.begin()
    return made


def until(holds, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def gate():
    made = Gate().start()
    yield made
    made.close()


def controls(visit):
    return {c["name"]: c for group in content_of(visit)["groups"] for c in group["controls"]}


def test_a_second_visitor_scrubs_while_one_trains(gate):
    trainer = visit_of(gate)
    until(lambda: trainer.facts()["has_run"])
    trainer.choose("train", True)
    until(lambda: trainer.status.text.startswith("update"))
    scrubber = Visit(LABS["scrub"], gate, query="v=1&n=64&steps=3")
    scrubber.begin()
    until(lambda: scrubber.facts()["has_run"])
    assert trainer.state.train and trainer.facts()["running"]  # it is still at it
    before = trainer.feed.spec["panes"][1]["note"]
    until(lambda: trainer.feed.spec["panes"][1]["note"] != before)
    trainer.choose("train", False)
    until(lambda: trainer.facts()["has_run"])
    own = trainer.state.students.split(",")[-1]
    assert own.startswith("own:") and trainer.state.view == "train"
    chips = dict(entry for group in _compare(trainer)["students"]["options"] for entry in group["options"])
    assert chips[own].startswith("Yours: Regression on pairs")


def _compare(visit):
    visit.choose("view", "compare")
    return controls(visit)


def test_cancel_keeps_the_best_and_another_press_goes_on(gate):
    visit = visit_of(gate)
    until(lambda: visit.facts()["has_run"])
    visit.choose("train", True)
    until(lambda: visit.status.text.startswith("update"))
    visit.cancel()
    until(lambda: visit.facts()["has_run"])
    assert not visit.state.train and visit.status.kind == "done"
    reached = int(visit.facts()["line"].split(" of ")[0].replace(",", ""))
    visit.choose("train", True)
    until(lambda: visit.status.text.startswith("update"))
    assert int(visit.status.text.split()[1].replace(",", "")) > reached
    visit.leave()


def test_choices_in_a_storm_end_in_the_last_of_them():
    gate = Gate()
    visit = visit_of(gate, "compare")
    for calls in (*range(1, 17), 3):
        visit.choose("calls", calls)
    while gate.turn(INTERACTIVE) or gate.turn(BATCH):
        pass
    assert visit.state.calls == 3 and visit.facts()["has_run"]


def test_chips_say_how_many_and_what_they_are():
    visit = visit_of(Gate(), "compare")
    chips = controls(visit)["students"]
    assert (chips["kind"], chips["most"], chips["value"]) == ("chips", 3, "pairs")
    visit.choose("students", "pairs,lagrangian_map")
    assert controls(visit)["students"]["value"] == "pairs,lagrangian_map"
    for wrong in ("pairs,own:0123456789abcdef", "own:0123456789abcdef", "pairs,pairs", ["pairs"], None):
        with pytest.raises(ValueError):
            visit.choose("students", wrong)
    assert visit.state.students == "pairs,lagrangian_map"


def test_a_target_that_is_chosen_comes_along_to_the_other_labs():
    visit = visit_of(Gate(), "compare")
    visit.choose("target", "eight_gaussians")
    links = visit.tabs
    assert "target=eight_gaussians" in links["scrub"] and "target=eight_gaussians" in links["curvature"]
    assert json.loads(json.dumps(links)) == links


def test_a_picture_without_a_run_says_so_when_it_is_saved():
    visit = visit_of(gate := Gate(), "divergences")
    while gate.turn(INTERACTIVE) or gate.turn(BATCH):
        pass
    with pytest.raises(ValueError, match="holds no run to save"):
        saved(visit)


def test_ones_own_student_comes_along_to_the_next_tab():
    visit = visit_of(Gate(), "compare")
    key = visit.shelf.put_student(ex.load("two_moons/pairs"), "Mine")
    visit.choose("students", f"pairs,{key}")
    assert "&mine=" in visit.tabs["students"]
    again = Visit(LABS["students"], Gate(), query=f"v=1&lab=students&students=pairs,{key}", mine=visit.word)
    assert again.state.students == f"pairs,{key}" and not again.note
