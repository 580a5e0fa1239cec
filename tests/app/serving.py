"""Real servers on loopback, each in a process of its own, and a client that speaks Bokeh's protocol by hand."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

COMMAND = "import sys; from explorer.cli import main; sys.exit(main(sys.argv[1:]))"


@dataclass
class Server:
    """A `serve` command that is running."""

    process: subprocess.Popen
    url: str
    said: list[str] = field(default_factory=list)

    @property
    def port(self):
        return int(re.search(r":(\d+)/", self.url)[1])

    @property
    def root(self):
        return self.url.split("?")[0]

    def get(self, path="", **headers):
        """Status, headers and text of a request that follows no redirect."""
        request = urllib.request.Request(self.root + path, headers=headers)
        opener = urllib.request.build_opener(_Stay)
        try:
            with opener.open(request, timeout=20) as answer:
                return answer.status, answer.headers, answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as fault:
            with fault:
                return fault.code, fault.headers, fault.read().decode("utf-8", "replace")

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(15)
        finally:
            self.process.kill()
            self.process.stdout.close()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def started(*arguments, code=COMMAND, port=0):
    """Start `serve` and wait until it is ready."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            code,
            "serve",
            "--no-open",
            "--device",
            "cpu",
            "--port",
            str(port),
            *arguments,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
        cwd=Path(__file__).parents[2],
    )
    said = []
    for line in process.stdout:
        said.append(line)
        if "ready after" in line:
            server = Server(process, re.search(r"http\S+", line)[0], said)
            threading.Thread(target=lambda: said.extend(process.stdout), daemon=True).start()
            return server
    process.wait(5)
    process.stdout.close()
    raise RuntimeError("".join(said))


def token_of(page):
    """The session's token in the text of a page."""
    return re.search(r'"token":"([^"]+)"', page)[1]


def frames_of(kind, content, msgid="1"):
    """The three text frames of one message."""
    return [
        json.dumps({"msgid": msgid, "msgtype": kind}),
        "{}",
        content if isinstance(content, str) else json.dumps(content),
    ]
