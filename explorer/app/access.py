"""Who may open a page: everybody on this machine, or whoever has the link with the token.

The token comes in the link that the server prints, is exchanged for a cookie that no script can read, and leaves the
address bar at once. It holds until the server stops; a restarted server has another.
"""

import secrets
from collections.abc import Callable
from typing import Any

from bokeh.server.auth_provider import AuthProvider
from tornado.web import RequestHandler

ARGUMENT = "token"
SENTENCE = "This dashboard asks for the link that it printed when it was started; open that link once in this browser."


class Refused(RequestHandler):
    """Says that a link is needed."""

    def get(self) -> None:
        self.set_status(403)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(SENTENCE)


class TokenAccess(AuthProvider):
    """Demands a cookie for page and socket; the token in a link earns one."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(24)
        self._earned = secrets.token_urlsafe(24)
        super().__init__()

    @property
    def get_user(self) -> Callable[[Any], Any]:
        return self._user

    def _user(self, handler: RequestHandler) -> str | None:
        cookie = handler.get_cookie(self.cookie_name(handler), "") or ""
        return "visitor" if secrets.compare_digest(cookie.encode(), self._earned.encode()) else None

    @property
    def login_url(self) -> str:
        return "/refused"

    @property
    def get_login_url(self) -> None:
        return None

    @property
    def login_handler(self) -> type[RequestHandler]:
        return Refused

    @property
    def logout_url(self) -> None:
        return None

    @property
    def logout_handler(self) -> None:
        return None

    @property
    def get_user_async(self) -> None:
        return None

    def welcome(self, handler: RequestHandler) -> bool:
        """Exchange a token in the link for the cookie, and go on without it; whether that was done."""
        given = handler.get_query_argument(ARGUMENT, None)
        if given is None or not secrets.compare_digest(given.encode(), self.token.encode()):
            return False
        handler.set_cookie(self.cookie_name(handler), self._earned, httponly=True, samesite="Lax", path="/")
        handler.redirect("/")
        return True

    @staticmethod
    def cookie_name(handler: RequestHandler) -> str:
        """Cookies know no port: two dashboards of one machine must not overwrite each other's."""
        return f"explorer-{handler.request.host.rpartition(':')[2]}"
