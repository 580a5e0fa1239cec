"""The dashboard in a real browser: what a person does, from the first picture on."""

import random
import re
import time

import pytest
from dashboard import PLANTED, choose, data, ink, line, note, opened, settled, type_in, until
from serving import COMMAND, started

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


def test_it_opens_with_a_finished_run_and_the_picture_comes_soon(page, served):
    begun = time.perf_counter()
    opened(page, served.url)
    assert page.title() == "Sampler Explorer"
    took = time.perf_counter() - begun
    assert re.match(r"20 steps · 39 evals · [\d.]+ s · cpu · seed 42", line(page))
    assert data(page)["got"] == "21"
    assert took < 10, f"the first picture took {took:.1f} s"


LATE = """
const { send } = WebSocket.prototype;
const message = [];
WebSocket.prototype.send = function (frame) {
  message.push(frame);
  if (message.length < 3) return;  // head, metadata and content of one message
  const frames = message.splice(0);
  const go = () => frames.forEach((each) => send.call(this, each));
  if (String(frames[2]).includes("document_ready")) setTimeout(go, 600);
  else go();
};
"""


def test_the_picture_comes_where_the_stage_is_ready_long_before_the_page(page, served):
    """Seen red with the stage answered at once: its copy of the page was made, and no message reached it yet."""
    page.add_init_script(LATE)
    opened(page, served.url)
    assert data(page)["got"] == "21"


def dragged(page, box, moves, pause=0):
    """Move the held hand over the slider; what was seen after each pause."""
    seen = set()
    for k in range(moves):
        page.mouse.move(box["x"] + 10 + (k % 20) * (box["width"] - 20) / 20, box["y"] + box["height"] / 2)
        if pause:
            page.wait_for_timeout(pause)
            seen.add((ink(page), page.locator(".exs-numbers").inner_text()))
    return seen


def test_a_drag_moves_pixels_and_numbers_and_sends_nothing(page, served):
    frames = []
    ways = ("framesent", "framereceived")
    page.on("websocket", lambda socket: [socket.on(way, lambda f: frames.append(f)) for way in ways])
    opened(page, served.url)
    box = page.get_by_role("slider", name="sampler time").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + box["height"] / 2)
    page.mouse.down()
    drags = []
    for _ in range(6):  # on a busy machine a hand may seem to rest for 150 ms, and then Python is told where
        page.wait_for_timeout(400)
        frames.clear()
        dragged(page, box, 40)
        drags.append(len(frames))
    assert 0 in drags, f"a scrub is the browser's own work; frames: {drags}"
    assert len(dragged(page, box, 10, pause=20)) >= 9
    page.mouse.up()
    until(page, lambda: "at=" in page.url)


def test_it_plays(board):
    board.get_by_role("slider", name="sampler time").press("Home")
    board.get_by_role("button", name="play").click()
    until(board, lambda: float(data(board)["share"]) < 0.8)


def test_a_new_choice_is_a_new_run_with_one_gesture(board):
    first = data(board)["run"]
    choose(board, "Sampler", "Euler")
    settled(board, "20 steps · 20 evals")
    choose(board, "Target", "Eight Gaussians")
    until(board, lambda: "eight_gaussians" in board.url)
    settled(board)
    assert board.locator(".exs-title").inner_text() == "Eight Gaussians"
    board.get_by_role("slider", name="Steps").press("ArrowRight")
    settled(board, "21 steps")
    type_in(board, "Seed", 7)
    settled(board, "seed 7")
    board.get_by_role("button", name="draw another seed").click()
    until(board, lambda: "seed=" in board.url and "seed=7&" not in board.url + "&")
    settled(board)
    assert int(data(board)["run"]) > int(first)
    assert "21 steps" in line(board)


def test_ten_storms_of_a_slider_end_with_what_was_asked_last(board):
    """Red when the gate shows what a dropped ticket brings."""
    dice = random.Random(3)
    slider = board.get_by_role("slider", name="Steps")
    slider.focus()
    for storm in range(10):
        for _ in range(dice.randint(5, 12)):
            slider.press(dice.choice(["ArrowRight", "ArrowRight", "ArrowLeft", "PageUp", "PageDown"]))
            board.wait_for_timeout(dice.choice([0, 5, 20, 40]))
        asked = board.get_by_label("Steps, number").input_value()
        settled(board, f"{asked} step")
        board.wait_for_timeout(120)
        assert line(board).startswith(f"{asked} step") and data(board)["total"] == str(int(asked) + 1), storm


