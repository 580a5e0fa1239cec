"""One worker for one cell: the latest ask wins, and the cell never waits.

A thread lives only while there is something to compute. What was asked before is dropped at its next event, so
within one step of its solver, and is never shown after a newer ask has returned.
"""

import atexit
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

Make = Callable[[Callable[[], bool]], Iterator[Any]]
"""Given ``stop``, the events of a computation."""


class _Job:
    """One computation that was asked for."""

    def __init__(self, make: Make, show: Callable[[Any], None], fail: Callable[[Exception], None]):
        self.make, self._show, self._fail = make, show, fail
        self.is_stopping, self._is_dropped = False, False
        self._showing = threading.RLock()

    def drop(self) -> None:
        """From here on nothing is shown; waits for what is being shown just now."""
        with self._showing:
            self._is_dropped = True

    def run(self) -> None:
        """Compute and show until the end, or until nobody wants it any more."""
        events: Iterator[Any] = iter(())
        try:
            events = self.make(lambda: self.is_stopping)
            for event in events:
                with self._showing:
                    if self._is_dropped:
                        return
                    self._show(event)
        except (
            Exception
        ) as fault:  # a person's own model may raise anything; the cell must say it and live on
            with self._showing:
                if not self._is_dropped:
                    self._fail(fault)
        finally:
            if hasattr(events, "close"):
                events.close()


class Runner:
    """Runs the latest of what is asked, on a thread of its own."""

    def __init__(self, name: str):
        self._name, self._changed = name, threading.Condition()
        self._running: _Job | None = None
        self._next: _Job | None = None
        self._thread: threading.Thread | None = None
        _runners.add(self)

    def ask(
        self, make: Make, show: Callable[[Any], None], fail: Callable[[Exception], None]
    ) -> threading.Thread:
        """Have it computed in place of all that was asked before; the thread that will do it."""
        job = _Job(make, show, fail)
        with self._changed:
            before, self._next = self._running, job
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            thread = self._thread
        if before is not None:
            before.drop()
        return thread

    def cancel(self) -> None:
        """End what is running at its next step; what was computed by then is kept."""
        with self._changed:
            for job in (self._running, self._next):
                if job is not None:
                    job.is_stopping = True

    def drop(self) -> None:
        """Nothing that was asked is shown any more."""
        with self._changed:
            before, self._next = self._running, None
        if before is not None:
            before.drop()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until there is nothing to do; False when ``timeout`` seconds were too few."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, timeout)

    def _work(self) -> None:
        while (job := self._take()) is not None:
            job.run()

    def _take(self) -> _Job | None:
        with self._changed:
            self._running, self._next = self._next, None
            if self._running is None:
                self._thread = None
                self._changed.notify_all()
            return self._running


_runners: "weakref.WeakSet[Runner]" = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """A thread that is still inside torch when the interpreter goes would abort the process (status 134)."""
    for runner in list(_runners):
        runner.drop()
    for runner in list(_runners):
        runner.wait(2.0)
