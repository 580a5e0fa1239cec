"""What can be chosen in the Scrub lab, within which bounds, and what one choice means for the others."""

from dataclasses import dataclass
from typing import Annotated, Any

from explorer.labs.controls import Choice, Seed, Slider, Switch, Values, check_texts, controls_of
from explorer.labs.menus import (
    ANY,
    EXACT,
    NO_TARGET,
    PICTURES,
    labels,
    models,
    paths,
    shows_images,
    targets,
)
from explorer.maths.samplers import SAMPLERS
from explorer.maths.samplers.grids import GRID_LABELS
from explorer.models.schedulers import SCHEDULERS
from explorer.models.zoo import CATALOGUE

SAME = "same"
POINTS_BUDGET = 1_200_000
"""Most samples times frames of one picture: its bytes go over the wire once."""
WORK_BUDGET = 6_000_000
"""Most samples times evals of one run, an image counting as much as PICTURE_WORK points."""
PICTURE_WORK = 60
ADAPTIVE_EVALS = 300


def _samplers(values: Values) -> dict[str, str]:
    ours = {name: sampler.label for name, sampler in SAMPLERS.items()}
    return ours | {name: entry.label for name, entry in SCHEDULERS.items()}


def _grids_for(sampler: str) -> dict[str, str]:
    if sampler in SCHEDULERS:
        return {"default": "The scheduler's own"}
    return {"default": "The path's own"} | GRID_LABELS


def _grids(values: Values) -> dict[str, str]:
    return _grids_for(values["sampler"])


def _has(field: str):
    def shown(values: Values) -> bool:
        return field in getattr(SAMPLERS.get(values["sampler"]), "__dataclass_fields__", {})

    return shown


def _takes_steps(values: Values) -> bool:
    return not getattr(SAMPLERS.get(values["sampler"]), "is_adaptive", False)


def _takes_grid(values: Values) -> bool:
    return _takes_steps(values) and values["sampler"] not in SCHEDULERS


def _compared(values: Values) -> bool:
    return bool(values["compare"])


def _with_same(options):
    def extended(values: Values) -> dict[str, str]:
        return {SAME: "The same"} | options(values)

    return extended


def _second_grids(values: Values) -> dict[str, str]:
    sampler = values["sampler"] if values["sampler_2"] == SAME else values["sampler_2"]
    return _grids_for(sampler)


@dataclass(frozen=True)
class ScrubState:
    """Everything that decides the picture: plain values, hashable; the URL, the cache key and the recipe.

    Raises:
        ValueError: one sentence, for a value out of its control's bounds or a run over the budget.
    """

    target: Annotated[str, Choice("Target", targets, "what", "the distribution at the data end")] = (
        "two_moons"
    )
    model: Annotated[
        str, Choice("Model", models, "what", "what is asked for the velocity: a closed form or a network")
    ] = EXACT
    path: Annotated[str, Choice("Path", paths, "what", "how data and noise are mixed at each time")] = (
        "linear"
    )
    sampler: Annotated[str, Choice("Sampler", _samplers, hint="the method that walks from noise to data")] = (
        "heun"
    )
    steps: Annotated[
        int, Slider("Steps", 1, 200, log=True, hint="moves from noise to data", shown=_takes_steps)
    ] = 20
    n: Annotated[int, Slider("Samples", 16, 20_000, log=True, hint="points drawn at once")] = 2000
    seed: Annotated[int, Seed()] = 42
    compare: Annotated[
        bool, Switch("Compare", "show", "a second run beside the first, from the same noise")
    ] = False
    sampler_2: Annotated[
        str, Choice("Second sampler", _with_same(_samplers), "compare", "beside the first", shown=_compared)
    ] = "euler"
    steps_2: Annotated[int, Slider("Second steps", 1, 200, log=True, group="compare", shown=_compared)] = 20
    grid_2: Annotated[str, Choice("Second time grid", _second_grids, "compare", shown=_compared)] = "default"
    path_2: Annotated[str, Choice("Second path", _with_same(paths), "compare", shown=_compared)] = SAME
    grid: Annotated[
        str, Choice("Time grid", _grids, hint="where the steps lie", more=True, shown=_takes_grid)
    ] = "default"
    label: Annotated[
        str,
        Choice(
            "Class",
            labels,
            "what",
            "only samples of one class",
            True,
            lambda values: len(labels(values)) > 1,
        ),
    ] = ANY
    eta: Annotated[
        float,
        Slider("Fresh noise, eta", 0, 1, 0.05, hint="0: the ODE; 1: the SDE", more=True, shown=_has("eta")),
    ] = 0.0
    churn: Annotated[
        float, Slider("Churn", 0, 80, 1, hint="S_churn of EDM, Algorithm 2", more=True, shown=_has("churn"))
    ] = 20
    tolerance: Annotated[
        float,
        Slider("Digits kept", 1, 8, 1, hint="relative tolerance 10^-d", more=True, shown=_has("rtol")),
    ] = 4
    precision: Annotated[
        str,
        Choice(
            "Precision",
            lambda _: {"float32": "float32", "float64": "float64"},
            "how",
            "of every number",
            True,
        ),
    ] = "float32"

    def __post_init__(self) -> None:
        values = vars(self)
        check_texts(type(self), values)
        for name, control in controls_of(type(self)).items():
            object.__setattr__(self, name, control.checked(name, values[name], values))
        _check_budget(self)

    @property
    def panes(self) -> int:
        """One, or two when compared."""
        return 2 if self.compare else 1