def test_what_cannot_be_is_refused_in_a_sentence_and_the_control_shows_what_holds(board):
    type_in(board, "Steps, number", 900)
    board.wait_for_selector(".exf .note:not([hidden])")
    assert note(board) == "`steps` must be a whole number from 1 to 200; got '900'"
    assert board.get_by_label("Steps, number").input_value() == "20"
    assert data(board)["total"] == "21"
    board.get_by_role("button", name="close this note").click()
    assert not board.locator(".exf .note").is_visible()


def test_layers_and_the_theme_change_what_is_drawn(board):
    before = ink(board)
    for name in ("field", "density"):
        board.get_by_role("button", name=name, exact=True).click()
    board.wait_for_timeout(300)
    assert ink(board) != before
    pressed = [
        board.get_by_role("button", name=name, exact=True).get_attribute("aria-pressed")
        for name in ("field", "density")
    ]
    assert pressed == ["true", "true"]
    board.get_by_role("button", name="light or dark").click()
    board.wait_for_function("() => document.documentElement.dataset.theme === 'dark'")
    assert data(board)["theme"] == "dark"
    board.reload()
    board.wait_for_selector(".exs[data-drawn]")
    settled(board)
    assert data(board)["theme"] == "dark"


def test_compare_puts_a_second_run_beside_the_first(board):
    board.get_by_role("button", name="compare").click()
    settled(board, "20 and 20 steps")
    assert board.locator(".exs-pane").count() == 2
    choose(board, "Second sampler", "DDIM")
    until(board, lambda: "sampler_2=ddim" in board.url)
    settled(board)


def test_a_click_on_the_stage_launches_a_particle(board):
    box = board.locator(".exs-canvas").bounding_box()
    board.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    until(board, lambda: "launched" in board.locator(".exs-legend").inner_text())


def test_a_stale_link_opens_what_it_can_and_says_the_rest(page, served):
    opened(page, f"{served.root}?v=1&steps=9&colour=red&n=1e9&at=0.2")
    assert line(page).startswith("9 steps")
    assert "'colour'" in note(page) and "`n`" in note(page)
    assert data(page)["share"] == "0.2000"


def test_two_pages_do_not_know_each_other(board, browser, served):
    other = browser.new_page()
    opened(other, served.url)
    type_in(other, "Steps, number", 5)
    settled(other, "5 steps")
    assert line(board).startswith("20 steps")
    other.close()


@pytest.mark.parametrize("size", [(1440, 900), (1024, 700), (1920, 1080), (800, 600)])
@pytest.mark.parametrize("compared", [False, True])
def test_nothing_scrolls_and_no_control_is_clipped(page, served, size, compared):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    opened(page, served.root + ("?v=1&compare=1" if compared else ""))
    room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert room[0] <= size[0] and room[1] <= size[1]
    rail = page.locator(".exr")
    assert rail.evaluate("(n) => n.scrollWidth <= n.clientWidth")
    if size[1] >= 700:
        assert rail.evaluate("(n) => n.scrollHeight <= n.clientHeight + 1"), "all controls are in sight"
    for control in page.locator(
        ".head :is(button, a), .exf button:visible, .exr :is(button, select, input):visible"
    ).all():
        box = control.bounding_box()
        if size[1] >= 700:
            assert (
                box["x"] >= 0 and box["x"] + box["width"] <= size[0] and box["y"] + box["height"] <= size[1]
            ), control


def test_at_most_seven_controls_are_in_sight(board):
    assert board.locator(".exr .control").count() == 7


def test_it_comes_back_with_its_state_when_the_server_does(browser):
    running = started("--no-warm")
    port = running.port
    page = browser.new_page()
    try:
        opened(page, running.url)
        type_in(page, "Steps, number", 9)
        settled(page, "9 steps")
        until(page, lambda: "steps=9" in page.url)
        running.stop(9)
        page.wait_for_selector("#gone:not([hidden])", timeout=10_000)
        running = started("--no-warm", port=port)
        page.wait_for_selector("#gone[hidden]", state="attached", timeout=30_000)
        page.wait_for_selector(".exs[data-drawn]", timeout=20_000)
        settled(page, "9 steps")
        type_in(page, "Steps, number", 11)
        settled(page, "11 steps")
        until(page, lambda: "steps=11" in page.url)
    finally:
        page.close()
        running.stop()
