"""Charts under tabs, tables of several kinds, and charts with nothing to draw yet."""

import csv
import io

import moons
import pytest
from test_stage_live import data, opened, pause, put

pytestmark = pytest.mark.browser


def chart(name, tab=None, **changes):
    line = {"run": 1, "label": "one", "role": "state", "x": [1, 0.5, 0], "y": [0.2, 0.6, 0.4]}
    return {
        "id": name,
        "title": name,
        "x": "share",
        "lines": [line],
        **({"tab": tab} if tab else {}),
        **changes,
    }


def table(title, tab=None, values=3):
    rows = [{"label": f"row of {title}", "values": {"1": values}}]
    return {"title": title, "rows": rows, **({"tab": tab} if tab else {})}


def shown(page, charts, numbers=None, name="a"):
    feed = moons.feed(n=20)
    feed.charts = {"charts": charts, "numbers": numbers}
    opened(page, name, feed)
    return feed


def update(page, feed, charts, numbers=None):
    feed.charts = {"charts": charts, "numbers": numbers}
    put(page, "a", "charts", feed.texts()["charts"])


def titles(page, name="a"):
    return [node.inner_text() for node in page.locator(f"#{name} .exs-chart h3").all()]


THREE = [
    chart("bend", "Bends"),
    chart("cost", "Bends"),
    chart("error", "Solvers"),
    chart("energy", "Dimension"),
]
TABLES = [table("Whole path", "Bends"), table("Steps", "Solvers")]


def test_one_tab_or_none_shows_no_strip(bench):
    page = bench(1200, 700)
    feed = shown(page, [chart("one"), chart("two")], table("Numbers"))
    assert page.get_by_role("tablist").count() == 0 and titles(page) == ["one", "two"]
    update(page, feed, [chart("one", "Bends"), chart("two", "Bends")])
    assert page.get_by_role("tablist").count() == 0 and titles(page) == ["one", "two"]


def test_a_tab_shows_its_charts_and_its_table_alone(bench):
    page = bench(1200, 700)
    shown(page, [*THREE, chart("always")], TABLES)
    assert [tab.inner_text() for tab in page.get_by_role("tab").all()] == ["Bends", "Solvers", "Dimension"]
    assert titles(page) == ["bend", "cost", "always"]
    assert page.locator(".exs-numbers").inner_text().startswith("Whole path")
    page.get_by_role("tab", name="Solvers").click()
    assert titles(page) == ["error", "always"]
    assert page.locator(".exs-numbers").all()[0].inner_text().startswith("Steps")
    page.get_by_role("tab", name="Dimension").click()
    assert titles(page) == ["energy", "always"] and page.locator(".exs-numbers").count() == 0


@pytest.mark.parametrize("lab", [False, True])
def test_keys_move_along_the_strip_and_leave_time_alone(bench, lab):
    page = bench(1200, 700)
    page.evaluate("(lab) => lab && (document.body.dataset.jpThemeLight = 'true')", lab)
    shown(page, THREE, TABLES)
    page.get_by_role("tab", name="Bends").click()
    share = data(page, "a")["share"]
    found = []
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "Home", "End"):
        page.keyboard.press(key)
        pause(page)
        (chosen,) = page.locator("[role=tab][aria-selected=true]").all()
        assert page.evaluate("document.activeElement.textContent") == chosen.inner_text()
        found.append(chosen.inner_text())
    assert found == ["Solvers", "Dimension", "Bends", "Dimension", "Bends", "Dimension"]
    assert data(page, "a")["share"] == share
    panel = page.get_by_role("tabpanel")
    assert panel.get_attribute("aria-labelledby") == chosen.get_attribute("id")
    assert chosen.get_attribute("aria-controls") == panel.get_attribute("id")
    tabbable = [
        tab.inner_text() for tab in page.get_by_role("tab").all() if tab.get_attribute("tabindex") == "0"
    ]
    assert tabbable == ["Dimension"]


def test_the_choice_is_kept_for_the_page_and_falls_back_to_the_first(bench):
    page = bench(1200, 700)
    feed = shown(page, THREE, TABLES)
    page.get_by_role("tab", name="Solvers").click()
    update(page, feed, [*THREE, chart("late", "Solvers")], TABLES)
    assert titles(page) == ["error", "late"]
    update(page, feed, [one for one in THREE if one["tab"] != "Solvers"], TABLES[:1])
    assert titles(page) == ["bend", "cost"]
    update(page, feed, THREE, TABLES)
    assert titles(page) == ["error"], "it has come back, and so has the choice"
    shown(page, THREE, TABLES, name="b")
    assert titles(page, "b") == ["error"]


