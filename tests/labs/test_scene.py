"""A screen that shows a picture of the same places is told only what else is new."""

import json

import numpy as np
import pytest

from explorer.labs.scene import Amend, Begin, Block, Charts, Kind, Projector
from explorer.stage import Feed, unpack

SPEC = {"version": 1, "title": "", "box": [-1, -1, 1, 1], "panes": [{"label": "a", "run": 1}], "launched": []}
NO_CHARTS = Charts({"charts": [], "numbers": {"title": "", "rows": []}})


def states(first=0, count=3):
    return Block(Kind.STATE, 1, first, 3, np.full((count, 2, 2), 0.5, np.float32))


def colours(value):
    return Block(Kind.COLOUR, 1, 0, 3, np.full((3, 2, 1), value, np.float32))


@pytest.fixture
def shown():
    feed = Feed()
    ids = iter(range(7, 100))
    projector = Projector(feed, lambda: next(ids))
    for event in (
        Begin(SPEC | {"title": "old"}, "here"),
        states(),
        Amend({"colour": 1}),
        colours(1.0),
        NO_CHARTS,
    ):
        projector.show(event)
    feed.drain()
    return feed, projector


def kinds_and_runs(data):
    return [(block.kind, block.run) for block in unpack(data or b"")]


def test_other_colours_of_the_same_places_send_no_places_again(shown):
    feed, projector = shown
    for event in (Begin(SPEC | {"title": "new"}, "here"), states(), Amend({"colour": 2}), colours(2.0)):
        projector.show(event)
    assert feed.spec["title"] == "new" and feed.spec["colour"] == 2
    assert feed.spec["panes"][0]["run"] == 7, "the run keeps its id"
    assert kinds_and_runs(feed.drain()) == [(Kind.COLOUR, 7)]
    whole = list(unpack(feed.snapshot()))
    assert [block.kind for block in whole] == [Kind.STATE, Kind.COLOUR], (
        "old colours are not kept beside new ones"
    )
    assert float(whole[-1].values.max()) == 2.0


def test_the_new_spec_waits_for_its_colours(shown):
    feed, projector = shown
    projector.show(Begin(SPEC | {"title": "new"}, "here"))
    assert feed.spec["title"] == "old"
    projector.show(Amend({"colour": 2}))
    assert feed.spec["title"] == "new"


@pytest.mark.parametrize("places", ["there", ""])
def test_other_places_are_a_new_run(shown, places):
    feed, projector = shown
    for event in (Begin(SPEC, places), states(), colours(2.0)):
        projector.show(event)
    assert feed.spec["panes"][0]["run"] == 8
    assert kinds_and_runs(feed.drain()) == [(Kind.STATE, 8), (Kind.COLOUR, 8)]


def test_what_is_missing_of_the_same_places_is_sent():
    feed = Feed()
    projector = Projector(feed, iter(range(7, 9)).__next__)
    for event in (Begin(SPEC, "here"), states(0, 1), states(1, 1)):
        projector.show(event)
    feed.drain()
    for event in (Begin(SPEC, "here"), states(), states()):
        projector.show(event)
    assert kinds_and_runs(feed.drain()) == [(Kind.STATE, 7)], (
        "two of three frames were there: once more, and once only"
    )


def test_launched_particles_stay_with_their_places(shown):
    feed, projector = shown
    feed.amend(launched=[{"run": 30, "pane": 0}])
    projector.show(Begin(SPEC, "here"))
    projector.show(Amend({}))
    assert json.loads(feed.texts()["spec"])["launched"] == [{"run": 30, "pane": 0}]
