"""What one stage shows: the spec, every block so far, and how far they have been sent.

One writer (a run) and one reader (a face: the notebook widget, the dashboard view, the export) may live
in different threads. Only the reader asks for `snapshot` and `drain`, and what one has handed out the
other does not hand out again, so nothing falls between the two.
"""

import itertools
import json
import math
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from explorer.stage.blocks import HEAD, IMAGE_KINDS, KINDS, POINT_KINDS, VALUE_KINDS, kind_number, pack

LIMIT = 32 * 2**20  # bytes of one run, all layers together
STATUS_KINDS = ("empty", "running", "done", "cancelled", "diverged", "failed")
_run_ids = itertools.count(1)


def new_run_id() -> int:
    """Give a run id that this process has not used: a page must never see one twice."""
    return next(_run_ids)


class Feed:
    """The blocks and texts of one stage. Safe between one writing and one reading thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts = {"spec": "{}", "charts": "{}", "status": _json({"kind": "empty", "text": ""})}
        self._unsent: set[str] = set()
        self._older: list[bytes] = []
        self._blocks: list[bytes] = []
        self._sent = 0
        self._drawable = False
        self._planned: dict[tuple[int, int], int] = {}

    def begin(self, spec: Mapping[str, Any]) -> None:
        """Start a new generation of runs shown as `spec` says.

        The generation before stays until the first state of this one is added; older ones go.
        """
        text = _json(spec)
        with self._lock:
            if self._drawable:
                self._older = self._blocks
            else:
                # What never became a picture is not worth keeping, but the picture before it is.
                self._sent = min(self._sent, len(self._older))
            self._blocks, self._drawable, self._planned = [], False, {}
            self._set("spec", text)

    def amend(self, **changes: Any) -> None:
        """Change entries of the spec (a launched run, a note) within this generation."""
        with self._lock:
            self._set("spec", _json({**json.loads(self._texts["spec"]), **changes}))

    def add(
        self,
        kind: int | str,
        run: int,
        first: int,
        total: int,
        array: np.ndarray,
        *,
        box: Sequence[float] | None = None,
        quantise: bool = False,
    ) -> None:
        """Append frames `first .. first + count` of `total`; `array` [count, n, dims].

        Raises ValueError for a malformed block, or when the whole run would pass 32 MB.
        """
        number = kind_number(kind)
        block = pack(number, run, first, total, array, box=box, quantise=quantise)
        with self._lock:
            self._plan(number, run, total * math.prod(array.shape[1:]), quantise)
            if number in VALUE_KINDS:
                self._drop_replaced(block)
            self._blocks.append(block)
            if number == KINDS["state"] or number in IMAGE_KINDS:
                self._drop_older()

    def snapshot(self) -> bytes:
        """Give every block kept, and count them all as sent."""
        with self._lock:
            self._sent = len(self._older) + len(self._blocks)
            return b"".join(self._older + self._blocks)

    def drain(self) -> bytes | None:
        """Give the blocks not handed out yet, or None when there are none."""
        with self._lock:
            kept = self._older + self._blocks
            fresh, self._sent = kept[self._sent :], len(kept)
            return b"".join(fresh) if fresh else None

    def news(self) -> dict[str, str]:
        """Give the texts (spec, charts, status) that changed since the last call."""
        with self._lock:
            fresh = {name: text for name, text in self._texts.items() if name in self._unsent}
            self._unsent.clear()
            return fresh

    def texts(self) -> dict[str, str]:
        """Give all three texts, as JSON."""
        with self._lock:
            return dict(self._texts)

    def blocks(self) -> list[bytes]:
        """Give the blocks of the newest generation, without counting them as sent."""
        with self._lock:
            return list(self._blocks)

    @property
    def spec(self) -> dict[str, Any]:
        """What is on screen (a copy; change it by `begin` or `amend`)."""
        return json.loads(self.texts()["spec"])

    @property
    def charts(self) -> dict[str, Any]:
        """Charts and numbers (a copy); assign to replace them whole."""
        return json.loads(self.texts()["charts"])

    @charts.setter
    def charts(self, value: Mapping[str, Any]) -> None:
        with self._lock:
            self._set("charts", _json(value))

    @property
    def status(self) -> dict[str, Any]:
        """How the run is doing (a copy); assign to replace it."""
        return json.loads(self.texts()["status"])

    @status.setter
    def status(self, value: Mapping[str, Any]) -> None:
        if value.get("kind") not in STATUS_KINDS:
            raise ValueError(
                f"`status` must have a kind of {', '.join(STATUS_KINDS)}, got {value.get('kind')!r}."
            )
        with self._lock:
            self._set("status", _json(value))

    def _set(self, name: str, text: str) -> None:
        if self._texts[name] != text:
            self._texts[name] = text
            self._unsent.add(name)

    def _plan(self, kind: int, run: int, values: int, quantise: bool) -> None:
        size = 1 if kind in IMAGE_KINDS else 2 if quantise and kind in POINT_KINDS else 4
        planned = {**self._planned, (run, kind): values * size}
        whole = sum(bytes_ for (owner, _), bytes_ in planned.items() if owner == run)
        if whole > LIMIT:
            raise ValueError(
                f"a run on the stage must stay within {LIMIT / 2**20:.0f} MB, run {run} would need "
                f"{whole / 2**20:.0f} MB; show fewer particles, fewer frames or fewer layers."
            )
        self._planned = planned

    def _drop_replaced(self, block: bytes) -> None:
        """Values along places that stay take the place of those before them; so does a map of another grain."""
        for i in reversed(range(len(self._blocks))):
            if _replaces(block, self._blocks[i]):
                del self._blocks[i]
                self._sent -= len(self._older) + i < self._sent

    def _drop_older(self) -> None:
        self._drawable = True
        self._sent = max(0, self._sent - len(self._older))
        self._older = []


def _replaces(block: bytes, old: bytes) -> bool:
    if old[: HEAD.size] == block[: HEAD.size]:
        return True
    _, run, _, _, _, n, _, kind, *_ = HEAD.unpack_from(block)
    _, old_run, _, _, _, old_n, _, old_kind, *_ = HEAD.unpack_from(old)
    return kind == old_kind == KINDS["heat"] and run == old_run and n != old_n


def _json(value: Mapping[str, Any]) -> str:
    try:  # most are plain already, and to find out by writing them costs a tenth of making them so
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """Make `value` what JSON can say: numpy becomes lists and numbers, and what is not finite null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
