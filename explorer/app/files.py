"""What a person takes away or brings back: a saved run, an offline page."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from explorer.app.visit import Visit
from explorer.labs.base import AbstractLab
from explorer.stage import to_html

LARGEST = 20_000_000
"""Bytes of a saved run that is opened."""


@dataclass(frozen=True)
class File:
    """Bytes with a name and a media type."""

    name: str
    data: bytes
    kind: str


def exported(visit: Visit, theme: str) -> File:
    """The picture as one HTML file that scrubs with no server."""
    theme = theme if theme in ("light", "dark") else "auto"
    text = to_html(visit.feed, cursor=visit.share, theme=theme, layers=visit.layers)
    return File(f"{_name(visit)}.html", text.encode(), "text/html")


def saved(visit: Visit) -> File:
    """The first pane's run as a .safetensors file."""
    if visit.done is None:
        raise ValueError("there is no finished run to save; wait for it and try again")
    with tempfile.TemporaryDirectory(prefix="explorer-") as folder:
        file = visit.done.record.panes[0].run.save(Path(folder) / "run.safetensors")
        return File(f"{_name(visit)}.safetensors", file.read_bytes(), "application/octet-stream")


def can_open(lab: AbstractLab[Any]) -> bool:
    """Whether the lab shows runs that were saved."""
    return False


def open_run(visit: Visit, data: bytes) -> None:
    """Show a saved run."""
    if len(data) > LARGEST:
        raise ValueError(f"a saved run may have {LARGEST // 10**6} MB, this one has {len(data) / 1e6:.1f} MB")
    raise ValueError("this lab opens no saved runs")


def _name(visit: Visit) -> str:
    state = visit.state
    parts = [getattr(state, part) for part in ("target", "sampler", "steps") if hasattr(state, part)]
    return (
        "_".join(str(part).replace("/", "-").replace(":", "-").replace("+", "p") for part in parts)
        or visit.lab.name
    )
