"""The dashboard in a real browser: from one lab to the other and back, with what they share."""

import sys
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from dashboard import choose, data, line, note, opened, settled, type_in, until
from serving import COMMAND, started

sys.path.insert(0, str(Path(__file__).parents[1] / "app"))

from draws import PLANTED

pytestmark = [pytest.mark.browser, pytest.mark.server]


@pytest.fixture(scope="module")
def served():
    running = started(code=PLANTED + COMMAND)
    yield running
    running.stop()


@pytest.fixture
def board(page, served):
    """The dashboard, opened and drawn."""
    return opened(page, served.url)


def tab(page, label):
    return page.get_by_role("navigation", name="labs").get_by_role("link", name=label, exact=True)


def asked(page):
    """What the address bar says, one value for each name."""
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def arrived(page, title, words="moments"):
    page.locator(".exs-title").filter(has_text=title).wait_for(timeout=20_000)
    until(page, lambda: words in line(page))


def test_a_tab_carries_the_target_and_the_time_and_back_brings_the_page_back(board):
    choose(board, "Target", "Two spirals")
    until(board, lambda: "spirals" in board.url)
    settled(board)
    board.get_by_role("slider", name="sampler time").press("Home")
    until(board, lambda: "at=1" in board.url)
    here = board.url
    tab(board, "Draws").click()
    arrived(board, "Draws")
    assert asked(board) == {"v": "1", "lab": "draws", "target": "spirals", "at": "1"}
    assert data(board)["share"] == "1.0000"
    assert tab(board, "Draws").get_attribute("aria-current") == "page"
    assert tab(board, "Scrub").get_attribute("aria-current") is None
    assert not board.locator(".exf .note").is_visible()
    board.go_back()
    arrived(board, "Two spirals", "evals")
    assert board.url == here and data(board)["share"] == "1.0000"
    board.go_forward()
    arrived(board, "Draws")


def test_tabs_are_links_for_the_keyboard_too(board):
    tab(board, "Scrub").focus()
    labels = board.get_by_role("navigation", name="labs").get_by_role("link").all_inner_texts()
    assert labels[-1] == "Draws" and len(labels) > 3
    for label in labels[1:]:
        board.keyboard.press("Tab")
        assert tab(board, label).evaluate("(node) => node === document.activeElement")
    board.keyboard.press("Enter")
    arrived(board, "Draws")


def test_a_link_opens_the_lab_that_it_names_and_is_the_one_that_is_shared(page, served):
    page.goto(f"{served.root}?v=1&lab=draws&level=0.05&seed=7")
    arrived(page, "Draws")
    assert asked(page) == {"v": "1", "lab": "draws", "level": "0.05", "seed": "7"}
    assert page.get_by_label("Error level, number").input_value() == "0.05"
    assert [text.lower() for text in page.locator(".exr h2").all_inner_texts()] == ["sizes", "data", "show"]
    assert page.locator(".exr .chip").all_inner_texts() == ["particles"]


def test_a_link_to_a_lab_that_is_not_there_opens_the_first_and_says_so(page, served):
    opened(page, f"{served.root}?v=1&lab=nothing&steps=9")
    assert line(page).startswith("9 steps")
    assert "names the lab 'nothing'" in note(page)


def test_a_drawn_target_comes_along_to_the_other_lab(board):
    board.get_by_role("button", name="Draw", exact=True).click()
    area = board.locator(".exs-board").bounding_box()
    board.mouse.move(area["x"] + area["width"] * 0.25, area["y"] + area["height"] / 2)
    board.mouse.down()
    board.mouse.move(area["x"] + area["width"] * 0.75, area["y"] + area["height"] / 2, steps=20)
    board.mouse.up()
    board.get_by_role("button", name="Done").click()
    board.locator(".exs-title").filter(has_text="Drawn").wait_for(timeout=20_000)
    until(board, lambda: "mine=" in tab(board, "Draws").get_attribute("href"))
    assert "mine=" not in board.url
    tab(board, "Draws").click()
    arrived(board, "Draws")
    assert board.get_by_label("Target", exact=True).locator("option:checked").inner_text() == "Drawn by hand"
    until(board, lambda: "mine=" not in board.url)  # the word is not left in what is shared
    assert not board.locator(".exf .note").is_visible()


