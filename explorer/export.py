"""One state of a lab as one HTML file, with no browser and no notebook."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from explorer.labs import LABS, AbstractLab
from explorer.labs.controls import Choice, Control, Slider
from explorer.labs.scene import Projector
from explorer.labs.shelf import Shelf
from explorer.labs.things import state_of
from explorer.maths.files import write_atomically
from explorer.maths.names import nearest
from explorer.stage.export import to_html
from explorer.stage.feed import Feed, new_run_id

FIRST = next(iter(LABS))


def export_html(state: Any, file: str | Path, device: str = "cpu") -> Path:
    """Compute a state of any lab and write it to ``file``: under 5 MB, no server, no network.

    Raises:
        ValueError: when the state names something that is not there, or the file cannot be written.
    """
    lab = next(lab for lab in LABS.values() if isinstance(state, lab.State))
    feed = Feed()
    projector = Projector(feed, new_run_id)
    for event in lab.events(state, Shelf(), device):
        projector.show(event)
    return write_atomically(Path(file), to_html(feed, layers=lab.layers_on, chips=list(lab.layers)).encode())


def add_export_arguments(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """The lab, and every control of it as an option, with its bounds and default in the help.

    Raises:
        ValueError: for a lab that is not there.
    """
    lab = _lab_in(arguments)
    parser.add_argument("target", help="a target's name, such as two_moons, or a shipped network's")
    parser.add_argument("file", type=Path, help="the HTML file to write")
    parser.add_argument(
        "--lab", default=FIRST, help=f"{', '.join(LABS)} (default {FIRST}); the options are its own"
    )
    for name, control in lab.controls.items():
        if name != "target":
            _add_control(parser, name, control, getattr(lab.initial(), name))


def _lab_in(arguments: Sequence[str]) -> AbstractLab:
    """The lab that the arguments name: which options there are depends on it."""
    alone = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    alone.add_argument("--lab", default=FIRST)
    return LABS[nearest("lab", alone.parse_known_args(list(arguments))[0].lab, LABS)]


def _add_control(parser: argparse.ArgumentParser, name: str, control: Control, default: Any) -> None:
    option, given = f"--{name.replace('_', '-')}", argparse.SUPPRESS  # what is not said is left to the lab
    if isinstance(default, bool):
        parser.add_argument(option, dest=name, action="store_true", default=given, help=control.label)
        return
    bounds = f", {control.lo:g} to {control.hi:g}" if isinstance(control, Slider) else ""
    kind = type(default) if not isinstance(control, Choice) else str
    words = f"{control.label}{bounds} (default {default})"
    parser.add_argument(option, dest=name, type=kind, default=given, help=words)


def run_export(args: argparse.Namespace) -> int:
    """The ``export`` command."""
    lab = LABS[args.lab]
    chosen = {name: value for name, value in vars(args).items() if name in lab.controls and name != "target"}
    state = state_of(lab, Shelf(), (args.target,), chosen)
    file = export_html(state, args.file, args.device)
    print(f"{file}: {file.stat().st_size / 1e6:.2f} MB; open it in any browser")
    return 0
