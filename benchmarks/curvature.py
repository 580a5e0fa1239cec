"""What measuring curvature costs beside sampling, what one derivative costs beside one call, and a repaint.

Ratios within one run on one torch thread, with the quiet allocator of ``benchmarks.loop``. The repaint is seen in a
real browser: from the choice in a menu to the last frame that the page paints for it.
"""

import os
import statistics
import subprocess
import sys

import torch

import explorer as ex
from benchmarks.browser import browser, dashboard, wait_for_server
from benchmarks.loop import QUIET
from benchmarks.table import ratio_of_medians, show
from explorer.maths.curvature import curvature
from explorer.maths.motion import clean_rate, motion_of

STEPS, PATHS, DRAWN = 50, 2048, 256
CHOICES = (
    ("Coordinates", "vp"), ("Coordinates", "ve"), ("Coordinates", "trig"), ("Coordinates", "linear"),
    ("Colour", "curvature"), ("Colour", "truncation"), ("Colour", "bend"), ("Coordinates", "own"),
)  # fmt: skip


def main() -> None:
    """Print both tables, the first from a process with a quiet allocator."""
    subprocess.run([sys.executable, "-m", "benchmarks.curvature"], env={**os.environ, **QUIET}, check=True)
    repainted()


def measured() -> None:
    """Print the table of costs from this process."""
    torch.set_num_threads(1)
    field = ex.load("two_moons/linear")
    noise = torch.randn(PATHS, 2, generator=torch.Generator().manual_seed(0))
    rows = []
    for sampler in ("euler", "heun"):
        run = ex.record(field, sampler, steps=STEPS, noise=noise)
        ratio = ratio_of_medians(
            lambda run=run: curvature(run),
            lambda sampler=sampler: ex.record(field, sampler, steps=STEPS, noise=noise),
            30,
        )
        rows.append((f"curvature record / sampling, {sampler}, {PATHS:,} x {STEPS}", ratio, 0.25, "of it"))
    x = noise[:DRAWN].double()
    velocity = field(x, 0.5).velocity
    ratio = ratio_of_medians(lambda: clean_rate(field, x, 0.5, velocity), lambda: field(x, 0.5), 200)
    rows.append((f"Frenet by one JVP / one field call, {DRAWN} paths, a moment", ratio, 5.0, "times"))
    run = ex.record(field, "euler", steps=STEPS, noise=noise[:DRAWN], dtype=torch.float64)
    whole = ratio_of_medians(
        lambda: motion_of(run, field), lambda: [field(x, float(t)) for t in run.times[:-1]], 20
    )
    rows.append((f"the same for a whole run / a field call at each of {STEPS} moments", whole, 5.0, "times"))
    show("Curvature, 4x128 network", rows)


def repainted() -> None:
    """Print how long a change of coordinates or colour takes to be painted."""
    spent = []
    with browser() as chromium, dashboard() as port:
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        wait_for_server(page, port)
        page.goto(f"http://127.0.0.1:{port}/?lab=curvature&v=1")
        page.get_by_text("curvature by").wait_for(timeout=120_000)
        page.wait_for_timeout(30_000)  # studies of the fields, and the first pictures of other labs
        stage = page.locator(".exs").element_handle()
        for _ in range(3):
            for label, value in CHOICES:
                menu = page.get_by_label(label, exact=True).element_handle()
                spent.append(page.evaluate(REPAINT, [menu, stage, value]))
    spent = spent[len(CHOICES) :]  # the first round measures in each of the coordinates for the first time
    rows = [
        ("median", statistics.median(spent), 100.0, "ms"),
        ("worst", max(spent), 100.0, "ms"),
    ]
    show("Coordinates or colour chosen, to the last painted frame of it", rows)


REPAINT = """
async ([menu, stage, value]) => {
  let last = 0;
  const watch = new MutationObserver(() => requestAnimationFrame(() => (last = performance.now())));
  watch.observe(stage, { attributes: true, attributeFilter: ["data-drawn"] });
  menu.value = value;
  const begun = performance.now();
  menu.dispatchEvent(new Event("change", { bubbles: true }));
  await new Promise((done) => setTimeout(done, 900));
  watch.disconnect();
  return last - begun;
}
"""


if __name__ == "__main__":
    measured()
