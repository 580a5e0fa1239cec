"""The same landscape in a few lines of Python, with no page."""

from explorer.labs.landscape.ground import LOG_TOLERANCE, POINTS, TOLERANCE
from explorer.labs.landscape.menus import (
    EIGENVECTORS,
    GRADIENT,
    PATH,
    RANDOM,
    RIVER,
    SPECTRUM,
    STUDENT,
    SURFACE,
    TRAINING,
)
from explorer.labs.landscape.spectrum import MOST
from explorer.labs.landscape.state import LandscapeState
from explorer.labs.landscape.ways import path_steps
from explorer.labs.menus import is_own
from explorer.maths.landscape.training import OPTIMISERS
from explorer.models.problems import FRESH, MODULAR, usual_rows
from explorer.models.zoo import CATALOGUE


def recipe(state: LandscapeState) -> str:
    """Lines that can be pasted into a notebook; they give the very figures of the page."""
    lines = {SURFACE: _surface, SPECTRUM: _spectrum, TRAINING: _training, RIVER: _river}[state.view](state)
    imports = [line for line in lines if line.startswith("from ")]
    rest = [line for line in lines if not line.startswith("from ")]
    return "\n".join(["import explorer as ex", *imports, "", *rest]) + "\n"


def _problem(state: LandscapeState, **more: object) -> str:
    if is_own(state.problem):
        return "(loss, module, batch)"
    said = [repr(state.problem)]
    if state.share is not None:
        said.append(f"level={state.share}")
    if state.problem != MODULAR and state.n != usual_rows(state.problem):
        said.append(f"n={state.n}")
    said += [f"{name}={value!r}" for name, value in more.items()]
    return f"ex.problem({', '.join(said)})"


def _surface(state: LandscapeState) -> list[str]:
    tolerance = 0.0 if state.full else LOG_TOLERANCE if state.log else TOLERANCE
    lines = [f"problem = {_problem(state)}", *_directions(state)]
    wide, centre = _number(state.extent), _pair(state.x, state.y)
    if state.directions == PATH:
        wide = f"{_number(state.extent)} * tracks.extent"
        centre = f"({_shifted(state.x, 'tracks', 0)}, {_shifted(state.y, 'tracks', 1)})"
    elif state.directions == EIGENVECTORS:
        wide, centre = _number(0.1 * state.extent), _pair(0.1 * state.x, 0.1 * state.y)
    elif state.directions not in (*RANDOM, GRADIENT):
        wide, centre = _number(0.9 * state.extent), _pair(0.5 + 0.9 * state.x, 0.9 * state.y)
    options = f"points={POINTS}, extent={wide}, centre={centre}, tolerance={_number(tolerance)}"
    if state.directions in RANDOM:
        options = f"{state.directions!r}, seed={state.seed}, {options}"
    elif state.directions == EIGENVECTORS:
        options = f"{EIGENVECTORS!r}, {options}"
    else:
        options = f"directions, {options}"
    return [*lines, f"plane = ex.landscape(*problem, {options})", "ex.figure(plane)"]


def _number(value: float) -> str:
    return repr(float(f"{value:.12g}"))


def _pair(x: float, y: float) -> str:
    return f"({_number(x)}, {_number(y)})"


def _shifted(offset: float, name: str, axis: int) -> str:
    words = f"{name}.centre[{axis}]"
    return words if offset == 0 else f"{words} + {offset:g} * {name}.extent"


def _directions(state: LandscapeState) -> list[str]:
    if state.directions == GRADIENT:
        return _STEPS
    if state.directions in (*RANDOM, EIGENVECTORS):
        return []
    if state.directions == PATH:
        begun = "problem" if is_own(state.problem) else _problem(state, stage=FRESH)
        return [
            f"*_, run = ex.descend(*{begun}, ['adam'], steps={path_steps(state)}, probes=())",
            "tracks = ex.tracks(run)",
            "directions = tracks.directions",
        ]
    return [
        "from explorer.maths.landscape import FlatLoss, random_directions",
        "flat = FlatLoss(*problem)",
        f"along = flat.flatten({_other(state)}) - flat.start",
        f"up = random_directions(flat, 'filter', {state.seed}).vectors[1]",
        "up = up - (up @ along) / (along @ along) * along",
        "directions = [along, up / up.norm() * along.norm()]",
    ]


_STEPS = [
    "from explorer.maths.landscape.training import OPTIMISERS, next_step",
    "down, adam = next_step(*problem, 'sgd', 1.0), next_step(*problem, 'adam')",
    "first = down / down.norm()",
    "beside = adam - (adam @ first) * first",
    "length = 2.0 * max(next_step(*problem, name).norm() for name in OPTIMISERS)",
    "directions = [first * length, beside / beside.norm() * length]",
]
"""Downhill and Adam's next step: plain descent with a learning rate of 1 goes down the very gradient."""


def _other(state: LandscapeState) -> str:
    """The weights that a line leads to, as a module."""
    if is_own(state.problem):
        return "other"
    if state.directions == STUDENT:
        return f"ex.load({state.other!r}).{'module' if state.other in CATALOGUE else 'network'}"
    return f"{_problem(state, stage=state.other)}.module"


def _spectrum(state: LandscapeState) -> list[str]:
    return [
        f"problem = {_problem(state)}",
        f"found = ex.spectrum(*problem, k={state.k}, seed={state.seed}, most={MOST})",
        "print(found.eigenvalues, found.residuals, found.matvecs)",
        f"print('2 / learning rate:', {2.0 / state.rate:g})",
        "ex.figure(found)",
    ]


def _training(state: LandscapeState) -> list[str]:
    usual = {name: OPTIMISERS[name].usual * state.pace for name in state.chosen}
    rates = ", ".join(f"{name!r}: {rate:.10g}" for name, rate in usual.items())
    begun = "problem" if is_own(state.problem) else _problem(state, stage=FRESH, first=state.seed)
    rows = f", rows={state.rows}" if state.rows else ""
    rows += f", looks={state.looks}, budget=None" if state.looks else ", probes=()"
    first = ["problem = (loss, module, batch)"] if is_own(state.problem) else []
    return [
        *first,
        f"for run in ex.descend(*{begun}, {list(state.chosen)}, steps={state.steps}, schedule={state.schedule!r},",
        f"                      learning_rate={{{rates}}}, seed={state.seed}{rows}):",
        "    print(run.step, [one.last.loss for one in run.runs])",
        "ex.figure(run)",
    ]


def _river(state: LandscapeState) -> list[str]:
    at = round(state.decay_from * state.steps)
    return [
        *_training(state)[:-1],
        f"valley = ex.river(run, {state.runner!r})",
        f"*_, branch = ex.decay_now(run, {state.runner!r}, at={at}, steps={state.decay_steps})",
        "print(valley.hill_loss[-1], branch.runs[0].last.loss)",
        "ex.figure(valley)",
    ]
