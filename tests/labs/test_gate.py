"""The gate's laws, on a virtual clock: the latest wins, the same is computed once, nobody is held up.

Each law was seen red once with its defence off; the docstrings say which line was taken out.
"""

import heapq
import random
import threading
import time

import numpy as np
import pytest

from explorer.labs.flights import AT_ONCE
from explorer.labs.gate import INTERACTIVE, Gate
from explorer.labs.kept import content_key, weight
from explorer.labs.scene import Begin, Block, Done, Kind, Status


def run(name, steps=4, log=None):
    """A computation of so many steps, each event carrying its name."""

    def make(stop):
        try:
            for step in range(steps):
                yield Status("running", name, step, steps)
                if stop():
                    yield Status("cancelled", name)
                    return
            yield Done(name, name)
        finally:
            if log is not None:
                log.append(name)

    return make


class Screen:
    """Keeps what was shown, as (name of the run, event)."""

    def __init__(self):
        self.shown = []

    def show(self, event):
        self.shown.append((event.text if isinstance(event, Status) else event.footer, event))

    @property
    def names(self):
        return [name for name, _ in self.shown]


def finish(gate):
    while gate.turn():
        pass


@pytest.mark.parametrize("block", range(10))
def test_after_any_storm_the_last_drawn_is_the_last_asked(block):
    """500 storms at 1 to 60 moves a second. Red without ``before.drop()`` in `Gate.ask`: older runs draw on."""
    for storm in range(50):
        dice = random.Random(50 * block + storm)
        gate, screen, asked = Gate(), Screen(), []
        rate, now = dice.uniform(1, 60), 0.0
        moves = [now := now + dice.expovariate(rate) for _ in range(dice.randint(2, 40))]
        costs = {f"{k}": dice.choice([0.001, 0.01, 0.1, 0.4]) for k in range(len(moves))}
        clock = 0.0
        while moves or gate._lanes[INTERACTIVE].running:
            while moves and moves[0] <= clock:
                heapq.heappop(moves)
                asked.append(str(len(asked)))
                gate.ask("one", asked[-1], run(asked[-1], dice.randint(1, 8)), screen.show)
                screen.shown.append((asked[-1], "asked"))
            if gate.turn():
                clock += costs[asked[-1]]
            elif moves:
                clock = moves[0]
        assert screen.names[-1] == asked[-1] and isinstance(screen.shown[-1][1], Done)
        order = [int(name) for name in screen.names]
        assert order == sorted(order), "a stale picture was shown"


def test_two_hundred_who_ask_the_same_get_one_computation():
    """Red when `_admit` looks up no flight under way."""
    gate, screens = Gate(), [Screen() for _ in range(200)]
    for k, screen in enumerate(screens[:100]):
        gate.ask(f"visitor {k}", "same", run("same"), screen.show)
    gate.turn()
    gate.turn()
    for k, screen in enumerate(screens[100:]):
        gate.ask(f"late {k}", "same", run("same"), screen.show)
    finish(gate)
    assert gate.runs == 1
    assert {len(screen.shown) for screen in screens} == {5}
    later = Screen()
    gate.ask("tomorrow", "same", run("same"), later.show)
    finish(gate)
    assert gate.runs == 1, "it is kept"
    kept = [event for _, event in later.shown]
    assert [type(event) for event in kept] == [Status, Done], "of what was said on the way, the last word"
    assert kept == gate.finished("same") and kept[0].done == 3


def test_a_run_that_nobody_wants_is_closed_at_its_next_turn():
    """Red when `turn` advances without asking `is_wanted`."""
    for leaving in (
        lambda gate: gate.leave("one"),
        lambda gate: gate.ask("one", "new", run("new"), Screen().show),
        lambda gate: gate.drop("one", "run"),
    ):
        gate, screen, closed = Gate(), Screen(), []
        gate.ask("one", "long", run("long", 10_000, closed), screen.show)
        gate.turn()
        leaving(gate)
        gate.turn()
        assert closed == ["long"] and len(screen.shown) == 1
        finish(gate)


def test_a_run_that_others_want_outlives_the_one_who_left():
    gate, gone, stays = Gate(), Screen(), Screen()
    gate.ask("gone", "same", run("same"), gone.show)
    gate.ask("stays", "same", run("same"), stays.show)
    gate.turn()
    gate.leave("gone")
    finish(gate)
    assert len(gone.shown) == 1 and len(stays.shown) == 5


def test_cancel_keeps_the_part_that_was_computed_and_caches_nothing():
    gate, screen = Gate(), Screen()
    gate.ask("one", "k", run("k", 100), screen.show)
    gate.turn()
    gate.turn()
    gate.stop("one")
    finish(gate)
    assert [event.kind for _, event in screen.shown] == ["running", "running", "cancelled"]
    assert gate.finished("k") is None
    gate.ask("one", "k", run("k", 3), screen.show)
    finish(gate)
    assert isinstance(screen.shown[-1][1], Done)


