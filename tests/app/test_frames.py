"""What a hand-made client can send past the widgets: nothing out of bounds is computed, no reply names a file.

Seen red once each: without `is_heard` in `SocketDoor._handle` a PUSH-DOC replaced the page; without its
`send_message` the refusals carried tracebacks; without `checked` in the controls 1e9 steps reached the lab.
"""

import asyncio
import itertools
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from serving import COMMAND, frames_of, started, token_of
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

pytestmark = pytest.mark.server


def run(work):
    """The result of a coroutine; on a thread of its own, since a browser test may have left a loop on this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


LOG = "EXPLORER COMPUTES "
WATCHED = f"""
import json
from explorer.labs.scrub import ScrubLab
plain, launch = ScrubLab.events, ScrubLab.launch
def events(self, state, *given):
    print({LOG!r} + json.dumps(vars(state)), flush=True)
    yield from plain(self, state, *given)
def launched(self, state, x, share, *given):
    print({LOG!r} + json.dumps({{"x": x, "share": share}}), flush=True)
    yield from launch(self, state, x, share, *given)
ScrubLab.events, ScrubLab.launch = events, launched
"""
LEAKS = re.compile(r"site-packages|File \"|Traceback|[\w-]+\.py\b|/home/|/root/|/work/|/usr/")
WILD = [
    1e9,
    -5,
    0,
    1e-9,
    2.5,
    10**400,
    "NaN",
    "1e9",
    "../../etc/passwd",
    "own:0123456789abcdef",
    "x" * 3000,
    None,
    True,
]
WILD += [
    [],
    [1],
    {},
    {"steps": 3},
    {"type": "number", "value": "nan"},
    "<script>alert(1)</script>",
    "\u202e\u0000",
]


@pytest.fixture(scope="module")
def watched():
    running = started("--no-warm", code=WATCHED + COMMAND)
    yield running
    running.stop()


READY = {
    "events": [
        {
            "kind": "MessageSent",
            "msg_type": "bokeh_event",
            "msg_data": {"type": "event", "name": "document_ready", "values": {"type": "map"}},
        }
    ]
}


class Client:
    """One session, spoken to in frames."""

    def __init__(self, server):
        self.server, self.heard = server, []

    async def open(self):
        token = token_of(self.server.get()[2])
        headers = {"Sec-WebSocket-Protocol": f"bokeh, {token}", "Origin": self.server.root.rstrip("/")}
        self.wire = await websocket_connect(
            HTTPRequest(f"ws://127.0.0.1:{self.server.port}/ws", headers=headers)
        )
        await self.message()
        await self.send("PULL-DOC-REQ", {})
        while "roots" not in (text := await self.message()):
            pass
        named = dict(_named(json.loads(text)))
        self.all_ids = sorted(named.values())
        self.rail, self.foot, self.stage = (named[name] for name in ("Rail1", "Foot1", "StageView1"))
        self.speakers = [self.rail, self.foot, self.stage]
        await self.send("PATCH-DOC", READY)  # what a page says first; before it Panel hears nothing
        return self

    async def message(self):
        text = await asyncio.wait_for(self.wire.read_message(), 20)
        if text is None:
            raise ConnectionError
        text = text if isinstance(text, str) else text.decode("latin-1")
        self.heard.append(text)
        return text

    async def send(self, kind, content):
        for frame in frames_of(kind, content):
            await self.wire.write_message(frame)

    async def settle(self, seconds=0.3):
        """Hear what there is to hear."""
        try:
            while True:
                text = await asyncio.wait_for(self.wire.read_message(), seconds)
                if text is None:
                    return
                self.heard.append(text if isinstance(text, str) else text.decode("latin-1"))
        except TimeoutError:
            return

    async def close(self):
        self.wire.close()
        await self.settle(0.5)


def _named(node):
    """Name and id of every model in a document's JSON."""
    if isinstance(node, dict):
        if "id" in node and "name" in node:
            yield node["name"], node["id"]
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from _named(part)


def changed(model, attr, new):
    return {"events": [{"kind": "ModelChanged", "model": {"id": model}, "attr": attr, "new": new}]}


def asks():
    """Texts of the rail, the foot and the stage that no page would send."""
    number = itertools.count(1)
    for name in ("steps", "n", "seed", "target", "sampler", "eta", "compare", "nothing", "__class__"):
        for value in WILD:
            yield "asked", json.dumps([{"what": "choose", "name": name, "value": value, "n": next(number)}])
    for words in WILD:
        yield "asked", json.dumps([{"what": words, "name": words, "value": words, "n": next(number)}])
        yield "asked", json.dumps(words)
        yield "picked", json.dumps({"what": "launch", "x": words, "share": 0.5, "pane": 0})
        yield "picked", json.dumps({"what": "launch", "x": [words, 0], "share": words, "pane": words})
        yield "picked", json.dumps({"what": "launch", "x": [0, 0], "share": 0.5, "pane": words})
        yield "layers", json.dumps(words)
    yield "asked", '[{"what": "choose", "name": "steps", "value": NaN, "n": 9999}]'
    yield "asked", "[" * 3000
    yield "asked", "{"


