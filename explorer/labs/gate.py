"""The gate in front of every computation.

Each visitor has one run; the latest wins, and what was asked before it is never shown again. The same thing asked
by many at once is computed once, and a finished one is kept. A run that nobody wants any more is closed at its next
event, so within one step of its solver. Work is done on the gate's own threads, an event at a time and visitor after
visitor, so that a long run holds nobody up.
"""

import itertools
import threading

from explorer.labs.flights import Flight, Lane, Make, Show, Ticket
from explorer.labs.kept import Kept, settled
from explorer.labs.scene import Event, Status

INTERACTIVE, BATCH = "interactive", "batch"
KEPT = 256 * 2**20
"""Bytes of finished runs that are kept; the one not asked for the longest goes first."""


class Gate:
    """Admits, joins, orders and drops computations; `start` gives it its threads."""

    def __init__(self, kept: int = KEPT) -> None:
        self._changed = threading.Condition()
        self._lanes = {INTERACTIVE: Lane(), BATCH: Lane()}
        self._flights: dict[str, Flight] = {}
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
            ahead = self._admit(Flight(key, make, [ticket], is_kept=keep), lane) if is_newest else 0
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

    def _admit(self, asked: Flight, lane: str) -> int:
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

    def _put_back(self, flight: Flight, lane: str) -> None:
        """To the end of the row, so that all get their turn; or out, when it is over."""
        with self._changed:
            if not flight.has_ended or flight.is_behind:
                self._lanes[lane].running.append(flight)
                return
            self._forget(flight)
            self._lanes[lane].leave()
            if flight.is_whole and flight.is_kept:
                self._kept.put(flight.key, settled(flight.events))

    def _forget(self, flight: Flight) -> None:
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]
