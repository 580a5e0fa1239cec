"""A page with more particles than an export keeps, to see how the stage's drawing scales."""

from pathlib import Path

import numpy as np

from benchmarks.pictures import run
from explorer.stage import export
from explorer.stage.feed import Feed, new_run_id


def crowd_page(folder: Path, n: int) -> Path:
    """The stage as one file with ``n`` particles at 101 moments."""
    whole, feed, number = run(n), Feed(), new_run_id()
    pane = {"label": "Euler", "note": f"{n:,} samples", "run": number, "role": "state", "axes": ["x1", "x2"]}
    box = [-3.0, -3.0, 3.0, 3.0]
    feed.begin({"version": 1, "title": "Two moons", "subtitle": "", "box": box, "panes": [pane], "paths": 60})
    ticks = whole.shares.numpy().astype(np.float32).reshape(-1, 1, 1)
    feed.add(9, number, 0, len(ticks), ticks)
    feed.add(0, number, 0, len(ticks), whole.states.numpy())
    feed.status = {"kind": "done", "text": "done"}
    kept, export.PARTICLES = export.PARTICLES, n
    limit, export.LIMIT = export.LIMIT, 10**9
    try:
        file = folder / "crowd.html"
        file.write_text(export.to_html(feed))
    finally:
        export.PARTICLES, export.LIMIT = kept, limit
    return file
