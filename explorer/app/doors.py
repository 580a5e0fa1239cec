"""The two doors of the server, page and socket, and the wall around them.

Bokeh's socket trusts what it hears; ours hears only the few things that the page says, and its replies carry no
traceback. All other addresses but the library's own static files are refused.
"""

import logging
from typing import Any

from panel.io.server import DocHandler, WSHandler
from tornado.web import RequestHandler

from explorer.app.access import TokenAccess
from explorer.app.page import VISITS

log = logging.getLogger(__name__)

MESSAGES = ("PATCH-DOC", "PULL-DOC-REQ", "SERVER-INFO-REQ")
HEARD = {"asked": str, "ready": int, "cursor": int | float, "picked": str, "layers": str, "upload": object}
"""What a page may set, of which type; everything else is Python's to say."""
SAID = ("document_ready", "connection_lost", "client_reconnected")
BUSY = "This dashboard has as many visitors as it may have ({most}). Close a page that is not needed, then try again."
UNHEARD = "this message is not one that the page sends; reload the page"
FAILED = "the server could not take this message; reload the page"
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws://{host} wss://{host} blob: data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'"
)


def _is_host(handler: RequestHandler) -> bool:
    """Whether the page was asked for by a name of this server: another name may be a rebound one."""
    return handler.request.host.lower() in handler.application.websocket_origins  # type: ignore[attr-defined] # Bokeh adds it


class PageDoor(DocHandler):
    """The page, for known hosts, with a limit on visitors and strict headers."""

    def initialize(self, *args: Any, most: int = 300, **kw: Any) -> None:
        self.most = most

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", POLICY.format(host=self.request.host.replace(";", "")))
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Server", "explorer")

    async def prepare(self) -> None:
        if not _is_host(self):
            self._refuse(403, "This dashboard is not served under this name.")
            return
        access = self.application.auth_provider
        if isinstance(access, TokenAccess) and access.welcome(self):
            return
        await super().prepare()

    async def get(self, *args: Any, **kwargs: Any) -> None:
        if len(list(self.application_context.sessions)) >= self.most:
            self._refuse(503, BUSY.format(most=self.most))
            return
        await super().get(*args, **kwargs)  # type: ignore[misc] # a coroutine in fact

    def _refuse(self, status: int, sentence: str) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(sentence)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self._refuse(
            status_code, f"This page cannot be shown ({status_code}); open the dashboard's first page."
        )


class SocketDoor(WSHandler):
    """The socket: hears what the page says and nothing else; tells of faults, not of files."""

    async def _handle(self, message: Any) -> Any:
        if self.connection is not None and not is_heard(message):
            log.warning("refused a message of a kind that the page does not send: %s", message.msgtype)
            return self.connection.error(message, UNHEARD)
        return await super()._handle(message)

    async def send_message(self, message: Any) -> None:
        if message.msgtype == "ERROR":
            text = UNHEARD if message.content["text"] == UNHEARD else FAILED
            message = type(message)(message.header, message.metadata, {"text": text, "traceback": None})
        await super().send_message(message)

    def on_close(self) -> None:
        visit = VISITS.get(self.connection.session.document) if self.connection is not None else None
        if visit is not None:
            visit.gate.leave(visit.id)
        super().on_close()

    def _internal_error(self, message: str) -> None:
        log.error("closing a socket: %s", message)
        self.close(1011, FAILED)

    def _protocol_error(self, message: str) -> None:
        log.error("closing a socket: %s", message)
        self.close(1002, FAILED)


def is_heard(message: Any) -> bool:
    """Whether a message is one that our page sends."""
    if message.msgtype != "PATCH-DOC":
        return message.msgtype in MESSAGES
    content = message.content
    events = content.get("events") if isinstance(content, dict) else None
    return isinstance(events, list) and len(events) <= 64 and all(map(_is_heard_event, events))


def _is_heard_event(event: Any) -> bool:
    if not isinstance(event, dict):
        return False
    if event.get("kind") == "MessageSent":
        data = event.get("msg_data")
        return event.get("msg_type") == "bokeh_event" and isinstance(data, dict) and _name_of(data) in SAID
    if event.get("kind") != "ModelChanged" or not isinstance(event.get("attr"), str):
        return False
    kind = HEARD.get(event["attr"])
    new = event.get("new")
    return kind is not None and isinstance(new, kind) and not isinstance(new, bool)


def _name_of(data: dict[str, Any]) -> Any:
    values = data.get("values")
    return data.get("event_name") or data.get("name") or (values or {}).get("event_name")


class Nothing(RequestHandler):
    """Every address but the page, its socket and the library's files."""

    def prepare(self) -> None:
        self.set_status(404)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("There is nothing here; the dashboard is at the first page.")
