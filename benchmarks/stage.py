"""From a move of the slider to the painted frame: the stage, and a Panel page that replaces a Plotly figure.

Both are driven alike by real mouse moves. *Single steps*: the next move waits for the paint and 20 ms more. *Drag*: 100
moves at 60 a second; the latency of a move is the time to the first paint of it or of a later one. Painted means that
a message posted from inside the frame has arrived: after layout, paint and commit.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.browser import HARNESS, browser, free_port, wait_for_server
from benchmarks.pictures import STEPS, page
from benchmarks.table import load, show

SINGLE, DRAG = 60, 100
WATCH_RIVAL = """
() => {
  const find = (root, pick) => {
    for (const node of root.querySelectorAll("*")) {
      if (pick(node)) return node;
      const found = node.shadowRoot && find(node.shadowRoot, pick);
      if (found) return found;
    }
    return null;
  };
  const plot = find(document, (node) => node.classList && node.classList.contains("js-plotly-plot"));
  const models = Bokeh.documents[0] ? [...Bokeh.documents[0]._all_models.values()] : [];
  const slider = models.find((model) => model.type.includes("Slider"));
  if (!plot || !slider || !plot._fullData) return false;
  if (!globalThis.__watched) {
    globalThis.__watched = true;
    slider.properties.value.change.connect(() => globalThis.__h.input(slider.value));
    plot.on("plotly_afterplot", () => globalThis.__h.painted(Math.round((plot._fullData[0].x[0] + 2.5) * 1000)));
  }
  return true;
}
"""

PAINTED = """
(before) => {
  const [step, at] = __h.inputs.at(-1) ?? [-1, 0];
  return __h.inputs.length > before && __h.paints.some(([shown, when]) => shown === step && when > at);
}
"""

CAUGHT_UP = """
() => {
  const [step, at] = __h.inputs.at(-1) ?? [-1, 0];
  return __h.inputs.length > 0 && __h.paints.some(([shown, when]) => shown === step && when > at);
}
"""


def main() -> None:
    """Print the figures, the rivals' in the same run."""
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        stage_file = page(Path(folder))
        figures = {"stage": _measure(chromium, stage_file.as_uri(), _stage_track)}
        for trace in ("scatter", "scattergl"):
            figures[trace] = _rival(chromium, trace)
        again = _measure(chromium, stage_file.as_uri(), _stage_track)
        crowd = _measure(chromium, _crowd_page(Path(folder)), _stage_track)
    figures["stage"] = {key: (figures["stage"][key] + again[key]) / 2 for key in again}
    _print(figures, crowd)


def _print(figures: dict, crowd: dict) -> None:
    stage = figures["stage"]
    print(f"\n### Raw figures, ms ({load()})\n")
    print("| page | single p50 | single p95 | drag p50 | drag p95 |\n|---|---|---|---|---|")
    for name, row in {**figures, "stage, 20,000 particles": crowd}.items():
        values = " | ".join(f"{row[k]:.1f}" for k in ("single", "single95", "drag", "drag95"))
        print(f"| {name} | {values} |")
    show(
        "Slider to painted frame, 2,000 particles and 60 paths",
        [
            ("single steps, median", stage["single"], 16, "ms"),
            ("single steps, p95", stage["single95"], 35, "ms"),
            ("drag, median", stage["drag"], 16, "ms"),
            ("drag, p95", stage["drag95"], 35, "ms"),
            ("20,000 particles, single steps, median", crowd["single"], 20, "ms"),
            *(
                (f"stage / Plotly {t}, single", stage["single"] / figures[t]["single"], 1 / 20, "of it")
                for t in _TRACES
            ),
            *(
                (f"stage / Plotly {t}, drag", stage["drag"] / figures[t]["drag"], 1 / 10, "of it")
                for t in _TRACES
            ),
        ],
    )


_TRACES = ("scatter", "scattergl")


