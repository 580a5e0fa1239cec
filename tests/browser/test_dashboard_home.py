"""The dashboard in a real browser: what a person takes home and brings back, and what goes wrong."""

import re
import time

import pytest
from dashboard import PLANTED, data, ink, line, note, opened, settled, type_in, until
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
