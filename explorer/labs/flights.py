"""What stands at the gate: a visitor's ticket, a computation that several may want, and the lane it waits in."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from explorer.labs.faults import told
from explorer.labs.scene import Event, Status

Stopping = Callable[[], bool]
Make = Callable[[Stopping], Iterator[Event]]
Show = Callable[[Event], None]

AT_ONCE = 8
"""Runs of one lane that are under way together; more of them wait their turn."""


class Ticket:
    """A visitor's place at the gate. Once dropped, nothing more is shown to it."""

    def __init__(self, visitor: str, generation: int, show: Show):
        self.visitor, self.generation = visitor, generation
        self.is_alive, self.seen = True, 0
        self._show, self._lock = show, threading.RLock()

    def drop(self) -> None:
        """From here on nothing is shown; waits for what is being shown just now."""
        with self._lock:
            self.is_alive = False

    def say(self, status: Status) -> None:
        """Show one status that is no part of the run."""
        with self._lock:
            if self.is_alive:
                self._show(status)

    def catch_up(self, events: list[Event]) -> None:
        """Show what has not been seen yet."""
        while self.is_alive and self.seen < len(events):
            with self._lock:
                if self.is_alive:
                    self._pass_on(events[self.seen])

    def _pass_on(self, event: Event) -> None:
        self.seen += 1
        try:
            self._show(event)
        except Exception as fault:  # whatever a screen cannot show ends this visitor's run, nobody else's
            self.say(Status("failed", told(fault)))
            self.is_alive = False


@dataclass(eq=False)
class Flight:
    """One computation and all who want it."""

    key: str
    make: Make
    tickets: list[Ticket] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    running: Iterator[Event] | None = None
    is_stopping: bool = False
    has_ended: bool = False
    is_whole: bool = False
    is_kept: bool = True

    @property
    def is_wanted(self) -> bool:
        return any(ticket.is_alive for ticket in self.tickets)

    @property
    def is_behind(self) -> bool:
        """Whether somebody has not seen all of it."""
        return any(ticket.is_alive and ticket.seen < len(self.events) for ticket in self.tickets)

    def advance(self) -> None:
        """Compute one more event, and show everybody what they have not seen."""
        if not self.has_ended:
            self._compute()
        for ticket in tuple(self.tickets):
            ticket.catch_up(self.events)

    def _compute(self) -> None:
        try:
            if self.running is None:
                self.running = self.make(lambda: self.is_stopping)
            self.events.append(next(self.running))
        except StopIteration:
            self.has_ended, self.is_whole = True, not self.is_stopping
        except Exception as fault:  # a lab or a person's own model: shown to who asked, the lane goes on
            self.events.append(Status("failed", told(fault)))
            self.has_ended = True

    def close(self) -> None:
        """Give up: the generator ends where it stands."""
        self.has_ended = True
        if self.running is not None and hasattr(self.running, "close"):
            self.running.close()


class Lane:
    """Runs under way, and those that wait for a place."""

    def __init__(self) -> None:
        self.running: deque[Flight] = deque()
        self.waiting: deque[Flight] = deque()
        self.count = 0  # under way, the one in hand included

    def add(self, flight: Flight) -> int:
        """Take a run in; how many wait before it."""
        if self.count < AT_ONCE:
            self.count += 1
            self.running.append(flight)
            return 0
        self.waiting.append(flight)
        return len(self.waiting)

    def leave(self) -> None:
        """One place is free."""
        if self.waiting:
            self.running.append(self.waiting.popleft())
        else:
            self.count -= 1

    def sweep(self) -> list[Flight]:
        """Take out what was never begun and nobody wants any more."""
        stale = [one for one in (*self.running, *self.waiting) if one.running is None and not one.is_wanted]
        for flight in stale:
            if flight in self.waiting:
                self.waiting.remove(flight)
            else:
                self.running.remove(flight)
                self.leave()
        return stale

    def take(self) -> Flight | None:
        return self.running.popleft() if self.running else None