def _rival(chromium, trace: str) -> dict:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.rival", str(port), trace],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        page_ = chromium.new_page()
        wait_for_server(page_, port)
        page_.close()
        return _measure(chromium, f"http://127.0.0.1:{port}/", _rival_track)
    finally:
        server.kill()
        server.wait()


def _crowd_page(folder: Path) -> str:
    """20,000 particles: the export keeps 2,000, so the stage is fed whole arrays here."""
    from benchmarks.crowd import crowd_page

    return crowd_page(folder, 20_000).as_uri()


def _measure(chromium, url: str, track) -> dict:
    page_ = chromium.new_page(viewport={"width": 1440, "height": 900})
    page_.add_init_script(HARNESS)
    page_.goto(url)
    left, right, y = track(page_)
    page_.wait_for_timeout(500)
    single = moved_single(page_, left, right, y)
    drag = _drag(page_, left, right, y)
    page_.close()
    return {
        "single": statistics.median(single),
        "single95": p95(single),
        "drag": statistics.median(drag),
        "drag95": p95(drag),
    }


def p95(values: list[float]) -> float:
    """What one value in twenty exceeds."""
    return statistics.quantiles(values, n=20)[-1]


def _stage_track(page_) -> tuple[float, float, float]:
    return track_of(page_, "sampler time")


def track_of(page_, name: str) -> tuple[float, float, float]:
    """Left and right end and height of the stage's slider that is called so."""
    slider = page_.get_by_role("slider", name=name)
    slider.wait_for()
    box = slider.bounding_box()
    return box["x"] + 8, box["x"] + box["width"] - 8, box["y"] + box["height"] / 2


def _rival_track(page_) -> tuple[float, float, float]:
    page_.wait_for_function(WATCH_RIVAL, timeout=60_000)
    box = page_.locator(".noUi-base").first.bounding_box()
    return box["x"], box["x"] + box["width"], box["y"] + box["height"] / 2


def moved_single(page_, left: float, right: float, y: float) -> list[float]:
    """Ms from each of ``SINGLE`` moves of a slider to its paint."""
    _grab(page_, left, y)
    for i in range(1, SINGLE + 1):
        before = page_.evaluate("() => __h.inputs.length")
        page_.mouse.move(left + (right - left) * (i * 37 % STEPS) / STEPS, y)
        page_.wait_for_function(PAINTED, arg=before, polling=5, timeout=20_000)
        page_.wait_for_timeout(20)
    found = _latencies(page_, exact=True)
    # Back to the left end: Panel's slider is dragged by its handle only.
    page_.mouse.move(left, y)
    page_.wait_for_timeout(1500)
    page_.mouse.up()
    return found


def _drag(page_, left: float, right: float, y: float) -> list[float]:
    _grab(page_, left, y)
    begun = time.perf_counter()
    for i in range(1, DRAG + 1):
        page_.mouse.move(left + (right - left) * i / DRAG, y)
        time.sleep(max(0.0, begun + i / 60 - time.perf_counter()))
    # A page that lags behind is given the time to draw the last step.
    page_.wait_for_function(CAUGHT_UP, polling=50, timeout=60_000)
    page_.mouse.up()
    return _latencies(page_, exact=False)


def _grab(page_, x: float, y: float) -> None:
    page_.mouse.move(x, y)
    page_.mouse.down()
    page_.wait_for_timeout(800)
    page_.evaluate("() => { __h.inputs.length = 0; __h.paints.length = 0; }")


def _latencies(page_, exact: bool) -> list[float]:
    """Ms from each input to the paint of its step, or (not exact) to the first paint of it or a later one."""
    inputs, paints = page_.evaluate("() => [__h.inputs, __h.paints]")
    found = []
    for step, at in inputs:
        hits = [
            when for shown, when in paints if when > at and (shown == step or (not exact and shown >= step))
        ]
        if hits:
            found.append(min(hits) - at)
    if len(found) < len(inputs) * 0.9:
        raise RuntimeError(f"only {len(found)} of {len(inputs)} inputs were painted")
    return found


if __name__ == "__main__":
    main()
