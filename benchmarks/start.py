"""How soon something is there: importing the package, the first frame of a stream, the first picture of a page."""

import statistics
import subprocess
import sys
import time

import torch

import explorer as ex
from benchmarks.browser import browser, dashboard, wait_for_server
from benchmarks.table import show

ROUNDS = 5


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    show(
        "Start",
        [
            ("import explorer", _import_seconds(), 0.3, "s"),
            (
                "first frame / whole run of 20 Heun steps, 2,000 samples",
                _first_frame_share(),
                0.1,
                "of the run",
            ),
            ("first picture of the dashboard, warm server", _first_picture_seconds(), 2.5, "s"),
        ],
    )


def _import_seconds() -> float:
    code = "import time; b = time.perf_counter(); import explorer; print(time.perf_counter() - b)"
    return statistics.median(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(ROUNDS)
    )


def _first_frame_share() -> float:
    field, shares = ex.target("two_moons").field("linear"), []
    for seed in range(ROUNDS):
        begun, first = time.perf_counter(), 0.0
        for frame in ex.walk(field, sampler="heun", steps=20, n=2000, seed=seed):
            first = first or time.perf_counter() - begun
            assert frame.evals >= 0
        shares.append(first / (time.perf_counter() - begun))
    return statistics.median(shares)


def _first_picture_seconds() -> float:
    with browser() as chromium, dashboard() as port:
        return statistics.median(_one_page(chromium, port) for _ in range(ROUNDS))


def _one_page(chromium, port: int) -> float:
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    wait_for_server(page, port)
    begun = time.perf_counter()
    page.goto(f"http://127.0.0.1:{port}/")
    page.locator("[data-drawn]:not([data-drawn='0'])").first.wait_for(timeout=30_000)
    page.wait_for_function("() => true")
    seconds = time.perf_counter() - begun
    page.close()
    return seconds


if __name__ == "__main__":
    main()