def test_a_slider_of_fractions_steps_by_ratio_and_shows_three_digits(page, served):
    page.goto(f"{served.root}?lab=draws")
    arrived(page, "Draws")
    slider, box = page.get_by_role("slider", name="Error level"), page.get_by_label("Error level, number")
    shown = [float(box.input_value())]
    for _ in range(4):
        slider.press("ArrowRight")
        page.wait_for_timeout(50)
        shown.append(float(box.input_value()))
    ratios = [after / before for before, after in pairwise(shown)]
    assert ratios == pytest.approx([1e4 ** (1 / 120)] * 4, rel=0.01)
    slider.press("Home")
    until(page, lambda: box.input_value() == "0.00001")
    type_in(page, "Error level, number", 0.0123456)
    until(page, lambda: asked(page).get("level") == "0.0123456")
    assert box.input_value() == "0.0123"


def test_a_drag_over_the_time_of_another_lab_sends_nothing(page, served):
    frames = []
    ways = ("framesent", "framereceived")
    page.on("websocket", lambda socket: [socket.on(way, lambda f: frames.append(f)) for way in ways])
    page.goto(f"{served.root}?lab=draws")
    arrived(page, "Draws")
    box = page.get_by_role("slider", name="sampler time").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 10, y)
    page.mouse.down()
    drags = []
    for _ in range(6):
        page.wait_for_timeout(400)
        frames.clear()
        for k in range(40):
            page.mouse.move(box["x"] + 10 + (k % 20) * (box["width"] - 20) / 20, y)
        drags.append(len(frames))
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.up()
    assert 0 in drags, f"a scrub is the browser's own work; frames: {drags}"
    until(page, lambda: "at=" in tab(page, "Scrub").get_attribute("href"))


# --- the Curvature lab ---


def measured(page):
    """Wait until paths, solvers and checks are all there."""
    page.wait_for_selector(".exs[data-drawn]", timeout=60_000)
    until(page, lambda: "paths" in line(page) and "evals" in line(page), 120)


def test_curvature_opens_with_the_target_of_scrub_and_goes_back_to_it(board):
    choose(board, "Target", "Eight Gaussians")
    until(board, lambda: "eight_gaussians" in board.url)
    settled(board)
    tab(board, "Curvature").click()
    measured(board)
    assert asked(board)["lab"] == "curvature" and asked(board)["target"] == "eight_gaussians"
    assert board.get_by_label("Target", exact=True).input_value() == "eight_gaussians"
    assert board.locator(".exs-pane").count() >= 1 and not board.locator(".exf .note").is_visible()
    tab(board, "Scrub").click()
    arrived(board, "Eight Gaussians", "evals")
    board.go_back()
    measured(board)
    assert asked(board)["target"] == "eight_gaussians"


def test_a_link_opens_curvature_with_its_controls(page, served):
    page.goto(f"{served.root}?v=1&lab=curvature&n=64&steps=16&coordinates=vp&level=0.05&second=none")
    measured(page)
    assert page.get_by_label("Coordinates", exact=True).input_value() == "vp"
    assert page.get_by_label("Error to keep, number").input_value() == "0.05"
    assert asked(page) == {
        "v": "1", "lab": "curvature", "n": "64", "steps": "16", "coordinates": "vp", "level": "0.05", "second": "none"
    }  # fmt: skip
    assert page.locator(".exs-pane").count() == 1


@pytest.mark.parametrize("size", [(1440, 900), (1024, 700)])
def test_all_controls_of_curvature_are_in_sight(page, served, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{served.root}?v=1&lab=curvature&n=64&steps=16")
    measured(page)
    rail = page.locator(".exr")
    assert rail.evaluate("(n) => n.scrollHeight <= n.clientHeight + 1 && n.scrollWidth <= n.clientWidth")
    for name in page.locator(".exr .control:visible .name").all():
        assert name.evaluate("(n) => n.scrollWidth <= n.clientWidth"), name.inner_text()