def test_a_chart_that_comes_later_leaves_the_others_as_they_are(bench):
    page = bench(1200, 700)
    feed = shown(page, THREE[:1] + THREE[2:], TABLES)
    page.evaluate("document.querySelector('.exs-chart').mark = 'same'")
    update(page, feed, THREE, TABLES)
    assert titles(page) == ["bend", "cost"]
    assert page.evaluate("document.querySelector('.exs-chart').mark") == "same"


def test_numbers_saved_are_those_of_all_tabs(export):
    feed = moons.feed(n=20)
    feed.charts = {"charts": THREE, "numbers": TABLES}
    page = export(feed)
    page.get_by_role("tab", name="Solvers").click()
    page.get_by_role("button", name="save").click()
    with page.expect_download() as numbers:
        page.get_by_role("menuitem", name="Save numbers (CSV)").click()
    rows = list(csv.DictReader(io.StringIO(numbers.value.path().read_text("utf-8"))))
    named = {row["name"] for row in rows}
    assert named == {"bend", "cost", "error", "energy", "row of Whole path", "row of Steps"}


def test_a_table_of_one_run_has_one_column(bench):
    page = bench(1200, 700)
    feed = moons.feed(n=20)
    (pane,) = feed.spec["panes"]
    feed.amend(panes=[pane, {**pane, "label": "other", "run": pane["run"] + 10_000}])
    both = {
        "title": "Both",
        "rows": [
            {"label": "S", "unit": "rad", "values": {str(pane["run"]): 1, str(pane["run"] + 10_000): 2}}
        ],
    }
    one = {"title": "One", "rows": [{"label": "steps", "unit": "steps", "values": {str(pane["run"]): 17}}]}
    feed.charts = {"charts": [], "numbers": [both, one]}
    opened(page, "a", feed)
    heads = [
        [cell.inner_text() for cell in each.locator("thead th").all()]
        for each in page.locator(".exs-numbers").all()
    ]
    assert heads == [["Both", "Heun", "other"], ["One", "Heun"]]
    assert page.locator(".exs-numbers tbody").nth(0).inner_text().split("\t")[0] == "S, rad"
    assert page.locator(".exs-numbers tbody").nth(1).inner_text().split() == ["steps", "17", "steps"]


@pytest.mark.parametrize("width", [1024, 1440])
def test_a_table_of_four_columns_stays_in_its_pane(export, page, width):
    """Long names of runs, and two of them with numbers of six signs."""
    page.set_viewport_size({"width": width, "height": 700})
    names = ("float16", "float32", "StableMax, float16", "⊥ gradient, float16")
    feed, runs = moons.lines_feed(moons.states(5, 4)[0], panes=4)
    feed.amend(panes=[{**p, "label": name} for p, name in zip(feed.spec["panes"], names, strict=True)])
    values = dict(zip(map(str, runs), (4.2e-6, 2.4e-5, 0.00386, 0.354), strict=True))
    rows = [{"label": label, "values": values} for label in ("trained on", "no gradient")]
    feed.charts = {"charts": [chart("error")], "numbers": {"title": "At this step", "rows": rows}}
    export(feed)
    (table, pane) = (page.locator(name).bounding_box() for name in (".exs-numbers", ".exs-panel"))
    assert table["x"] + table["width"] <= pane["x"] + pane["width"] - 14


def test_a_chart_with_no_line_yet_says_why(bench):
    page = bench(1200, 700)
    feed = shown(page, [chart("error", lines=[], empty="Being computed.")])
    assert page.locator(".exs-none").inner_text() == "Being computed."
    assert not page.locator(".exs-plot svg").is_visible()
    update(page, feed, [chart("error", empty="Being computed.")])
    assert not page.locator(".exs-none").is_visible()
    assert page.locator(".exs-plot svg").is_visible()


def test_evil_tabs_stay_texts(bench):
    page = bench(1200, 700)
    evil = "<img src=x onerror='globalThis.broken = 1'>"
    shown(page, [chart("one", evil), chart("two", "Other", empty=evil, lines=[])], [table(evil, evil)])
    page.get_by_role("tab", name="Other").click()
    assert page.locator(".exs-none").inner_text() == evil
    assert page.evaluate("() => globalThis.broken") is None
    assert page.get_by_role("tab").first.inner_text() == evil
