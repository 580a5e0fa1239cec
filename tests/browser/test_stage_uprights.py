"""Upright lines, lines cut at the edge, and bars in charts."""

import math
import re

import moons
import pytest
from test_stage_live import opened, pause, press

pytestmark = pytest.mark.browser

INSET, RIGHT, TOP, FOOT = 34, 12, 8, 20  # of a plot, in pixels


def shown(page, chart):
    feed = moons.feed(n=20, cursor={"label": "step size", "lo": 1e-3, "hi": 10, "log": True})
    feed.charts = {"charts": [{"id": "c", "title": "Loss", "x": "share", "lines": [], **chart}]}
    opened(page, "a", feed)


def line(xs, ys, **more):
    return {"run": 0, "label": "order", "role": "state", "x": xs, "y": ys, **more}


def size(page):
    plot = page.locator(".exs-plot").first
    return plot.evaluate("(plot) => [plot.clientWidth, plot.clientHeight]")


def traits(page, selector, *names):
    return page.locator(selector).evaluate_all(
        "(nodes, names) => nodes.map((node) => names.map((name) => Number(node.getAttribute(name))))",
        list(names),
    )


def points(page):
    path = page.locator(".exs-line").first.get_attribute("d")
    return [[float(x) for x in pair] for pair in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", path)], path.count(
        "M"
    )


def test_uprights_stand_at_their_share_with_words_that_do_not_touch(bench):
    page = bench(1200, 700)
    names = ["lower bound", "certified", "exact radius", "2g/κ"]
    uprights = [{"x": 0.5 + 0.01 * k, "label": name, "role": "second"} for k, name in enumerate(names)]
    uprights.append({"x": 1.4, "label": "beyond"})
    shown(page, {"lines": [line([1, 0], [0, 1])], "verticals": uprights})
    width, _ = size(page)
    inside = width - INSET - RIGHT
    expected = [INSET + (0.5 - 0.01 * k) * inside for k in range(4)]
    assert [x for (x,) in traits(page, ".exs-vertical", "x1")] == pytest.approx(expected, abs=0.1)
    boxes = [node.bounding_box() for node in page.locator(".exs-vertical-name").all()]
    assert page.locator(".exs-vertical-name").all_text_contents() == names
    for i, one in enumerate(boxes):
        for other in boxes[:i]:
            apart = one["x"] >= other["x"] + other["width"] or other["x"] >= one["x"] + one["width"]
            assert apart or abs(one["y"] - other["y"]) >= 12


def test_an_upright_says_its_hint(bench):
    page = bench(1200, 700)
    shown(
        page,
        {
            "lines": [line([1, 0], [0, 1])],
            "verticals": [{"x": 0.5, "label": "r", "hint": "the exact radius"}],
        },
    )
    plot = page.locator(".exs-plot").first.bounding_box()
    page.mouse.move(
        plot["x"] + INSET + 0.5 * (plot["width"] - INSET - RIGHT) + 2, plot["y"] + plot["height"] - 40
    )
    pause(page)
    assert page.locator(".exs-tip").inner_text() == "the exact radius"


@pytest.mark.parametrize("log", [False, True])
def test_a_cut_line_ends_at_the_edge_where_it_crosses_it(bench, log):
    page = bench(1200, 700)
    low = 0.1 if log else 0.0
    shares, heights = [1, 0.75, 0.5, 0.25, 0], [1.0, 0.5, 1000.0, 500.0, 0.5]
    steady = line([1, 0], [low, 1.0])
    shown(page, {"log": log, "lines": [line(shares, heights, cut=True), steady]})
    width, _ = size(page)
    found, stretches = points(page)
    assert stretches == 2, "it comes back after a gap"
    assert min(y for _, y in found) == pytest.approx(TOP, abs=0.2), "the range is that of the steady line"
    part = math.log(2) / math.log(2000) if log else 0.5 / 999.5
    inside = width - INSET - RIGHT
    leaves = INSET + (0.25 + 0.25 * part) * inside
    assert found[2] == pytest.approx([leaves, TOP], abs=0.3)
    press(page, "a", "Home")
    for _ in range(10):
        press(page, "a", ".")
    dots = page.locator(".exs-plot").first.locator("circle")
    assert [dot.is_visible() for dot in dots.all()] == [False, True], "a dot beyond the edge would lie"


def test_bars_stand_from_zero_and_say_what_they_count(bench):
    page = bench(1200, 700)
    bars = [{"x0": 0.5 * k, "x1": 0.5 * k + 0.5, "y": y, "role": "second"} for k, y in enumerate((4, 8, 2))]
    shown(page, {"x": "radius", "x_label": "radius", "bars": bars, "empty": "Nothing yet."})
    width, height = size(page)
    tall = height - TOP - FOOT
    found = traits(page, ".exs-column", "x", "width", "y", "height")
    inside = (width - INSET - RIGHT) / 3
    for k, (count, bar) in enumerate(zip((4, 8, 2), found, strict=True)):
        assert bar[:2] == pytest.approx([INSET + k * inside, inside], abs=1.1)
        assert bar[2:] == pytest.approx([TOP + tall * (1 - count / 8), tall * count / 8], abs=0.6)
    plot = page.locator(".exs-plot").first.bounding_box()
    page.mouse.move(plot["x"] + INSET + 1.5 * inside, plot["y"] + 60)
    pause(page)
    assert page.locator(".exs-value").first.inner_text() == "8 from 0.500 to 1"
    assert page.locator(".exs-none").first.inner_text() == ""
