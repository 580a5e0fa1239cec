"""The Students lab in a real browser: what a person sees, touches and takes away."""

import pytest
from dashboard import choose, ink, line, note, number, until, whole
from serving import COMMAND, started

pytestmark = [pytest.mark.browser, pytest.mark.server]

QUICK = "?v=1&lab=students&n=200&steps=8&students=pairs,lagrangian_map"


@pytest.fixture(scope="module")
def served():
    running = started(code=COMMAND)
    yield running
    running.stop()


@pytest.fixture
def lab(page, served):
    page.goto(f"{served.root}{QUICK}")
    whole(page)
    return page


def titles(page):
    return page.locator(".exs-title").all_inner_texts()


def chip(page, label):
    return page.locator(".exr .many .chip", has_text=label).first


def test_teacher_and_students_stand_side_by_side_with_their_pairs_joined(lab):
    assert titles(lab) == ["Teacher", "Pairs", "Lagrangian"]
    assert lab.get_by_text("distance of pairs", exact=True).first.is_visible()
    assert [number(lab, "evals", k) for k in range(3)] == ["15", "1", "1"]
    assert float(number(lab, "W2", 1)) < 0.2


def test_chips_add_and_remove_students_and_the_link_follows(lab):
    chip(lab, "rf++").click()
    until(lab, lambda: titles(lab) == ["Teacher", "Pairs", "Lagrangian", "rf++"])
    whole(lab)
    boxes = [pane.bounding_box() for pane in lab.locator(".exs-pane").all()]
    assert boxes[0]["x"] == pytest.approx(boxes[2]["x"], abs=2) and boxes[2]["y"] > boxes[0]["y"] + 100
    until(lab, lambda: "students=pairs,lagrangian_map,rf_plus_plus" in lab.url)
    chip(lab, "Pairs").click()
    until(lab, lambda: titles(lab) == ["Teacher", "Lagrangian", "rf++"])
    assert chip(lab, "rf++").get_attribute("aria-pressed") == "true"
    assert chip(lab, "Pairs").get_attribute("aria-pressed") == "false"


def test_the_two_surprises_are_said_under_the_chart_of_quality(lab):
    caption = lab.locator(".exs-caption").first
    until(lab, lambda: "worse than untouched noise" in caption.inner_text(), 90)
    chart = lab.locator(".exs-chart").first
    axes = chart.get_by_role("radiogroup", name="horizontal axis")
    assert axes.inner_text().split() == ["evals", "seconds"]
    axes.get_by_role("radio", name="seconds").check()
    assert chart.locator(".exs-plot").get_attribute("data-axis") == "seconds"
    ticks = chart.locator(".exs-tick").all_text_contents()
    assert any(tick.split()[0] in ("ms", "seconds") for tick in ticks), ticks


def test_a_student_is_trained_in_front_of_the_person_and_is_theirs(lab):
    choose(lab, "View", "Train one live")
    until(lab, lambda: titles(lab)[-1] == "Regression on pairs")
    whole(lab)
    choose(lab, "Method", "Lagrangian map")
    until(lab, lambda: titles(lab)[-1] == "Lagrangian map")
    whole(lab)
    before = ink(lab)
    lab.get_by_role("button", name="Train", exact=True).click()
    until(lab, lambda: line(lab).startswith("update"), 90)
    lab.get_by_role("button", name="Stop, keep the best").click()
    until(lab, lambda: "updates" in line(lab), 90)
    assert lab.get_by_role("button", name="Train", exact=True).is_visible()
    assert ink(lab) != 0 and before != 0
    assert "train=1" not in lab.url
    choose(lab, "View", "Teacher and students")
    until(lab, lambda: any(title.startswith("Yours") for title in titles(lab)), 90)


def test_a_click_on_the_divergence_falls_into_a_minimum(page, served):
    page.goto(f"{served.root}?v=1&lab=students&view=divergences&divergence=jensen_shannon")
    page.wait_for_selector(".exs[data-drawn]", timeout=60_000)
    until(page, lambda: "quadrature" in line(page), 90)
    assert titles(page) == ["On clean data", "Averaged over noise"]
    assert page.locator(".exs-time").is_hidden()
    assert number(page, "best: mean", 0) == "−2.00" and number(page, "best: std", 1) == "1.86"
    before = ink(page)
    box = page.locator(".exs-canvas").first.bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    until(page, lambda: ink(page) != before, 60)


def test_a_stale_link_opens_and_says_what_it_left_out(page, served):
    page.goto(f"{served.root}?v=1&lab=students&students=pairs,gone&n=200&steps=8&train=1")
    whole(page)
    assert "gone" in note(page) and "by hand" in note(page)
    assert len(titles(page)) >= 2


@pytest.mark.parametrize("size", [(1440, 900), (1024, 700)])
@pytest.mark.parametrize(
    "query", [f"{QUICK},reflow&calls=4", "?v=1&lab=students&view=any_step&students=lagrangian_map,reflow"]
)
def test_nothing_scrolls_sideways(page, served, size, query):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{served.root}{query}")
    whole(page)
    assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
    table = page.locator(".exs-numbers").first.bounding_box()
    assert table["x"] + table["width"] <= size[0]


def test_the_exported_page_keeps_its_pairs_with_no_server(lab, browser, tmp_path):
    with lab.expect_download() as download:
        lab.get_by_role("button", name="Export HTML").click()
    file = tmp_path / "students.html"
    download.value.save_as(file)
    assert file.stat().st_size < 5_000_000
    context = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True)
    page = context.new_page()
    page.goto(file.as_uri())
    page.wait_for_selector(".exs[data-drawn]")
    assert titles(page) == ["Teacher", "Pairs", "Lagrangian"]
    assert page.get_by_text("distance of pairs", exact=True).first.is_visible()
    context.close()
