"""What one cell shows: a state that can be changed, or runs that are over."""

from typing import Any

from explorer.labs.faults import sentence
from explorer.labs.known import Trajectory
from explorer.labs.menus import is_own
from explorer.labs.scrub import ScrubState
from explorer.labs.scrub.loaded import events_of
from explorer.widgets.desk import Desk
from explorer.widgets.runner import Make


class Live:
    """A state that can be changed, and what is computed for it."""

    def __init__(self, desk: Desk, state: ScrubState, device: str | None):
        self.desk, self.state, self._device = desk, state, device

    def choose(self, name: str, value: Any) -> bool:
        """Take one choice; whether it changed the state. Raises ValueError for one that cannot be."""
        before, self.state = self.state, self.desk.changed(self.state, name, value)
        return self.state != before

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
        state = self.state
        model = "own model" if is_own(state.model) else state.model
        target = "own target" if is_own(state.target) else state.target
        return f"{target}, {model}, {state.sampler}, {state.steps} steps"

    def said(self, fault: Exception) -> str:
        """One sentence for a fault of the run."""
        if is_own(self.state.model) and not isinstance(fault, ValueError):
            words = sentence(ValueError(f"{type(fault).__name__}: {fault}"))
            return f"your model raised {words}; mend it and run the cell again"
        return sentence(fault)


class Recorded:
    """Runs that are over."""

    def __init__(self, runs: tuple[Any, ...], choices: dict[str, Any]):
        for run in runs:
            if not isinstance(run, Trajectory):
                raise ValueError(
                    f"only recorded runs are shown side by side; got {type(run).__name__}; record it with "
                    "ex.record(...), or compare two samplers with ex.scrub(field, compare=True)"
                )
        if choices:
            raise ValueError(
                f"a recorded run is shown as it is and takes no choices; got `{next(iter(choices))}`; "
                "give its field instead, as in ex.scrub(field, ...)"
            )
        events_of(*runs)  # says at once what cannot be drawn
        self._runs = runs

    def make(self) -> Make:
        return lambda stop: events_of(*self._runs)

    @property
    def recipe(self) -> str:
        shown = ", ".join(("run", "other")[: len(self._runs)])
        return f"import explorer as ex\n\nex.scrub({shown})\n"

    @property
    def name(self) -> str:
        return " beside ".join(f"recorded {run.sampler or 'run'}, {run.steps} steps" for run in self._runs)

    def said(self, fault: Exception) -> str:
        return sentence(fault)
