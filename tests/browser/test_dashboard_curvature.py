"""The Curvature lab in a real browser: what a person sees, touches and takes away."""

import pytest
from dashboard import choose, data, ink, line, number, until, whole
from serving import COMMAND, started

pytestmark = [pytest.mark.browser, pytest.mark.server]

QUICK = "?v=1&lab=curvature&n=200&steps=24"


@pytest.fixture(scope="module")
def served():
    running = started(code=COMMAND)
    yield running
    running.stop()


@pytest.fixture
def lab(page, served):
    """The lab over the default flow and its reflow."""
    page.goto(f"{served.root}{QUICK}")
    whole(page, "curvature by")
    return page


POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")


def value(words):
    """The number that the page writes as 3.63×10⁻⁴."""
    return float(words.translate(POWERS).replace("×10", "e").split()[0])


def test_it_opens_with_a_flow_beside_its_reflow_which_is_straighter(lab):
    assert lab.locator(".exs-title").all_inner_texts() == ["MLP, linear path", "MLP, reflow once"]
    flow, reflow = (value(number(lab, "straightness S", k)) for k in (0, 1))
    assert reflow < 0.5 * flow
    assert lab.get_by_text("curvature × length", exact=True).first.is_visible()


def test_other_coordinates_are_another_picture_with_nothing_sampled(lab):
    before, said, straight = ink(lab), line(lab), number(lab, "S / chord²")
    choose(lab, "Coordinates", "Variance exploding (EDM)")
    until(lab, lambda: number(lab, "S / chord²") != straight)
    whole(lab, "curvature by")
    assert value(number(lab, "S / chord²")) < 0.05 < value(straight)
    assert number(lab, "from noise share") == "0.988"
    assert ink(lab) != before
    assert line(lab) == said  # the same evals, the same seconds: the run is the one that was there
    until(lab, lambda: "coordinates=ve" in lab.url)
    choose(lab, "Coordinates", "The model's own")
    until(lab, lambda: number(lab, "S / chord²") == straight)


def test_other_colours_are_painted_on_the_paths_that_are_there(lab):
    before, run = ink(lab), data(lab)["run"]
    choose(lab, "Colour", "Error of an Euler step")
    until(lab, lambda: ink(lab) != before)
    whole(lab, "curvature by")
    assert data(lab)["run"] == run, "no place was sent again"
    assert lab.get_by_text("error of an Euler step", exact=True).first.is_visible()
    choose(lab, "Colour", "Curvature × length")
    until(lab, lambda: ink(lab) == before)


def test_the_tabs_hold_what_solvers_pay_and_steps_follow_the_error_to_keep(lab):
    lab.get_by_role("tab", name="Bends").focus()
    lab.keyboard.press("ArrowRight")
    assert lab.get_by_role("tab", name="Solvers").get_attribute("aria-selected") == "true"
    lab.get_by_text("Uniform in t", exact=True).wait_for(timeout=30_000)
    steps = int(number(lab, "Uniform in t").split()[0])
    box = lab.get_by_label("Error to keep, number")
    box.fill("0.005")
    box.press("Enter")
    until(lab, lambda: int(number(lab, "Uniform in t").split()[0]) > steps)
    assert lab.get_by_role("tab", name="Solvers").get_attribute("aria-selected") == "true"
    assert lab.locator(".exs-chart h3:visible").all_inner_texts() == [
        "Error against evals",
        "An adaptive run",
    ]


def test_an_exact_field_is_a_gradient_field_on_the_page(page, served):
    page.goto(f"{served.root}{QUICK}&second=exact&colour=asymmetry")
    whole(page, "curvature by")
    page.get_by_role("tab", name="Gradient?").click()
    page.get_by_text("velocity error", exact=True).wait_for(timeout=30_000)
    until(page, lambda: number(page, "asymmetry", 1) != "\N{EN DASH}", 30)
    learned, exact = number(page, "asymmetry", 0), number(page, "asymmetry", 1)
    assert value(learned) > 1e-3
    assert value(exact) < 1e-12
    chip = page.locator(".exr").get_by_role("button", name="map", exact=True)
    assert chip.get_attribute("aria-pressed") == "true"
    before = ink(page)
    chip.click()
    until(page, lambda: ink(page) != before)


def test_a_click_is_followed_to_the_data(lab):
    before = ink(lab)
    lab.locator(".exs-canvas").first.click(position={"x": 180, "y": 300})
    until(lab, lambda: ink(lab) != before and lab.get_by_text("launched", exact=True).count() > 0)


def test_a_saved_run_is_measured_when_it_is_opened(lab, tmp_path):
    with lab.expect_download() as download:
        lab.get_by_role("button", name="Save run").click()
    file = tmp_path / "run.safetensors"
    download.value.save_as(file)
    straight = number(lab, "straightness S")
    lab.locator("input[type=file]").set_input_files(file)
    until(lab, lambda: lab.locator(".exs-title").all_inner_texts() == ["Your run"])
    whole(lab, "paths")
    until(lab, lambda: number(lab, "straightness S") == straight)
    lab.get_by_role("tab", name="Solvers").click()
    assert lab.get_by_text("There is no field behind these paths to solve.").first.is_visible()


def test_the_exported_page_keeps_colours_and_tabs_with_no_server(lab, browser, tmp_path):
    with lab.expect_download() as download:
        lab.get_by_role("button", name="Export HTML").click()
    file = tmp_path / "bend.html"
    download.value.save_as(file)
    assert file.stat().st_size < 5_000_000
    context = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True)
    page = context.new_page()
    page.goto(file.as_uri())
    page.wait_for_selector(".exs[data-drawn]")
    assert page.get_by_text("curvature × length", exact=True).first.is_visible()
    page.get_by_role("tab", name="Dimension").click()
    assert page.get_by_text("Dimension of a path").is_visible()
    context.close()


@pytest.mark.parametrize("size", [(1440, 900), (1024, 700)])
@pytest.mark.parametrize(
    "query",
    [
        "",
        "&third=conditional&coordinates=ve",
        "&target=digits&model=exact&second=none&n=24&steps=8&view=chord",
    ],
)
def test_nothing_scrolls_sideways_and_no_word_is_laid_over_another(page, served, size, query):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{served.root}{QUICK if 'digits' not in query else '?v=1&lab=curvature'}{query}")
    whole(page, "curvature by")
    wide = page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
    assert not wide
    overlaps = page.evaluate(OVERLAPS)
    assert not overlaps


OVERLAPS = """() => {
  const words = [".exs-title", ".exs-note", ".exs-fact", ".exs-scales"].map((name) => `.exs-pane ${name}`).join();
  const seen = [];
  const walk = (root) => root.querySelectorAll("*").forEach((node) => {
    if (node.shadowRoot) walk(node.shadowRoot);
    if (node.matches(words) && node.textContent && node.offsetParent) seen.push(node);
  });
  walk(document);
  const boxes = seen.map((node) => [node.textContent, node.getBoundingClientRect()]);
  const found = [];
  boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {
    const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    const tall = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    if (wide > 1 && tall > 1) found.push([a, b]);
  }));
  return found;
}"""
