"""Any lab in a cell: what a thing becomes is the lab's knowledge, and the cell is the same."""

import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from cells import blocks, status

import explorer as ex
from explorer.labs.controls import Slider
from explorer.widgets import Cell, lab
from explorer.widgets.rail import said, stops_of

sys.path.insert(0, str(Path(__file__).parents[1] / "app"))

from draws import LAB as DRAWS


@pytest.fixture
def opened(monkeypatch):
    """``ex.lab``, with a lab beside those that are there; whatever it opened is closed again."""
    monkeypatch.setitem(ex.LABS, DRAWS.name, DRAWS)
    cells = []

    def shown(*things, **choices):
        cells.append(lab(*things, **choices))
        return cells[-1]

    yield shown
    for view in cells:
        view.close()


def test_scrub_is_the_lab_of_that_name(opened, cell):
    one, other = opened("scrub", "rings", n=64, steps=4), cell("rings")
    assert isinstance(one, Cell) and one.state == other.state
    assert repr(one) == repr(other) == "Scrub(rings, exact, heun, 4 steps)"
    assert torch.equal(one.run.states, other.run.states)


def test_without_a_thing_a_lab_opens_as_a_newcomer_sees_it(opened):
    assert opened("scrub").state == ex.LABS["scrub"].initial()
    assert opened("draws").state == DRAWS.initial()
    assert opened("scrub", target="digits", steps=2).state.n == 64


def test_a_lab_of_few_controls_has_its_groups_its_layers_and_its_run(opened):
    view = opened("draws", "rings", n=64, level=0.0123)
    assert view.run.states.shape == (6, 64, 2) and status(view) == "done"
    assert len(blocks(view)) == 1
    assert view._stage.layers == '["map", "particles"]'
    headings = [part.value for part in view._rail.children if "ex-heading" in part._dom_classes]
    assert headings == ["Sizes", "Data"]
    view._rail.input("level").value = view._rail.input("level").options[0][1]
    assert float(view.run.states[-1].abs().max()) < 1e-4, "the level is what the slider said"
    assert repr(view) == "Draws(rings, 5 steps)"


def test_an_own_target_is_a_thing_of_every_lab(opened):
    target = ex.drawn(torch.rand(40, 2, generator=torch.Generator().manual_seed(0)))
    view = opened("draws", target, n=64)
    assert view.state.target.startswith("own:") and view.wait().status == "done"


REFUSED = {
    "a lab that is not there": (lambda: lab("scrubb", "two_moons"), "did you mean 'scrub'"),
    "a thing of no use": (lambda: lab("draws", 3), "ex.lab('draws', thing) shows a target"),
    "too many things": (
        lambda: lab("draws", "two_moons", "rings"),
        "only recorded runs are shown side by side; got str",
    ),
    "a run where none is shown": (
        lambda: lab("draws", ex.trajectory(torch.tensor([1.0, 0.0]), torch.zeros(2, 3, 2))),
        "shows a run only through a state",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_with_a_sentence_and_leaves_no_thread(case, monkeypatch):
    monkeypatch.setitem(ex.LABS, DRAWS.name, DRAWS)
    ask, words = REFUSED[case]
    before = threading.active_count()
    with pytest.raises(ValueError) as fault:
        ask()
    assert words in str(fault.value)
    assert threading.active_count() == before


# --- sliders of fractions ---


def test_a_slider_of_fractions_steps_by_ratio_and_says_three_digits():
    slider = Slider("Level", 1e-4, 0.5, 1e-5, log=True)
    stops = stops_of(slider, 0.0123456)
    assert (stops[0], stops[-1]) == (1e-4, 0.5) and 0.0123456 in stops and 100 < len(stops) < 130
    ratios = [after / before for before, after in pairwise(stops) if before > 0.002]
    wanted = (0.5 / 1e-4) ** (1 / 120)
    assert max(ratios) == pytest.approx(wanted, rel=0.02), "one step is one ratio, wherever it is"
    for stop in stops:
        assert float(said(stop)) == pytest.approx(stop, rel=0.005)
        assert "e" not in said(stop) and len(said(stop).lstrip("0.")) <= 3


@pytest.mark.parametrize(
    ("value", "words"),
    [(20_000, "20 000"), (16, "16"), (0.05, "0.05"), (1e-5, "0.00001"), (0.0123456, "0.0123")],
)
def test_numbers_are_said_in_groups_or_with_three_digits(value, words):
    assert said(value) == words


# --- the Curvature lab ---

FEW = {"n": 16, "steps": 8}
PULL = ex.NetworkField(lambda x, t: -x)
RUN = ex.record(ex.target("rings").field("vp"), steps=12, n=40, seed=5)
SHOWN = {
    "a target": (("rings",), {}, ("rings", "rings/linear", "exact")),
    "a network, alone": (("two_moons/vp",), {}, ("two_moons", "two_moons/vp")),
    "an exact field": ((ex.target("rings").field("cosine"),), {}, ("rings", "exact")),
    "two networks": (("two_moons/linear", "exact"), {}, ("two_moons", "two_moons/linear", "exact")),
    "a field by its control": (
        ("two_moons/linear",),
        {"second": PULL},
        ("two_moons", "two_moons/linear", "own model"),
    ),
    "an own field": ((PULL,), {}, ("none", "own model")),
    "an own field on its target": ((PULL,), {"target": "two_moons"}, ("two_moons", "own model")),
}


@pytest.mark.parametrize("case", SHOWN)
def test_the_curvature_lab_shows_what_the_scrub_lab_shows(opened, case):
    things, choices, words = SHOWN[case]
    view = opened("curvature", *things, **FEW, **choices)
    assert repr(view).startswith(f"Curvature({', '.join(words)}, ")
    assert view.wait(150).status == "done", view.status
    assert view.run.states.shape == (9, 16, 2)
    assert len(view._feed.spec["panes"]) == len(words) - 1


def test_a_recorded_run_is_measured_and_has_controls(opened):
    view = opened("curvature", RUN, coordinates="ve")
    assert repr(view) == "Curvature(none, recorded heun, 12 steps)"
    assert torch.equal(view.run.states, RUN.states) and view.state.coordinates == "ve"
    view.choose("coordinates", "own")
    assert view.wait(150).status == "done" and view._rail is not None


def test_two_recorded_runs_are_measured_side_by_side(opened):
    other = ex.record(ex.target("rings").field("vp"), sampler="euler", steps=12, n=40, seed=5)
    view = opened("curvature", RUN, other)
    assert len(ex.LABS["curvature"].runs(view.record)) == 2
    with pytest.raises(ValueError, match="at most 3 things side by side; got 4"):
        opened("curvature", RUN, other, RUN, other)


def test_an_exact_field_is_measured_on_its_own_path(opened):
    view = opened("curvature", ex.target("rings").field("cosine"), **FEW)
    assert view.run.path == view.state.path == "cosine"


def test_an_own_target_is_put_down_again_with_all_that_stood_beside(opened):
    view = opened("curvature", PULL, "exact", target="two_moons", **FEW)
    assert view.state.second == "exact"
    view.choose("target", "none")
    assert (view.state.target, view.state.second) == ("none", "none")
    assert view.wait(150).status == "done"
