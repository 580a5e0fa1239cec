"""What a lab says to a stage, in plain values: no toolkit, no bytes.

A computation is a stream of events. Runs are numbered by slot, from 1; whoever shows the events gives each slot a
run id that is fresh on its page. Events are never changed, so that one computation can be shown to many.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

import numpy as np


class Kind(IntEnum):
    """What a block holds; the numbers of docs/stage.md."""

    STATE = 0
    DENOISED = 1
    VELOCITY = 2
    TARGET = 3
    COLOUR = 4
    IMAGES = 5
    IMAGES_DENOISED = 6
    HEAT = 7
    TICKS = 9


@dataclass(frozen=True)
class Begin:
    """A new picture: the stage's spec, with slots for runs.

    ``places`` names all that the places of its points depend on. A screen that shows a picture of the same places keeps
    its runs, and is told only what else is new: its colours, its map, its charts.
    """

    spec: dict[str, Any]
    places: str = ""


@dataclass(frozen=True)
class Amend:
    """Entries of the spec that were not known when the picture began."""

    changes: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Block:
    """Frames ``first`` .. of ``total`` of one layer of one slot: [count, n, dims], float32 or uint8."""

    kind: Kind
    slot: int
    first: int
    total: int
    array: np.ndarray


@dataclass(frozen=True)
class Launched:
    """A particle that somebody launched: its slot (never used before in this picture) and its pane.

    A run that is shown beside a pane's own has a ``role`` and a ``label``.
    """

    slot: int
    pane: int
    role: str = ""
    label: str = ""


@dataclass(frozen=True)
class Charts:
    """Charts and numbers, whole."""

    charts: dict[str, Any]


@dataclass(frozen=True)
class Status:
    """How the run is doing: empty, running, done, cancelled, diverged or failed, with its sentence."""

    kind: str
    text: str
    done: int = 0
    of: int = 0


@dataclass(frozen=True, eq=False)
class Done:
    """The finished record, with what the page's last line says of it."""

    record: Any
    footer: str


@dataclass(frozen=True)
class Moved:
    """What the run itself changed in the state: its picture is the one that is shown, and is not computed again."""

    changes: dict[str, Any]


Event = Begin | Amend | Block | Launched | Charts | Status | Done | Moved


class Screen(Protocol):
    """Whatever shows events: the stage's feed satisfies it."""

    charts: Any
    status: Any

    def begin(self, spec: Mapping[str, Any]) -> None:
        """Start a new picture."""

    def amend(self, **changes: Any) -> None:
        """Change entries of the spec within the picture."""

    def add(self, kind: int, run: int, first: int, total: int, array: np.ndarray) -> None:
        """One more block."""


class Projector:
    """Shows a stream of events on one screen, giving each slot a run id of its own."""

    def __init__(self, screen: Screen, new_run_id: Callable[[], int]):
        self.screen, self._new_run_id = screen, new_run_id
        self._runs: dict[int, int] = {}
        self._places, self._waiting = "", dict[str, Any]()
        self._shown: dict[tuple[Kind, int, int], set[int]] = {}
        self.done: Done | None = None

    def show(self, event: Event) -> None:
        """Pass one event on."""
        match event:
            case Begin(spec, places):
                self._begin(spec, places)
            case Amend(changes):
                self.screen.amend(**self._waiting | changes)
                self._waiting = {}
            case Block() if not self._knows(event):
                self.screen.add(int(event.kind), self._run(event.slot), event.first, event.total, event.array)
            case Launched(slot, pane, role, label):
                self._launch(
                    {"run": self._run(slot), "pane": pane} | ({"role": role, "label": label} if role else {})
                )
            case Charts(charts):
                self.screen.charts = self._numbered_charts(charts)
            case Status(kind, text, done, of):
                self.screen.status = {"kind": kind, "text": text, "done": done, "of": of}
            case Done():
                self.done = event

    def _launch(self, entry: dict[str, Any]) -> None:
        known = self.screen.spec.get("launched", [])  # type: ignore[attr-defined] # a feed has it
        if all(
            each["run"] != entry["run"] for each in known
        ):  # else it was launched when these places were first shown
            self.screen.amend(launched=[*known, entry])

    def _begin(self, spec: dict[str, Any], places: str) -> None:
        self.done = None
        if places and places == self._places:
            # With the next entries, so that old colours are not seen on the scale of new ones.
            self._waiting = self._numbered_spec({k: v for k, v in spec.items() if k != "launched"})
            return
        self._runs, self._places, self._shown, self._waiting = {}, places, {}, {}
        self.screen.begin(self._numbered_spec(spec))

    def _knows(self, block: Block) -> bool:
        """Whether the screen has these places already; values along them may be others each time."""
        if block.kind in (Kind.COLOUR, Kind.HEAT):
            return False
        shown = self._shown.setdefault((block.kind, block.slot, block.total), set())
        frames = set(range(block.first, block.first + len(block.array)))
        known = frames <= shown
        shown |= frames
        return known

    def _run(self, slot: int) -> int:
        """Slot 0 means every pane; launched slots are new each time."""
        if slot == 0:
            return 0
        if slot not in self._runs:
            self._runs[slot] = self._new_run_id()
        return self._runs[slot]

    def _numbered_spec(self, spec: dict[str, Any]) -> dict[str, Any]:
        panes = [{**pane, "run": self._run(pane["run"])} for pane in spec["panes"]]
        return {**spec, "panes": panes}

    def _numbered_charts(self, charts: dict[str, Any]) -> dict[str, Any]:
        drawn = [
            {**chart, "lines": [{**line, "run": self._run(line["run"])} for line in chart["lines"]]}
            for chart in charts["charts"]
        ]
        tables = charts["numbers"]
        if isinstance(tables, list):
            return {"charts": drawn, "numbers": [self._numbered_table(table) for table in tables]}
        return {"charts": drawn, "numbers": self._numbered_table(tables)}

    def _numbered_table(self, table: dict[str, Any]) -> dict[str, Any]:
        rows = [
            {**row, **{part: self._numbered(row[part]) for part in ("values", "of", "roles") if part in row}}
            for row in table["rows"]
        ]
        return {**table, "rows": rows}

    def _numbered(self, by_slot: dict[int, Any]) -> dict[str, Any]:
        return {str(self._run(slot)): value for slot, value in by_slot.items()}
