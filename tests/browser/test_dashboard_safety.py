"""The Step safety lab in a real browser: what a person sees, touches and takes away."""

import csv
import io
import math
from pathlib import Path

import pytest
from dashboard import choose, data, ink, line, note, until
from serving import COMMAND, started

pytestmark = [pytest.mark.browser, pytest.mark.server]

QUICK = "?v=1&lab=safety&net=linear&batch=64"


@pytest.fixture(scope="module")
def served():
    running = started(code=COMMAND)
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def patient(page):
    """A server that warms up several labs answers late on a busy machine."""
    page.set_default_timeout(40_000)


def opened(page, served, query, words="seed"):
    page.goto(f"{served.root}{query}")
    page.wait_for_selector(".exs[data-drawn]", timeout=60_000)

    def holds():
        drawn = data(page)
        return int(drawn["got"]) > 0 and drawn["got"] == drawn["total"] and words in line(page)

    until(page, holds, 120)
    return page


@pytest.fixture
def lab(page, served):
    return opened(page, served, QUICK)


def cursor(page):
    return page.get_by_role("slider", name="step size r").first


def number(page, label):
    row = page.locator(".exs-numbers tr").filter(has=page.get_by_text(label, exact=True))
    return row.locator("td").first.inner_text()


def read(page):
    return float(page.locator(".exs-now").inner_text().split()[3])


def test_the_cursor_is_the_size_of_the_step_and_all_follows_it(lab):
    assert read(lab) == 1.0 and number(lab, "this step") == "● within r = 1"
    before = ink(lab), number(lab, "loss, linear logits")
    cursor(lab).press("End")
    until(lab, lambda: read(lab) == 100.0)
    assert number(lab, "this step") == "■ past the ghosts"
    assert (ink(lab), number(lab, "loss, linear logits")) != before
    cursor(lab).press("Home")
    until(lab, lambda: read(lab) == 0.01)
    assert number(lab, "predicted") == "0"


def test_the_radii_stand_in_their_order(lab):
    lab.get_by_role("tab", name="Radii").click()
    bound, certified, exact = (float(number(lab, name)) for name in ("lower bound π/Δ", "certified", "exact"))
    assert bound == 1 and bound <= certified <= exact
    assert float(number(lab, "secant at r = 10")) == pytest.approx(1, abs=0.01)  # linear logits


def test_a_choice_and_the_cursor_are_in_the_link(page, served, lab):
    choose(lab, "Direction", "Random")
    until(lab, lambda: "random" in line(lab))
    cursor(lab).press("Home")
    until(lab, lambda: "at=1" in lab.url and "direction=random" in lab.url)
    again = opened(page, served, lab.url.removeprefix(served.root))
    assert read(again) == 0.01 and "random" in line(again)


def test_ghosts_move_with_the_sliders(page, served):
    opened(page, served, "?v=1&lab=safety&view=ghosts&classes=2&margin=4&spread=2")
    assert float(number(page, "exact")) == pytest.approx(math.hypot(4, math.pi) / 2, abs=5e-3)
    assert page.locator(".exs-title").first.inner_text() == "A made-up sample"
    label = page.locator(".exs-canvas").first.get_attribute("aria-label")
    assert "ghost" in label and "exact" in label
    before = ink(page)
    choose(page, "View", "Samples of a batch")
    until(page, lambda: ink(page) != before and "samples" in line(page), 60)


def test_a_training_can_be_cancelled_and_is_kept(page, served):
    page.goto(f"{served.root}?v=1&lab=safety&view=training&updates=1000&net=cnn")
    page.wait_for_selector(".exs[data-drawn]", timeout=60_000)
    page.get_by_role("button", name="Cancel").click()
    until(page, lambda: "of 1,000 steps" in line(page), 90)
    assert int(data(page)["got"]) > 0
    assert float(number(page, "r max")) > 0


def test_no_link_makes_it_fail(page, served):
    opened(page, served, "?v=1&lab=safety&view=ghosts&margin=900&net=own:123")
    assert "margin" in note(page) and "net" in note(page)


def test_numbers_and_the_page_are_taken_away(lab, tmp_path):
    with lab.expect_download() as download:
        lab.get_by_role("button", name="Export HTML").click()
    text = Path(download.value.path()).read_text()
    assert "step size r" in text and len(text) < 5_000_000
    lab.locator(".exs-extras .exs-button").last.click()
    with lab.expect_download() as download:
        lab.get_by_text("Save numbers (CSV)").click()
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text())))
    assert "step size r" in rows[0]
    found = {
        kind: {row[2] for row in rows if row[:2] == [kind, "Loss along the step"]}
        for kind in ("chart", "guide", "vertical")
    }
    assert found["chart"] == {"the net", "linear logits"}
    assert found["guide"] == {"1", "2", "4", "8", "16", "32"}, "Taylor orders"
    assert found["vertical"] == {"π/Δ", "certified", "exact", "descent", "2g/κ"}
