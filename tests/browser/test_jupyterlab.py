"""The real notebook in a real JupyterLab: it runs, it scrubs, it answers, and it asks for nothing outside."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

TOKEN = secrets.token_hex(16)
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NOTEBOOK, BENDS = NOTEBOOKS / "01_scrub.ipynb", NOTEBOOKS / "02_curvature.ipynb"
STUDENTS = NOTEBOOKS / "03_students.ipynb"
LANDSCAPE = NOTEBOOKS / "04_landscape.ipynb"
SAFETY = NOTEBOOKS / "05_step_safety.ipynb"
FLAGS = (
    "--no-browser",
    "--ip=127.0.0.1",
    "--allow-root",  # containers
    "--ServerApp.port_retries=0",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
    "--LabApp.expose_app_in_browser=True",
)
# Every Python that the server starts writes down the hosts it looks up.
WATCH = """
import os, socket
ask = socket.getaddrinfo
def watched(host, *rest, **options):
    name = host.decode() if isinstance(host, bytes) else host
    if name not in (None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", socket.gethostname()):
        with open(os.environ["EXPLORER_LOOKUPS"], "a") as log:
            log.write(f"{name}\\n")
    return ask(host, *rest, **options)
socket.getaddrinfo = watched
"""
STAGES = 3
PIXELS = """(i) => {
  const canvas = document.querySelectorAll(".exs .exs-canvas")[i];
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (let k = 0; k < data.length; k += 4) sum = (sum * 31 + data[k] + 3 * data[k + 1] + 7 * data[k + 2]) % 2147483647;
  return sum;
}"""
WHOLE = """(i) => {
  const stage = document.querySelectorAll(".exs")[i];
  return stage && stage.dataset.got > 0 && stage.dataset.got === stage.dataset.total;
}"""

FINISHED = (
    "() => [...document.querySelectorAll('.ex-line')].every((line) => line.textContent.includes('seed'))"
)
SOURCES = "jupyterapp.shell.currentWidget.content.widgets.map((cell) => cell.model.sharedModel.getSource())"
STDOUT = ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stdout']"
GROUND = "(node) => getComputedStyle(node).backgroundColor"
PARTS = (".ex-scrub", ".exs", ".ex-rail select")
FAULTS = ".jp-OutputArea-output:is([data-mime-type$=stderr], [data-mime-type$=error])"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab over a copy of the notebook, with folders of its own; gives its address and what it looked up."""
    home = tmp_path_factory.mktemp("lab")
    (home / "work").mkdir()
    for file in (NOTEBOOK, BENDS, STUDENTS, LANDSCAPE, SAFETY):
        shutil.copy(file, home / "work")
    (home / "watch").mkdir()
    (home / "watch" / "sitecustomize.py").write_text(WATCH)
    folders = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    watch = {"PYTHONPATH": str(home / "watch"), "EXPLORER_LOOKUPS": str(home / "lookups")}
    env = os.environ | folders | watch | {"HOME": str(home), "OMP_NUM_THREADS": "1"}
    port = free_port()
    here = (
        f"--ServerApp.port={port}",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={home / 'work'}",
    )
    command = [sys.executable, "-m", "jupyterlab", *FLAGS, *here]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, env=env, cwd=home, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            await_answer(f"{address}/api", server, home / "log")
            yield address, home
        finally:
            server.terminate()
            server.wait(20)


def await_answer(url: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(240):
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(f"JupyterLab did not answer: {log.read_text()[-2000:]}")


def run_command(page, name: str, **options) -> None:
    page.evaluate("([name, options]) => void jupyterapp.commands.execute(name, options)", [name, options])


@pytest.fixture(scope="module")
def notebook(browser, lab, request):
    """The first notebook, every cell of it run."""
    with visited(browser, lab, request, NOTEBOOK, STAGES) as page:
        yield page


@contextmanager
def visited(browser, lab, request, file, stages):
    """A notebook, every cell of it run; the whole visit must ask for nothing outside and log no error of ours."""
    address, home = lab
    context = browser.new_context(
        viewport={"width": 1360, "height": 4600}
    )  # cells out of view may not be drawn
    page = context.new_page()
    page.set_default_timeout(120_000)
    ours = request.config.pluginmanager.get_plugin(str(Path(__file__).with_name("conftest.py")))
    away, wrong = ours.guard(context, page)
    page.goto(f"{address}/lab/tree/{file.name}?reset&token={TOKEN}")
    page.wait_for_function("() => window.jupyterapp && document.querySelector('.jp-Notebook .jp-Cell')")
    page.wait_for_function(
        "() => jupyterapp.shell.currentWidget.sessionContext?.session?.kernel?.status === 'idle'"
    )
    run_command(page, "application:toggle-left-area")
    run_command(page, "notebook:run-all-cells")
    for stage in range(stages):
        page.wait_for_function(WHOLE, arg=stage)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.ex-line')].every((n) => n.textContent.includes('seed'))"
    )
    yield page
    page.wait_for_timeout(300)
    looked_up = (home / "lookups").read_text() if (home / "lookups").exists() else ""
    context.close()
    assert not away, f"the page asked for {away}"
    assert not looked_up, f"the server or a kernel looked up {looked_up}"
    assert not wrong, f"the page logged {wrong}"


def facts(page, stage: int = 0) -> dict:
    return page.evaluate("(i) => ({ ...document.querySelectorAll('.exs')[i].dataset })", stage)


def readout(page, stage: int = 0) -> str:
    return page.locator(".exs").nth(stage).locator(".exs-now").inner_text()


def sources(page) -> list[str]:
    return page.evaluate(
        "jupyterapp.shell.currentWidget.content.widgets.map((cell) => cell.model.sharedModel.getSource())"
    )


def still(page) -> None:
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def run_of(page, stage: int = 0) -> str:
    return facts(page, stage)["run"]


def await_new_run(page, before: str, stage: int = 0) -> None:
    page.wait_for_function(
        "([i, run]) => document.querySelectorAll('.exs')[i].dataset.run !== run", arg=[stage, before]
    )
    page.wait_for_function(WHOLE, arg=stage)


def test_every_cell_runs_and_prints_what_the_notebook_says(notebook):
    outputs = notebook.locator(
        ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stdout']"
    ).all_inner_texts()
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    said = ["".join(output["text"]) for cell in cells for output in cell.get("outputs", ())]
    assert [text.split() for text in outputs] == [text.split() for text in said]
    assert (
        notebook.locator(
            "[data-mime-type='application/vnd.jupyter.stderr'], .jp-RenderedText[data-mime-type*=error]"
        ).count()
        == 0
    )
    assert notebook.locator(".exs").count() == STAGES


def test_dragging_time_changes_the_picture_and_the_read_outs(notebook):
    slider = notebook.locator(".exs").first.get_by_role("slider", name="sampler time")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    seen = []
    notebook.mouse.move(box["x"] + 9, box["y"] + box["height"] / 2)
    notebook.mouse.down()
    for part in (0.0, 0.3, 0.7, 1.0):
        notebook.mouse.move(box["x"] + 9 + part * (box["width"] - 18), box["y"] + box["height"] / 2)
        still(notebook)
        seen.append((notebook.evaluate(PIXELS, 0), readout(notebook), facts(notebook)["share"]))
    notebook.mouse.up()
    assert all(len(set(column)) == 4 for column in zip(*seen, strict=True)), seen
    assert (seen[0][2], seen[-1][2]) == ("1.0000", "0.0000")


def test_the_stages_of_a_notebook_share_one_cursor(notebook):
    notebook.locator(".exs").first.get_by_role("slider", name="sampler time").press("Home")
    still(notebook)
    assert {facts(notebook, stage)["share"] for stage in range(STAGES)} == {"1.0000"}


def test_keys_move_the_cursor_and_do_not_edit_the_notebook(notebook):
    before = notebook.evaluate(SOURCES)
    slider = notebook.locator(".exs").first.get_by_role("slider", name="sampler time")
    slider.press("End")
    slider.press("ArrowLeft")
    still(notebook)
    assert facts(notebook)["share"] == "0.0500"
    for key in ("b", "d", "d", "x", "m", "ArrowUp", "ArrowDown"):
        slider.press(key)
    still(notebook)
    assert notebook.evaluate(SOURCES) == before
    assert facts(notebook)["share"] == "0.0500"


def test_a_control_starts_a_new_run(notebook):
    cell = notebook.locator(".ex-scrub").first
    before = run_of(notebook)
    cell.locator("select").nth(3).select_option(label="Euler")
    await_new_run(notebook, before)
    notebook.wait_for_function(
        "document.querySelector('.ex-line').textContent.startsWith('20 steps · 20 evals')"
    )
    before = run_of(notebook)
    handle = cell.locator(".ex-slider .noUi-handle").first
    handle.focus()
    notebook.keyboard.press("ArrowRight")
    await_new_run(notebook, before)
    assert int(facts(notebook)["total"]) > 21


def test_a_wrong_number_is_said_under_the_controls(notebook):
    seed = notebook.locator(".ex-scrub").first.locator(".ex-seed input")
    seed.fill("-5")
    seed.press("Enter")
    note = notebook.locator(".ex-scrub").first.locator(".ex-note")
    note.get_by_text("must be a whole number from 0").wait_for()
    notebook.wait_for_function("document.querySelector('.ex-seed input').value === '42'")


def test_a_click_launches_a_particle(notebook):
    canvas = notebook.locator(".exs-canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    notebook.mouse.click(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
    notebook.locator(".exs-legend").first.get_by_text("launched").wait_for()


def test_the_page_is_saved_by_the_browser(notebook):
    with notebook.expect_download() as download:
        notebook.locator(".ex-scrub").first.get_by_role("button", name="Export HTML").click()
    assert download.value.suggested_filename.startswith("two_moons_exact_euler")
    assert 50_000 < Path(download.value.path()).stat().st_size < 5_000_000


def test_the_recipe_is_shown_as_python(notebook):
    cell = notebook.locator(".ex-scrub").nth(1)
    cell.get_by_role("button", name="Copy as Python").click()
    assert "ex.scrub(run, other)" in cell.locator(".ex-lines").inner_text()
    cell.locator(".ex-act", has_text="Cop").click()
    assert cell.locator(".ex-lines").is_hidden()


def test_both_themes_of_the_lab_are_followed(notebook, tmp_path):
    grounds = {}
    for theme in ("Dark", "Light"):
        run_command(notebook, "apputils:change-theme", theme=f"JupyterLab {theme}")
        notebook.wait_for_function(
            "(name) => document.querySelector('.exs').dataset.theme === name", arg=theme.lower()
        )
        grounds[theme] = [notebook.locator(part).first.evaluate(GROUND) for part in PARTS]
        notebook.screenshot(path=tmp_path / f"{theme}.png")
        assert (tmp_path / f"{theme}.png").stat().st_size > 100_000
    assert grounds["Light"] == ["rgb(255, 255, 255)"] * 3
    assert len(set(grounds["Dark"])) == 1 and grounds["Dark"] != grounds["Light"], grounds


def test_nothing_is_cut_off_or_scrolls_sideways(notebook):
    for width in (1640, 1360, 1000, 800):
        notebook.set_viewport_size({"width": width, "height": 4600})
        notebook.wait_for_timeout(300)
        wide = notebook.evaluate(
            """() => [...document.querySelectorAll(".ex-scrub, .ex-body, .ex-rail, .exs, .ex-bar")]
                 .filter((node) => node.scrollWidth > node.clientWidth + 1).map((node) => node.className)"""
        )
        assert wide == [], f"at {width} px"
    notebook.set_viewport_size({"width": 1360, "height": 4600})


def test_clearing_the_outputs_leaves_no_stage(notebook):
    run_command(notebook, "notebook:clear-all-cell-outputs")
    notebook.wait_for_function("() => !document.querySelector('.exs')")
    assert notebook.evaluate("() => globalThis[Symbol.for('explorer.stage.v1')]?.size ?? 0") == 0


def test_the_curvature_notebook_runs_and_answers_the_hand(browser, lab, request):
    with visited(browser, lab, request, BENDS, 1) as page:
        outputs = page.locator(STDOUT).all_inner_texts()
        cells = json.loads(BENDS.read_text())["cells"]
        kept = [
            "".join(out["text"]) for cell in cells if cell["cell_type"] == "code" for out in cell["outputs"]
        ]
        assert [text.split() for text in outputs] == [text.split() for text in kept]
        assert page.locator(FAULTS).count() == 0
        assert page.locator(".exs-title").all_inner_texts() == ["MLP, linear path", "MLP, reflow once"]
        before = page.evaluate(PIXELS, 0)
        page.get_by_role("slider", name="sampler time").first.press("Home")
        still(page)
        assert page.evaluate(PIXELS, 0) != before
        run = run_of(page)
        page.locator(".ex-rail select").nth(4).select_option(label="Variance exploding (EDM)")
        await_new_run(page, run)
        row = page.locator(".exs-numbers tr").filter(has=page.get_by_text("from noise share", exact=True))
        page.wait_for_function("(node) => node.innerText.includes('0.988')", arg=row.element_handle())
        page.get_by_role("tab", name="Solvers").click()
        assert page.get_by_text("Error against evals", exact=True).is_visible()
        assert page.locator(".js-plotly-plot, .jp-RenderedPlotly").count() >= 1


def test_the_students_notebook_runs_and_answers_the_hand(browser, lab, request):
    with visited(browser, lab, request, STUDENTS, 2) as page:
        outputs = [text.split() for text in page.locator(STDOUT).all_inner_texts()]
        cells = json.loads(STUDENTS.read_text())["cells"]
        kept = ["".join(out["text"]) for cell in cells for out in cell.get("outputs", ())]
        assert kept and all(text.split() in outputs for text in kept)
        assert page.locator(FAULTS).count() == 0
        assert page.locator(".exs").first.locator(".exs-title").all_inner_texts() == [
            "Teacher",
            "Lagrangian",
            "DMD2",
        ]
        run = run_of(page)
        page.get_by_role("button", name="Pairs", exact=True).first.click()
        await_new_run(page, run)
        page.get_by_role("slider", name="sampler time").first.press("End")
        still(page)
        assert page.locator(".exs").first.locator(".exs-title").count() == 4
        assert page.locator(".js-plotly-plot, .jp-RenderedPlotly").count() >= 1


def test_the_landscape_notebook_runs_and_answers_the_hand(browser, lab, request):
    with visited(browser, lab, request, LANDSCAPE, 1) as page:
        outputs = [text.split() for text in page.locator(STDOUT).all_inner_texts()]
        cells = json.loads(LANDSCAPE.read_text())["cells"]
        kept = ["".join(out["text"]) for cell in cells for out in cell.get("outputs", ())]
        assert kept and all(text.split() in outputs for text in kept)
        assert page.locator(FAULTS).count() == 0
        before = page.evaluate(PIXELS, 0)
        page.get_by_role("radio", name="surface").first.check()
        still(page)
        assert page.evaluate(PIXELS, 0) != before
        run = run_of(page)
        page.locator(".ex-rail select").nth(3).select_option(label="Gradient and next steps")
        await_new_run(page, run)
        assert page.locator(".js-plotly-plot, .jp-RenderedPlotly").count() >= 1


def test_the_step_safety_notebook_runs_and_answers_the_hand(browser, lab, request):
    with visited(browser, lab, request, SAFETY, 2) as page:
        outputs = [text.split() for text in page.locator(STDOUT).all_inner_texts()]
        cells = json.loads(SAFETY.read_text())["cells"]
        kept = ["".join(out["text"]) for cell in cells for out in cell.get("outputs", ())]
        assert kept and all(text.split() in outputs for text in kept)
        assert page.locator(FAULTS).count() == 0
        before = page.evaluate(PIXELS, 0)
        page.get_by_role("slider", name="step size r").first.press("End")
        still(page)
        assert page.evaluate(PIXELS, 0) != before and readout(page) == "step size r 100"
        run = run_of(page)
        page.locator(".ex-rail select").nth(2).select_option(label="early (80 % right)")
        await_new_run(page, run)
        assert page.locator(".js-plotly-plot, .jp-RenderedPlotly").count() >= 1
