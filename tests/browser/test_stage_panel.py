"""The dashboard's face of the stage, on a page that Panel serves."""

import socket
import threading
import time
from typing import Any

import moons
import pytest

from explorer.stage import Feed
from explorer.stage.feed import new_run_id

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.filterwarnings("default")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def shown(page: Any):
    """Open a page that holds what `app` makes."""
    pn = pytest.importorskip("panel")
    servers = []

    def show(app: Any) -> Any:
        port = free_port()
        servers.append(
            pn.serve(app, port=port, address="127.0.0.1", show=False, threaded=True, verbose=False)
        )
        for _ in range(100):
            try:
                page.goto(f"http://127.0.0.1:{port}")
                break
            except Exception:
                page.wait_for_timeout(100)
        page.wait_for_selector(".exs[data-got]", timeout=20_000)
        return page

    yield show
    for server in servers:
        server.stop()


def view(feed: Feed) -> Any:
    import panel as pn

    from explorer.app.stage_view import StageView

    made = StageView(feed, theme="light", sizing_mode="stretch_width", height=600)
    return made, pn.Column(made, sizing_mode="stretch_width")


def test_a_drag_sends_nothing_and_python_hears_where_it_ended(shown):
    made = []

    def app() -> Any:
        one, column = view(moons.feed())
        made.append(one)
        return column

    sent: list[Any] = []
    opened = shown(app)
    opened.on("websocket", lambda socket: socket.on("framesent", lambda data: sent.append(data)))
    opened.reload()
    opened.wait_for_selector(".exs[data-got='21']")
    slider = opened.get_by_role("slider", name="sampler time")
    frame = slider.bounding_box()
    y = frame["y"] + frame["height"] / 2
    opened.mouse.move(frame["x"] + 20, y)
    opened.mouse.down()
    opened.wait_for_timeout(400)
    sent.clear()
    for i in range(40):
        opened.mouse.move(frame["x"] + 20 + i * 5, y)
    assert sent == []
    opened.mouse.up()
    opened.wait_for_timeout(600)
    assert sent
    share = float(opened.locator(".exs").get_attribute("data-share"))
    assert made[-1].cursor == pytest.approx(share)


def test_a_run_in_a_thread_shows_every_frame(shown):
    def app() -> Any:
        feed, run = Feed(), new_run_id()
        x, _, _ = moons.states(100, 60)
        feed.begin(moons.spec(run, 60))
        feed.add("ticks", run, 0, 61, moons.shares(60).reshape(-1, 1, 1))
        one, column = view(feed)

        def work() -> None:
            for k in range(61):
                feed.add("state", run, k, 61, x[k : k + 1])
                one.pump_soon()
                time.sleep(0.01)

        threading.Thread(target=work, daemon=True).start()
        return column

    page = shown(app)
    page.wait_for_selector(".exs[data-got='61']", timeout=15_000)
    assert page.locator(".exs").get_attribute("data-total") == "61"


def test_a_stage_that_goes_leaves_the_page_as_it_was(shown):
    import panel as pn

    def app() -> Any:
        _, column = view(moons.feed(n=20))
        button = pn.widgets.Button(label="away")
        button.on_click(lambda _event: column.clear())
        return pn.Column(button, column, sizing_mode="stretch_width")

    page = shown(app)
    page.get_by_role("button", name="away").click()
    page.wait_for_selector(".exs", state="detached")
    assert page.evaluate("() => globalThis[Symbol.for('explorer.stage.v1')].size") == 0


def test_names_of_traits_are_the_same_in_both_faces():
    from explorer.app.stage_view import StageView
    from explorer.stage import Stage

    synced = {name for name, trait in Stage.class_traits(sync=True).items() if not name.startswith("_")}
    names = {
        "spec",
        "frames",
        "chunk",
        "charts",
        "ready",
        "cursor",
        "picked",
        "group",
        "theme",
        "status",
        "layers",
    }
    assert names <= synced
    assert names <= set(StageView.param)
    for name in names - {"ready", "spec"}:
        assert getattr(Stage(), name) == getattr(StageView(), name), name
