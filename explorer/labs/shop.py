"""What was computed before and is asked for again: a change of coordinates or colour samples nothing anew."""

import threading
from typing import Any

from explorer.labs.kept import Kept

BOUND = 192 * 2**20


class Shop:
    """Finished pieces by key, within a number of bytes; for every thread."""

    def __init__(self, bound: int = BOUND):
        self._kept, self._lock = Kept(bound), threading.Lock()

    def get(self, key: str) -> Any:
        """The piece, or None."""
        with self._lock:
            return self._kept.get(key)

    def put(self, key: str, piece: Any) -> Any:
        """Keep a piece; the piece."""
        with self._lock:
            self._kept.put(key, piece)
        return piece


SHOP = Shop()
"""One for all visitors: pieces are never changed."""
