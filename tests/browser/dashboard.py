"""What the dashboard's browser tests share: a server with planted faults, and a person's gestures."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "app"))

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


def opened(page, url):
    page.goto(url)
    page.wait_for_selector(".exs[data-drawn]", timeout=20_000)
    settled(page)
    return page


def until(page, holds, seconds=40.0):
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


def whole(page, words="seed"):
    """Wait until a lab's picture is whole and its last line says so; studies may come after it."""
    page.wait_for_selector(".exs[data-drawn]", timeout=60_000)

    def holds():
        drawn = data(page)
        return int(drawn["got"]) > 0 and drawn["got"] == drawn["total"] and words in line(page)

    until(page, holds, 90)


def number(page, label, column=0):
    """What the table says in a row."""
    row = page.locator(".exs-numbers tr").filter(has=page.get_by_text(label, exact=True))
    return row.locator("td").nth(column).inner_text()


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
