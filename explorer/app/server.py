"""The dashboard's server, in one tested preset: loopback, exact origins, signed sessions, no other page.

Start it with `serve`; whatever it prints is meant for the person who started it.
"""

import errno
import logging
import secrets
import signal
import socket
import threading
import time
import webbrowser
from dataclasses import dataclass
from typing import Any

from panel.io.server import get_server

from explorer.app.access import ARGUMENT, Refused, TokenAccess
from explorer.app.doors import Nothing, PageDoor, SocketDoor
from explorer.app.page import build
from explorer.labs import LABS, AbstractLab
from explorer.labs.gate import BATCH, Gate
from explorer.labs.kept import content_key
from explorer.labs.shelf import Shelf

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost")
EVERYWHERE = ("0.0.0.0",)
MOST_VISITORS = 300
LARGEST_MESSAGE = 20 * 2**20
WARM_FOR = 20.0
"""Seconds that the first picture may take before the server opens without it."""


@dataclass
class Served:
    """A server that listens, and what it takes to end it."""

    server: Any
    gate: Gate
    url: str

    def close(self) -> None:
        """Stop listening, end the sessions and the lanes."""
        self.gate.close()
        self.server.stop(wait=False)


def listen(
    host: str = "127.0.0.1",
    port: int = 5006,
    device: str = "cpu",
    *,
    warm: bool = True,
    most_visitors: int = MOST_VISITORS,
) -> Served:
    """Bind and prepare everything; nothing is answered before the loop runs.

    Raises:
        ValueError: when the port is taken or the host is not one of this machine's.
    """
    if ":" in host or not host:
        raise ValueError(f"`--host` must be an IPv4 address or a name, such as 0.0.0.0; got {host[:60]!r}")
    port = port or free_port(host)
    check_port(host, port)
    gate = Gate().start()
    if warm:
        warm_up(gate, device)
    access = None if host in LOOPBACK else TokenAccess()
    server = get_server(
        {"/": lambda: build(gate, device)},
        address="127.0.0.1" if host in LOOPBACK else host,
        port=port,
        location=False,
        warm=warm,
        admin=False,
        title="Sampler Explorer",
        **_preset(host, port, access),
    )
    _put_doors(server, most_visitors)
    query = f"?{ARGUMENT}={access.token}" if access else ""
    return Served(server, gate, f"http://{own_address() if host in EVERYWHERE else host}:{port}/{query}")


def _preset(host: str, port: int, access: TokenAccess | None) -> dict[str, Any]:
    return {
        "websocket_origin": [f"{name}:{port}" for name in names_of(host)],
        "sign_sessions": True,
        "secret_key": secrets.token_bytes(32),
        "cookie_secret": secrets.token_hex(32),
        "xsrf_cookies": True,
        "include_headers": [],
        "include_cookies": [],
        "session_token_expiration": 300,
        "unused_session_lifetime_milliseconds": 15_000,
        "check_unused_sessions_milliseconds": 5_000,
        "websocket_max_message_size": LARGEST_MESSAGE,
        "http_server_kwargs": {"max_body_size": 2**16},
        **({"auth_provider": access} if access else {}),
    }


def _put_doors(server: Any, most: int) -> None:
    """Our handlers come before the library's; of those only the static files and the icon stay in reach."""
    tornado = server._tornado  # the library has no public way to add handlers
    context = {"application_context": tornado._applications["/"], "bokeh_websocket_path": "/ws"}
    tornado.add_handlers(
        r".*",
        [
            (r"/?", PageDoor, {**context, "most": most}),
            (r"/ws", SocketDoor, context),
            (r"/refused", Refused),
            (r"/(?!static/|favicon\.ico$).*", Nothing),
        ],
    )


def warm_up(gate: Gate, device: str) -> None:
    """Have every lab's first picture computed, and wait for the one that the first visitor finds there.

    Those of the other labs come after it; who opens one of them before it is whole sees it as it comes.
    """
    first, *others = LABS.values()
    _warm(gate, first, device).wait(WARM_FOR)
    for lab in others:
        _warm(gate, lab, device)


def _warm(gate: Gate, lab: AbstractLab, device: str) -> threading.Event:
    """Have a lab's first picture computed; what is set at its end."""
    shelf, ended = Shelf(), threading.Event()
    state = lab.initial()
    make = _first(lab, state, shelf, device, ended)
    key = content_key(lab.key(state, shelf), device)
    gate.ask("warm", key, make, lambda event: None, channel=lab.name, lane=BATCH)
    return ended


def _first(lab: AbstractLab, state: Any, shelf: Shelf, device: str, ended: threading.Event) -> Any:
    def make(stop: Any) -> Any:
        try:
            yield from lab.events(state, shelf, device, stop)
        finally:
            ended.set()

    return make


def names_of(host: str) -> list[str]:
    """The names under which a browser may reach the server."""
    if host in LOOPBACK:
        return list(LOOPBACK)
    if host not in EVERYWHERE:
        return [host.lower()]
    return [*LOOPBACK, socket.gethostname().lower(), own_address()]


def own_address() -> str:
    """The address of this machine in its own network; loopback where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # chooses a route, sends nothing
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def check_port(host: str, port: int) -> None:
    """Raises ValueError with a port that is free, when this one is not."""
    try:
        _bind(host, port)
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE:
            other = next((p for p in range(port + 1, port + 50) if _is_free(host, p)), 0)
            raise ValueError(
                f"port {port} is in use, perhaps by another dashboard; "
                f"try `sampler-explorer serve --port {other}`"
            ) from None
        raise ValueError(
            f"cannot listen on {host}:{port} ({fault.strerror or fault}); "
            "give an address of this machine and a port from 1024 to 65535"
        ) from None


def free_port(host: str) -> int:
    """A port that nobody listens on."""
    try:
        return _bind(host, 0)
    except OSError as fault:
        raise ValueError(
            f"cannot listen on {host} ({fault.strerror or fault}); give an address of this machine"
        ) from None


def _is_free(host: str, port: int) -> bool:
    try:
        return bool(_bind(host, port))
    except OSError:
        return False


def _bind(host: str, port: int) -> int:
    with socket.socket(socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])


def serve(
    host: str = "127.0.0.1", port: int = 5006, show: bool = True, device: str = "cpu", warm: bool = True
) -> None:
    """Serve the dashboard until Ctrl-C or SIGTERM, and say so."""
    begun = time.monotonic()
    print("Sampler Explorer: computing the first picture", flush=True)
    served = listen(host, port, device, warm=warm)
    loop = served.server.io_loop
    for end in (signal.SIGINT, signal.SIGTERM):  # before anybody is told that it is there to be stopped
        signal.signal(end, lambda *_: loop.add_callback_from_signal(loop.stop))
    _announce(served, host, device, time.monotonic() - begun)
    if show:
        threading.Thread(target=webbrowser.open, args=(served.url,), daemon=True).start()
    served.server.start()
    loop.start()
    served.close()
    print("\nSampler Explorer: stopped", flush=True)


def _announce(served: Served, host: str, device: str, seconds: float) -> None:
    print(f"  ready after {seconds:.1f} s on {device}: {served.url}", flush=True)
    if host in LOOPBACK:
        print("  only programs on this machine can reach it; Ctrl-C stops it", flush=True)
        return
    who = (
        "every machine that can reach this one"
        if host in EVERYWHERE
        else f"every machine that can reach {host}"
    )
    print(f"  {who} can reach it, and whoever has this link can use it; Ctrl-C stops it", flush=True)
    print("  the connection is not encrypted: use it in a network that you trust", flush=True)
