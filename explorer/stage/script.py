"""The text of the one ES module, joined from its parts in `browser/`: there is no build step.

The parts share one scope and import nothing; the last one holds the only export.
"""

import json
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "browser"
PARTS = (
    "words.js",
    "blocks.js",
    "splat.js",
    "view.js",
    "images.js",
    "captions.js",
    "pane.js",
    "overlays.js",
    "axes.js",
    "reading.js",
    "chart.js",
    "charts.js",
    "numbers.js",
    "timeline.js",
    "save.js",
    "sketch.js",
    "layers.js",
    "look.js",
    "cursor.js",
    "hands.js",
    "stage.js",
)


@cache
def script() -> str:
    """Give the module's source, style sheet included."""
    style = f"const STYLE = {json.dumps((FOLDER / 'stage.css').read_text('utf-8'))};"
    return "\n".join([style, *((FOLDER / part).read_text("utf-8") for part in PARTS)])
