"""Take the pictures of docs/ anew: ``make shots``. Needs a Chromium; nothing leaves the machine."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from benchmarks.browser import browser, free_port

HERE = Path(__file__).parent
ROOT = HERE.parent
DASHBOARD = {
    "scrub": (1440, 900, "light", ""),
    "scrub_dark": (1440, 900, "dark", ""),
    "scrub_small": (1024, 700, "light", ""),
    "compare": (1440, 900, "light", "?v=1&lab=scrub&compare=1&steps=10&steps_2=19&at=0.05"),
    "digits": (1440, 900, "light", "?v=1&lab=scrub&target=digits&n=64&model=digits/unet&at=0.4"),
    "curvature": (1440, 900, "light", "?v=1&lab=curvature&at=0.3"),
    "curvature_solvers": (1440, 900, "light", "?v=1&lab=curvature&third=conditional"),
    "curvature_small": (1024, 700, "dark", "?v=1&lab=curvature&colour=asymmetry&second=exact"),
    "students": (1440, 900, "light", "?v=1&lab=students"),
    "students_any_step": (1440, 900, "light", "?v=1&lab=students&view=any_step"),
    "students_divergences": (1440, 900, "light", "?v=1&lab=students&view=divergences"),
    "students_small": (1024, 700, "dark", "?v=1&lab=students&calls=4"),
    "landscape": (1440, 900, "light", "?v=1&lab=landscape&problem=classifier/mlp&directions=path"),
    "landscape_spectrum": (
        1440,
        900,
        "dark",
        "?v=1&lab=landscape&problem=classifier/mlp&view=spectrum&rate=0.6",
    ),
    "landscape_training": (
        1440,
        900,
        "light",
        "?v=1&lab=landscape&problem=classifier/mlp&n=512&view=training&steps=150",
    ),
    "landscape_river": (
        *(1440, 900, "light"),
        "?v=1&lab=landscape&problem=classifier/mlp&n=512&view=river&rows=32&pace=2&steps=150",
    ),
    "landscape_small": (1024, 700, "dark", "?v=1&lab=landscape&directions=student&other=two_moons/mean_flow"),
    "safety": (1440, 900, "light", "?v=1&lab=safety"),
    "safety_samples": (1440, 900, "light", "?v=1&lab=safety&view=samples"),
    "safety_onset": (1440, 900, "dark", "?v=1&lab=safety&view=onset"),
    "safety_small": (1024, 700, "dark", "?v=1&lab=safety&stage=early"),
}
"""Name -> width, height, colour scheme, query."""
TABS = {
    "curvature_solvers": "Solvers",
    "curvature_small": "Gradient?",
    "students_small": "In parts",
    "landscape_training": "Sharpness",
}
"""Name -> the tab of charts that is shown."""
PRESSED = {"landscape_training": ("Train",), "landscape_river": ("Train", "Decay now")}
"""Name -> the buttons that are pressed, one after another has done its work."""
NOTEBOOKS = {
    "notebook": "01_scrub.ipynb",
    "notebook_curvature": "02_curvature.ipynb",
    "notebook_students": "03_students.ipynb",
    "notebook_landscape": "04_landscape.ipynb",
    "notebook_safety": "05_step_safety.ipynb",
}
"""Name -> the notebook whose top is shown."""
WHOLE = re.compile("· (no )?seed")
"""The end of the last line of a picture that is whole."""
JUPYTER = [
    "--no-browser",
    "--ip=127.0.0.1",
    "--allow-root",
    "--IdentityProvider.token=",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
    "--LabApp.expose_app_in_browser=True",
]


def main() -> None:
    """All pictures, or those named on the command line."""
    wanted = sys.argv[1:] or [*DASHBOARD, *NOTEBOOKS]
    with browser() as chromium:
        if set(wanted) & set(DASHBOARD):
            _dashboard(chromium, [name for name in wanted if name in DASHBOARD])
        for name in NOTEBOOKS:
            if name in wanted:
                _notebook(chromium, name)


def _dashboard(chromium: Browser, names: list[str]) -> None:
    port = free_port()
    command = [sys.executable, "-m", "explorer.cli", "serve", "--no-open", "--port", str(port)]
    with _running(command, f"http://127.0.0.1:{port}/") as url:
        for name in names:
            width, height, scheme, query = DASHBOARD[name]
            page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.goto(url + query)
            page.locator("[data-drawn]:not([data-drawn='0'])").first.wait_for(timeout=60_000)
            page.get_by_text(WHOLE).wait_for(timeout=120_000)
            for button in PRESSED.get(name, ()):
                page.get_by_role("button", name=button, exact=True).click()
                page.wait_for_timeout(3000)
                page.get_by_text(WHOLE).wait_for(timeout=180_000)
            page.wait_for_timeout(6000 if name in TABS else 3000)
            if name in TABS:
                page.get_by_role("tab", name=TABS[name]).click()
                page.wait_for_timeout(500)
            _save(page, name)


def _notebook(chromium: Browser, name: str) -> None:
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        settings = {"JUPYTER_CONFIG_DIR": home, "JUPYTER_DATA_DIR": home, "JUPYTER_RUNTIME_DIR": home}
        copies = Path(home) / "notebooks"  # JupyterLab saves what it runs
        shutil.copytree(ROOT / "notebooks", copies, ignore=shutil.ignore_patterns(".*"))
        options = [f"--port={port}", f"--ServerApp.root_dir={copies}"]
        command = [sys.executable, "-m", "jupyterlab", *JUPYTER, *options]
        with _running(command, f"http://127.0.0.1:{port}/api", settings) as url:
            page = chromium.new_page(viewport={"width": 1440, "height": 1000})
            page.goto(url.replace("/api", f"/lab/tree/{NOTEBOOKS[name]}?reset"))
            page.wait_for_function(
                "() => window.jupyterapp && document.querySelector('.jp-Notebook .jp-Cell')"
            )
            page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.ready")
            page.evaluate("() => void jupyterapp.commands.execute('application:toggle-left-area')")
            page.evaluate("() => void jupyterapp.commands.execute('notebook:run-all-cells')")
            page.wait_for_function(
                "() => document.querySelector('[data-got]')?.dataset.got > 0", timeout=180_000
            )
            page.wait_for_timeout(6000)
            if (news := page.get_by_role("button", name="No", exact=True)).count():
                news.first.click()
            page.evaluate("() => void jupyterapp.commands.execute('notebook:move-cursor-up')")
            page.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0; }")
            page.wait_for_timeout(1500)
            _save(page, name)


def _save(page: Page, name: str) -> None:
    page.screenshot(path=HERE / f"{name}.png")
    print(f"docs/{name}.png")
    page.close()


@contextmanager
def _running(command: list[str], url: str, settings: dict[str, str] | None = None) -> Iterator[str]:
    """A server for as long as it is needed."""
    server = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(settings or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(url, server)
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait_for(url: str, server: subprocess.Popen) -> None:
    from urllib.error import URLError
    from urllib.request import urlopen

    for _ in range(240):
        if server.poll() is not None:
            raise SystemExit(f"the server ended with {server.returncode} before it answered")
        try:
            urlopen(url, timeout=5).read()
            return
        except (URLError, OSError):
            time.sleep(0.5)
    raise SystemExit(f"{url} did not answer within two minutes")


if __name__ == "__main__":
    main()
