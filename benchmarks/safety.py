"""From a move of the step size to the painted frame, on the Step safety page of a running dashboard.

Driven and timed as ``benchmarks.stage`` does it: the curves are in the browser, so that the server is not asked.
"""

import statistics

from benchmarks.browser import HARNESS, browser, dashboard, wait_for_server
from benchmarks.stage import moved_single, p95, track_of
from benchmarks.table import show


def main() -> None:
    """Print the table."""
    with browser() as chromium, dashboard() as port:
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script(HARNESS)
        wait_for_server(page, port)
        page.goto(f"http://127.0.0.1:{port}/?lab=safety&v=1")
        page.get_by_text("Loss along the step").wait_for(timeout=120_000)
        page.wait_for_timeout(20_000)  # the first pictures of other labs, which the server makes ahead
        spent = moved_single(page, *track_of(page, "step size"))
    show(
        "The step size moved, to the painted frame",
        [("median", statistics.median(spent), 16.0, "ms"), ("p95", p95(spent), 35.0, "ms")],
    )


if __name__ == "__main__":
    main()
