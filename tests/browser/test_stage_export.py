"""The exported page, opened from a file with the network off."""

import csv
import io

import moons
import numpy as np
import pytest

from explorer.stage import Feed
from explorer.stage.feed import new_run_id

pytestmark = pytest.mark.browser

SUM = """() => {
  const canvas = document.querySelector('.exs-canvas');
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum += (i % 9973) * data[i];
  return sum;
}"""
DATA = "() => ({ ...document.querySelector('.exs').dataset })"


def slider(page):
    return page.get_by_role("slider", name="sampler time")


def settled(page):
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.evaluate(DATA)


def drag(page, shares):
    frame = slider(page).bounding_box()
    places = [frame["x"] + 9 + (1 - share) * (frame["width"] - 18) for share in shares]
    y = frame["y"] + frame["height"] / 2
    page.mouse.move(places[0], y)
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(place, y)
    page.mouse.up()


def test_scrubbing_moves_the_picture_and_coming_back_restores_it(export):
    page = export(moons.feed(), cursor=0.5)
    first = page.evaluate(SUM)
    drag(page, [0.5, 0.4, 0.2])
    assert settled(page)["share"] == "0.2000"
    assert page.evaluate(SUM) != first
    drag(page, [0.2, 0.5])
    page.mouse.move(5, 5)
    assert settled(page)["share"] == "0.5000"
    assert page.evaluate(SUM) == first


def test_a_particle_lands_on_its_pixel_and_axes_are_equal(export):
    feed, run = Feed(), new_run_id()
    feed.begin(moons.spec(run, 1, paths=0))
    feed.add("state", run, 0, 1, np.array([[[0, 0], [2, 0], [0, 2]]], "f4"))
    page = export(feed, theme="light")
    found = page.evaluate("""() => {
      const canvas = document.querySelector('.exs-canvas');
      const { width, height } = canvas;
      const data = canvas.getContext('2d').getImageData(0, 0, width, height).data;
      const blue = [];
      for (let i = 0; i < data.length; i += 4) {
        if (data[i + 2] - data[i] > 90) blue.push([(i / 4) % width + 0.5, Math.floor(i / 4 / width) + 0.5]);
      }
      const groups = [];
      for (const at of blue) {
        const near = groups.find((group) => Math.hypot(group[0][0] - at[0], group[0][1] - at[1]) < 9);
        if (near) near.push(at); else groups.push([at]);
      }
      return groups.map((group) => [0, 1].map((k) => group.reduce((sum, at) => sum + at[k], 0) / group.length));
    }""")
    assert len(found) == 3
    up, *level = sorted(found, key=lambda at: at[1])
    middle, right = sorted(level)
    across, above = right[0] - middle[0], middle[1] - up[1]
    assert abs(across - above) <= 0.6, "space must be drawn equal along both axes"
    size = page.evaluate(
        "() => { const c = document.querySelector('.exs-canvas'); return [c.width, c.height] }"
    )
    lo_x, lo_y, hi_x, hi_y = moons.BOX
    scale = min((size[0] - 28) / (hi_x - lo_x), (size[1] - 40 - 14 - 6) / (hi_y - lo_y))
    assert across == pytest.approx(2 * scale, abs=0.6)
    assert middle[0] == pytest.approx(size[0] / 2, abs=0.6)
    assert middle[1] == pytest.approx(40 + (size[1] - 60) / 2, abs=0.6)


@pytest.mark.parametrize(
    ("key", "share"),
    [
        ("ArrowRight", "0.4500"),
        ("ArrowLeft", "0.5500"),
        (".", "0.4500"),
        (",", "0.5500"),
        ("Home", "1.0000"),
        ("End", "0.0000"),
        ("PageUp", "0.4000"),
        ("PageDown", "0.6000"),
    ],
)
def test_keys_move_the_cursor_along_the_steps(export, key, share):
    page = export(moons.feed(n=50), cursor=0.5)
    slider(page).focus()
    page.keyboard.press(key)
    assert settled(page)["share"] == share
    step = round((1 - float(share)) * 20)
    assert (
        slider(page).get_attribute("aria-valuetext") == f"step {step} of 20, noise share {float(share):.2f}"
    )


