"""What one cell shows: a state that can be changed, or runs that are over."""

from typing import Any

from explorer.labs.base import AbstractLab
from explorer.labs.faults import sentence
from explorer.labs.known import Trajectory
from explorer.labs.things import called
from explorer.widgets.desk import Desk
from explorer.widgets.runner import Make


class Live:
    """A state that can be changed, and what is computed for it."""

    def __init__(self, desk: Desk, state: Any, device: str | None):
        self.lab, self.desk, self.state, self._device = desk.lab, desk, state, device

    def choose(self, name: str, value: Any, share: float | None = None) -> bool:
        """Take one choice, the cursor at ``share``; whether it changed the state. Raises ValueError as `changed`."""
        before = state = self.state
        for also, where in self.lab.beside(state, name, value, share).items():
            state = self.desk.changed(state, also, where)
        self.state = self.desk.changed(state, name, value)
        return self.state != before

    def move(self, changes: dict[str, Any]) -> None:
        """Take what a run changed in the state that it shows."""
        self.state = self.lab.built(vars(self.state) | changes, self.desk.shelf)

    def make(self) -> Make:
        """What computes the state as it is now."""
        lab, state, shelf, device = self.desk.lab, self.state, self.desk.shelf, self.device
        return lambda stop: lab.events(state, shelf, device, stop)

    def launch(self, x: list[float], share: float, pane: int, slot: int) -> Make:
        """What computes one more particle."""
        lab, state, shelf, device = self.desk.lab, self.state, self.desk.shelf, self.device
        return lambda stop: lab.launch(state, x, share, pane, slot, shelf, device)

    @property
    def device(self) -> str:
        return self._device or self.desk.device(self.state)

    @property
    def recipe(self) -> str:
        return self.desk.recipe(self.state)

    @property
    def name(self) -> str:
        return self.desk.name(self.state)

    def said(self, fault: Exception) -> str:
        """One sentence for a fault of the run."""
        if self.desk.own_field(self.state) is not None and not isinstance(fault, ValueError):
            words = sentence(ValueError(f"{type(fault).__name__}: {fault}"))
            return f"your model raised {words}; mend it and run the cell again"
        return sentence(fault)


class Recorded:
    """Runs that are over."""

    def __init__(self, lab: AbstractLab, runs: tuple[Any, ...], choices: dict[str, Any]):
        for run in runs:
            if not isinstance(run, Trajectory):
                raise ValueError(
                    f"only recorded runs are shown side by side; got {type(run).__name__}; record it with "
                    f"ex.record(...), or compare two samplers with {called(lab, 'field, compare=True')}"
                )
        if choices:
            raise ValueError(
                f"a recorded run is shown as it is and takes no choices; got `{next(iter(choices))}`; "
                f"give its field instead, as in {called(lab, 'field, ...')}"
            )
        lab.recorded(*runs)  # says at once what cannot be drawn
        self.lab, self._runs = lab, runs

    def make(self) -> Make:
        return lambda stop: self.lab.recorded(*self._runs)

    @property
    def recipe(self) -> str:
        shown = ", ".join(("run", "other")[: len(self._runs)])
        return f"import explorer as ex\n\n{called(self.lab, shown)}\n"

    @property
    def name(self) -> str:
        return " beside ".join(f"recorded {run.sampler or 'run'}, {run.steps} steps" for run in self._runs)

    def said(self, fault: Exception) -> str:
        return sentence(fault)
