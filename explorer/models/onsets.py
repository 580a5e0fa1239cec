"""The shipped table of onsets: nine nets, several seeds, three stages, four directions, made by one command.

``python -m benchmarks.onset --write`` trains every net from scratch and writes it again.
"""

from functools import cache
from pathlib import Path

from explorer.maths.softmax.experiments.onset import OnsetTable, table_from_text

FILE = Path(__file__).parent / "onsets.json"


@cache
def shipped_onsets() -> OnsetTable:
    """Of how many curves each size of step fails, by stage, direction and criterion."""
    return table_from_text(FILE.read_text())
