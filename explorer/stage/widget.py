"""The stage in a notebook cell: an anywidget that answers `ready` and sends what its feed has got."""

import json
import threading
from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from explorer.stage.feed import Feed
from explorer.stage.script import script


class Stage(anywidget.AnyWidget):
    """The face of a `Feed` in Jupyter, `height` CSS pixels tall. The traits are described in docs/stage.md.

    The layers that `chips` names (None: all) can be switched, where the picture has them.

    `pump` may be called from the thread that runs the sampler; `watch` calls it by itself.
    """

    _esm = script()

    spec = traitlets.Unicode("{}").tag(sync=True)
    frames = traitlets.Bytes(b"").tag(sync=True)
    chunk = traitlets.Bytes(b"").tag(sync=True)
    charts = traitlets.Unicode("{}").tag(sync=True)
    ready = traitlets.Int(0).tag(sync=True)
    cursor = traitlets.Float(0.0).tag(sync=True)
    picked = traitlets.Unicode("").tag(sync=True)
    group = traitlets.Unicode("").tag(sync=True)
    theme = traitlets.Enum(("auto", "light", "dark"), "auto").tag(sync=True)
    status = traitlets.Unicode('{"kind": "empty", "text": ""}').tag(sync=True)
    layers = traitlets.Unicode('["target", "map", "particles", "paths", "clean"]').tag(sync=True)

    def __init__(
        self,
        feed: Feed | None = None,
        *,
        height: int = 600,
        chips: Sequence[str] | None = None,
        **traits: Any,
    ) -> None:
        super().__init__(**traits)
        # A cell has no height of its own to fill, and no other place for the chips of the layers.
        self._frame = {"height": height, "layer_chips": True if chips is None else list(chips)}
        self.feed = feed or Feed()
        # The snapshot and the pieces after it must leave in the order in which they were taken.
        self._order = threading.RLock()
        self._show(self.feed.texts())
        self.feed.news()
        self.observe(self._answer, "ready")

    def pump(self) -> None:
        """Send what the feed has got since the last time. Safe from any one thread."""
        with self._order:
            self._show(self.feed.news())
            # Before the page is there a piece would be lost; `ready` will ask for everything.
            if self.ready and (fresh := self.feed.drain()):
                self.chunk = fresh

    def watch(self, thread: threading.Thread, every: float = 0.05) -> None:
        """Pump until `thread` has ended, from a thread of its own, so that the cell can return."""

        def follow() -> None:
            while thread.is_alive():
                thread.join(every)
                self.pump()
            self.pump()

        threading.Thread(target=follow, name="stage-pump", daemon=True).start()

    def _answer(self, _change: object) -> None:
        with self._order:
            self._show(self.feed.news())
            self.frames = self.feed.snapshot()

    def _show(self, texts: dict[str, str]) -> None:
        with self.hold_sync():
            for name, text in texts.items():
                framed = json.dumps(self._frame | json.loads(text)) if name == "spec" else text
                setattr(self, name, framed)

    def __repr__(self) -> str:
        """Name what is shown and nothing that changes from run to run."""
        spec = self.feed.spec if hasattr(self, "feed") else {}
        named = ": ".join(filter(None, (spec.get("title"), spec.get("subtitle"))))
        return f"Stage({named})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        sentence = f"{self!r}: run this cell again to scrub it; a saved notebook keeps no frames."
        return {**data, "text/plain": sentence}, metadata
