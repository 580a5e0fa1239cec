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
    """A new picture: the stage's spec, with slots for runs."""

    spec: dict[str, Any]


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
    """A particle that somebody launched: its slot (never used before in this picture) and its pane."""

    slot: int
    pane: int


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
        self.done: Done | None = None

    def show(self, event: Event) -> None:
        """Pass one event on."""
        match event:
            case Begin(spec):
                self._runs, self.done = {}, None
                self.screen.begin(self._numbered_spec(spec))
            case Amend(changes):
                self.screen.amend(**changes)
            case Block(kind, slot, first, total, array):
                self.screen.add(int(kind), self._run(slot), first, total, array)
            case Launched(slot, pane):
                launched = self.screen.spec.get("launched", [])  # type: ignore[attr-defined] # a feed has it
                self.screen.amend(launched=[*launched, {"run": self._run(slot), "pane": pane}])
            case Charts(charts):
                self.screen.charts = self._numbered_charts(charts)
            case Status(kind, text, done, of):
                self.screen.status = {"kind": kind, "text": text, "done": done, "of": of}
            case Done():
                self.done = event

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
            {**row, **{part: self._numbered(row[part]) for part in ("values", "of") if part in row}}
            for row in table["rows"]
        ]
        return {**table, "rows": rows}

    def _numbered(self, by_slot: dict[int, Any]) -> dict[str, Any]:
        return {str(self._run(slot)): value for slot, value in by_slot.items()}
