"""A lab: a frozen state in, a stream of pictures and a record out, with no toolkit."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from explorer.labs.controls import Chips, Choice, Control, check_texts, controls_of
from explorer.labs.figures import figures_of
from explorer.labs.scene import Event
from explorer.labs.shelf import Shelf
from explorer.maths.trajectory import Trajectory

S = TypeVar("S")


class AbstractLab(ABC, Generic[S]):
    """One page: what can be chosen, what is computed, how it is drawn, and the same in a few lines of code."""

    name: ClassVar[str]
    label: ClassVar[str]
    State: type[S]
    groups: ClassVar[Mapping[str, str]] = {
        "what": "What",
        "how": "How",
        "show": "Show",
        "compare": "Second run",
    }
    """The groups of controls in the order of the rail, with their headings."""
    layers: ClassVar[Mapping[str, str]]
    """The layers of the stage that a person may switch: name -> hint."""
    layers_on: ClassVar[Sequence[str]]
    """Those that a newcomer sees."""
    alone: ClassVar[Mapping[str, Any]] = {}
    """The values that put nothing beside the first run."""

    own: ClassVar[Mapping[str, tuple[type, ...]]] = {}
    """Choice -> the kinds of a visitor's own things that it offers."""

    @property
    def controls(self) -> dict[str, Control]:
        """The controls of the state, by field name."""
        return controls_of(self.State)

    @property
    def takes_several(self) -> bool:
        """Whether a state holds more things than one, and not only recorded runs stand side by side."""
        return bool(self.alone) or any(isinstance(control, Chips) for control in self.controls.values())

    def label_of(self, control: Control) -> str:
        """A control's label under its group's heading, whose first word need not be said again."""
        said = self.groups[control.group].split()[0] + " "
        label = control.label.removeprefix(said)
        return label if label == control.label else label.capitalize()

    def initial(self) -> S:
        """The state that a newcomer sees."""
        return self.State()

    def changed(self, state: S, name: str, value: object, shelf: Shelf) -> S:
        """The state after one choice: the value checked, the choices that depend on it settled.

        Raises:
            ValueError: one sentence, for a control that does not exist, a value out of bounds, or a cost over budget.
        """
        return self.built(dataclasses.asdict(state) | {name: value}, shelf, just=name)  # type: ignore[call-overload] # every State is a dataclass, which a type variable cannot say

    def brought(self, choices: Mapping[str, Any], shelf: Shelf) -> dict[str, Any]:
        """Choices made in code, with what is no choice (a module, its batch) laid on the shelf and chosen there."""
        return dict(choices)

    def meant(self, choices: dict[str, Any]) -> dict[str, Any]:
        """Choices made in code, with those that they imply."""
        return choices

    def built(self, values: dict[str, Any], shelf: Shelf, just: str = "") -> S:
        """The checked state of values; those that follow from ``just`` changed are settled first."""
        values = dict(values)
        unknown = set(values) - set(self.controls)
        if unknown:
            raise ValueError(
                f"there is no control {sorted(map(str, unknown))[0][:40]!r}; known: {', '.join(self.controls)}"
            )
        check_texts(self.State, values)
        if just:
            # The choice itself is held to its bounds before anything is derived from it.
            control = self.controls[just]
            if isinstance(control, Chips):
                known = self.options(values | {just: ""}, just, shelf)  # of one's own, what lies on the shelf
                values[just] = control.among(just, values[just], known)
            elif not (isinstance(control, Choice) and values[just] in self.options(values, just, shelf)):
                control.checked(just, values[just], values)
            values = self.settled(values, just)
        return self.State(**values)

    def beside(self, state: S, name: str, value: object, share: float | None) -> dict[str, Any]:
        """What else a choice changes that is made with the cursor at ``share`` (None: where it was not moved)."""
        return {}

    def settled(self, values: dict[str, Any], just: str) -> dict[str, Any]:
        """The values with what follows from the choice of ``just`` put in order."""
        return values

    def options(self, values: dict[str, Any], name: str, shelf: Shelf) -> dict[str, str]:
        """Key -> label of what a choice offers now, the visitor's own things included."""
        control = self.controls[name]
        if not isinstance(control, Choice | Chips):
            raise ValueError(f"{name!r} is no choice")
        own = [shelf.labels(kind) for kind in self.own.get(name, ())]
        return dict(control.options(values)) | {key: label for labels in own for key, label in labels.items()}

    @abstractmethod
    def events(
        self, state: S, shelf: Shelf, device: str = "cpu", stop: Callable[[], bool] = lambda: False
    ) -> Iterator[Event]:
        """The computation as it goes; the last event is Done.

        Closing the generator drops the run (nobody wants it any more). ``stop`` is looked at after each step:
        once true, the run ends as cancelled and what was computed is kept, shown and recorded.
        """

    @abstractmethod
    def launch(
        self,
        state: S,
        x: Sequence[float],
        share: float,
        pane: int,
        slot: int,
        shelf: Shelf,
        device: str = "cpu",
    ) -> Iterator[Event]:
        """One extra particle from a place of the stage at a moment of the cursor."""

    @abstractmethod
    def key(self, state: S, shelf: Shelf) -> str:
        """What the result depends on beside the code: state and the content of every artifact."""

    def is_batch(self, state: S) -> bool:
        """Whether the computation is long and of one visitor alone: it then waits in a lane of its own, is not kept."""
        return False

    @abstractmethod
    def recipe(self, state: S) -> str:
        """The few lines of Python that give the same result with no page."""

    def figures(self, record: Any) -> dict[str, Any]:
        """The Plotly figures of a record, by name."""
        return figures_of(record)

    @abstractmethod
    def runs(self, record: Any) -> list[Trajectory]:
        """The runs that a record holds: what can be saved."""

    def taken(self, state: S, run: Trajectory, shelf: Shelf) -> S | None:
        """The state that shows a run recorded elsewhere, which the shelf keeps; None where ``recorded`` shows it."""
        return None

    def recorded(self, *runs: Trajectory) -> Iterator[Event]:
        """Runs recorded elsewhere, shown as they are with no state.

        Raises:
            ValueError: before the first event, for runs that cannot be drawn or do not go together.
        """
        raise ValueError(f"the {self.label} lab shows a run only through a state")
