"""Shapes on the ground of a pane, read back from the pixels."""

import moons
import numpy as np
import pytest
from inks import canvas, level_paths, place, weight
from test_stage_live import opened, pause, say

pytestmark = pytest.mark.browser

VERMILION, GREEN, BLUE = (0xD5, 0x5E, 0x00), (0x00, 0x9E, 0x73), (0x00, 0x72, 0xB2)


def shown(page, *shapes, layers="[]", **traits):
    feed, (run,) = moons.lines_feed(level_paths(0.0))
    feed.amend(panes=[{"label": "a", "run": run, "role": "state", "shapes": list(shapes)}])
    opened(page, "a", feed, layers=layers, **traits)


def inked(picture, colour, reach=60):
    """Rows and columns of the pixels that are nearly of a colour."""
    return np.nonzero(np.abs(picture - np.array(colour)).sum(2) < reach)


def test_a_circle_has_its_radius_around_its_centre(bench):
    page = bench()
    shown(page, {"kind": "circle", "x": 0.5, "y": -0.25, "r": 1.5, "role": "launched"})
    picture = canvas(page)
    scale, shift_x, shift_y = place(picture.shape)
    rows, columns = inked(picture, VERMILION)
    away = np.hypot(columns + 0.5 - (0.5 * scale + shift_x), rows + 0.5 - (shift_y + 0.25 * scale))
    assert len(rows) > 500
    assert np.abs(away - 1.5 * scale).max() < 1.6
    angles = np.arctan2(rows - rows.mean(), columns - columns.mean())
    assert np.diff(np.sort(angles)).max() < 0.05, "it goes all the way round"


def test_a_dashed_circle_has_gaps(bench):
    page = bench()
    shown(page, {"kind": "circle", "x": 0, "y": 0, "r": 1.5, "role": "launched"})
    whole = len(inked(canvas(page), VERMILION)[0])
    page.evaluate("cleanups.a(); document.querySelector('#a').remove()")
    shown(page, {"kind": "circle", "x": 0, "y": 0, "r": 1.5, "role": "launched", "dashed": True})
    assert 0.4 * whole < len(inked(canvas(page), VERMILION)[0]) < 0.75 * whole


def test_a_strip_and_lines_lie_at_their_numbers(bench):
    page = bench()
    shown(
        page,
        {"kind": "strip", "lo": -1.0, "hi": 0.5, "role": "second"},
        {"kind": "hline", "y": 2.0, "role": "state"},
        {"kind": "vline", "x": -1.25, "role": "launched"},
    )
    picture = canvas(page)
    scale, shift_x, shift_y = place(picture.shape)
    tinted = [row for row in range(picture.shape[0]) if 0.09 < weight_of(picture[row, 30]) < 0.17]
    assert (tinted[0], tinted[-1] + 1) == pytest.approx((shift_y - 0.5 * scale, shift_y + scale), abs=1.1)
    rows, _ = inked(picture, BLUE)
    assert rows.mean() + 0.5 == pytest.approx(shift_y - 2 * scale, abs=0.6)
    _, columns = inked(picture, VERMILION)
    assert columns.mean() + 0.5 == pytest.approx(shift_x - 1.25 * scale, abs=0.6)


def weight_of(pixel):
    try:
        return weight(pixel, GREEN)
    except AssertionError:  # another ink
        return 0.0


def test_an_arrow_ends_at_its_tip_and_a_dot_lies_at_its_place(bench):
    page = bench()
    shown(
        page,
        {"kind": "arrow", "x": -2, "y": -1, "to": [-0.5, -1], "role": "state"},
        {"kind": "mark", "x": 1.5, "y": 1, "shape": "dot", "role": "second"},
    )
    picture = canvas(page)
    scale, shift_x, shift_y = place(picture.shape)
    rows, columns = inked(picture, BLUE)
    assert (columns.min(), columns.max()) == pytest.approx(
        (shift_x - 2 * scale, shift_x - 0.5 * scale), abs=2
    )
    tip = columns > columns.max() - 10
    assert np.ptp(rows[tip]) >= 5 and np.ptp(rows[~tip]) <= 2, "the head is at its end"
    rows, columns = inked(picture, GREEN)
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx(
        (shift_x + 1.5 * scale, shift_y - scale), abs=0.6
    )


def test_labels_of_circles_with_one_centre_do_not_touch(bench):
    page = bench()
    page.evaluate(
        """() => {
          globalThis.written = [];
          const old = CanvasRenderingContext2D.prototype.fillText;
          CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
            const centred = this.textAlign === "center" && this.textBaseline === "middle";
            if (centred) written.push([text, x, y, this.measureText(text).width]);
            old.call(this, text, x, y);
          };
        }"""
    )
    names = ["lower bound", "certified", "exact radius", "descent", "2g/κ"]
    circles = [
        {"kind": "circle", "x": 0, "y": 0, "r": 1.5 + 0.02 * k, "label": name} for k, name in enumerate(names)
    ]
    shown(page, *circles)
    places = {text: (x, y, width) for text, x, y, width in page.evaluate("written")}
    assert set(places) == set(names)
    for name in names:
        x, y, width = places[name]
        assert width / 2 < x < 900 - width / 2 and 40 < y < 500
        for other in names:
            far, low, wide = places[other]
            assert other == name or abs(far - x) >= (wide + width) / 2 or abs(low - y) >= 12


def test_a_mark_says_its_hint_under_the_hand(bench):
    page = bench()
    mark = {"kind": "mark", "x": 1.5, "y": 1, "shape": "ring", "label": "centre", "hint": "the point itself"}
    shown(page, mark)
    picture = canvas(page)
    scale, shift_x, shift_y = place(picture.shape)
    frame = page.locator("#a .exs-canvas").bounding_box()
    tip = page.locator("#a .exs-tip")
    page.mouse.move(frame["x"] + shift_x + 1.5 * scale + 4, frame["y"] + shift_y - scale)
    pause(page)
    assert tip.inner_text() == "the point itself"
    page.mouse.move(frame["x"] + shift_x, frame["y"] + shift_y + scale)
    pause(page)
    assert tip.is_hidden()
    assert page.locator("#a .exs-canvas").get_attribute("aria-label").endswith("; marked: centre")


def test_what_is_no_shape_is_refused_and_what_is_not_finite_left_out(bench):
    page = bench()
    shown(
        page,
        {"kind": "square", "x": 0, "y": 0},
        {"kind": "circle", "x": 0, "y": None, "r": 1, "role": "launched"},
        {"kind": "arrow", "x": 0, "y": 0, "role": "launched"},
    )
    assert say(page, "a").startswith("A shape must be one of circle, hline, vline")
    assert not len(inked(canvas(page), VERMILION)[0])
