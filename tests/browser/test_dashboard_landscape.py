"""The Landscape lab in a real browser: what a person sees, touches and takes away."""

import csv
import io
from pathlib import Path

import pytest
from dashboard import choose, ink, line, note, number, until, whole
from serving import COMMAND, started

pytestmark = [pytest.mark.browser, pytest.mark.server]

QUICK = "?v=1&lab=landscape&problem=classifier/linear&n=64"
ROOM = f"{QUICK}&view=training&optimisers=sgd,adam&steps=60&looks=4"


@pytest.fixture(scope="module")
def served():
    running = started(code=COMMAND)
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def patient(page):
    """A server that warms up several labs answers late on a busy machine."""
    page.set_default_timeout(40_000)


def opened(page, served, query):
    page.goto(f"{served.root}{query}")
    whole(page, "· seed")
    return page


@pytest.fixture
def lab(page, served):
    return opened(page, served, QUICK)


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def step(page):
    return page.locator(".exs-now").inner_text()


def test_a_plane_is_drawn_with_its_facts_and_comes_into_focus(lab):
    assert lab.locator(".exs-title").inner_text() == "Digits classifier: linear"
    assert "normalised by filter, seed 0" in lab.locator(".exs-note").first.inner_text()
    facts = lab.locator(".exs-fact").first.inner_text()
    for words in ("± 1", "batch 64", "float32", "17 × 17 points"):
        assert words in facts
    assert lab.locator(".exs-time").is_hidden()
    assert float(number(lab, "loss at the centre")) < float(number(lab, "most shown"))


def test_the_seed_turns_the_plane_and_the_surface_can_be_turned(lab):
    before = ink(lab)
    lab.get_by_role("button", name="draw another seed").click()
    until(lab, lambda: ink(lab) != before and "· seed 0" not in line(lab) and "· seed" in line(lab))
    lab.get_by_role("radio", name="surface").check()
    until(lab, lambda: ink(lab) != before)
    flat = ink(lab)
    box = lab.locator(".exs-canvas").first.bounding_box()
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    lab.mouse.move(*middle)
    lab.mouse.down()
    lab.mouse.move(middle[0] + 90, middle[1] + 10)
    lab.mouse.up()
    until(lab, lambda: ink(lab) != flat)
    lab.get_by_role("radio", name="map").check()


def test_a_line_to_a_checkpoint_has_its_barrier_and_the_link_follows(lab):
    choose(lab, "Directions", "Between checkpoints")
    until(lab, lambda: lab.get_by_text("Straight from one to the other", exact=True).count() == 1)
    choose(lab, "To", "early")
    until(lab, lambda: "other=early" in lab.url and "directions=stage" in lab.url)
    whole(lab, "· seed")
    assert float(number(lab, "barrier")) >= 0.0


def test_eigenvalues_converge_under_the_cursor(page, served):
    lab = opened(page, served, f"{QUICK}&view=spectrum&k=3&rate=9")
    until(lab, lambda: lab.get_by_text("trace, by the density", exact=True).count() == 1)
    last = number(lab, "λ1")
    assert "±" in last and "unstable along" in number(lab, "gradient descent")
    slider = lab.get_by_role("slider", name="products").first
    slider.press("Home")
    until(lab, lambda: number(lab, "λ1") != last)
    assert "products 1" in step(lab)


def test_optimisers_train_in_front_of_the_person_on_one_plane(page, served):
    lab = opened(page, served, ROOM)
    assert "nothing trained yet" in line(lab)
    press(lab, "Train")
    until(lab, lambda: "60 of 60 steps" in line(lab), 120)
    whole(lab, "· seed")
    legend = lab.locator(".exs-legend").first.inner_text().split()
    assert legend == ["SGD", "Adam"]
    assert lab.get_by_role("button", name="Train", exact=True).is_visible()
    end = number(lab, "SGD")
    slider = lab.get_by_role("slider", name="training step").first
    slider.press("Home")
    until(lab, lambda: "training step 0" in step(lab) and number(lab, "SGD") != end)
    assert number(lab, "SGD") == number(lab, "Adam")  # one start
    lab.get_by_role("tab", name="Sharpness").click()
    assert lab.get_by_text("SAM sharpness", exact=True).is_visible()
    with lab.expect_download() as download:
        lab.get_by_role("button", name="save", exact=True).click()
        lab.get_by_role("menuitem", name="Save numbers (CSV)").click()
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text())))
    assert any("training step" in cell for row in rows for cell in row)
    assert "train=1" not in lab.url


def test_a_decay_branches_the_run_where_the_cursor_stands(page, served):
    lab = opened(
        page, served, f"{ROOM.replace('view=training', 'view=river')}&runner=sgd&rows=16&decay_steps=20"
    )
    press(lab, "Train")
    until(lab, lambda: "straightness" in line(lab), 120)
    slider = lab.get_by_role("slider", name="training step").first
    slider.focus()
    for _ in range(8):
        slider.press("ArrowLeft")
    lab.wait_for_timeout(500)  # the last key is painted, and the page tells the server where the cursor rests
    at = int(step(lab).split()[2])
    assert at < 60
    press(lab, "Decay now")
    until(lab, lambda: "1 branch" in line(lab), 120)
    said = lab.locator(".exs-caption").first.inner_text()
    begun = int(said.removeprefix("Decayed from step ").split()[0])
    assert abs(begun - at) <= 1, (
        said
    )  # the cursor's stops are frames, of which a branch takes the step before


def test_a_stale_link_opens_and_says_what_it_left_out(page, served):
    lab = opened(page, served, f"{QUICK}&directions=student&train=1&extent=99")
    assert "by hand" in note(lab) and "student" in note(lab) and "extent" in note(lab)


@pytest.mark.parametrize("size", [(1440, 900), (1024, 700)])
@pytest.mark.parametrize("view", ["surface", "spectrum", "training"])
def test_nothing_scrolls_sideways(page, served, size, view):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    opened(page, served, f"{ROOM.replace('view=training', f'view={view}')}")
    assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
    table = page.locator(".exs-numbers").first.bounding_box()
    assert table["x"] + table["width"] <= size[0]


def test_the_exported_page_keeps_its_surface_with_no_server(lab, browser, tmp_path):
    with lab.expect_download() as download:
        lab.get_by_role("button", name="Export HTML").click()
    file = tmp_path / "plane.html"
    download.value.save_as(file)
    assert file.stat().st_size < 5_000_000
    context = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True)
    page = context.new_page()
    page.goto(file.as_uri())
    page.wait_for_selector(".exs[data-drawn]")
    before = ink(page)
    page.get_by_role("radio", name="surface").first.check()
    until_changed(page, before)
    context.close()


def until_changed(page, before):
    for _ in range(400):
        if ink(page) != before:
            return
        page.wait_for_timeout(30)
    raise AssertionError("the picture stayed the same")
