"""Links: the whole state there and back, and nothing in a link can raise."""

import random
import string

import pytest

from explorer.labs import LABS
from explorer.labs.shelf import Shelf
from explorer.labs.url import LONGEST, link_of, opened

LAB = LABS["scrub"]


def test_a_link_opens_the_state_and_the_time_that_it_was_made_of():
    shelf, state = Shelf(), LAB.initial()
    for name, value in {
        "target": "eight_gaussians",
        "sampler": "euler",
        "steps": 7,
        "n": 500,
        "compare": True,
    }.items():
        state = LAB.changed(state, name, value, shelf)
    link = link_of(LAB, state, 0.45)
    back = opened(LAB, link, shelf)
    assert (back.state, back.share, back.notes) == (state, 0.45, ())
    assert len(link) < 300


def test_the_first_state_makes_the_shortest_link():
    assert link_of(LAB, LAB.initial()) == "v=1&lab=scrub"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("v=1&steps=1000000000", "steps"),
        ("v=1&steps=-5", "steps"),
        ("v=1&steps=nan", "cannot be read"),
        ("v=1&steps=1e400", "cannot be read"),
        ("v=1&steps=2.5", "cannot be read"),
        ("v=1&seed=99999999999999999999999999", "cannot be read"),
        ("v=1&target=../../etc/passwd", "target"),
        ("v=1&target=own:0123456789abcdef", "another visitor"),
        ("v=1&colour=red", "'colour'"),
        ("v=9&steps=3", "another version"),
        ("v=x", "another version"),
        ("v=1&at=7", "noise share"),
        ("v=1&compare=maybe", "cannot be read"),
        ("v=1&n=20000&steps=200", "points"),
        ("steps=" + "9" * LONGEST, "characters"),
        ("&".join(f"a{k}=1" for k in range(100)), "too many"),
    ],
)
def test_what_cannot_be_taken_is_left_at_its_default_and_said(query, words):
    back = opened(LAB, query, Shelf())
    assert any(words in note for note in back.notes), back.notes
    assert back.share is None


def test_one_bad_value_does_not_cost_the_good_ones():
    back = opened(LAB, "v=1&steps=7&sampler=eulr", Shelf())
    assert back.state.steps == 7 and back.state.sampler == LAB.initial().sampler and len(back.notes) == 1


def test_no_text_at_all_raises():
    dice = random.Random(1)
    names = [*LAB.controls, "v", "at", "lab", "x"]
    for _ in range(500):
        value = "".join(dice.choices(string.printable + "é\u0000\u202e😀", k=dice.randint(0, 40)))
        query = "&".join(f"{name}={value}" for name in dice.choices(names, k=3))
        assert isinstance(opened(LAB, query, Shelf()).state, type(LAB.initial()))
