"""Charts over the noise share, evals or seconds."""

import re

import moons
import pytest
from test_stage_live import data, opened, pause, press, put

from explorer.stage import Feed
from explorer.stage.feed import new_run_id

pytestmark = pytest.mark.browser

STEPS = 20


def shown(page, runs=1, seconds=0.05, axes=True):
    """A stage of one or two runs; the second spends twice the evals and seconds of the first."""
    feed, ids = Feed(), [new_run_id() for _ in range(runs)]
    roles = ("state", "second")[:runs]
    spec = moons.spec(ids[0])
    spec["panes"] = [{"label": role, "run": run, "role": role} for run, role in zip(ids, roles, strict=True)]
    feed.begin(spec)
    for run in ids:
        moons.add_run(feed, run, n=20)
    charts = moons.charts(dict(zip(ids, roles, strict=True)))
    for i, line in enumerate(charts["charts"][0]["lines"]):
        if axes:
            counts = [(i + 1) * k for k in range(STEPS + 1)]
            line["axes"] = {"evals": counts, "seconds": [seconds * count for count in counts]}
    feed.charts = charts
    opened(page, "a", feed)
    return feed, charts


def choose(page, axis):
    page.get_by_role("radio", name=axis).first.check()
    pause(page)


def numbers(page):
    return page.locator(".exs-plot").first.evaluate(
        """(plot) => [...plot.querySelectorAll(".exs-tick:not(.exs-halo)")]
          .filter((node) => Number(node.getAttribute("y")) > plot.clientHeight - 10)
          .map((node) => node.textContent)"""
    )


def at(page):
    """Where the marker stands, and the dots, as parts of the plot's width."""
    return page.locator(".exs-plot").first.evaluate(
        """(plot) => {
          const part = (x) => (Number(x) - 34) / (plot.clientWidth - 46);
          const marker = plot.querySelector(".exs-marker");
          return [marker.style.display === "none" ? null : part(marker.getAttribute("x1")),
            [...plot.querySelectorAll("circle")].map((dot) => part(dot.getAttribute("cx")))];
        }"""
    )


def test_the_switch_shows_only_where_every_line_has_axes(bench):
    page = bench(1200, 700)
    _, charts = shown(page, runs=2)
    assert [node.is_visible() for node in page.locator(".exs-axes").all()] == [True, False]
    del charts["charts"][0]["lines"][1]["axes"]
    feed = Feed()
    feed.charts = charts
    put(page, "a", "charts", feed.texts()["charts"])
    assert page.locator(".exs-axes").first.is_hidden()


def test_over_evals_the_axis_runs_from_zero_to_the_right(bench):
    page = bench(1200, 700)
    shown(page)
    press(page, "a", "Home")
    assert numbers(page) == ["noise share 1", "0.5", "0"]
    choose(page, "evals")
    assert numbers(page) == ["evals 0", "5", "10", "15", "20"]
    marker, dots = at(page)
    assert (marker, dots) == (pytest.approx(0, abs=0.01), [pytest.approx(0, abs=0.01)])
    for _ in range(5):
        press(page, "a", ".")
    marker, dots = at(page)
    assert (marker, dots) == (pytest.approx(0.25, abs=0.01), [pytest.approx(0.25, abs=0.01)])


@pytest.mark.parametrize("seconds, unit", [(0.05, "seconds 0"), (0.002, "ms 0")])
def test_seconds_are_named_in_a_unit_that_can_be_read(bench, seconds, unit):
    page = bench(1200, 700)
    shown(page, seconds=seconds)
    choose(page, "seconds")
    found = numbers(page)
    assert found[0] == unit
    assert all(re.fullmatch(r"\d+(\.\d)?", number) for number in found[1:])


def test_two_runs_have_a_dot_each_at_their_own_evals_and_no_marker(bench):
    page = bench(1200, 700)
    shown(page, runs=2)
    press(page, "a", "Home")
    for _ in range(10):
        press(page, "a", ".")
    assert at(page)[0] == pytest.approx(0.5, abs=0.01)
    choose(page, "evals")
    marker, dots = at(page)
    assert marker is None
    assert dots == [pytest.approx(0.25, abs=0.01), pytest.approx(0.5, abs=0.01)]


def test_a_drag_moves_time_over_the_share_alone(bench):
    page = bench(1200, 700)
    shown(page)
    plot = page.locator(".exs-plot").first.bounding_box()
    choose(page, "evals")
    before = data(page, "a")["share"]
    page.mouse.click(plot["x"] + plot["width"] / 3, plot["y"] + 30)
    pause(page)
    assert data(page, "a")["share"] == before
    assert re.search(r"at \d+ evals$", page.locator(".exs-value").first.inner_text())
    choose(page, "share")
    page.mouse.click(plot["x"] + plot["width"] / 3, plot["y"] + 30)
    pause(page)
    assert data(page, "a")["share"] != before


def test_the_choice_is_kept_for_the_page_by_the_charts_name(bench):
    page = bench(1200, 700)
    feed, charts = shown(page)
    choose(page, "seconds")
    feed.charts = {"charts": []}
    put(page, "a", "charts", feed.texts()["charts"])
    feed.charts = charts
    put(page, "a", "charts", feed.texts()["charts"])
    assert numbers(page)[0] == "seconds 0"
    assert page.get_by_role("radio", name="seconds").first.is_checked()


def test_it_is_a_group_of_radio_buttons_that_keys_move(bench):
    page = bench(1200, 700)
    shown(page)
    group = page.get_by_role("radiogroup", name="horizontal axis")
    assert group.get_by_role("radio").count() == 3
    before = data(page, "a")["share"]
    for lab in (False, True):
        page.evaluate("(lab) => lab && (document.body.dataset.jpThemeLight = 'true')", lab)
        choose(page, "share")
        group.get_by_role("radio").first.focus()
        page.keyboard.press("ArrowRight")
        pause(page)
        assert group.get_by_role("radio").nth(1).is_checked()
        assert data(page, "a")["share"] == before, "these keys are the switch's own"


def test_seconds_not_known_yet_leave_a_gap(bench):
    page = bench(1200, 700)
    feed, charts = shown(page)
    charts["charts"][0]["lines"][0]["axes"]["seconds"][5:] = [None] * 16
    feed.charts = charts
    put(page, "a", "charts", feed.texts()["charts"])
    choose(page, "seconds")
    press(page, "a", "End")
    assert page.locator(".exs-plot").first.locator("circle").is_hidden()
    assert page.locator(".exs-line").first.get_attribute("d").count("L") == 4
