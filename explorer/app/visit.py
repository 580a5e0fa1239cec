"""One visitor: what they chose, what is shown to them, what they are told. Knows no toolkit.

The page asks on its own loop; events come on the gate's threads. Nothing here computes.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakValueDictionary

from explorer.app.asks import asked_of, is_finite
from explorer.labs import LABS
from explorer.labs.base import AbstractLab
from explorer.labs.controls import Chips, Seed
from explorer.labs.gate import BATCH, INTERACTIVE, Gate
from explorer.labs.kept import content_key
from explorer.labs.known import Trajectory, nearest
from explorer.labs.scene import Begin, Done, Event, Moved, Projector, Status
from explorer.labs.shelf import PREFIX, Shelf
from explorer.labs.strokes import points_of
from explorer.labs.url import carried, link_of, opened
from explorer.stage.feed import Feed, new_run_id

LAUNCHES_AT_ONCE = 4
FIRST_LAUNCHED_SLOT = 100
OPENED_RECIPE = """import explorer as ex

run = ex.Trajectory.load("run.safetensors")
ex.scrub(run)
"""
LONGEST_PICK = 40_000
"""Characters of what was done on the stage: room for a drawn target."""
MINE = "mine"
"""The name, in the links of the tabs, of the word that a visitor's own things are found by."""
SHELVES: WeakValueDictionary[str, Shelf] = WeakValueDictionary()
"""Shelves by that word, as long as a page of the visitor is open: drawn targets come along to the next tab."""


