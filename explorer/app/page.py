"""The page of one visitor: rail, stage and last line, tied to a `Visit`.

Callbacks never compute: they check, ask the gate and return. What comes from the gate's threads reaches the browser
on the document's own loop.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

import panel as pn

from explorer.app import files
from explorer.app.asks import asks_of
from explorer.app.foot import Foot
from explorer.app.rail import Rail, content_of
from explorer.app.stage_view import StageView
from explorer.app.visit import MINE, Visit
from explorer.labs import LABS
from explorer.labs.faults import told
from explorer.labs.gate import Gate

FOLDER = Path(__file__).parent / "browser"
PUMP_EVERY = 0.02
"""Seconds between two messages of a run to a browser; more would not be seen."""
RECEIPT = 0.002
"""Seconds in which the browser's message is receipted. An answer that is ready sooner waits 10 ms for its turn."""
FILES = ThreadPoolExecutor(max_workers=1, thread_name_prefix="explorer-files")
"""Files for the person are made here, one at a time, off the loop that serves the pages."""


VISITS: WeakKeyDictionary[Any, Visit] = WeakKeyDictionary()
"""Whose document is whose: a socket that closes ends its visitor's run long before the session goes."""


class Page:
    """Ties one visit to its three components."""

    def __init__(self, visit: Visit, document: Any = None):
        self.visit, self._document = visit, document
        room: dict[str, Any] = {"sizing_mode": "stretch_both", "margin": 0}
        self.rail, self.foot = Rail(**room), Foot(**room)
        self.stage = StageView(visit.feed, **room)
        self._is_loaded, self._is_due, self._pumped = False, False, 0.0
        self._answered = {"rail": 0, "foot": 0}
        self._said: dict[str, int] = {}
        visit.news = self.pump_soon
        visit.begin()
        self.write()
        self.rail.param.watch(self._heard(self._choose), "asked")
        self.foot.param.watch(self._heard(self._act), "asked")
        self.foot.param.watch(self._heard(self._open), "upload")
        self.stage.param.watch(self._heard(lambda text: visit.pick(text)), "picked")
        self.stage.param.watch(self._heard(self._move, again=False), "cursor")

    # --- from the gate to the browser ---

    def pump_soon(self) -> None:
        """Something is new; from any thread. Many news become one message.

        Before the page is loaded its document has no session to hear of it; `loaded` brings all that came by then.
        """
        if self._is_loaded and not self._is_due:
            self._is_due = True
            self._document.add_next_tick_callback(self._pump_paced)

    def loaded(self) -> None:
        """The browser has the page: from now on news go out as they come."""
        self._is_loaded = True
        self._pump()

    def _pump_paced(self) -> None:
        if not self._is_due:  # it went out with the answer to a choice
            return
        early = self._pumped + PUMP_EVERY - time.monotonic()
        if early > 0:
            self._document.add_timeout_callback(self._pump, 1 + int(1000 * early))
        else:
            self._pump()

    def _pump(self, again: bool = False) -> None:
        self._is_due, self._pumped = False, time.monotonic()
        self.stage.pump()
        self.write(again)

    def write(self, again: bool = False) -> None:
        """Say on rail and last line what holds now; equal texts send nothing.

        After a choice it is said ``again``, even where nothing changed: the browser already shows what was refused.
        """
        if again:
            self._said = {"said": time.monotonic_ns()}
        stamp = self._said
        answered = {"answered": self._answered["rail"]}
        self.rail.content = json.dumps(content_of(self.visit) | answered | stamp)
        self.foot.facts = json.dumps(self.visit.facts() | stamp)
        self.stage.layers = json.dumps(self.visit.layers)

    # --- from the browser to the visit ---

    def _heard(self, act: Callable[[Any], Any], again: bool = True) -> Callable[[Any], Any]:
        """Whatever goes wrong becomes a note; the page goes on and shows what holds."""

        async def heard(event: Any) -> None:
            await asyncio.sleep(RECEIPT)
            try:
                answer = act(event.new)
                if asyncio.iscoroutine(answer):
                    await answer
            except ValueError as fault:
                self.visit.say(str(fault))
            except Exception as fault:  # shown to the person with an id; the log has the rest
                self.visit.say(told(fault))
            # All that is new in one message, so that the browser lays the page out and paints it once. Only here, where
            # the browser has just spoken: what is held while a session is still being connected is dropped.
            with pn.io.hold(self._document):
                self._pump(again)

        return heard

    def _choose(self, text: str) -> None:
        for asked in self._new_asks("rail", text):
            try:
                self._choose_one(asked)
            except ValueError as fault:  # the next of them may be sound
                self.visit.say(str(fault))

    def _choose_one(self, asked: Mapping[str, Any]) -> None:
        name, value = str(asked.get("name"))[:80], asked.get("value")
        match asked.get("what"):
            case "choose":
                self.visit.choose(name, value)
            case "roll":
                self.visit.roll(name)
            case "layer":
                self.visit.switch_layer(name, value)
            case other:
                raise ValueError(f"the controls do not know {str(other)[:40]!r}; reload the page")

    async def _act(self, text: str) -> None:
        for asked in self._new_asks("foot", text):
            match asked.get("what"):
                case "cancel":
                    self.visit.cancel()
                case "save":
                    await self._give(files.saved, self.visit)
                case "export":
                    await self._give(files.exported, self.visit, str(asked.get("theme")))
                case other:
                    raise ValueError(f"the page does not know {str(other)[:40]!r}; reload it")

    def _new_asks(self, part: str, text: str) -> list[Mapping[str, Any]]:
        asks = asks_of(text, self._answered[part])
        if asks:
            self._answered[part] = asks[-1]["n"]
        return asks

    async def _give(self, make: Callable[..., list[files.File]], *given: Any) -> None:
        for file in await asyncio.get_running_loop().run_in_executor(FILES, make, *given):
            self.foot.file = file.data
            facts = {"name": file.name, "kind": file.kind, "n": time.monotonic_ns()}
            self.foot.file_facts = json.dumps(facts)

    async def _open(self, data: bytes) -> None:
        if data:
            self.foot.upload = b""
            self.visit.open_run(await asyncio.get_running_loop().run_in_executor(FILES, files.run_of, data))

    def _move(self, share: object) -> None:
        self.visit.move(share)


