"""A target drawn on the stage: what the hand does and what Python hears."""

import json

import moons
import numpy as np
import pytest
from test_stage_live import data, opened, pause, put, told

from explorer.stage import Feed

pytestmark = pytest.mark.browser

PLACE = """([x, y]) => {
  const board = document.querySelector(".exs-board").getBoundingClientRect();
  const [lx, ly, hx, hy] = [-3.2, -3.0, 3.2, 3.0];
  const top = board.width > 460 ? 40 : 58;
  const scale = Math.min((board.width - 28) / (hx - lx), (board.height - top - 74) / (hy - ly));
  return [board.left + board.width / 2 + scale * x, board.top + top + (board.height - top - 74) / 2 - scale * y];
}"""


def drawing(page, **changes):
    feed = moons.feed(n=50, **{"can_draw": True, **changes})
    opened(page, "a", feed)
    page.locator(".exs-draw").click()
    return feed


def stroke(page, *corners):
    first, *others = [page.evaluate(PLACE, list(corner)) for corner in corners]
    page.mouse.move(*first)
    page.mouse.down()
    for corner in others:
        page.mouse.move(*corner, steps=12)
    page.mouse.up()
    pause(page)


def drawn(page):
    return [json.loads(text) for text in told(page, "a", "picked")]


def tool(page, name):
    return page.get_by_role("button", name=name, exact=True)


def test_points_fall_evenly_along_the_stroke_and_done_sends_them(bench):
    page = bench()
    drawing(page)
    stroke(page, (-2, -1), (2, -1), (2, 1))
    assert page.locator(".exs-count").inner_text() in ("46 points", "47 points", "48 points")
    tool(page, "Done").click()
    (picked,) = drawn(page)
    points = np.array(picked["points"])
    assert (picked["what"], picked["n"]) == ("draw", 1)
    spacing = 0.02 * 6.4
    off = np.minimum(np.abs(points[:, 1] + 1), np.abs(points[:, 0] - 2))
    assert off.max() <= 0.5 * spacing, "no point is far from the stroke"
    assert off.std() > 0.02 * spacing, "but they are scattered about it"
    gaps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert np.median(gaps) == pytest.approx(spacing, rel=0.25)
    assert np.array_equal(points, points.round(3))


def test_what_is_beyond_the_box_is_not_laid(bench):
    page = bench()
    drawing(page)
    stroke(page, (-4.2, 0), (4.2, 0))
    tool(page, "Done").click()
    points = np.array(drawn(page)[0]["points"])
    assert 45 < len(points) < 55
    assert np.abs(points[:, 0]).max() <= 3.2


def test_a_wide_box_is_drawn_in_only_as_far_as_a_target_may_reach(bench):
    page = bench()
    drawing(page, box=[-6, -6, 6, 6])
    board = page.locator(".exs-board").bounding_box()
    y = board["y"] + board["height"] / 2 - 20
    page.mouse.move(board["x"] + 5, y)
    page.mouse.down()
    page.mouse.move(board["x"] + board["width"] - 5, y, steps=20)
    page.mouse.up()
    tool(page, "Done").click()
    points = np.array(drawn(page)[0]["points"])
    assert np.abs(points).max() <= 4


def test_too_few_cannot_be_sent_and_no_more_than_two_thousand_are_laid(bench):
    page = bench()
    drawing(page)
    stroke(page, (0, 0), (1, 0))
    assert page.locator(".exs-count").inner_text().endswith("30 at least")
    assert tool(page, "Done").is_disabled()
    stroke(page, *[((-3, 3)[k % 2], 0.0) for k in range(46)])
    assert page.locator(".exs-count").inner_text() == "2\u202f000 points, no more fit"
    tool(page, "Done").click()
    (picked,) = drawn(page)
    assert len(picked["points"]) == 2000
    assert len(json.dumps(picked, separators=(",", ":"))) < 40_000


def test_undo_takes_the_last_stroke_and_clear_all(bench):
    page = bench()
    drawing(page)
    stroke(page, (-2, 0), (2, 0))
    one = page.locator(".exs-count").inner_text()
    stroke(page, (-2, 1), (2, 1))
    tool(page, "Undo").click()
    assert page.locator(".exs-count").inner_text() == one
    stroke(page, (-2, 1), (2, 1))
    page.keyboard.press("Control+z")
    assert page.locator(".exs-count").inner_text() == one
    tool(page, "Clear").click()
    assert page.locator(".exs-count").inner_text().startswith("0 points")
    assert tool(page, "Undo").is_disabled()


@pytest.mark.parametrize("how", ["Escape", "Cancel"])
def test_cancel_brings_the_last_picture_back_and_says_nothing(bench, how):
    page = bench()
    drawing(page)
    before = data(page, "a")["share"]
    stroke(page, (-2, 0), (2, 0))
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape") if how == "Escape" else tool(page, "Cancel").click()
    assert page.locator(".exs-sketch").is_hidden()
    assert drawn(page) == []
    assert data(page, "a")["share"] == before, "time stands still while a hand draws"
    assert page.evaluate("document.activeElement.className") == "exs-draw"
    page.locator("#a .exs-slider").focus()
    page.keyboard.press("ArrowLeft")
    pause(page)
    assert data(page, "a")["share"] != before


def test_it_is_reached_and_left_by_keys(bench):
    page = bench()
    opened(page, "a", moons.feed(n=50, can_draw=True))
    page.locator(".exs-draw").focus()
    page.keyboard.press("Enter")
    stroke(page, (-2, 0), (2, 0))
    page.locator(".exs-sketch").focus()
    for name in ("Undo", "Clear", "Cancel", "Done"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == name
    page.keyboard.press("Enter")
    assert len(drawn(page)) == 1


def test_a_finger_draws_as_well(bench):
    page = bench()
    drawing(page)
    page.evaluate(
        """([from, to]) => {
          const board = document.querySelector(".exs-board");
          const send = (name, x, y) => board.dispatchEvent(new PointerEvent(name, {
            pointerId: 1, pointerType: "touch", isPrimary: true, clientX: x, clientY: y, bubbles: true }));
          board.setPointerCapture = () => {};
          send("pointerdown", ...from);
          for (let k = 1; k <= 10; k++) send("pointermove", from[0] + ((to[0] - from[0]) * k) / 10, from[1]);
          send("pointerup", ...to);
        }""",
        [page.evaluate(PLACE, [-2, 0]), page.evaluate(PLACE, [2, 0])],
    )
    assert page.locator(".exs-count").inner_text() in ("31 points", "32 points", "33 points")
    assert page.locator(".exs-board").evaluate("(node) => getComputedStyle(node).touchAction") == "none"


def test_it_is_offered_only_where_a_target_may_be_drawn(bench):
    page = bench()
    feed = drawing(page)
    assert page.locator(".exs-sketch").is_visible()
    feed.amend(can_draw=False)
    put(page, "a", "spec", feed.texts()["spec"])
    assert page.locator(".exs-draw").count() == 0
    assert page.locator(".exs-sketch").is_hidden()
    assert not page.locator(".exs-time").evaluate("(node) => node.inert")


def test_an_export_offers_no_drawing(export):
    page = export(moons.feed(n=50, can_draw=True))
    assert page.locator(".exs-draw").count() == 0


def test_an_empty_stage_offers_no_drawing(bench):
    page = bench()
    opened(page, "a", Feed())
    assert page.locator(".exs-draw").count() == 0
