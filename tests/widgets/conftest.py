import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from explorer.widgets import scrub


@pytest.fixture
def cell():
    """``ex.scrub`` with a small run; whatever it opened is closed again."""
    opened = []

    def shown(thing="two_moons", *others, **choices):
        if isinstance(thing, str):
            choices = {"n": 64, "steps": 4} | choices
        opened.append(scrub(thing, *others, **choices))
        return opened[-1]

    yield shown
    for view in opened:
        view.close()
