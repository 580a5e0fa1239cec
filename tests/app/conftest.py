"""Fixtures of the dashboard's tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def server():
    """One server for a module's tests."""
    from serving import started

    running = started()
    yield running
    running.stop()
