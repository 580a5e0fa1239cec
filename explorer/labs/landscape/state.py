"""What is chosen in the Landscape lab, and what one choice means for the others."""

from dataclasses import dataclass
from typing import Annotated, Any

from explorer.labs.controls import check_texts, chosen_in, controls_of
from explorer.labs.landscape import knobs, menus
from explorer.labs.menus import is_own
from explorer.models.problems import usual_rows


@dataclass(frozen=True)
class LandscapeState:
    """Everything that decides the picture: plain values, hashable; the URL, the cache key and the recipe.

    Raises:
        ValueError: one sentence, for a value out of its control's bounds.
    """

    view: Annotated[str, knobs.VIEW] = menus.SURFACE
    problem: Annotated[str, knobs.PROBLEM] = "two_moons/linear"
    level: Annotated[str, knobs.LEVEL] = menus.ALL
    directions: Annotated[str, knobs.DIRECTIONS] = menus.FILTER
    other: Annotated[str, knobs.OTHER] = menus.NOTHING
    extent: Annotated[float, knobs.EXTENT] = 1.0
    optimisers: Annotated[str, knobs.OPTIMISERS] = "sgd,momentum,adam,muon"
    schedule: Annotated[str, knobs.SCHEDULE] = "constant"
    pace: Annotated[float, knobs.PACE] = 1.0
    steps: Annotated[int, knobs.STEPS] = 300
    looks: Annotated[int, knobs.LOOKS] = 16
    runner: Annotated[str, knobs.RUNNER] = "momentum"
    train: Annotated[bool, knobs.TRAIN] = False
    decay_from: Annotated[float, knobs.DECAY_FROM] = 0.6
    decay: Annotated[bool, knobs.DECAY] = False
    k: Annotated[int, knobs.K] = 5
    rate: Annotated[float, knobs.RATE] = 0.05
    seed: Annotated[int, knobs.SEED] = 0
    log: Annotated[bool, knobs.LOG] = True
    x: Annotated[float, knobs.X] = 0.0
    y: Annotated[float, knobs.Y] = 0.0
    full: Annotated[bool, knobs.FULL] = False
    n: Annotated[int, knobs.N] = knobs.MOST_ROWS
    rows: Annotated[int, knobs.ROWS] = 0
    decay_steps: Annotated[int, knobs.DECAY_STEPS] = 60

    def __post_init__(self) -> None:
        values = vars(self)
        check_texts(type(self), values)
        for name, control in controls_of(type(self)).items():
            # What a choice offers is asked only where it is shown: the rest waits for its turn.
            if name in ("other", "runner") and values[name] not in control.options(values):  # type: ignore[union-attr] # a choice
                object.__setattr__(self, name, next(iter(control.options(values))))  # type: ignore[union-attr] # a choice
            object.__setattr__(self, name, control.checked(name, values[name], values))

    @property
    def share(self) -> float | None:
        """The noise level; None for all."""
        return None if self.level == menus.ALL else float(self.level)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The keys of the optimisers, in their order."""
        return tuple(chosen_in(self.optimisers))


def settled(values: dict[str, Any], just: str) -> dict[str, Any]:
    """``values`` with what follows from the choice of ``just`` put in order."""
    values = dict(values)
    if just not in ("train", "decay"):
        values |= {"train": False, "decay": False}  # a choice ends what is under way; it goes on when asked
    if just in ("train", "decay") and values[just]:
        values["decay" if just == "train" else "train"] = False
    if just == "problem":
        values |= {"x": 0.0, "y": 0.0, "extent": 1.0}
        if not is_own(values["problem"]):
            values["n"] = usual_rows(values["problem"])
        if not menus.is_flow(values):
            values["level"] = menus.ALL
        if values["directions"] not in menus.ways(values):
            values["directions"] = menus.FILTER
    if just == "directions":
        values |= {"x": 0.0, "y": 0.0, "extent": 1.0}
    if just in ("problem", "directions") and values["other"] not in menus.others(values):
        values["other"] = next(iter(menus.others(values)))
    if just == "optimisers" and values["runner"] not in menus.runners(values):
        values["runner"] = next(iter(menus.runners(values)), values["runner"])
    return values
