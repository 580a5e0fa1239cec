"""The stage in the dashboard: the Panel face of a `Feed`, one for each session."""

from typing import Any

import panel as pn
import param

from explorer.stage import Feed, script


class StageView(pn.custom.AnyWidgetComponent):
    """The same traits as the notebook's `Stage` (docs/stage.md), kept as Panel parameters.

    Everything that reaches the browser goes out on the document's own loop: `pump` may be called there,
    `pump_soon` from any thread.
    """

    _esm = script()

    spec = param.String("{}")
    frames = param.Bytes(b"")
    chunk = param.Bytes(b"")
    charts = param.String("{}")
    ready = param.Integer(0)
    cursor = param.Number(0.0)
    picked = param.String("")
    group = param.String("")
    theme: Any = param.Selector(default="auto", objects=["auto", "light", "dark"])
    status = param.String('{"kind": "empty", "text": ""}')
    layers = param.String('["target", "map", "particles", "paths", "clean"]')

    def __init__(self, feed: Feed | None = None, **params: Any) -> None:
        super().__init__(**params)
        self.feed = feed or Feed()
        self._document = pn.state.curdoc
        self._clock: Any = None
        self._is_connected = False
        self.param.update(**self.feed.texts())
        self.feed.news()
        self.param.watch(lambda event: self._answer(), "ready")
        if getattr(self._document, "session_context", None) is None:
            self._connected()
        else:
            pn.state.onload(self._connected)

    def pump(self) -> None:
        """Send what the feed has got since the last time; call it on the document's loop."""
        if not self._is_connected:
            return
        fresh: dict[str, Any] = self.feed.news()
        # Before the stage is there a piece would be lost; `ready` will ask for everything.
        if self.ready and (chunk := self.feed.drain()):
            fresh["chunk"] = chunk
        if fresh:
            self.param.update(**fresh)

    def pump_soon(self) -> None:
        """Ask the document's loop to pump; safe from any thread."""
        if self._document is None:
            self.pump()
        else:
            self._document.add_next_tick_callback(self.pump)

    def start(self, every: int = 50) -> None:
        """Pump every so many milliseconds until `stop`; call it on the document's loop."""
        if self._clock is None:
            self._clock = pn.state.add_periodic_callback(self.pump, period=every)

    def stop(self) -> None:
        """Stop the clock and send what is left."""
        if self._clock is not None:
            self._clock.stop()
            self._clock = None
        self.pump()

    def _connected(self) -> None:
        """The page is whole. What is said before reaches no browser, though its copy of the page is made already."""
        self._is_connected = True
        if self.ready:
            self._answer()
        else:
            self.pump()

    def _answer(self) -> None:
        """All that there is, for a stage that has just been put on the page."""
        if self._is_connected:
            self.param.update(**self.feed.news(), frames=self.feed.snapshot())