def template_of(page: Page) -> pn.Template:
    """The frame of the page with its three parts in their places."""
    texts = {name: (FOLDER / name).read_text("utf-8") for name in ("page.html", "page.css", "page.js")}
    template = pn.Template(texts["page.html"])
    template.add_variable("page_css", texts["page.css"])
    template.add_variable("page_js", f'(() => {{ "use strict";\n{texts["page.js"]}\n}})();')
    template.add_variable("tabs", _tabs(page.visit.lab.name))
    for name in ("rail", "stage", "foot"):
        template.add_panel(name, getattr(page, name))
    return template


def _tabs(here: str) -> list[dict[str, Any]]:
    """The labs of the head; the page's script keeps their links up to the state."""
    return [
        {"name": name, "label": lab.label, "href": f"?{urlencode({'lab': name})}", "is_here": name == here}
        for name, lab in LABS.items()
    ]


def build(gate: Gate, device: str) -> pn.Template:
    """A fresh page for whoever opened the document."""
    document = pn.state.curdoc
    request = getattr(getattr(document, "session_context", None), "request", None)
    query = query_of(request.arguments if request is not None else {})
    mine = query.pop(MINE, "")
    lab = LABS.get(query.get("lab", "")) or next(iter(LABS.values()))
    visit = Visit(lab, gate, device, urlencode(query), mine=mine)
    page = Page(visit, document)
    if document is not None and document.session_context is not None:
        document.on_session_destroyed(lambda context: visit.leave())
        VISITS[document] = visit
        pn.state.onload(page.loaded)
    return template_of(page)


def query_of(arguments: Mapping[str, list[bytes]]) -> dict[str, str]:
    """What the request's query said, the last word for each name."""
    return {name: values[-1].decode("utf-8", "replace") for name, values in arguments.items() if values}
