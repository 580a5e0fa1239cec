"""``sampler-explorer``: serve the dashboard, train the shipped networks, export a run as one HTML file."""

import argparse
import sys
from collections.abc import Sequence

from explorer import __version__

DEVICES = ("auto", "cpu", "cuda")
EXAMPLES = """\
examples:
  sampler-explorer serve                                    open the dashboard in the browser
  sampler-explorer export two_moons run.html --sampler euler --steps 10
  sampler-explorer export rings bend.html --lab curvature   the same of another lab
  sampler-explorer train two_moons --path linear            train a shipped network again
  sampler-explorer train spirals/mean_flow                  make a student of one
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status. What a person can mend is one sentence, never a traceback."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        args = _parser(arguments).parse_args(arguments)
        args.device = _device(args.device)
        return args.run(args) or 0
    except ValueError as fault:
        print(f"sampler-explorer: {fault}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sampler-explorer",
        description="A live explorer of diffusion and flow samplers.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"sampler-explorer {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="serve | train | export")
    for name, about, add in (
        ("serve", "serve the dashboard on this machine and open it", _add_serve),
        ("train", "train a network on a target, with a progress bar; goes on after an interrupt", _add_train),
        ("export", "write one run as an HTML file that scrubs with no server and no network", _add_export),
    ):
        command = commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
        command.add_argument(
            "--device",
            choices=DEVICES,
            default="auto",
            help="where models run; auto takes CUDA when it is there",
        )
        if name in arguments:  # the options of the others would import torch for nothing
            add(command, arguments)
    return parser


def _device(name: str) -> str:
    import torch

    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise ValueError("`--device cuda` needs a CUDA device and a CUDA build of torch; use `--device cpu`")
    return ("cuda" if there else "cpu") if name == "auto" else name


def _add_serve(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    from explorer.app.command import add_serve_arguments, run_serve

    add_serve_arguments(parser)
    parser.set_defaults(run=run_serve)


def _add_train(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    from explorer.models.train_command import add_train_arguments, run_train_command

    add_train_arguments(parser)
    parser.set_defaults(run=run_train_command)


def _add_export(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    from explorer.export import add_export_arguments, run_export

    add_export_arguments(parser, arguments)
    parser.set_defaults(run=run_export)


if __name__ == "__main__":
    sys.exit(main())
