"""The last line of the cell: what the run cost, cancel, the recipe, the offline page; and the cell's style."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

FOLDER = Path(__file__).parent / "browser"


class Foot(anywidget.AnyWidget):
    """`facts` says all that is written; `asked` comes back as "cancel 3"; `file` goes out when `file_name` names it."""

    _esm = (FOLDER / "foot.js").read_text("utf-8")
    _css = (FOLDER / "scrub.css").read_text("utf-8")

    facts = traitlets.Unicode("{}").tag(sync=True)
    asked = traitlets.Unicode("").tag(sync=True)
    file = traitlets.Bytes(b"").tag(sync=True)
    file_name = traitlets.Unicode("").tag(sync=True)

    def __init__(self, acts: dict[str, Callable[[], None]]):
        super().__init__()
        self._acts, self._files = acts, 0
        self.add_class("ex-foot")
        self.observe(self._hear, "asked")

    def tell(self, **facts: Any) -> None:
        """Write the line: ``line``, ``running``, ``can_export`` and ``recipe``."""
        self.facts = json.dumps(facts)

    def give(self, name: str, data: bytes) -> None:
        """Have the browser save a file."""
        self._files += 1
        self.file = data
        self.file_name = f"{self._files} {name}"  # the same file is asked for twice
        self.file = b""

    def _hear(self, change: dict[str, Any]) -> None:
        act = self._acts.get(str(change["new"]).split(" ")[0])
        if act is not None:
            act()
