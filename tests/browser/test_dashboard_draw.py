"""A target drawn on a dashboard page becomes the target of the next run."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "app"))

from serving import started

pytestmark = [pytest.mark.browser, pytest.mark.server]

SAY_PICKED = """(text) => {
  const models = [...Bokeh.documents[0]._all_models.values()];
  models.find((model) => model.data && model.data.picked !== undefined).data.picked = text;
}"""


@pytest.fixture(scope="module")
def served():
    running = started()
    yield running
    running.stop()


@pytest.fixture
def board(page, served):
    page.goto(served.url)
    page.wait_for_selector(".exs[data-drawn][data-got='21']", timeout=20_000)
    return page


def titled(page, words):
    page.locator(".exs-title").filter(has_text=words).wait_for(timeout=20_000)
    page.wait_for_selector(".exs[data-got='21']", timeout=20_000)


def test_a_stroke_becomes_the_target_that_is_sampled(board):
    board.get_by_role("button", name="Draw", exact=True).click()
    area = board.locator(".exs-board").bounding_box()
    middle = area["y"] + area["height"] / 2
    board.mouse.move(area["x"] + area["width"] * 0.22, middle)
    board.mouse.down()
    board.mouse.move(area["x"] + area["width"] * 0.78, middle, steps=20)
    board.mouse.up()
    board.get_by_role("button", name="Done").click()
    titled(board, "Drawn")
    assert board.locator(".exs-sketch").is_hidden()
    assert board.get_by_label("Target", exact=True).locator("option:checked").inner_text() == "Drawn by hand"
    board.get_by_role("slider", name="sampler time").press("End")
    board.wait_for_timeout(100)
    last = board.locator(".exs-canvas").first.evaluate(
        """(canvas) => {
          const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const rows = [];
          for (let i = 0; i < data.length / 4; i++) {
            if (Math.abs(data[4 * i] - data[4 * i + 2]) > 80) rows.push(Math.floor(i / width) / height);
          }
          rows.sort((a, b) => a - b);
          return [rows.length, rows[Math.floor(rows.length * 0.1)], rows[Math.floor(rows.length * 0.9)]];
        }"""
    )
    assert last[0] > 300, "the cloud is there"
    assert last[2] - last[1] < 0.15, "it lies along the stroke, which was level"


@pytest.mark.parametrize(
    "points",
    [
        None,
        [],
        [[0, 0]] * 2,
        [[0, 0]] * 2001,
        [[0, 0, 0]] * 40,
        [["0", 0]] * 40,
        [[0, 5]] * 40,
        [[0, True]] * 40,
        [[[0], [0]]] * 40,
        "x" * 100,
    ],
    ids=range(10),
)
def test_what_is_no_drawing_is_refused_in_a_sentence(board, points):
    board.evaluate(SAY_PICKED, json.dumps({"what": "draw", "points": points, "n": 1}))
    note = board.locator(".exf .note span")
    note.filter(has_text="a drawn target is 3 to 2,000 points").wait_for(timeout=6000)
    assert board.locator(".exs-title").inner_text() == "Two moons"


def test_a_message_that_never_ends_is_refused_in_a_sentence(board):
    board.evaluate(SAY_PICKED, json.dumps({"what": "draw", "points": [[0.123, 0.456]] * 9000, "n": 1}))
    note = board.locator(".exf .note span")
    note.filter(has_text="40,000 characters, no more").wait_for(timeout=6000)
