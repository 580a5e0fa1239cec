"""One state of the Scrub lab as one HTML file, with no browser and no notebook."""

import argparse
from pathlib import Path

from explorer.labs import LABS
from explorer.labs.controls import Choice, Slider
from explorer.labs.scene import Projector
from explorer.labs.scrub import ScrubState
from explorer.labs.shelf import Shelf
from explorer.maths.files import write_atomically
from explorer.stage.export import to_html
from explorer.stage.feed import Feed, new_run_id

LAYERS = ("target", "particles", "paths", "clean")


def export_html(state: ScrubState, file: str | Path, device: str = "cpu") -> Path:
    """Compute ``state`` and write it to ``file``: under 5 MB, no server, no network.

    Raises:
        ValueError: when the state names something that is not there, or the file cannot be written.
    """
    feed = Feed()
    projector = Projector(feed, new_run_id)
    for event in LABS["scrub"].events(state, Shelf(), device):
        projector.show(event)
    return write_atomically(Path(file), to_html(feed, layers=LAYERS).encode())


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """Every control of the lab as an option, with its bounds and default in the help."""
    parser.add_argument("target", help="a target's name, such as two_moons, or digits")
    parser.add_argument("file", type=Path, help="the HTML file to write")
    for name, control in LABS["scrub"].controls.items():
        if name != "target":
            _add_control(parser, name, control)


def _add_control(parser: argparse.ArgumentParser, name: str, control: object) -> None:
    option, default = f"--{name.replace('_', '-')}", getattr(ScrubState, name)
    label = getattr(control, "label", name)
    if isinstance(default, bool):
        parser.add_argument(option, dest=name, action="store_true", help=label)
        return
    bounds = f", {control.lo:g} to {control.hi:g}" if isinstance(control, Slider) else ""
    kind = type(default) if not isinstance(control, Choice) else str
    parser.add_argument(
        option, dest=name, type=kind, default=default, help=f"{label}{bounds} (default {default})"
    )


def run_export(args: argparse.Namespace) -> int:
    """The ``export`` command."""
    lab = LABS["scrub"]
    chosen = {name: getattr(args, name) for name in lab.controls}
    shelf = Shelf()
    start = vars(lab.initial()) | {"target": args.target}
    state = lab.built({**start, **{k: v for k, v in chosen.items() if v != start[k]}}, shelf, just="target")
    file = export_html(state, args.file, args.device)
    print(f"{file}: {file.stat().st_size / 1e6:.2f} MB; open it in any browser")
    return 0