def test_play_runs_to_the_data_and_stops(export):
    page = export(moons.feed(n=50, steps=4), cursor=1.0)
    page.get_by_label("speed").select_option("4")
    slider(page).focus()
    page.keyboard.press(" ")
    assert page.get_by_role("button", name="pause").is_visible()
    page.wait_for_selector(".exs[data-share='0.0000']")
    page.get_by_role("button", name="play", exact=True).wait_for()


def test_clicking_the_track_and_the_step_buttons_move(export):
    page = export(moons.feed(n=50), cursor=0.5)
    frame = slider(page).bounding_box()
    page.mouse.click(frame["x"] + 9 + 0.75 * (frame["width"] - 18), frame["y"] + frame["height"] / 2)
    assert settled(page)["share"] == "0.2500"
    page.get_by_role("button", name="previous step").click()
    assert settled(page)["share"] == "0.3000"
    page.get_by_role("button", name="next step").click()
    assert settled(page)["share"] == "0.2500"


def test_a_chart_over_the_noise_share_is_a_handle_of_time(export):
    page = export(moons.feed(n=50), cursor=0.5)
    frame = page.locator(".exs-plot").first.bounding_box()
    page.mouse.click(frame["x"] + 34 + 0.2 * (frame["width"] - 46), frame["y"] + 60)
    assert settled(page)["share"] == "0.8000"
    assert "at 0.800" in page.locator(".exs-value").first.inner_text()


def test_numbers_follow_the_cursor_with_three_digits_and_say_what_they_mean(export):
    page = export(moons.feed(n=50), cursor=0.45)
    rows = page.locator(".exs-numbers tbody tr")
    assert rows.nth(0).locator("td").inner_text() == "0.267"
    assert rows.nth(1).locator("td").inner_text() == "22 of 39"
    assert rows.nth(2).locator("td").inner_text() == "1.22"
    page.get_by_text("sliced W2 to target").focus()
    assert page.locator(".exs-tip").inner_text() == "Wasserstein distance along random lines."
    slider(page).focus()
    assert page.locator(".exs-tip").is_hidden()
    page.keyboard.press("Home")
    settled(page)
    assert rows.nth(2).locator("td").inner_text() == "\u2013"


def test_hover_follows_the_nearest_particle_and_leaving_lets_go(export):
    page = export(moons.feed(), cursor=0.5)
    before = page.evaluate(SUM)
    frame = page.locator(".exs-canvas").bounding_box()
    page.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    settled(page)
    assert page.locator(".exs-readout").inner_text().startswith("particle ")
    assert page.evaluate(SUM) != before
    page.mouse.move(frame["x"] + 100, frame["y"] - 20)
    settled(page)
    assert page.locator(".exs-readout").inner_text() == ""
    assert page.evaluate(SUM) == before


def test_chips_turn_layers_on_and_off(export):
    page = export(moons.feed(), cursor=0.5)
    before = page.evaluate(SUM)
    chip = page.get_by_role("button", name="particles")
    chip.click()
    assert chip.get_attribute("aria-pressed") == "false"
    settled(page)
    assert page.evaluate(SUM) != before
    chip.click()
    settled(page)
    assert page.evaluate(SUM) == before


def test_picture_and_numbers_can_be_saved(export):
    page = export(moons.feed(), cursor=0.5)
    page.get_by_role("button", name="save").click()
    with page.expect_download() as picture:
        page.get_by_role("menuitem", name="Save picture (PNG)").click()
    assert picture.value.suggested_filename == "two-moons-0.50.png"
    assert picture.value.path().read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    page.get_by_role("button", name="save").click()
    with page.expect_download() as numbers:
        page.get_by_role("menuitem", name="Save numbers (CSV)").click()
    rows = list(csv.DictReader(io.StringIO(numbers.value.path().read_text("utf-8"))))
    distances = [
        float(row["value"])
        for row in rows
        if (row["kind"], row["name"]) == ("chart", "Distance to the target")
    ]
    assert len(distances) == 21 and distances[0] == pytest.approx(0.4)
    evals = [row for row in rows if row["name"] == "evals so far"]
    assert float(evals[9]["x"]) == pytest.approx(0.55) and evals[9]["value"] == "18"


