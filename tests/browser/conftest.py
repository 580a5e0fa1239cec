"""Fixtures that drive Debian's Chromium, and fail a test whose page asks for anything outside."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "stage"))

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
LOCAL = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "file:", "about:")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def _no_browser(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for the whole session."""
    if not CHROMIUM:
        _no_browser("no Chromium: install Debian's `chromium` or set CHROMIUM to its path")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


def guard(context: Any, page: Any) -> tuple[list[str], list[str]]:
    """Give two lists that fill with requests that leave the machine and with errors of the page."""
    away: list[str] = []
    wrong: list[str] = []

    def route(route: Any) -> None:
        if route.request.url.startswith(LOCAL):
            route.continue_()
        else:
            away.append(route.request.url)
            route.abort()

    context.route("**/*", route)
    # Routes do not see sockets.
    page.on("websocket", lambda socket: None if socket.url.startswith(LOCAL) else away.append(socket.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    return away, wrong


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of 1440 x 900 that must ask for nothing outside and log no error."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    opened = context.new_page()
    opened.set_default_timeout(30_000)  # a busy machine answers late; what never comes fails all the same
    away, wrong = guard(context, opened)
    yield opened
    opened.wait_for_timeout(200)  # lets late requests arrive; time.sleep would not
    context.close()
    assert not away, f"the page asked for {away}"
    assert not wrong, f"the page logged {wrong}"


@pytest.fixture
def export(page: Any, tmp_path: Path) -> Callable[..., Any]:
    """Open a feed as an exported page, with the network off, and wait until it is drawn."""
    from explorer.stage import to_html

    def opened(feed: Any, **options: Any) -> Any:
        file = tmp_path / "run.html"
        file.write_text(to_html(feed, **options), "utf-8")
        page.context.set_offline(True)
        page.goto(file.as_uri())
        page.wait_for_selector(".exs[data-drawn]:not([data-drawn='0'])")
        return page

    return opened


@pytest.fixture
def bench(page: Any, tmp_path: Path) -> Callable[..., Any]:
    """A page that holds the module and a model made by hand: `open(id, traits)`, `models`, `cleanups`."""
    from explorer.stage import script

    def opened(width: int = 900, height: int = 600) -> Any:
        file = tmp_path / "bench.html"
        file.write_text(
            _BENCH % {"script": script().replace("export default { render };", ""), "w": width, "h": height}
        )
        page.goto(file.as_uri())
        page.wait_for_function("() => Boolean(globalThis.open_stage)")
        return page

    return opened


_BENCH = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<style>body { margin: 0 } .hold { width: %(w)dpx; height: %(h)dpx }</style><body><script type="module">
%(script)s
globalThis.models = {};
globalThis.themes_for_tests = Object.values(THEMES);
globalThis.cleanups = {};
const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
globalThis.put = (id, name, value) => {
  const model = models[id];
  model.traits[name] = name === "frames" || name === "chunk" ? bytes(value) : value;
  for (const act of model.acts[`change:${name}`] || []) act();
};
globalThis.open_stage = (id, traits, frames) => {
  const acts = {};
  const model = {
    traits: { ...traits }, acts, told: [],
    get: (name) => model.traits[name],
    set(name, value) { model.traits[name] = value; model.told.push([name, value]); },
    save_changes() {},
    on: (name, act) => (acts[name] = [...(acts[name] || []), act]),
    off: (name, act) => (acts[name] = (acts[name] || []).filter((other) => other !== act)),
  };
  models[id] = model;
  if (frames) model.traits.frames = bytes(frames);
  const hold = document.createElement("div");
  hold.className = "hold";
  hold.id = id;
  document.body.append(hold);
  cleanups[id] = render({ model, el: hold });
};
</script>"""
