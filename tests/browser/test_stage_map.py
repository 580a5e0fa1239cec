"""A map under the picture, read back from the pixels."""

import moons
import numpy as np
import pytest
from inks import GROUNDS, STEPS, canvas, crossing, faded, level_paths, place, viridis
from test_stage_live import opened, pause, press, put, say

pytestmark = pytest.mark.browser


def centres(nx, ny):
    lo_x, lo_y, hi_x, hi_y = moons.BOX
    x = lo_x + (np.arange(nx) + 0.5) / nx * (hi_x - lo_x)
    y = lo_y + (np.arange(ny) + 0.5) / ny * (hi_y - lo_y)
    return np.meshgrid(x, y)


def show_map(page, frames, theme="light", nx=8, ny=6, **heat):
    """`frames` by number, each [ny, nx]; nothing but the map is drawn."""
    said = {"nx": nx, "ny": ny, "label": "asymmetry", "lo": -3, "hi": 3, "map": "viridis", **heat}
    feed, (run,) = moons.lines_feed(level_paths(0.0), heat=said)
    for frame, values in frames.items():
        feed.add("heat", run, frame, STEPS + 1, np.asarray(values, "f4").reshape(1, -1, 1))
    opened(page, "a", feed, layers='["map"]', theme=theme)
    return feed, run


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("axis", ["x", "y"])
def test_a_gradient_lands_on_its_pixels_with_no_shift(bench, theme, axis):
    page = bench()
    show_map(page, {0: centres(8, 6)["xy".index(axis)]}, theme)
    picture = canvas(page)
    scale, shift_x, shift_y = place(picture.shape)
    shades = np.array([faded(viridis(part, theme), 0.5, theme) for part in np.linspace(0, 1, 1001)])
    misses = []
    for x in np.arange(-2.65, 2.7, 0.31):
        for y in np.arange(-2.35, 2.4, 0.33):
            pixel = picture[int(shift_y - y * scale), int(x * scale + shift_x)]
            value = -3 + 6 * np.abs(shades - pixel).sum(1).argmin() / 1000
            misses.append(value - (x if axis == "x" else y))
    # Half a cell is 0.4 and 0.5 here; a grid line may lie on a pixel, and a shade is one of 256.
    assert abs(np.median(misses)) < 0.05
    assert np.quantile(np.abs(misses), 0.9) < 0.2


def test_a_map_ends_where_the_box_ends(bench):
    page = bench()
    show_map(page, {0: np.full((6, 8), 3.0)})
    picture = canvas(page)
    scale, shift_x, shift_y = place(picture.shape)
    lo_x, lo_y, hi_x, hi_y = moons.BOX
    found = np.ptp(picture, axis=2) > 30
    rows, columns = np.nonzero(found)
    assert (columns.min(), columns.max() + 1) == pytest.approx(
        (lo_x * scale + shift_x, hi_x * scale + shift_x), abs=1.1
    )
    assert (rows.min(), rows.max() + 1) == pytest.approx(
        (shift_y - hi_y * scale, shift_y - lo_y * scale), abs=1.1
    )


def at_point(page, x, y):
    picture = canvas(page)
    scale, shift_x, shift_y = place(picture.shape)
    return picture[int(shift_y - y * scale), int(x * scale + shift_x)]


def test_cells_that_are_not_known_are_clear(bench):
    page = bench()
    values = np.full((6, 8), 3.0)
    values[:, :4] = np.nan
    show_map(page, {0: values})
    assert at_point(page, -1.7, 0.7) == pytest.approx(GROUNDS["light"], abs=1)
    assert at_point(page, 1.7, 0.7) == pytest.approx(faded(viridis(1, "light"), 0.5, "light"), abs=8)


def test_a_map_holds_until_the_next_and_none_shows_before_the_first(bench):
    page = bench()
    show_map(page, {5: np.full((6, 8), -3.0), 12: np.full((6, 8), 3.0)})
    low, high = (faded(viridis(part, "light"), 0.5, "light") for part in (0, 1))
    press(page, "a", "Home")
    assert at_point(page, 0.7, 0.7) == pytest.approx(GROUNDS["light"], abs=1)
    expected = {4: GROUNDS["light"], 5: low, 11: low, 12: high, 20: high}
    for frame in range(1, STEPS + 1):
        press(page, "a", ".")
        if frame in expected:
            assert at_point(page, 0.7, 0.7) == pytest.approx(expected[frame], abs=8), frame


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_diverging_map_has_the_ground_at_zero(bench, theme):
    page = bench()
    values = np.repeat([[-3, -3, -3, 0, 0, 3, 3, 3]], 6, 0)
    show_map(page, {0: values}, theme, map="diverging", lo=-1, hi=3)
    cold, zero, warm = (at_point(page, x, 0.7) for x in (-2.3, 0.1, 2.3))
    assert zero == pytest.approx(GROUNDS[theme], abs=6)
    assert cold[2] - cold[0] > 40 and warm[0] - warm[2] > 40


def test_dots_and_paths_stay_over_the_map(bench):
    page = bench()
    show_map(page, {0: np.zeros((6, 8))})
    put(page, "a", "layers", '["map", "particles", "paths"]')
    before = at_point(page, 0.7, 0.7)
    assert np.abs(at_point(page, 2.0, 0.0) - before).max() > 60
    assert np.abs(crossing(canvas(page), 0.5) - before).max() > 20


def test_a_map_of_the_wrong_size_is_refused_with_a_sentence(bench):
    page = bench()
    show_map(page, {0: np.zeros((6, 8))}, nx=8, ny=6)
    assert say(page, "a") == ""
    feed, (run,) = moons.lines_feed(level_paths(0.0), heat={"nx": 5, "ny": 5, "lo": 0, "hi": 1})
    feed.add("heat", run, 0, STEPS + 1, np.zeros((1, 48, 1)))
    opened(page, "b", feed)
    pause(page)
    assert say(page, "b") == "A map must have 5 × 5 cells, 48 numbers came for each moment."
