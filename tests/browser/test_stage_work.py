"""Charts that are not over time: logarithmic axes, many lines, guides, what the hand reads."""

import numpy as np
import pytest
from test_stage_live import pause, put
from test_stage_tabs import chart, shown

from explorer.stage import Feed

pytestmark = pytest.mark.browser

NAMES = (
    "Euler",
    "Heun",
    "DDIM",
    "DPM-Solver++ 2M",
    "Taylor 2 (GENIE)",
    "Dormand-Prince 5(4)",
    "Predictor-corrector",
)
ROLES = ("state", "second", "third", "launched", "clean", "fourth", "fifth")


def work(count=7, guides=True, **changes):
    """Lines of slope -1, -2, ... on logarithmic axes, each with its guide."""
    lines = []
    for i, (name, role) in enumerate(zip(NAMES[:count], ROLES, strict=False)):
        x = [1.0, 10.0, 100.0, 1000.0]
        y = [(1 + 0.2 * i) * value ** -(1 + i % 3) for value in x]
        lines.append({"run": 1, "label": name, "role": role, "x": x, "y": y, "ticks": True})
        if guides:
            ends = {"x": [1.0, 1000.0], "y": [2.0, 2.0 * 1000.0 ** -(1 + i % 3)]}
            lines.append({"run": 1, "label": "", "role": role, "guide": True, **ends})
    axes = {
        "x": "evals",
        "x_label": "evals",
        "x_log": True,
        "x_range": [1, 1000],
        "log": True,
        "y": [1e-7, 3],
    }
    return chart("error", **{**axes, "y_label": "error", "lines": lines, **changes})


def ticks(page):
    """The words under the plot and at its left, with where they stand."""
    return page.locator(".exs-plot").first.evaluate(
        """(plot) => {
          const words = [...plot.querySelectorAll(".exs-tick:not(.exs-halo)")];
          const place = (node, name) => Number(node.getAttribute(name));
          const under = words.filter((node) => place(node, "y") > plot.clientHeight - 10);
          const left = words.filter((node) => !under.includes(node));
          const said = (nodes, name) => nodes.map((node) => [node.textContent, place(node, name)]);
          return [said(under, "x"), said(left, "y")];
        }"""
    )


def test_logarithmic_axes_have_even_decades_and_both_names(bench):
    page = bench(1200, 700)
    shown(page, [work()])
    under, left = ticks(page)
    assert [word for word, _ in under] == ["evals 1", "10", "100", "1000"]
    assert under[2][1] - under[1][1] == pytest.approx(
        (page.locator(".exs-plot").bounding_box()["width"] - 46) / 3, abs=1
    )
    assert [word for word, _ in left] == ["10⁻⁷", "10⁻⁵", "10⁻³", "10⁻¹"]
    gaps = -np.diff([place for _, place in left])
    assert gaps == pytest.approx(gaps[0], abs=1.1)
    assert "error" in [node.text_content() for node in page.locator(".exs-plot .exs-halo").all()]


@pytest.mark.parametrize(
    ("x_range", "words"),
    [
        ([2, 60], ["evals 2", "5", "10", "20", "50"]),
        ([1, 128], ["evals 1", "10", "100"]),
        ([1, 6], ["evals 1", "2", "5"]),
    ],
)
def test_a_short_range_has_numbers_between_its_decades(bench, x_range, words):
    page = bench(1200, 700)
    shown(page, [work(x_range=x_range)])
    assert [word for word, _ in ticks(page)[0]] == words


def test_counted_things_have_whole_numbers_under_them(bench):
    page = bench(1200, 700)
    line = {"run": 1, "label": "one", "role": "state", "x": [1, 2, 3], "y": [60, 90, 100], "ticks": True}
    shown(page, [chart("energy", x="component", x_label="components", lines=[line], y=[0, 100])])
    assert [word for word, _ in ticks(page)[0]] == ["components 1", "2", "3"]
    assert page.locator(".exs-marker").is_hidden()


def test_seven_lines_are_told_apart_and_named_without_touching(bench):
    page = bench(1200, 700)
    shown(page, [work()])
    colours = page.locator(".exs-line").evaluate_all(
        "(lines) => lines.map((line) => line.getAttribute('stroke'))"
    )
    assert len(set(colours)) == 7
    marks = page.locator(".exs-keys svg path:last-child").evaluate_all(
        "(all) => all.map((one) => one.getAttribute('d'))"
    )
    assert len(set(marks)) == 7
    keys = page.locator(".exs-keys li").all()
    assert [key.inner_text() for key in keys] == [*NAMES[:4], "Taylor 2", "Dormand-Prince", NAMES[6]]
    boxes = [key.bounding_box() for key in keys]
    assert len({(box["x"], box["y"]) for box in boxes}) == 7
    assert page.locator(".exs-name").count() == 0, "no name in the plot as well"
    plot = page.locator(".exs-plot").bounding_box()
    assert plot["height"] > 110 and all(box["y"] + box["height"] <= plot["y"] + 1 for box in boxes)


def test_two_lines_far_apart_are_named_beside_them(bench):
    page = bench(1200, 700)
    lines = [
        {"run": 1, "label": name, "role": role, "x": [1, 0], "y": [y, y]}
        for name, role, y in (("low", "state", 0.2), ("high", "second", 0.8))
    ]
    shown(page, [chart("two", lines=lines, y=[0, 1])])
    assert [node.text_content() for node in page.locator(".exs-name").all()] == ["low", "high"]
    assert not page.locator(".exs-keys").is_visible()
    boxes = [node.bounding_box() for node in page.locator(".exs-name").all()]
    assert abs(boxes[0]["y"] - boxes[1]["y"]) > 20


