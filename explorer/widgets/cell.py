"""A lab in a notebook cell: controls, stage and last line."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from explorer.labs.known import Trajectory, write_atomically
from explorer.labs.scene import Done, Event, Moved, Projector, Status
from explorer.labs.things import called
from explorer.stage import Feed, Stage, to_html
from explorer.stage.feed import new_run_id
from explorer.widgets.foot import Foot
from explorer.widgets.picked import Drawn, Launch, picked_in
from explorer.widgets.rail import Rail, close_whole
from explorer.widgets.runner import Runner
from explorer.widgets.shown import Live, Recorded

FIRST_LAUNCHED_SLOT = 100
ROOMY = 560
"""From this height on a narrow cell may grow, so that charts under the picture do not take its room."""
TOLD_EVERY = 0.1
"""Seconds between two changes of the last line while a run streams."""


class Cell(widgets.VBox):
    """A cell that scrubs, over any lab. Works with no browser too: ``wait``, ``record`` and ``export`` need none."""

    def __init__(self, shown: Live | Recorded, height: int = 600):
        self._shown = shown
        self._live = shown if isinstance(shown, Live) else None
        self._feed = Feed()
        self._projector = Projector(self._feed, new_run_id)
        self._screen = threading.RLock()
        self._runs, self._launches = Runner("lab-run"), Runner("lab-launch")
        self._watched: set[threading.Thread] = set()
        self._slots, self._told, self._cursor = FIRST_LAUNCHED_SLOT, 0.0, None
        self._is_running, self._line = False, ""
        self.fault: Exception | None = None
        """What broke the last run, for those who want its traceback."""
        layers = json.dumps(shown.lab.layers_on)
        self._stage = Stage(self._feed, height=height, chips=list(shown.lab.layers), layers=layers)
        self._foot = Foot({"cancel": self.cancel, "export": self._download})
        self._rail = Rail(self._live.desk, self._live.state, self._asked) if self._live else None
        super().__init__([self._laid_out(height), self._foot])
        self.add_class("ex-scrub")
        self._stage.observe(self._hear_pick, "picked")
        self._stage.observe(self._hear_cursor, "cursor")
        self._run()

    def _laid_out(self, height: int) -> widgets.HBox:
        self._stage.add_class("ex-stage")
        body = widgets.HBox([part for part in (self._rail, self._stage) if part is not None])
        for name, holds in (("body", True), ("roomy", height >= ROOMY), ("bare", self._rail is None)):
            if holds:
                body.add_class(f"ex-{name}")
        return body

    # --- what a person asks in code ---

    @property
    def state(self) -> Any:
        """The choices that are shown; None for recorded runs."""
        return self._live.state if self._live else None

    @property
    def record(self) -> Any:
        """The finished record of what is shown; waits for it.

        Raises:
            ValueError: when the run failed, with its sentence.
        """
        self.wait()
        if self._projector.done is None:
            raise ValueError(f"there is no finished run: {self.status}")
        return self._projector.done.record

    @property
    def run(self) -> Trajectory:
        """The first run as a trajectory; waits for it."""
        return self._shown.lab.runs(self.record)[0]

    @property
    def status(self) -> str:
        """How it is doing, in words."""
        status = self._feed.status
        return status["text"] or status["kind"]

    def choose(self, name: str, value: Any) -> None:
        """Make one choice, as the controls do; a run that is under way gives way to the new one.

        Raises:
            ValueError: one sentence, for a choice that cannot be.
        """
        if self._live is None:
            instead = called(self._shown.lab, "field")
            raise ValueError(f"a recorded run has no controls; give its field instead, as in {instead}")
        if self._live.choose(name, value, self._cursor):
            self._run()
        self._note("")

    def cancel(self) -> None:
        """End the run at its next step; what was computed by then still scrubs."""
        self._runs.cancel()

    def wait(self, timeout: float | None = None) -> "Cell":
        """Wait until nothing is computed any more.

        Raises:
            TimeoutError: when ``timeout`` seconds were too few.
        """
        until = None if timeout is None else time.monotonic() + timeout
        for runner in (self._runs, self._launches):
            if not runner.wait(None if until is None else max(0.0, until - time.monotonic())):
                raise TimeoutError(f"not finished within {timeout} s: {self.status}")
        self._stage.pump()
        return self

    def recipe(self) -> str:
        """The few lines of Python that give the same run with no widget."""
        return self._shown.recipe

    def export(self, file: str | Path) -> Path:
        """Write one HTML file under 5 MB that scrubs with no Python and no network; waits for the run.

        Raises:
            ValueError: when there is nothing to show, or the file cannot be written.
        """
        self.wait()
        return write_atomically(Path(file), self._page())

    def close(self) -> None:
        """End what is computed and take the widgets away."""
        for runner in (self._launches, self._runs):
            runner.cancel()
            runner.drop()
        rail = [] if self._rail is None else self._rail.parts()
        for widget in (*rail, *self.children[0].children, *self.children):
            close_whole(widget)
        self.layout.close()
        super().close()

    # --- runs ---

    def _run(self) -> None:
        self._launches.drop()
        self._runs.drop()
        self._projector.done, self.fault = None, None
        self._is_running = True
        self._tell()
        self._watch(self._runs.ask(self._shown.make(), self._show, self._fail))

    def _watch(self, thread: threading.Thread) -> None:
        self._watched = {known for known in self._watched if known.is_alive()}
        if thread not in self._watched:
            self._watched.add(thread)
            self._stage.watch(thread)

    def _show(self, event: Event) -> None:
        with self._screen:
            self._projector.show(event)
            if isinstance(event, Moved) and self._live is not None:
                self._live.move(event.changes)
                self._note("")
            if isinstance(event, Status):
                self._line = event.text
            if isinstance(event, Done):
                self._is_running = False
                ended = self._feed.status
                self._line = event.footer if ended["kind"] == "done" else f"{ended['text']} · {event.footer}"
            if isinstance(event, Done) or time.monotonic() - self._told > TOLD_EVERY:
                self._tell()

    def _fail(self, fault: Exception) -> None:
        with self._screen:
            self.fault, self._is_running, self._line = fault, False, "failed"
            self._projector.show(Status("failed", self._shown.said(fault)))
            self._tell()

    def _tell(self, is_busy: bool = False) -> None:
        self._told = time.monotonic()
        self._foot.tell(
            line=self._line,
            running=self._is_running,
            busy=is_busy,
            can_export=not self._is_running and self._projector.done is not None,
            recipe=self.recipe(),
        )

    # --- what a person asks on the page ---

    def _asked(self, name: str, value: Any) -> None:
        try:
            self.choose(name, value)
        except ValueError as fault:
            self._note(str(fault))

    def _note(self, words: str) -> None:
        if self._live is not None and self._rail is not None:
            self._rail.update(self._live.state, words)
        else:
            self._line = words
            self._tell()

    def _hear_cursor(self, change: dict[str, Any]) -> None:
        self._cursor = min(1.0, max(0.0, change["new"]))

    def _hear_pick(self, change: dict[str, Any]) -> None:
        if self._live is None:
            return
        try:
            picked = picked_in(change["new"])
        except ValueError as fault:
            self._note(str(fault))
            return
        if isinstance(picked, Drawn):
            self._asked("target", self._live.desk.shelf.put_points(picked.points))
        elif picked is not None:
            self._launch(self._live, picked)

    def _launch(self, live: Live, click: Launch) -> None:
        self._slots += 1
        make = live.launch(click.x, click.share, click.pane, self._slots)
        self._watch(self._launches.ask(make, self._show, lambda fault: self._note(live.said(fault))))

    def _download(self) -> None:
        try:
            self._foot.give(f"{_file_name(self._shown.name)}.html", self._page())
        except ValueError as fault:
            self._note(str(fault))
        self._tell()

    def _page(self) -> bytes:
        layers = json.loads(self._stage.layers)
        chips = list(self._shown.lab.layers)
        return to_html(self._feed, cursor=self._cursor, layers=layers, chips=chips).encode()

    # --- words ---

    def __repr__(self) -> str:
        """Name what is shown and nothing that changes from run to run."""
        return f"{self._shown.lab.label}({self._shown.name})" if hasattr(self, "_shown") else "Cell()"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        sentence = f"{self!r}: run this cell again to scrub it; a saved notebook keeps no frames."
        return {**super()._repr_mimebundle_(**kwargs), "text/plain": sentence}


def _file_name(words: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in words).replace("__", "_").strip("_")
