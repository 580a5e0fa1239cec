"""The ``serve`` command."""

import argparse

DEFAULT_PORT = 5006


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to listen and what to do at the start."""
    parser.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, help="port to listen on (default %(default)s)"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default %(default)s: this machine only); with any other, a token is demanded",
    )
    parser.add_argument("--no-open", action="store_true", help="do not open the browser")
    parser.add_argument(
        "--no-warm", action="store_true", help="open at once, without the first picture computed"
    )


def run_serve(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from explorer.app.server import serve

    serve(args.host, args.port, show=not args.no_open, device=args.device, warm=not args.no_warm)
    return 0


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(
            f"a port is a whole number from 1 to 65535 (0 takes a free one); got {text!r}"
        )
    return int(text)