def patches(client):
    """Whole messages: known and unknown models, attributes, types and kinds of events."""
    for attr, text in asks():
        for model in client.speakers:
            yield "PATCH-DOC", changed(model, attr, text)
    for model in (*client.all_ids[:12], "p999999", "", None):
        for attr in (
            "cursor",
            "ready",
            "spec",
            "frames",
            "content",
            "facts",
            "esm",
            "data",
            "end",
            "value",
            "text",
        ):
            yield "PATCH-DOC", changed(model, attr, 1e9)
    for value in WILD:
        yield "PATCH-DOC", changed(client.speakers[0], "cursor", value)
        yield "PATCH-DOC", {"events": value}
        yield "PATCH-DOC", {"events": [{"kind": value, "model": value, "attr": value, "new": value}]}
    for kind in (
        "RootAdded",
        "RootRemoved",
        "TitleChanged",
        "ColumnDataChanged",
        "ColumnsStreamed",
        "MessageSent",
    ):
        yield "PATCH-DOC", {"events": [{"kind": kind, "title": "mine", "model": {"id": client.speakers[0]}}]}
    for kind in ("PUSH-DOC", "OK", "ERROR", "ACK", "NOTHING", "PULL-DOC-REPLY"):
        yield kind, {"doc": {"roots": [], "title": "mine", "version": "3.9.2"}}


def test_five_hundred_hostile_frames_reach_no_computation_and_no_reply_names_a_file(watched):
    sent, heard = run(_storm(watched))
    assert sent >= 500
    leaks = [text[:300] for text in heard if LEAKS.search(_without_esm(text))]
    assert not leaks, leaks[:3]
    for line in list(watched.said):
        if LOG in line:
            _check_computed(json.JSONDecoder().raw_decode(line.split(LOG)[1])[0])
    assert watched.get()[0] == 200


async def _storm(server):
    client = await Client(server).open()
    heard, sent = [], 0
    messages = list(patches(client))
    for kind, content in messages:
        try:
            await client.send(kind, content)
        except Exception:  # that session was closed, as it may be: the next one goes on
            heard += client.heard
            client = await Client(server).open()
        sent += 1
        if sent % 12 == 0:  # Panel joins what comes within 50 ms
            await asyncio.sleep(0.06)
    await client.settle(1.0)
    heard += client.heard
    assert any('"ERROR"' in text for text in heard), "some of these must have been refused"
    await client.close()
    return sent, heard


def _without_esm(text):
    """The page's own modules are sent once, as text; they are public files."""
    return re.sub(r'"esm":"(?:[^"\\]|\\.)*"', "", text)


def _check_computed(state):
    if "share" in state:
        assert 0 <= state["share"] <= 1 and len(state["x"]) == 2
        return
    assert 1 <= state["steps"] <= 200 and 16 <= state["n"] <= 20_000 and 0 <= state["seed"] < 2**32
    assert 0 <= state["eta"] <= 1 and state["target"].isidentifier()


def test_a_message_over_the_limit_closes_that_socket_and_the_server_lives(watched):
    async def go():
        client = await Client(watched).open()
        try:
            await client.wire.write_message("x" * 25_000_000)
            await client.settle(2.0)
        except Exception:
            pass
        client.wire.close()
        await asyncio.sleep(0.2)

    run(go())
    assert watched.get()[0] == 200


def test_a_page_cannot_be_replaced_nor_python_s_side_be_set(watched):
    async def go():
        client = await Client(watched).open()
        await client.send("PUSH-DOC", {"doc": {"version": "3.9.2", "title": "mine", "roots": []}})
        await client.send("PATCH-DOC", {"events": [{"kind": "TitleChanged", "title": "mine"}]})
        await client.send("PATCH-DOC", changed(client.stage, "spec", "mine"))
        await client.send("PATCH-DOC", changed(client.rail, "content", "mine"))
        await client.settle(0.5)
        await client.send("PULL-DOC-REQ", {})
        while "roots" not in (text := await client.message()):
            pass
        await client.close()
        return text, client.heard

    text, heard = run(go())
    assert "Rail1" in text and '"mine"' not in text
    assert sum('"ERROR"' in said for said in heard) == 4


def test_a_valid_choice_over_the_raw_socket_is_computed(watched):
    """The other side of the wall: what is sound goes through."""

    async def go():
        client = await Client(watched).open()
        ask = json.dumps([{"what": "choose", "name": "steps", "value": 7, "n": 1}])
        await client.send("PATCH-DOC", changed(client.rail, "asked", ask))
        await client.settle(3.0)
        await client.close()
        return client.heard

    heard = run(go())
    assert any("7 steps" in text for text in heard)
    assert any('"steps": 7' in line for line in watched.said if LOG in line)
