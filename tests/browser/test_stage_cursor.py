"""A cursor that goes by another name than the noise share: training steps, or a step size on a logarithmic scale."""

import csv
import json

import moons
import pytest
from test_stage_axes import numbers
from test_stage_live import data, opened, pause, press, put, say, told

pytestmark = pytest.mark.browser

TRAINING = {
    "label": "training step",
    "from": "start",
    "to": "step 1,000",
    "lo": 0,
    "hi": 1000,
    "integer": True,
}
SIZE = {
    "label": "step size",
    "from": "small",
    "to": "large",
    "lo": 1e-4,
    "hi": 100,
    "log": True,
    "unit": "lr",
}


def shown(page, cursor):
    feed = moons.feed(n=20, cursor=cursor)
    charts = feed.charts
    for chart in charts["charts"]:
        chart.pop("x_label", None)
    feed.charts = charts
    opened(page, "a", feed)
    return feed


def readout(page):
    return page.locator("#a .exs-now").inner_text().split("\n")


def test_the_slider_its_ends_and_what_it_reads_go_by_that_name(bench):
    page = bench()
    shown(page, {**TRAINING, "steps": False})
    slider = page.get_by_role("slider", name="training step")
    assert page.locator(".exs-ends span").all_inner_texts() == ["start", "step 1,000"]
    press(page, "a", "Home")
    assert readout(page)[0] == "training step 0"
    for _ in range(7):
        press(page, "a", ".")
    assert readout(page) == ["training step 350"]
    assert slider.get_attribute("aria-valuetext") == "training step 350"
    assert page.locator("#a .exs-canvas").get_attribute("aria-label").endswith("at training step 350")
    page.wait_for_timeout(250)
    assert told(page, "a", "cursor")[-1] == 0.65, "Python still hears the share"


def test_a_logarithmic_cursor_grows_by_the_same_factor_each_step(bench):
    page = bench()
    shown(page, SIZE)
    found = {}
    press(page, "a", "Home")
    for step in range(21):
        found[step] = readout(page)
        press(page, "a", ".")
    # From 1e-4 to 100 in 20 steps: a factor of 2 a step, but for rounding to three digits.
    assert found[10] == ["step size 0.100 lr", "step 10 of 20"]
    assert found[12][0] == "step size 0.398 lr"
    assert found[20][0] == "step size 100 lr"


def test_charts_over_it_say_its_own_values(bench):
    page = bench(1200, 700)
    feed = shown(page, TRAINING)
    words = numbers(page)
    assert words[0] == "training step 0" and words[-3:] == ["600", "800", "1000"]
    plot = page.locator(".exs-plot").first.bounding_box()
    inside = plot["width"] - 46
    page.mouse.move(plot["x"] + 34 + 0.4 * inside, plot["y"] + 40)
    pause(page)
    assert page.locator(".exs-value").first.inner_text().endswith("at 400")
    page.mouse.click(plot["x"] + 34 + 0.25 * inside, plot["y"] + 40)
    pause(page)
    assert readout(page)[0] == "training step 250"
    feed.amend(cursor=SIZE)
    put(page, "a", "spec", feed.texts()["spec"])
    words = numbers(page)
    assert words[0] == "step size, lr 10⁻⁴" and words[-1] == "10²"
    feed.amend(cursor=None)
    put(page, "a", "spec", feed.texts()["spec"])
    assert numbers(page) == ["noise share 1", "0.5", "0"]
    assert page.get_by_role("slider", name="sampler time").is_visible()


def test_saved_numbers_have_a_column_of_that_name(bench, tmp_path):
    page = bench(1200, 700)
    shown(page, SIZE)
    page.get_by_role("button", name="save").click()
    with page.expect_download() as saved:
        page.get_by_role("menuitem", name="Save numbers (CSV)").click()
    file = tmp_path / "numbers.csv"
    saved.value.save_as(file)
    assert saved.value.suggested_filename == "two-moons-step-size-100.csv"
    rows = list(csv.DictReader(file.read_text("utf-8").splitlines()))
    assert list(rows[0]) == ["kind", "name", "line", "run", "step size, lr", "x", "value"]
    lines = [row for row in rows if row["name"] == "Distance to the target"]
    assert [float(lines[k]["step size, lr"]) for k in (0, 10, 20)] == pytest.approx([1e-4, 0.1, 100])
    evals = [row for row in rows if row["name"] == "evals so far"]
    assert float(evals[5]["step size, lr"]) == pytest.approx(1e-4 * 10**1.5)
    assert {row["x"] for row in rows} == {""}


def test_a_cursor_that_cannot_be_is_refused_with_a_sentence(bench):
    page = bench()
    feed = shown(page, {**SIZE, "lo": 0})
    assert say(page, "a") == "A logarithmic cursor must run between positive numbers, 0 and 100 came."
    assert data(page, "a")["share"] == "0.0000" and readout(page)[0] == "noise share 0.00"
    put(page, "a", "spec", json.dumps({**feed.spec, "cursor": {"label": "r", "lo": 1, "hi": 1}}))
    assert say(page, "a") == "A cursor must run between two numbers, 1 and 1 came."
