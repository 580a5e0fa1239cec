"""The dashboard in a real browser: what a person does, from the first picture to what they take home."""

import random
import re
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "app"))

from serving import COMMAND, started

pytestmark = [pytest.mark.browser, pytest.mark.server]

# Runs of 777 samples are slow, 778 raise while they compute, a choice of 779 raises in the callback.
PLANTED = """
import time
from explorer.labs.scene import Status
from explorer.labs.scrub import ScrubLab
plain, changed = ScrubLab.events, ScrubLab.changed
def events(self, state, *given):
    try:
        for event in plain(self, state, *given):
            if state.n == 777 and isinstance(event, Status):
                time.sleep(0.15)
            if state.n == 778:
                raise RuntimeError("planted in /home/somebody/secret.py")
            yield event
    finally:
        print("ENDED", state.n, flush=True)
def refuse(self, state, name, value, shelf):
    if value == 779:
        raise KeyError("/home/somebody/secret.py")
    return changed(self, state, name, value, shelf)
ScrubLab.events, ScrubLab.changed = events, refuse
"""


@pytest.fixture(scope="module")
def served():
    running = started(code=PLANTED + COMMAND)
    yield running
    running.stop()


@pytest.fixture
def board(page, served):
    """The dashboard, opened and drawn."""
    return opened(page, served.url)


def opened(page, url):
    page.goto(url)
    page.wait_for_selector(".exs[data-drawn]", timeout=20_000)
    settled(page)
    return page


