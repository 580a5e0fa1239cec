"""What a person takes away or brings back: a saved run, an offline page."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from explorer.app.visit import Visit
from explorer.labs.known import Trajectory
from explorer.stage import to_html

LARGEST = 20_000_000
"""Bytes of a saved run that is opened."""


@dataclass(frozen=True)
class File:
    """Bytes with a name and a media type."""

    name: str
    data: bytes
    kind: str


def exported(visit: Visit, theme: str) -> list[File]:
    """The picture as one HTML file that scrubs with no server."""
    theme = theme if theme in ("light", "dark") else "auto"
    chips = list(visit.lab.layers)
    text = to_html(visit.feed, cursor=visit.share, theme=theme, layers=visit.layers, chips=chips)
    return [File(f"{_name(visit)}.html", text.encode(), "text/html")]


def saved(visit: Visit) -> list[File]:
    """Every pane's run as a .safetensors file."""
    if visit.done is None:
        raise ValueError("there is no finished run to save; wait for it and try again")
    runs = visit.lab.runs(visit.done.record)
    if not runs:
        raise ValueError("this picture holds no run to save; export it as a page, or choose a view with runs")
    return [_saved(run, f"{_name(visit)}{f'_{k}' if len(runs) > 1 else ''}") for k, run in enumerate(runs, 1)]


def _saved(run: Trajectory, name: str) -> File:
    with tempfile.TemporaryDirectory(prefix="explorer-") as folder:
        file = run.save(Path(folder) / "run.safetensors")
        return File(f"{name}.safetensors", file.read_bytes(), "application/octet-stream")


def run_of(data: bytes) -> Trajectory:
    """The run in the bytes of a file that a person chose.

    Raises:
        ValueError: for too many bytes, or bytes that are no whole run of this project.
    """
    if len(data) > LARGEST:
        raise ValueError(
            f"a saved run may have {LARGEST // 10**6} MB, this one has {len(data) / 1e6:.1f} MB; "
            "save it with fewer samples or steps"
        )
    with tempfile.TemporaryDirectory(prefix="explorer-") as folder:
        file = Path(folder) / "this file"
        file.write_bytes(data)
        return Trajectory.load(file)


def _name(visit: Visit) -> str:
    if visit.is_opened:
        return "run"
    state = visit.state
    parts = [getattr(state, part) for part in ("target", "sampler", "steps") if hasattr(state, part)]
    return (
        "_".join(str(part).replace("/", "-").replace(":", "-").replace("+", "p") for part in parts)
        or visit.lab.name
    )
