"""Drawn points come from a page and may be anything."""

import json

import pytest

from explorer.labs import LABS
from explorer.labs.shelf import Shelf
from explorer.labs.strokes import MOST, points_of

LINE = [[0.01 * k, -0.5] for k in range(100)]

HOSTILE = {
    "nothing": None,
    "a text": "[[0, 0], [1, 1], [2, 2]]",
    "an object": {"0": [0, 0]},
    "two": LINE[:2],
    "too many": [[0.0, 0.0]] * (MOST + 1),
    "a triple": [*LINE, [0, 0, 0]],
    "a bare number": [*LINE, 1.0],
    "a word": [*LINE, ["0", 0]],
    "a truth": [*LINE, [True, 0]],
    "not a number": [*LINE, [float("nan"), 0]],
    "infinite": [*LINE, [0, float("inf")]],
    "out of reach": [*LINE, [0, 4.001]],
    "huge": [*LINE, [0, 10**400]],
    "nested": [*LINE, [[0], [0]]],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_drawing_is_refused_in_a_sentence(name):
    with pytest.raises(ValueError, match="3 to 2,000 points of two finite numbers"):
        points_of(HOSTILE[name])


def test_a_drawing_becomes_the_target_and_its_points_are_the_means():
    lab, shelf = LABS["scrub"], Shelf()
    points = points_of(json.loads(json.dumps(LINE)))
    state = lab.changed(lab.initial(), "target", shelf.put_points(points), shelf)
    drawn = shelf.target(state.target).sample(500, 0)
    assert drawn[:, 1].mean().item() == pytest.approx(-0.5, abs=0.02)
    assert drawn[:, 0].min().item() > -0.2
    assert drawn[:, 0].max().item() < 1.2


def test_the_same_drawing_has_the_same_name():
    assert Shelf().put_points(points_of(LINE)) == Shelf().put_points(points_of(LINE))
