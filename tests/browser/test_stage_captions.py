"""Pictures with words: one large grid of the samples alone, up to two lines under each."""

from itertools import pairwise

import numpy as np
import pytest
from inks import canvas
from test_stage_live import opened, pause

from explorer.stage import Feed
from explorer.stage.feed import new_run_id

pytestmark = pytest.mark.browser

WATCH = """() => {
  globalThis.written = [];
  const old = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    if (this.canvas.classList.contains("exs-canvas")) written.push([text, x, y, this.measureText(text).width]);
    old.call(this, text, x, y);
  };
}"""


def shown(page, captions, n=6, columns=3, **more):
    feed, run = Feed(), new_run_id()
    images = {"height": 4, "width": 4, "columns": columns, "single": True, "captions": captions, **more}
    feed.begin(
        {"panes": [{"label": "a", "run": run, "role": "state"}], "images": images, "layer_chips": True}
    )
    black = np.full((2, n, 16), 255, "u1")
    feed.add("images", run, 0, 2, black)
    feed.add("images_denoised", run, 0, 2, black)
    page.evaluate(WATCH)
    opened(page, "a", feed, layers='["clean"]')
    page.evaluate("written.length = 0")
    page.locator("#a .exs-slider").press("Home")
    pause(page)
    return page.evaluate("written")


def pictures(page):
    """Left, top, right and bottom of each picture, row by row: they are the ink on the ground."""
    ink = (canvas(page).sum(2) < 100).astype(int)
    rows = np.flatnonzero(np.diff((ink.sum(1) > 200).astype(int)))  # letters have less in a row
    found = []
    for top, bottom in rows.reshape(-1, 2):
        edges = np.flatnonzero(np.diff(ink[top + 2]))
        found += [(left, top, right, bottom) for left, right in edges.reshape(-1, 2)]
    return found


def test_the_words_stand_under_their_picture(bench):
    page = bench()
    captions = [f"{k} → {k + 1}\nr 0.0{k}" for k in range(6)]
    written = shown(page, captions)
    assert [text for text, *_ in written] == [line for each in captions for line in each.split("\n")]
    boxes = pictures(page)
    assert len(boxes) == 6, "the samples alone, without their clean predictions"
    for k, (left, _, right, bottom) in enumerate(boxes):
        (_, x, first, _), (_, other, second, _) = written[2 * k : 2 * k + 2]
        assert x == other == pytest.approx((left + right) / 2 + 0.5, abs=1.5)
        assert bottom < first < bottom + 8 and 12 <= second - first <= 18
        below = [top for _, top, *_ in boxes if top > bottom]
        assert not below or second + 12 < min(below)


def test_words_never_reach_the_next_picture(bench):
    page = bench()
    written = shown(page, ["a word that is much longer than its picture is wide\nr 0.012"] * 24, 24, 12)
    assert len(written) == 48 and all(text.endswith("…") for text, *_ in written[::2])
    beside = 0
    for (_, x, top, width), (_, onward, level, wide) in pairwise(written[::2]):
        beside += level == top
        assert level > top or x + width / 2 < onward - wide / 2
    assert beside > 12, "several stand in a row"


def test_a_single_grid_offers_no_layer_of_clean_predictions(bench):
    page = bench()
    shown(page, None)
    assert page.locator(".exs-chip").count() == 0
    page.evaluate("cleanups.a(); document.querySelector('#a').remove()")
    shown(page, None, single=False)
    assert page.locator(".exs-chip").all_inner_texts() == ["clean"]
    assert {text for text, *_ in page.evaluate("written")} == {"state x_t", "clean prediction"}


def test_a_small_pane_shows_fewer_pictures_with_their_words_whole_and_says_so(bench):
    page = bench()
    page.set_viewport_size({"width": 640, "height": 420})
    words = "9 → 3 · 1.3 r\nδ 1.7"
    written = shown(page, [words] * 96, 96, 6)
    assert 0 < len(written) < 192 and not any(text.endswith("…") for text, *_ in written)
    tops = sorted({top for _, _, top, _ in written[::2]})
    assert min(b - a for a, b in pairwise(tops)) >= 4 * 4 + 2 * 14, "a picture's pixel is four wide at least"
    assert f"{len(written) // 2} of 96 shown" in page.locator(".exs-fact").inner_text()
