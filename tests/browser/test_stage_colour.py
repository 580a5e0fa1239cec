"""Paths in the colours of their numbers, read back from the pixels."""

import moons
import numpy as np
import pytest
from inks import GROUNDS, STEPS, canvas, crossing, level_paths, place, viridis, weight
from test_stage_live import data, opened, pause, press, put, say

from explorer.stage import Feed, pack

pytestmark = pytest.mark.browser

COLOUR = {"label": "curvature × length", "lo": 0, "hi": 12, "map": "viridis", "hint": "Bend times length."}
PATHS = '["paths"]'


def show_paths(page, values, heights=(0.0,), theme="light", **colour):
    feed, runs = moons.lines_feed(
        level_paths(*heights), np.asarray(values, float), colour={**COLOUR, **colour}
    )
    opened(page, "a", feed, layers=PATHS, theme=theme)
    return feed, runs


def constant(*values):
    return np.tile(values, (STEPS + 1, 1))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("value", [0, 4, 8, 12])
def test_a_path_has_the_colour_of_its_number(bench, theme, value):
    page = bench()
    show_paths(page, constant(value), theme=theme)
    shade = (min(int(value / 12 * 32), 31) + 0.5) / 32
    assert weight(crossing(canvas(page), -0.9), viridis(shade, theme), theme) > 0.4


def test_what_is_past_is_strong_and_what_is_to_come_is_faded(bench):
    page = bench()
    show_paths(page, constant(12.0))
    for _ in range(STEPS // 2):
        press(page, "a", ",")
    picture = canvas(page)
    full = viridis(63 / 64, "light")
    assert weight(crossing(picture, -1.1), full) > 0.95
    assert 0.2 < weight(crossing(picture, 1.1), full) < 0.45


def test_a_stretch_has_the_mean_of_its_two_ends(bench):
    page = bench()
    show_paths(page, np.where(np.arange(STEPS + 1) % 2, 12.0, 0.0)[:, None])
    picture = canvas(page)
    for x in (-1.7, -0.5, 0.9):
        assert weight(crossing(picture, x), viridis(16.5 / 32, "light")) > 0.6


def test_where_nothing_is_known_a_path_is_neutral(bench):
    page = bench()
    values = constant(12.0, 12.0)
    values[:, 1] = np.nan
    values[:11, 0] = np.nan
    show_paths(page, values, (0.0, 1.0))
    picture = canvas(page)
    for found in (crossing(picture, -1.1), crossing(picture, 1.1, 1.0)):
        assert found.max() - found.min() < 12, "it is grey"
        assert found.max() < 235, "but it is there"
    assert weight(crossing(picture, 1.1), viridis(63 / 64, "light")) > 0.95


def test_only_the_paths_that_have_a_number_are_coloured(bench):
    page = bench()
    feed, _ = moons.lines_feed(level_paths(0.0, 1.0), constant(12.0), colour=COLOUR)
    opened(page, "a", feed, layers=PATHS, theme="light")
    assert np.ptp(crossing(canvas(page), 0.5, 1.0)) < 12
    assert np.ptp(crossing(canvas(page), 0.5, 0.0)) > 60


def test_a_logarithmic_scale_gives_each_decade_as_much(bench):
    page = bench()
    show_paths(page, constant(0.1), lo=0.001, hi=10, log=True)
    assert weight(crossing(canvas(page), 0.5), viridis(16.5 / 32, "light")) > 0.6


def test_width_says_it_too(bench):
    page = bench()
    show_paths(page, constant(0.0, 12.0), (0.0, 1.0))
    picture = canvas(page)
    scale, shift_x, shift_y = place(picture.shape)
    column = picture[:, int(0.5 * scale + shift_x)]

    def width(y, shade):
        row, ground = int(shift_y - y * scale), np.array(GROUNDS["light"])
        stretch = column[row - 5 : row + 6]
        return np.abs(stretch - stretch[0]).sum() / np.abs(viridis(shade, "light") - ground).sum()

    assert width(0.0, 1 / 64) == pytest.approx(0.92, abs=0.3)
    assert width(1.0, 63 / 64) == pytest.approx(2.38, abs=0.3)


def test_scrubbing_back_restores_the_coloured_picture(bench):
    page = bench()
    values = np.random.default_rng(0).uniform(0, 12, (STEPS + 1, 40))
    feed, _ = moons.lines_feed(moons.states(40, STEPS)[0], values, colour=COLOUR)
    opened(page, "a", feed, theme="light")
    before = canvas(page)
    press(page, "a", "Home")
    assert (canvas(page) != before).any()
    press(page, "a", "End")
    assert (canvas(page) == before).all()


def test_the_followed_particle_says_its_number(bench):
    page = bench()
    show_paths(page, np.linspace(0, 10, STEPS + 1)[:, None])
    frame = page.locator("#a .exs-canvas").bounding_box()
    scale, shift_x, shift_y = place((frame["height"], frame["width"]))
    page.mouse.move(frame["x"] + shift_x + 2 * scale, frame["y"] + shift_y)
    pause(page)
    assert page.locator("#a .exs-readout").inner_text() == "particle 0 · x 2 · y 0 · curvature × length 10"
    press(page, "a", ",")
    page.mouse.move(frame["x"] + shift_x + 1.8 * scale, frame["y"] + shift_y)
    pause(page)
    assert page.locator("#a .exs-readout").inner_text().endswith("curvature × length 9.50")


def test_a_colour_of_two_numbers_is_refused_with_a_sentence(bench):
    page = bench()
    feed, (run,) = moons.lines_feed(level_paths(0.0))
    opened(page, "a", feed)
    block = pack("state", run, 0, STEPS + 1, np.zeros((1, 1, 2)))
    put(page, "a", "chunk", block[:26] + b"\x04" + block[27:])
    assert "colour must be one number each, 2 came" in say(page, "a")
    assert data(page, "a")["got"] == str(STEPS + 1)


def test_an_empty_feed_with_scales_is_no_fault(bench):
    page = bench()
    feed = Feed()
    feed.begin(moons.spec(1, colour=COLOUR, heat={"nx": 2, "ny": 2, "lo": 0, "hi": 1}))
    opened(page, "a", feed)
    assert page.locator("#a .exs-scale").count() == 0


@pytest.mark.parametrize(("count", "is_large"), [(1, True), (10, True), (11, False)])
def test_a_handful_of_states_is_drawn_large_in_its_own_colour(bench, count, is_large):
    page = bench()
    feed, _ = moons.lines_feed(level_paths(*np.linspace(-1.0, 1.0, count)))
    opened(page, "a", feed, layers='["particles"]', theme="light")
    picture = canvas(page)
    scale, shift_x, shift_y = place(picture.shape)
    column, row = int(2.0 * scale + shift_x), int(shift_y + 1.0 * scale)
    window = picture[row - 8 : row + 9, column - 8 : column + 9]
    inked = np.abs(window - GROUNDS["light"]).sum(2) > 60
    assert (inked.sum() > 60) == is_large
    assert np.ptp(window[8, 8]) > 60, "it is in its own colour"