def test_the_hand_reads_every_line_but_no_guide(bench):
    page = bench(1200, 700)
    shown(page, [work()])
    assert page.locator(".exs-guide").count() == 7 and page.locator(".exs-line").count() == 7
    plot = page.locator(".exs-plot").bounding_box()
    page.mouse.move(plot["x"] + 34 + (plot["width"] - 46) / 3 + 4, plot["y"] + 60)
    pause(page)
    values = [node.inner_text() for node in page.locator(".exs-keys output").all()]
    assert [float(value) for value in values] == pytest.approx(
        [0.1, 0.012, 0.0014, 0.16, 0.018, 0.002, 0.22], rel=0.01
    )
    assert page.locator(".exs-value").inner_text() == "at 10 evals"
    page.mouse.move(plot["x"] + 34, plot["y"] - 60)
    pause(page)
    assert page.locator(".exs-value").inner_text() == ""
    assert {node.inner_text() for node in page.locator(".exs-keys output").all()} == {""}


def test_a_line_that_has_ended_says_nothing_far_from_its_end(bench):
    page = bench(1200, 700)
    made = work(2, guides=False)
    made["lines"][1]["x"], made["lines"][1]["y"] = [1.0, 10.0], [1.0, 0.1]
    shown(page, [made])
    plot = page.locator(".exs-plot").bounding_box()
    page.mouse.move(plot["x"] + plot["width"] - 14, plot["y"] + 60)
    pause(page)
    side = page.locator(".exs-chart").inner_text()
    assert "at 1\u202f000 evals" in side and "0.100" not in side


def test_a_guide_is_cut_at_the_edge_of_the_plot(bench):
    page = bench(1200, 700)
    made = work(1)
    shown(page, [made])
    # From (1, 2) with slope -1 the guide leaves 1e-7 nowhere; with -3 it does at 10 ** (7.3 / 3).
    made["lines"][1].update({"x": [1.0, 1000.0], "y": [2.0, 2e-9]})
    feed = Feed()
    feed.charts = {"charts": [made], "numbers": None}
    put(page, "a", "charts", feed.texts()["charts"])
    course = page.locator(".exs-guide").get_attribute("d")
    (_, end) = [[float(part) for part in text.split()] for text in course[1:].split("L")]
    plot = page.locator(".exs-plot").bounding_box()
    part = (end[0] - 34) / (plot["width"] - 46)
    assert part == pytest.approx(7.30103 / 3 / 3, abs=0.01)
    assert end[1] == pytest.approx(plot["height"] - 20, abs=0.6)


def test_the_name_of_a_guide_gives_way_to_a_line_and_to_its_name(bench):
    """Seen red with the name at the right end whatever is there."""
    page = bench(1200, 700)
    made = work(2, guides=False, log=False, x_log=False, y=[0, 3], x_range=[0, 10])
    made["lines"][0].update({"x": [0.0, 5.0, 10.0], "y": [0.2, 1.0, 1.1]})
    made["lines"][1].update({"x": [0.0, 5.0, 10.0], "y": [2.2, 2.0, 1.0]})
    made["lines"].append(
        {"run": 1, "label": "limit", "role": "state", "guide": True, "x": [0.0, 10.0], "y": [1.05, 1.05]}
    )
    shown(page, [made])
    named = page.locator("text.exs-tick.exs-halo", has_text="limit")
    boxes = [each.bounding_box() for each in (named, *page.locator(".exs-name").all())]
    plot = page.locator(".exs-plot").first.bounding_box()
    assert boxes[0]["x"] < plot["x"] + plot["width"] / 2, "at the left end, for lines run along the right one"
    for other in boxes[1:]:
        apart = boxes[0]["x"] + boxes[0]["width"] < other["x"] or other["x"] + other["width"] < boxes[0]["x"]
        assert apart or abs(boxes[0]["y"] - other["y"]) >= 9


def test_no_name_of_a_guide_lies_across_an_upright(bench):
    """Seen red, as a garbled number, where Taylor orders dive beside the exact radius."""
    page = bench(1200, 700)
    made = work(1, guides=False, log=False, x_log=False, y=[0, 3], x_range=[0, 10])
    made["lines"][0].update({"x": [0.0, 10.0], "y": [2.5, 2.8]})
    course = {"x": [0.0, 6.05], "y": [2.5, 1.0]}
    made["lines"].append({"run": 1, "label": "32", "role": "state", "guide": True, **course})
    made["verticals"] = [{"x": 6.0, "label": "", "role": "state"}]
    shown(page, [made])
    box = page.locator("text.exs-tick.exs-halo", has_text="32").bounding_box()
    upright = page.locator(".exs-vertical").bounding_box()
    middle = upright["x"] + upright["width"] / 2
    assert middle < box["x"] or box["x"] + box["width"] < middle


def test_a_guide_is_not_named_where_all_of_them_begin(bench):
    """Taylor orders start as one line: a name there would be read as that of the whole bundle."""
    page = bench(1200, 700)
    made = work(1, guides=False, log=False, x_log=False, y=[0, 3], x_range=[0, 10])
    made["lines"][0].update({"x": [0.0, 6.0, 10.0], "y": [0.5, 0.5, 1.0]})
    for label, top in (("4", 2.9), ("8", 2.2), ("16", 1.6)):
        course = {"x": [0.0, 4.0, 10.0], "y": [0.5, 0.5, top]}
        made["lines"].append({"run": 1, "label": label, "role": "state", "guide": True, **course})
    shown(page, [made])
    plot = page.locator(".exs-plot").first.bounding_box()
    for label in ("4", "8", "16"):
        box = page.locator("text.exs-tick.exs-halo", has_text=label).first.bounding_box()
        assert box["x"] > plot["x"] + 0.8 * plot["width"], label
