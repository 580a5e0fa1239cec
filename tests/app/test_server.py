"""The wall around the dashboard, knocked at from outside: addresses, origins, ids, tokens, paths.

Seen red once each, with one defence out: the address given to the server, its `websocket_origin`, `sign_sessions`,
`include_cookies`, the `Nothing` handler, `_is_host`, the visitors' limit, `TokenAccess`.
"""

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bokeh.util.token import get_token_payload
from serving import COMMAND, started, token_of

from explorer.app.server import check_port, names_of

pytestmark = pytest.mark.server

PATHS = re.compile(r"site-packages|File \"|/home/|/work/|\.py\b|Traceback")


def listeners(pid):
    """Hex addresses on which a process listens."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if found := re.match(r"socket:\[(\d+)\]", str(link.readlink())):
                inodes.add(found[1])
        except FileNotFoundError:
            continue
    rows = [
        row.split()
        for name in ("tcp", "tcp6")
        for row in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}


def knock(server, token, origin=None, cookie=None, host="127.0.0.1"):
    """What a socket's handshake comes to: its status, 101 where it is let in, "closed" where only just."""
    asks = {
        "Host": f"{host}:{server.port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": f"bokeh, {token}",
        **({"Origin": origin} if origin else {}),
        **({"Cookie": cookie} if cookie else {}),
    }
    with socket.create_connection((host, server.port), timeout=20) as wire, wire.makefile("rb") as heard:
        wire.sendall(
            "\r\n".join(["GET /ws HTTP/1.1", *(f"{k}: {v}" for k, v in asks.items()), "", ""]).encode()
        )
        status = int(heard.readline().split()[1])
        while heard.readline().strip():
            continue
        if status != 101:
            return status
        first = heard.read(1)
        return 101 if first == b"\x81" else "closed"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_listens_on_loopback_only(server):
    assert listeners(server.process.pid) == {"0100007F"}


def test_the_page_answers_with_strict_headers(server):
    status, headers, page = server.get()
    assert status == 200 and "Sampler Explorer" in page
    assert (
        "default-src 'self'" in headers["Content-Security-Policy"]
        and headers["Referrer-Policy"] == "no-referrer"
    )
    assert not re.search(r"https?://(?!127\.0\.0\.1|www\.w3\.org)", page), "the page names another host"


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://evil.example:{port}",
        "http://127.0.0.1:{port}.evil.example",
        "http://localhost:{port}.evil.example",
        "http://127.0.0.1.evil.example:{port}",
        "http://127.0.0.1:1",
        "null",
        "file://",
    ],
)
def test_a_foreign_origin_is_refused(server, origin):
    token = token_of(server.get()[2])
    assert knock(server, token, origin.format(port=server.port)) == 403


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_its_own_origins_are_let_in(server, name):
    assert knock(server, token_of(server.get()[2]), f"http://{name}:{server.port}") == 101


def test_a_forged_session_id_is_refused(server):
    import base64
    import json

    made_up = base64.urlsafe_b64encode(
        json.dumps({"session_id": "mine", "session_expiry": 9e9}).encode()
    ).decode()
    assert knock(server, made_up, f"http://127.0.0.1:{server.port}") in (403, "closed")
    signed = token_of(server.get()[2])
    assert knock(server, signed[:-4] + "AAAA", f"http://127.0.0.1:{server.port}") == "closed"
    for query in ("?bokeh-session-id=mine", f"?bokeh-token={made_up}"):
        assert server.get(query)[0] in (403, 500)


def test_a_rebound_name_is_refused(server):
    assert server.get(Host=f"evil.example:{server.port}")[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "admin",
        "metadata",
        "autoload.js?bokeh-autoload-element=a",
        "rest/session_info",
        "components/explorer.app.rail/Rail/_esm/rail.js",
        "static/../../../../etc/passwd",
        "static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "static/extensions/panel/../../../../../etc/passwd",
        "static/..%5c..%5cetc/passwd",
        "static/",
        "static/js/",
        "..//etc/passwd",
        "%2fetc%2fpasswd",
        "index.html",
    ],
)
def test_there_is_nothing_beside_the_page(server, path):
    status, _, text = server.get(path)
    assert status in (400, 403, 404, 405) and "root:" not in text and not PATHS.search(text)


def test_with_another_host_page_and_socket_demand_the_token():
    served = started("--host", "127.0.0.2", "--no-warm")
    try:
        assert "can reach it" in "".join(served.said) or served.said
        token = served.url.split("token=")[1]
        origin = f"http://127.0.0.2:{served.port}"
        assert len(token) >= 32
        assert served.get()[0] == 302 and "/refused" in served.get()[1]["Location"]
        assert served.get("refused")[0] == 403
        assert served.get("?token=wrong")[0] == 302 and "refused" in served.get("?token=wrong")[1]["Location"]
        status, headers, _ = served.get(f"?token={token}")
        cookie = headers["Set-Cookie"]
        assert status == 302 and headers["Location"] == "/"
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and token not in cookie
        status, _, page = served.get(Cookie=cookie.split(";")[0])
        session = token_of(page)
        carried = get_token_payload(session)
        assert status == 200 and not carried["cookies"] and not carried["headers"], (
            "scripts can read a session's token"
        )
        assert knock(served, session, origin, host="127.0.0.2") == 403, "the socket asks for the cookie too"
        assert knock(served, session, origin, cookie.split(";")[0], host="127.0.0.2") == 101
        if sys.platform == "linux":
            assert listeners(served.process.pid) == {"0200007F"}
    finally:
        served.stop()


def test_every_interface_names_every_origin_exactly():
    names = names_of("0.0.0.0")
    assert {"127.0.0.1", "localhost"} <= set(names) and not any("*" in name for name in names)
    assert names_of("localhost") == names_of("127.0.0.1") == ["127.0.0.1", "localhost"]


def test_a_port_that_is_taken_is_one_sentence_with_another():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(ValueError, match=rf"port {port} is in use.*--port \d+"):
            check_port("127.0.0.1", port)
    with pytest.raises(ValueError, match="cannot listen on"):
        check_port("192.0.2.1", 5006)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_within_seconds(how):
    served = started("--no-warm")
    begun = time.monotonic()
    assert served.stop(how) == 0
    assert time.monotonic() - begun < 8


def test_too_many_visitors_are_told_so():
    few = "import explorer.app.server as s; s.listen.__kwdefaults__['most_visitors'] = 2; "
    served = started("--no-warm", code=few + COMMAND)
    try:
        assert [served.get()[0] for _ in range(3)] == [200, 200, 503]
        assert "Close a page" in served.get()[2]
    finally:
        served.stop()


def test_the_command_refuses_a_port_that_is_none():
    ended = subprocess.run(
        [sys.executable, "-m", "explorer.cli", "serve", "--port", "99999"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 2 and "a port is a whole number" in ended.stderr
