"""The run that the stage benchmark shows, on the stage and on its peer."""

from functools import cache
from pathlib import Path

import explorer as ex
from explorer.export import export_html
from explorer.labs.scrub import ScrubState

STEPS = 100


@cache
def run(n: int):
    """101 frames of two moons, first-order, from seed 0."""
    field = ex.target("two_moons").field("linear")
    return ex.record(field, sampler="euler", steps=STEPS, n=n, seed=0)


def page(folder: Path) -> Path:
    """The stage as one file, with the very same run."""
    return export_html(ScrubState(sampler="euler", steps=STEPS, n=2000, seed=0), folder / "stage.html")
