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
    "colours.js",
    "heat.js",
    "contours.js",
    "images.js",
    "scales.js",
    "captions.js",
    "pane.js",
    "tints.js",
    "overlays.js",
    "placing.js",
    "shapes.js",
    "relief.js",
    "surface.js",
    "onsurface.js",
    "ticks.js",
    "gauge.js",
    "axes.js",
    "reading.js",
    "names.js",
    "marks.js",
    "verticals.js",
    "chart.js",
    "numbers.js",
    "tabs.js",
    "charts.js",
    "timeline.js",
    "save.js",
    "sketch.js",
    "layers.js",
    "look.js",
    "cursor.js",
    "hands.js",
    "sentence.js",
    "stage.js",
)


@cache
def script() -> str:
    """Give the module's source, style sheet included."""
    style = f"const STYLE = {json.dumps((FOLDER / 'stage.css').read_text('utf-8'))};"
    return "\n".join([style, *((FOLDER / part).read_text("utf-8") for part in PARTS)])
