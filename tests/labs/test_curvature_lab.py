"""The Curvature lab: what it computes, what it does not compute again, and what it refuses."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

import explorer as ex
from explorer.labs import LABS
from explorer.labs.curvature import CurvatureState
from explorer.labs.curvature.paths import scale_to
from explorer.labs.curvature.state import MAP_COLOURS, PATH_COLOURS
from explorer.labs.scene import Amend, Begin, Block, Charts, Done, Kind, Launched, Projector, Status
from explorer.labs.shelf import Shelf
from explorer.labs.url import link_of, opened
from explorer.maths.fields import AbstractField, Prediction
from explorer.maths.paths import as_path

LAB = LABS["curvature"]
SMALL = {"n": 24, "steps": 12, "second": "none"}


def state(**choices):
    return LAB.built(vars(LAB.initial()) | SMALL | choices, choices.pop("shelf", Shelf()))


def shown(given, shelf=None):
    return list(LAB.events(given, shelf or Shelf()))


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def blocks(events, kind, slot=1):
    return [event for event in of(events, Block) if event.kind == kind and event.slot == slot]


def whole(events, kind, slot=1):
    """All frames of one layer."""
    parts = blocks(events, kind, slot)
    total = np.full((parts[0].total, *parts[0].array.shape[1:]), np.nan, dtype=np.float32)
    for part in parts:
        total[part.first : part.first + len(part.array)] = part.array
    return total


def table(events, tab):
    (found,) = [numbers for numbers in of(events, Charts)[-1].charts["numbers"] if numbers["tab"] == tab]
    return {row["label"]: row["values"] for row in found["rows"]}


def chart(events, name):
    (found,) = [each for each in of(events, Charts)[-1].charts["charts"] if each["id"] == name]
    return found


class Counted(AbstractField):
    """A field that knows how often it was asked."""

    def __init__(self, field):
        self.field, self.path, self.shape, self.calls = field, field.path, field.shape, 0

    def __call__(self, x, t):
        self.calls += 1
        return self.field(x, t)


def test_a_newcomer_sees_a_flow_beside_its_reflow():
    first = LAB.initial()
    assert first == CurvatureState()
    assert (first.model, first.second) == ("two_moons/linear", "two_moons/reflow")
    seen = [name for name, control in LAB.controls.items() if not control.more and control.shown(vars(first))]
    assert len(seen) <= 7


def test_the_numbers_are_those_of_the_public_function():
    given = state(model="exact", path="vp", coordinates="trig")
    events = shown(given)
    bend = ex.curvature(ex.target("two_moons").field("vp"), coordinates="trig", n=24, steps=12, seed=42)
    numbers = table(events, "Bends")
    assert numbers["straightness S"][1] == pytest.approx(bend.mean_straightness, rel=1e-5)
    assert numbers["S / chord²"][1] == pytest.approx(bend.set_relative_straightness, rel=1e-5)
    assert numbers["total turning"][1] == pytest.approx(float(bend.total_turning.median()), rel=1e-5)
    colours = whole(events, Kind.COLOUR)[..., 0]
    np.testing.assert_allclose(colours, bend.bend.numpy(), rtol=1e-5, atol=1e-5)


def test_the_recipe_gives_the_figures_of_the_page(capsys):
    given = state(second="exact", coordinates="ve")
    exec(LAB.recipe(given).replace("ex.figure(bend)", ""), {})  # our own text, in a test
    said = [float(word) for word in capsys.readouterr().out.split()]
    numbers = table(shown(given), "Bends")
    page = [numbers[name][slot] for slot in (1, 2) for name in ("straightness S", "S / chord²")]
    assert said == pytest.approx(page, rel=1e-5)


@pytest.mark.parametrize("name", ["linear", "vp", "cosine", "ve", "trig"])
def test_a_change_of_coordinates_or_colour_asks_no_model(name):
    shelf, field = Shelf(), Counted(ex.load("two_moons/linear"))
    own = shelf.put_field(field)
    given = LAB.built(vars(LAB.initial()) | SMALL | {"model": own}, shelf)
    shown(given, shelf)
    asked = field.calls
    for colour in PATH_COLOURS:
        events = shown(dataclasses.replace(given, coordinates=name, colour=colour), shelf)
        assert of(events, Done)
    assert field.calls == asked


def test_places_are_the_same_under_other_colours_and_no_others():
    def places(**choices):
        return of(shown(state(**choices)), Begin)[0].places

    here = places(colour="bend")
    assert here and here == places(colour="truncation") == places(colour="curvature")
    others = [
        places(coordinates="vp"),
        places(seed=7),
        places(steps=20),
        places(model="exact"),
        places(view="chord"),
    ]
    assert len({here, *others}) == 6


@pytest.mark.parametrize("name", ["linear", "vp", "cosine", "ve", "trig"])
def test_states_are_drawn_in_the_coordinates_that_are_named(name):
    given = state(model="exact", coordinates=name)
    fresh = shown(given)
    run = of(fresh, Done)[0].record.panes[0].paths.run
    drawn, shares = whole(fresh, Kind.STATE), whole(fresh, Kind.TICKS)[:, 0, 0]
    for k in (0, len(drawn) // 2, len(drawn) - 1):
        share = float(shares[k])
        level = as_path(name).at(as_path(name).time_of_share(share))
        index = int((run.shares - share).abs().argmin())
        home = run.states[index] / (1.0)  # linear: alpha + sigma = 1
        np.testing.assert_allclose(
            drawn[k], (home * (level.alpha + level.sigma)).numpy(), rtol=1e-4, atol=1e-5
        )
    again = shown(given)  # from what is kept: all states in one piece
    assert len(blocks(again, Kind.STATE)) == 1
    np.testing.assert_allclose(whole(again, Kind.STATE), drawn, rtol=1e-5, atol=1e-5)


def test_noise_beyond_the_coordinates_is_left_out_and_said():
    events = shown(state(model="exact", coordinates="ve"))
    assert table(events, "Bends")["from noise share"][1] == pytest.approx(80 / 81, abs=1e-5)
    assert scale_to(as_path("linear"), 1.0, as_path("ve")) is None
    assert len(whole(events, Kind.TICKS)) == 12


def test_panes_share_the_noise_and_the_moments():
    events = shown(state(second="exact", third="conditional"))
    first, second, third = (whole(events, Kind.STATE, slot)[0] for slot in (1, 2, 3))
    np.testing.assert_allclose(first, second, atol=1e-6)
    np.testing.assert_allclose(first, third, atol=1e-6)
    ticks = [whole(events, Kind.TICKS, slot) for slot in (1, 2, 3)]
    np.testing.assert_allclose(ticks[0], ticks[2], atol=1e-6)


def test_straight_pairs_are_straight_and_the_flow_that_they_train_is_not():
    numbers = table(shown(state(model="exact", second="conditional")), "Bends")
    assert numbers["straightness S"][2] == pytest.approx(0.0, abs=1e-9)
    assert numbers["total turning"][2] < 1e-6
    assert numbers["straightness S"][1] > 0.5


def test_solvers_are_compared_on_this_very_field_and_steps_are_suggested():
    events = shown(state(model="exact", level=0.05, sampler="heun"))
    lines = [line for line in chart(events, "work")["lines"] if not line.get("guide")]
    assert {line["label"] for line in lines} >= {"Euler", "Heun"}
    assert all(line["y"][-1] < line["y"][0] for line in lines)
    steps = table(events, "Solvers")
    assert steps["error with the fewest"][1] <= 0.05
    record = of(events, Done)[-1].record
    assert record.solving.suggestion.reached
    assert chart(events, "adaptive")["lines"]


def test_an_exact_field_is_a_gradient_and_a_network_is_not():
    events = shown(state(second="exact"))
    numbers = table(events, "Gradient?")
    assert numbers["asymmetry"][1] > 1e-3
    assert numbers["asymmetry"][2] < 1e-12
    assert numbers["velocity error"][1] > 0
    assert [line["run"] for line in chart(events, "check error")["lines"]] == [1]


@pytest.mark.parametrize("name", MAP_COLOURS)
def test_maps_have_a_number_where_paths_come_and_none_elsewhere(name):
    events = shown(state(colour=name, second="exact"))
    heat = of(events, Amend)[-1].changes["heat"]
    assert heat["lo"] < heat["hi"]
    maps = [block.array[0, :, 0] for block in blocks(events, Kind.HEAT)]
    assert all(len(values) == heat["nx"] * heat["ny"] for values in maps)
    known = np.concatenate(maps)
    assert 0 < np.isfinite(known).sum() < len(known)
    if name == "error":
        exact = np.concatenate([block.array.ravel() for block in blocks(events, Kind.HEAT, 2)])
        assert np.nanmax(np.abs(exact)) == 0.0


def test_digits_are_seen_along_and_off_their_chords():
    given = LAB.changed(LAB.initial(), "target", "digits", Shelf())
    assert given.view == "chord"
    assert "plane" not in LAB.options(vars(given), "view", Shelf())
    small = dataclasses.replace(given, model="exact", second="none", n=16, steps=8)
    events = shown(small)
    view = whole(events, Kind.STATE)
    assert view.shape[2] == 2
    np.testing.assert_allclose(view[0], 0.0, atol=1e-5)
    np.testing.assert_allclose(view[-1, :, 1], 0.0, atol=1e-4)
    assert table(events, "Dimension")["components for 99 %"][1] < 8


# --- one's own things ---


def test_a_recorded_run_is_measured_as_it_is():
    shelf = Shelf()
    turns = torch.linspace(0, math.pi, 60, dtype=torch.float64)
    circle = torch.stack([turns.cos(), turns.sin()], dim=1)[:, None].expand(60, 20, 2)
    run = ex.trajectory(torch.linspace(1, 0, 60, dtype=torch.float64), circle)
    given = LAB.taken(LAB.initial(), run, shelf)
    events = shown(given, shelf)
    numbers = table(events, "Bends")
    assert numbers["straightness S"][1] == pytest.approx(math.pi**2 - 4, rel=1e-4)
    assert chart(events, "work")["empty"].startswith("There is no field")
    assert "no model" in of(events, Done)[-1].record.panes[0].bend.note
    assert LAB.runs(of(events, Done)[-1].record)[0].states.shape == run.states.shape


class Nan(AbstractField):
    path, shape = as_path("linear"), (2,)

    def __call__(self, x, t):
        return Prediction(self.path, x, t, x if t > 0.5 else x * math.nan, "velocity")


def test_a_field_of_nan_shows_what_came_before_it():
    shelf = Shelf()
    given = LAB.built(vars(LAB.initial()) | SMALL | {"model": shelf.put_field(Nan())}, shelf)
    events = shown(given, shelf)
    assert of(events, Status)[-1].kind == "diverged"
    assert of(events, Done)
    assert np.isfinite(whole(events, Kind.STATE)).any()


def test_a_run_that_is_cancelled_keeps_its_frames():
    seen = []

    def stop():
        return len(seen) > 8

    for event in LAB.events(state(model="exact", steps=60, seed=7), Shelf(), "cpu", stop):
        seen.append(event)
    assert of(seen, Status)[-1].kind == "cancelled"
    assert of(seen, Done)[0].record.panes[0].paths.run.steps < 60
    again = shown(state(model="exact", steps=60, seed=7))  # the part must not stand for the whole
    assert len(whole(again, Kind.STATE)) == len(whole(again, Kind.TICKS)) == 61
    assert np.isfinite(whole(again, Kind.STATE)).all()


def test_a_click_is_followed_in_the_coordinates_of_the_picture():
    given = state(model="exact", coordinates="trig")
    launched, *drawn = LAB.launch(given, [0.5, -0.5], 0.6, 0, 101, Shelf())
    assert launched == Launched(101, 0)
    assert float(drawn[0].array[0, 0, 0]) <= 0.6 + 1e-6
    np.testing.assert_allclose(drawn[1].array[0, 0], [0.5, -0.5], atol=1e-5)
    with pytest.raises(ValueError, match="have no field to follow"):
        list(LAB.launch(state(second="conditional"), [0.0, 0.0], 0.5, 1, 102, Shelf()))
    with pytest.raises(ValueError, match="a particle starts at two finite numbers"):
        list(LAB.launch(given, [math.nan, 0.0], 0.5, 0, 103, Shelf()))


# --- states and links ---


@pytest.mark.parametrize("target", list(ex.TARGETS))
def test_every_target_has_a_state(target):
    given = LAB.changed(LAB.initial(), "target", target, Shelf())
    assert given.target == target
    for name in ("model", "second", "third", "colour", "view", "label"):
        assert getattr(given, name) in LAB.options(vars(given), name, Shelf())


def test_a_link_brings_the_state_back():
    given = state(coordinates="ve", colour="truncation", third="none", level=0.004)
    assert opened(LAB, link_of(LAB, given), Shelf()).state == given


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("coordinates", "polar", "`coordinates` must be one of|polar"),
        ("level", 7.0, "`level` must be a number from 0.0001 to 0.5"),
        ("n", 3, "`n` must be a whole number"),
        ("nothing", 1, "there is no control"),
        ("sampler", "euler_ancestral", "euler_ancestral"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(name, value, words):
    with pytest.raises(ValueError, match=words):
        LAB.changed(LAB.initial(), name, value, Shelf())


def test_too_much_is_refused():
    with pytest.raises(ValueError, match="use fewer samples or moments"):
        LAB.changed(dataclasses.replace(LAB.initial(), steps=200), "n", 4000, Shelf())


def test_events_are_what_a_stage_can_take():
    from explorer.stage.feed import Feed, new_run_id

    feed = Feed()
    projector = Projector(feed, new_run_id)
    for event in shown(state(second="exact", colour="asymmetry")):
        projector.show(event)
    assert feed.spec["heat"]["label"] == "Jacobian's asymmetry"
    json.dumps(feed.charts, allow_nan=False)
    assert of(shown(state()), Begin)[0].spec["colour"] is None
