"""The gate in front of every computation.

Each visitor has one run; the latest wins, and what was asked before it is never shown again. The same thing asked
by many at once is computed once, and a finished one is kept. A run that nobody wants any more is closed at its next
event, so within one step of its solver. Work is done on the gate's own threads, an event at a time and visitor after
visitor, so that a long run holds nobody up.
"""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from explorer.labs.faults import told
from explorer.labs.kept import Kept
from explorer.labs.scene import Event, Status

Stopping = Callable[[], bool]
Make = Callable[[Stopping], Iterator[Event]]
Show = Callable[[Event], None]

INTERACTIVE, BATCH = "interactive", "batch"
AT_ONCE = 8
"""Runs of one lane that are under way together; more of them wait their turn."""
KEPT = 256 * 2**20
"""Bytes of finished runs that are kept; the one not asked for the longest goes first."""


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
class _Flight:
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


class _Lane:
    """Runs under way, and those that wait for a place."""

    def __init__(self) -> None:
        self.running: deque[_Flight] = deque()
        self.waiting: deque[_Flight] = deque()
        self.count = 0  # under way, the one in hand included

    def add(self, flight: _Flight) -> int:
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

    def sweep(self) -> list[_Flight]:
        """Take out what was never begun and nobody wants any more."""
        stale = [one for one in (*self.running, *self.waiting) if one.running is None and not one.is_wanted]
        for flight in stale:
            if flight in self.waiting:
                self.waiting.remove(flight)
            else:
                self.running.remove(flight)
                self.leave()
        return stale

    def take(self) -> _Flight | None:
        return self.running.popleft() if self.running else None


class Gate:
    """Admits, joins, orders and drops computations; `start` gives it its threads."""

    def __init__(self, kept: int = KEPT) -> None:
        self._changed = threading.Condition()
        self._lanes = {INTERACTIVE: _Lane(), BATCH: _Lane()}
        self._flights: dict[str, _Flight] = {}
        self._newest: dict[tuple[str, str], Ticket] = {}
        self._generations = itertools.count(1)
        self._kept = Kept(kept)
        self._is_closed = False
        self.runs = 0
        """Computations that were begun: what single flight and the cache save can be counted."""

    # --- what a page asks ---

    def ask(
        self,
        visitor: str,
        key: str,
        make: Make,
        show: Show,
        *,
        channel: str = "run",
        lane: str = INTERACTIVE,
        keep: bool = True,
    ) -> Ticket:
        """Have ``make(stop)`` computed and each event shown, on a thread of the gate.

        What the same visitor asked before on the same channel is dropped first. What nobody else can ask for need
        not be kept.
        """
        ticket = Ticket(visitor, next(self._generations), show)
        with self._changed:
            before = self._newest.get((visitor, channel))
            self._newest[visitor, channel] = ticket
        if before is not None:
            before.drop()
        with self._changed:
            is_newest = self._newest.get((visitor, channel)) is ticket
            ahead = self._admit(_Flight(key, make, [ticket], is_kept=keep), lane) if is_newest else 0
        if ahead:
            ticket.say(
                Status("running", f"waiting: {ahead} run{'s are' if ahead > 1 else ' is'} before this one")
            )
        return ticket

    def finished(self, key: str) -> list[Event] | None:
        """All events of a run that is kept, or None."""
        with self._changed:
            return self._kept.get(key)

    def stop(self, visitor: str, channel: str = "run") -> None:
        """End the visitor's run at its next step and keep what was computed; others that share it go on."""
        with self._changed:
            ticket = self._newest.get((visitor, channel))
            flight = next((one for one in self._flights.values() if ticket in one.tickets), None)
            if ticket is None or flight is None:
                return
            is_shared = any(other.is_alive for other in flight.tickets if other is not ticket)
            if not is_shared:
                flight.is_stopping = True
                self._flights.pop(flight.key)  # whoever asks from now on begins anew
        if is_shared:
            ticket.say(Status("cancelled", "cancelled; what was shown by then is kept"))
            ticket.drop()

    def drop(self, visitor: str, channel: str) -> None:
        """Nothing more of one channel is shown to the visitor."""
        with self._changed:
            ticket = self._newest.pop((visitor, channel), None)
        if ticket is not None:
            ticket.drop()

    def leave(self, visitor: str) -> None:
        """The visitor has gone: all that only they wanted ends."""
        with self._changed:
            channels = [channel for who, channel in self._newest if who == visitor]
        for channel in channels:
            self.drop(visitor, channel)

    # --- the work ---

    def turn(self, lane: str = INTERACTIVE) -> bool:
        """Advance one run of a lane by one event; False when there is none."""
        with self._changed:
            flight = self._lanes[lane].take()
            if flight is None:
                return False
            is_wanted = flight.is_wanted
            if not is_wanted:
                self._forget(flight)
        if is_wanted:
            flight.advance()
        else:
            flight.close()
        self._put_back(flight, lane)
        return True

    def start(self) -> "Gate":
        """Drive each lane by a thread of its own."""
        for lane in self._lanes:
            threading.Thread(target=self._drive, args=(lane,), name=f"explorer-{lane}", daemon=True).start()
        return self

    def close(self) -> None:
        """End the threads after the step in hand."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _drive(self, lane: str) -> None:
        import torch

        torch.set_num_threads(1)  # the lanes share the cores with the page's own thread
        while not self._is_closed:
            if not self.turn(lane):
                with self._changed:
                    self._changed.wait_for(lambda: self._is_closed or self._lanes[lane].running)

    def _admit(self, asked: _Flight, lane: str) -> int:
        """Join the same run where it is under way, or begin; how many wait before it."""
        flight = self._flights.get(asked.key)
        if flight is not None:
            flight.tickets += asked.tickets
            return 0
        finished = self._kept.get(asked.key)
        if finished is not None:
            asked.events, asked.has_ended = finished, True
        else:
            self.runs += 1
        for stale in self._lanes[lane].sweep():
            self._forget(stale)
        self._flights[asked.key] = asked
        ahead = self._lanes[lane].add(asked)
        self._changed.notify_all()
        return ahead

    def _put_back(self, flight: _Flight, lane: str) -> None:
        """To the end of the row, so that all get their turn; or out, when it is over."""
        with self._changed:
            if not flight.has_ended or flight.is_behind:
                self._lanes[lane].running.append(flight)
                return
            self._forget(flight)
            self._lanes[lane].leave()
            if flight.is_whole and flight.is_kept:
                self._kept.put(flight.key, flight.events)

    def _forget(self, flight: _Flight) -> None:
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]