class Visit:
    """State, run and note of one visitor of one lab."""

    def __init__(
        self,
        lab: AbstractLab,
        gate: Gate,
        device: str = "cpu",
        query: str = "",
        news: Callable[[], None] = lambda: None,
        mine: str = "",
    ):
        self.id, self.word = secrets.token_hex(8), secrets.token_urlsafe(16)
        self.lab, self.gate, self.device, self.news = lab, gate, device, news
        self.shelf, self.feed = SHELVES.get(mine) or Shelf(), Feed()
        SHELVES[self.word] = self.shelf
        self.projector = Projector(self.feed, new_run_id)
        found = opened(lab, query, self.shelf)
        self.state, self.share = found.state, found.share
        self.note, self.notes = "; ".join(found.notes), 0
        self.layers = list(lab.layers_on)
        self.status = Status("empty", "")
        self.is_opened = False
        self._launches = 0
        self._carried: tuple[Any, dict[str, str]] | None = None  # what is shared, and the links that carry it

    # --- runs ---

    @property
    def key(self) -> str:
        """What the state's result depends on, and nothing else."""
        return content_key(self.lab.key(self.state, self.shelf), self.device)

    def begin(self) -> None:
        """Show the state's picture, at once where it is kept, else as it comes; what was asked before is dropped."""
        self._drop_launches()
        self.is_opened = False
        kept = self.gate.finished(self.key)
        if kept is None:
            self._ask()
            return
        self.gate.drop(self.id, "run")
        for event in kept:
            self.show(event)

    def _ask(self) -> None:
        state, lab, shelf, device = self.state, self.lab, self.shelf, self.device
        self.show(Status("running", "starting"))
        is_batch = lab.is_batch(state)
        self.gate.ask(
            self.id,
            f"{self.id} {self.key}" if is_batch else self.key,
            lambda stop: lab.events(state, shelf, device, stop),
            self.show,
            lane=BATCH if is_batch else INTERACTIVE,
            keep=not is_batch,
        )

    def _drop_launches(self) -> None:
        for place in range(LAUNCHES_AT_ONCE):
            self.gate.drop(self.id, f"launch {place}")

    def show(self, event: Event) -> None:
        """Pass an event on to the stage; on whatever thread it came."""
        match event:
            case Begin(spec, places) if self.share is not None:
                event = Begin({**spec, "rest": self.share}, places)
            case Status():
                self.status = event
            case Moved(changes):
                self.state = self.lab.built(vars(self.state) | changes, self.shelf)
        self.projector.show(event)
        self.news()

    def cancel(self) -> None:
        """End the run at its next step and keep what was computed."""
        self.gate.stop(self.id)

    def leave(self) -> None:
        """The page was closed."""
        self.gate.leave(self.id)
        self.shelf = Shelf()

    @property
    def done(self) -> Done | None:
        """The finished picture's record and its line."""
        return self.projector.done

    # --- what was asked ---

    def choose(self, name: str, value: object) -> None:
        """One choice; refused with a sentence where it cannot be."""
        # Of several names the lab itself looks at each.
        is_plain = not isinstance(self.lab.controls.get(name), Chips)
        if is_plain and isinstance(value, str) and value.startswith(PREFIX):
            nearest(name, value, self.lab.options(vars(self.state), name, self.shelf))
        state = self.state
        for also, where in self.lab.beside(state, name, value, self.share).items():
            state = self.lab.changed(state, also, where, self.shelf)
        self._settle(self.lab.changed(state, name, value, self.shelf))

    def roll(self, name: str) -> None:
        """Another seed."""
        if not isinstance(self.lab.controls.get(name), Seed):
            raise ValueError(f"`name` must be a seed; got {name[:40]!r}")
        self.choose(name, secrets.randbelow(10_000))

    def _settle(self, state: Any) -> None:
        self.note = ""
        if state != self.state or self.is_opened:
            self.state = state
            self.begin()

    def switch_layer(self, name: str, is_on: object) -> None:
        """Show or hide one layer."""
        known = self.lab.layers
        if name not in known or not isinstance(is_on, bool):
            raise ValueError(f"`layer` must be one of {', '.join(known)}, on or off; got {str(name)[:40]!r}")
        wanted = {*self.layers, name} if is_on else set(self.layers) - {name}
        self.layers = [layer for layer in known if layer in wanted]

    def pick(self, text: str) -> None:
        """What was done on the stage: a target drawn, or a particle launched by a click."""
        picked = asked_of(text, LONGEST_PICK)
        if picked.get("what") == "follow":
            return
        if picked.get("what") == "draw":
            self.choose("target", self.shelf.put_points(points_of(picked.get("points"))))
            return
        x: Any = picked.get("x")
        share: Any = picked.get("share")
        pane = picked.get("pane")
        is_sound = isinstance(x, list) and len(x) == 2 and all(map(is_finite, [*x, share]))
        if picked.get("what") != "launch" or not is_sound or type(pane) is not int or not 0 <= share <= 1:
            raise ValueError(
                "a particle starts from two finite numbers, a noise share from 0 to 1 and a pane"
            )
        self._launch([float(each) for each in x], float(share), pane)

    def _launch(self, x: list[float], share: float, pane: int) -> None:
        self._launches += 1
        number, slot = self._launches, FIRST_LAUNCHED_SLOT + self._launches
        state, lab, shelf, device = self.state, self.lab, self.shelf, self.device
        self.gate.ask(
            self.id,
            f"{self.id} launch {number}",
            lambda stop: lab.launch(state, x, share, pane, slot, shelf, device),
            self._show_launched,
            channel=f"launch {number % LAUNCHES_AT_ONCE}",
            keep=False,
        )

    def _show_launched(self, event: Event) -> None:
        """A launch has no say in how the run is doing; when it fails, that is a note."""
        if not isinstance(event, Status):
            self.projector.show(event)
        elif event.kind == "failed":
            self.say(event.text)
        self.news()

    def open_run(self, run: Trajectory) -> None:
        """Show a saved run: as a state of the lab where it takes one, else as it is, in place of a computed one.

        Raises:
            ValueError: for one that cannot be drawn.
        """
        state = self.lab.taken(self.state, run, self.shelf)
        if state is not None:
            self._settle(state)
            return
        events = self.lab.recorded(run)
        self._drop_launches()
        self.is_opened, self.note, self._launches = True, "", self._launches + 1
        self.show(Status("running", "starting"))
        self.gate.ask(
            self.id, f"{self.id} opened {self._launches}", lambda stop: events, self.show, keep=False
        )

    def move(self, share: object) -> None:
        """The cursor came to rest somewhere."""
        if is_finite(share) and 0 <= share <= 1:
            self.share = float(share)

    def say(self, sentence: str) -> None:
        """A note for the person; said again even when the words are the same."""
        self.note = sentence
        self.notes += 1

    # --- what the page writes ---

    @property
    def link(self) -> str:
        """The query that opens this state; empty at the very beginning."""
        is_first = self.lab is next(iter(LABS.values())) and self.state == self.lab.initial()
        return "" if is_first and self.share is None else link_of(self.lab, self.state, self.share)

    @property
    def tabs(self) -> dict[str, str]:
        """The query that opens each lab with what it shares with this state."""
        others = {name: lab for name, lab in LABS.items() if lab is not self.lab}
        # A choice that no other lab knows, a colour say, carries nothing new.
        known = {name for lab in others.values() for name in lab.controls} & set(self.lab.controls)
        shared = (self.share, *sorted((name, getattr(self.state, name)) for name in known))
        if self._carried is None or self._carried[0] != shared:
            states = {name: carried(self.lab, self.state, lab, self.shelf) for name, lab in others.items()}
            links = {name: link_of(lab, states[name], self.share) for name, lab in others.items()}
            self._carried = (shared, links)
        links = self._carried[1] | {self.lab.name: link_of(self.lab, self.state, self.share)}
        return {
            name: f"{link}&{MINE}={self.word}" if PREFIX in link else link for name, link in links.items()
        }

    def facts(self) -> dict[str, Any]:
        """All that the last line of the page says."""
        running = self.status.kind == "running"
        line = self.done.footer if self.done is not None and not running else self.status.text
        if self.status.kind == "failed":
            line = "this run failed; the picture says why"
        return {
            "line": line,
            "running": running,
            "has_run": self.done is not None,
            "note": self.note,
            "notes": self.notes,
            "link": self.link,
            "tabs": self.tabs,
            "recipe": OPENED_RECIPE if self.is_opened else self.lab.recipe(self.state),
        }

    def layer_chips(self) -> list[tuple[str, bool, str]]:
        """Name, on or off, and hint of each layer that the picture can show."""
        spec, layers = self.feed.spec, self.lab.layers
        return [(name, name in self.layers, layers[name]) for name in layers if _is_offered(name, spec)]


def _is_offered(layer: str, spec: Mapping[str, Any]) -> bool:
    """Whether a picture has a layer: pictures have no points, one pane no pairs."""
    if spec.get("images"):
        return layer == "clean"
    if spec.get("still"):  # a map with marks on it
        return layer == "map" and bool(spec.get("heat"))
    if layer == "map":
        return bool(spec.get("heat"))
    return layer != "pairs" or len(spec.get("panes", ())) > 1