def test_cancel_of_a_shared_run_stops_it_for_one_only():
    gate, one, two = Gate(), Screen(), Screen()
    gate.ask("one", "same", run("same"), one.show)
    gate.ask("two", "same", run("same"), two.show)
    gate.turn()
    gate.stop("one")
    finish(gate)
    assert one.shown[-1][1].kind == "cancelled" and isinstance(two.shown[-1][1], Done)


def test_visitors_take_turns():
    """Red when `_put_back` puts a run in front."""
    gate, long, short = Gate(), Screen(), Screen()
    gate.ask("long", "long", run("long", 10_000), long.show)
    gate.turn()
    gate.ask("short", "short", run("short", 3), short.show)
    for _ in range(10):
        gate.turn()
    assert isinstance(short.shown[-1][1], Done) and len(long.shown) < 8


def test_who_has_to_wait_is_told_the_place_and_gets_a_turn():
    gate, screens = Gate(), [Screen() for _ in range(AT_ONCE + 3)]
    for k, screen in enumerate(screens):
        gate.ask(f"{k}", f"{k}", run(f"{k}"), screen.show)
    assert screens[-1].shown[0][1].text == "waiting: 3 runs are before this one"
    finish(gate)
    assert all(isinstance(screen.shown[-1][1], Done) for screen in screens)


def test_a_computation_that_raises_is_a_sentence_with_an_id_and_the_log_has_the_rest(caplog):
    """Red without the last ``except`` of `Flight._compute`."""

    def broken(stop):
        yield Status("running", "step 1")
        raise RuntimeError("no such thing in /home/somebody/secret/module.py")

    gate, one, other = Gate(), Screen(), Screen()
    gate.ask("one", "broken", broken, one.show)
    gate.ask("other", "fine", run("fine"), other.show)
    finish(gate)
    status = one.shown[-1][1]
    assert status.kind == "failed" and "/home" not in status.text and "no such thing in …" in status.text
    name = status.text.rsplit("(error ", 1)[1].rstrip(")")
    assert name in caplog.text and "Traceback" in caplog.text
    assert isinstance(other.shown[-1][1], Done) and gate.finished("broken") is None


def test_a_screen_that_cannot_show_ends_its_own_run_only():
    gate, fine, shown = Gate(), Screen(), []

    def full(event):
        if isinstance(event, Done):
            raise ValueError("a run on the stage must stay within 32 MB")
        shown.append(event)

    gate.ask("one", "same", run("same"), full)
    gate.ask("two", "same", run("same"), fine.show)
    finish(gate)
    assert shown[-1].kind == "failed" and "32 MB" in shown[-1].text
    assert isinstance(fine.shown[-1][1], Done)


def test_finished_runs_are_kept_within_their_bytes_the_oldest_goes_first():
    def block(stop):
        yield Block(Kind.STATE, 1, 0, 1, np.zeros((1, 1000, 2), np.float32))

    gate = Gate(kept=20_000)
    for k in range(4):
        gate.ask("one", f"{k}", block, lambda event: None)
        finish(gate)
        gate.finished("0")
    assert [k for k in range(4) if gate.finished(f"{k}")] == [0, 3]
    assert weight([Begin({"a": "bc"})]) < 400


def test_the_key_tells_code_state_and_device_apart():
    assert content_key("a", "cpu") != content_key("b", "cpu") != content_key("b", "cuda:1")
    assert content_key("b", "cuda:0") == content_key("b", "cuda:1")


def test_on_its_own_threads_a_new_choice_stops_the_old_run_within_a_step():
    """The same laws with real threads: 40 moves, the last wins; a closed run ends within 100 ms."""
    gate, screen, closed = Gate().start(), Screen(), []

    def slow(name):
        def make(stop):
            try:
                for step in range(100):
                    time.sleep(0.002)
                    yield Status("running", name, step, 100)
                yield Done(name, name)
            finally:
                closed.append((name, time.perf_counter()))

        return make

    for k in range(40):
        gate.ask("one", f"{k}", slow(f"{k}"), screen.show)
        time.sleep(0.003)
    left = time.perf_counter()
    gate.ask("one", "last", run("last"), screen.show)
    deadline = time.monotonic() + 5
    while not (screen.shown and screen.names[-1] == "last" and isinstance(screen.shown[-1][1], Done)):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    while len(closed) < 40 and time.monotonic() < deadline:
        time.sleep(0.005)
    gate.close()
    order = [41 if name == "last" else int(name) for name in screen.names]
    assert order == sorted(order)
    began = [name for name, _ in closed]
    assert "39" not in began or dict(closed)["39"] - left < 0.1
    assert not [
        thread
        for thread in threading.enumerate()
        if thread.name.startswith("explorer-") and not thread.daemon
    ]