def until(page, holds, seconds=20.0):
    """Wait until something holds, letting the page live."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"still waiting; the page says {line(page)!r}"
        page.wait_for_timeout(30)


def settled(page, words="evals"):
    """Wait until the picture is whole, and the last line says so."""

    def holds():
        drawn = data(page)
        said = line(page)
        return int(drawn["got"]) > 0 and drawn["got"] == drawn["total"] and "evals" in said and words in said

    until(page, holds)


def data(page):
    return page.locator(".exs").evaluate("(node) => ({ ...node.dataset })")


def ink(page):
    """A sum over the pixels of the stage."""
    return page.locator(".exs-canvas").first.evaluate("""(canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.reduce((sum, value, i) => (sum * 31 + value * (i % 251)) % 1e9, 0);
    }""")


def line(page):
    return page.locator(".exf .line").inner_text()


def note(page):
    return page.locator(".exf .note span").inner_text()


def choose(page, label, words):
    page.get_by_label(label, exact=True).first.select_option(label=words)


def type_in(page, label, number):
    box = page.get_by_label(label, exact=True)
    box.click()
    box.fill(str(number))
    box.press("Enter")


def test_it_opens_with_a_finished_run_and_the_picture_comes_soon(page, served):
    begun = time.perf_counter()
    opened(page, served.url)
    assert page.title() == "Sampler Explorer"
    took = time.perf_counter() - begun
    assert re.match(r"20 steps · 39 evals · [\d.]+ s · cpu · seed 42", line(page))
    assert data(page)["got"] == "21"
    assert took < 10, f"the first picture took {took:.1f} s"


def test_a_drag_moves_pixels_and_numbers_and_sends_nothing(page, served):
    frames = []
    page.on(
        "websocket",
        lambda socket: [socket.on(f"frame{way}", lambda f: frames.append(f)) for way in ("sent", "received")],
    )
    opened(page, served.url)
    page.wait_for_timeout(300)
    slider = page.get_by_role("slider", name="sampler time")
    box = slider.bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + box["height"] / 2)
    page.mouse.down()
    frames.clear()
    for k in range(60):
        page.mouse.move(box["x"] + 10 + (k % 20) * (box["width"] - 20) / 20, box["y"] + box["height"] / 2)
    sent = list(frames)
    seen = set()
    for k in range(0, 20, 2):
        page.mouse.move(box["x"] + 10 + k * (box["width"] - 20) / 20, box["y"] + box["height"] / 2)
        page.wait_for_timeout(20)
        seen.add((ink(page), page.locator(".exs-numbers").inner_text()))
    page.mouse.up()
    assert sent == [], "a scrub is the browser's own work"
    assert len(seen) >= 9
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


def test_the_page_goes_home_as_one_file_that_scrubs_offline(board, tmp_path):
    with board.expect_download() as caught:
        board.get_by_role("button", name="Export HTML").click()
    file = tmp_path / caught.value.suggested_filename
    caught.value.save_as(file)
    assert file.name == "two_moons_heun_20.html" and file.stat().st_size < 5_000_000
    board.context.set_offline(True)
    board.goto(file.as_uri())
    board.wait_for_selector(".exs[data-drawn]")
    before = ink(board)
    board.get_by_role("slider", name="sampler time").press("Home")
    board.wait_for_timeout(200)
    assert ink(board) != before


def test_the_run_goes_home_as_a_record(board, tmp_path):
    from explorer.maths.trajectory import Trajectory

    with board.expect_download() as caught:
        board.get_by_role("button", name="Save run").click()
    file = tmp_path / caught.value.suggested_filename
    caught.value.save_as(file)
    run = Trajectory.load(file)
    assert tuple(run.states.shape) == (21, 2000, 2) and run.seed == 42


def test_a_saved_run_opens_and_scrubs_the_same(board, tmp_path):
    with board.expect_download() as caught:
        board.get_by_role("button", name="Save run").click()
    file = tmp_path / "mine.safetensors"
    caught.value.save_as(file)
    first = data(board)["run"]
    chooser = board.locator(".exf input[type=file]")
    chooser.set_input_files(file)
    until(board, lambda: data(board)["run"] != first)
    settled(board, "20 steps")
    assert data(board)["total"] == "21"
    board.get_by_role("slider", name="sampler time").press("Home")
    before = ink(board)
    board.get_by_role("slider", name="sampler time").press("End")
    board.wait_for_timeout(100)
    assert ink(board) != before
    file.write_bytes(file.read_bytes()[:-7] + b"altered")
    chooser.set_input_files(file)
    board.wait_for_selector(".exf .note:not([hidden])")
    assert "altered after it was saved" in note(board) and "/tmp" not in note(board)
    file.write_bytes(b"\x80\x04cos\nsystem\n" * 1000)
    chooser.set_input_files(file)
    until(board, lambda: "cannot be read" in note(board))
    type_in(board, "Steps, number", 12)
    settled(board, "12 steps")


def test_picture_and_numbers_go_home(board, tmp_path):
    for entry, suffix in (("Save picture (PNG)", ".png"), ("Save numbers (CSV)", ".csv")):
        board.locator(".exs-extras .exs-button").last.click()
        with board.expect_download() as caught:
            board.get_by_text(entry).click()
        assert caught.value.suggested_filename.endswith(suffix)


def test_the_lines_of_python_and_the_link_are_copied(board, served):
    board.context.grant_permissions(["clipboard-read", "clipboard-write"])
    board.get_by_role("button", name="Copy as Python").click()
    board.get_by_role("button", name="Copied").wait_for()
    recipe = board.evaluate("navigator.clipboard.readText()")
    compile(recipe, "recipe", "exec")
    assert "ex.record(" in recipe and "seed=42" in recipe
    type_in(board, "Steps, number", 9)
    settled(board, "9 steps")
    board.get_by_role("button", name="Share").click()
    board.get_by_role("button", name="Link copied").wait_for()
    link = board.evaluate("navigator.clipboard.readText()")
    assert link.startswith(served.root) and "steps=9" in link
    opened(board, link)
    assert line(board).startswith("9 steps")


def test_cancel_keeps_the_part_that_was_computed(board, served):
    type_in(board, "Samples, number", 777)
    board.get_by_role("button", name="Cancel").click(timeout=5000)
    board.wait_for_selector(".exs-say[data-kind=cancelled]")
    got = int(data(board)["got"])
    assert 0 < got < 21
    board.wait_for_timeout(400)
    assert int(data(board)["got"]) == got


def test_a_closed_tab_stops_its_run(page, served):
    served.said.clear()
    opened(page, served.url)
    type_in(page, "Samples, number", 777)
    page.wait_for_timeout(400)
    begun = time.monotonic()
    page.goto("about:blank")
    while not any("ENDED 777" in said for said in served.said):
        assert time.monotonic() - begun < 25, (
            "the session ends some seconds after its page, and its run with it"
        )
        page.wait_for_timeout(200)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (778, r"something went wrong here: RuntimeError: planted in …; .*\(error [0-9a-f]{6}\)"),
        (779, r"KeyError.*\(error [0-9a-f]{6}\)"),
    ],
)
def test_what_raises_is_a_sentence_with_an_id_and_the_log_has_the_rest(board, served, number, words):
    type_in(board, "Samples, number", number)
    where = ".exs-say[data-kind=failed]" if number == 778 else ".exf .note:not([hidden]) span"
    board.wait_for_selector(where)
    said = board.locator(where).inner_text()
    assert re.search(words, said) and "/home" not in said
    name = re.search(r"error ([0-9a-f]{6})", said)[1]
    assert any(name in log for log in served.said) and any("Traceback" in log for log in served.said)
    type_in(board, "Samples, number", 500)
    until(board, lambda: "n=500" in board.url)
    settled(board)


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
