"""The headless Chromium that the benchmarks drive, and the harness that times input to painted frame."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Error, Page, sync_playwright

HARNESS = """
(() => {
  const h = { inputs: [], paints: [], inFrame: false, last: 0 };
  globalThis.__h = h;
  for (const kind of ["pointerdown", "pointermove", "mousedown", "mousemove", "keydown"])
    window.addEventListener(kind, (event) => { h.last = event.timeStamp; }, true);
  h.input = (step) => { h.inputs.push([step, h.last || performance.now()]); };
  // A message posted from inside the frame arrives after layout, paint and commit.
  const channel = new MessageChannel();
  channel.port1.onmessage = (event) => { h.paints.push([event.data, performance.now()]); };
  h.painted = (step) => channel.port2.postMessage(step);
})();
"""


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        raise SystemExit("this benchmark needs a Chromium: apt install chromium, or set CHROMIUM to its path")
    with sync_playwright() as playwright:
        args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        chromium = playwright.chromium.launch(executable_path=path, args=args)
        yield chromium
        chromium.close()


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_server(page: Page, port: int) -> None:
    """Until the loopback server answers; a minute at most."""
    for _ in range(120):
        try:
            if page.request.get(f"http://127.0.0.1:{port}/").ok:
                return
        except Error:  # nobody listens yet
            time.sleep(0.5)
    raise RuntimeError("the server did not start")


@contextmanager
def dashboard() -> Iterator[int]:
    """The port of a dashboard that serves on the loopback, in a process of its own."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "explorer.cli", "serve", "--no-open", "--port", str(port)],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield port
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=20)