def test_what_stands_in_a_chart_beside_its_lines_is_among_the_numbers(export):
    feed = moons.feed(n=20)
    line = {"run": 1, "label": "loss", "role": "state", "x": [0.0, 2.0], "y": [1.0, 0.5]}
    guide = {"run": 1, "label": "order 4", "role": "second", "guide": True, "x": [0.0, 2.0], "y": [1.0, 9.0]}
    chart = {"id": "a", "title": "Loss", "x": "steps", "lines": [line, guide]}
    beside = {"levels": [{"y": 0.7, "label": "limit"}], "verticals": [{"x": 1.5, "label": "radius"}]}
    feed.charts = {"charts": [chart | beside], "numbers": {}}
    page = export(feed)
    page.get_by_role("button", name="save").click()
    with page.expect_download() as numbers:
        page.get_by_role("menuitem", name="Save numbers (CSV)").click()
    rows = list(csv.reader(io.StringIO(numbers.value.path().read_text("utf-8"))))
    assert [(kind, line, x, value) for kind, _, line, _, x, value in rows[1:]] == [
        ("chart", "loss", "0", "1"),
        ("chart", "loss", "2", "0.5"),
        ("guide", "order 4", "0", "1"),
        ("guide", "order 4", "2", "9"),
        ("level", "limit", "", "0.7"),
        ("vertical", "radius", "1.5", ""),
    ]


@pytest.mark.parametrize("size", [(1440, 900), (1024, 700), (600, 900)])
def test_nothing_is_clipped_and_nothing_scrolls_sideways(export, page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    export(moons.feed(n=200), cursor=0.5)
    scroll = page.evaluate(
        """() => {
          const stage = document.querySelector('.exs');
          return [document.documentElement.scrollWidth, stage.scrollWidth - stage.clientWidth];
        }"""
    )
    assert scroll[0] <= size[0] and scroll[1] <= 0
    for control in page.locator("button:visible, input:visible, select:visible").all():
        frame = control.bounding_box()
        assert frame["x"] >= 0 and frame["x"] + frame["width"] <= size[0], control
        assert frame["y"] >= 0 and frame["y"] + frame["height"] <= size[1], control


def test_evil_texts_stay_texts(export):
    feed = moons.feed(n=20)
    feed.amend(
        title="</script><script>globalThis.broken = 1</script>",
        subtitle="<img src=x onerror='globalThis.broken = 2'>",
    )
    page = export(feed)
    assert page.evaluate("() => globalThis.broken") is None
    assert "<img" in page.locator(".exs-note").inner_text()


def test_pictures_are_drawn_crisp_beside_their_prediction(export):
    feed, run = Feed(), new_run_id()
    images = np.zeros((1, 2, 4), "u1")
    images[0, 0] = [255, 0, 0, 255]
    feed.begin(moons.spec(run, images={"height": 2, "width": 2, "columns": 2}))
    feed.add("images", run, 0, 1, images)
    feed.add("images_denoised", run, 0, 1, 255 - images)
    page = export(feed, theme="light")
    colours = page.evaluate("""() => {
      const canvas = document.querySelector('.exs-canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const words = new Uint32Array(data.buffer);
      const count = {};
      for (const word of words) count[word >>> 0] = (count[word >>> 0] || 0) + 1;
      return count;
    }""")
    ink, paper = colours[str(0xFF141414)], colours[str(0xFFFFFFFF)]
    assert ink == paper, "half the pixels of each pair of pictures are ink, and none is blurred"
    assert ink > 10_000