def _check_budget(state: ScrubState) -> None:
    frames = (state.steps + 1) + (state.steps_2 + 1 if state.compare else 0)
    if state.n * frames > POINTS_BUDGET:
        raise ValueError(
            f"{state.n:,} samples at {frames} moments are {state.n * frames:,} points, "
            f"and a picture holds {POINTS_BUDGET:,}; use fewer `steps` or samples"
        )
    if work(state) > WORK_BUDGET:
        raise ValueError(
            f"this run costs {work(state) / WORK_BUDGET:.1f} times what one run may; use fewer `steps` or samples"
        )


def work(state: ScrubState) -> float:
    """Samples times evals, an image weighing as much as PICTURE_WORK points."""
    evals = _evals(state.sampler, state.steps)
    if state.compare:
        second = state.sampler if state.sampler_2 == SAME else state.sampler_2
        evals += _evals(second, state.steps_2)
    return state.n * evals * (PICTURE_WORK if shows_images(vars(state)) else 1)


def _evals(sampler: str, steps: int) -> int:
    method = SCHEDULERS[sampler] if sampler in SCHEDULERS else SAMPLERS[sampler]
    return steps * method.evals_per_step or ADAPTIVE_EVALS


def own_eta(sampler: str) -> float:
    """The share of fresh noise that a method has by itself: 0 for DDIM, 1 for the reverse SDE."""
    return float(getattr(SAMPLERS.get(sampler), "eta", 0.0))


def settled(values: dict[str, Any], just: str) -> dict[str, Any]:
    """``values`` with what follows from the choice of ``just`` put in order."""
    values = dict(values)
    if just == "target":
        if values["model"] not in models(values) or values["target"] == NO_TARGET:
            values["model"] = EXACT
        if shows_images(values) != (values["n"] <= PICTURES):
            values["n"] = PICTURES if shows_images(values) else 2000
    if just == "sampler":
        values["eta"] = own_eta(values["sampler"])
    if values["model"] in CATALOGUE and just in ("target", "model"):
        values["path"], values["path_2"] = CATALOGUE[values["model"]].path, SAME
    if just == "model" and values["model"] == EXACT and values["target"] == NO_TARGET:
        values["target"] = ScrubState.target
    controls = controls_of(ScrubState)
    for name in ("label", "grid", "grid_2", "path_2"):
        control = controls[name]
        if isinstance(control, Choice) and name != just and values[name] not in control.options(values):
            values[name] = next(iter(control.options(values)))
    return values
