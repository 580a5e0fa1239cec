"""The same figures in a few lines of Python, with no page."""

from explorer.labs.figures.safety_collapse import CASES
from explorer.labs.menus import is_own
from explorer.labs.safety.menus import (
    ARENA,
    COLLAPSE,
    COUNTER,
    GHOSTS,
    ONE_NET,
    ONSET,
    OWN,
    PAIR,
    PERCEPTRON,
    SAMPLES,
    STEP,
    TRAIN_AT,
    TRAINING,
)
from explorer.labs.safety.state import SafetyState

EXPERIMENTS = "from explorer.maths.softmax import experiments"


def recipe(state: SafetyState) -> str:
    """Lines that can be pasted into a notebook; they give the very numbers of the page."""
    lines = {
        STEP: _step,
        SAMPLES: _step,
        GHOSTS: _ghosts,
        TRAINING: _training,
        ARENA: _arena,
        ONSET: _onset,
        COUNTER: _counter,
    }[state.view](state)
    return "\n".join(["import explorer as ex", *lines]) + "\n"


def _net(state: SafetyState) -> list[str]:
    """Lines that make ``module`` and ``split``."""
    if is_own(state.net):
        return ["split = experiments.Split(inputs, targets, inputs, targets)"]
    lines = [
        f"module = ex.classifier({state.net!r}, stage={state.stage!r})",
        "split = experiments.digits_split()",
    ]
    if state.view != ONSET and state.batch < 1257:
        lines += [
            f"few = torch.randperm(1257, generator=torch.Generator().manual_seed({state.seed}))[:{state.batch}]",
            "split = dataclasses.replace(split, x=split.x[few], y=split.y[few])",
        ]
    return lines


def _step(state: SafetyState) -> list[str]:
    few = not is_own(state.net) and state.batch < 1257
    way = [f"step = experiments.direction({state.direction!r}, module, split, seed={state.seed})"]
    if state.direction == OWN:
        way = ["step = displacement"]
    return [
        *(["import dataclasses", "import torch"] if few else []),
        EXPERIMENTS,
        "",
        *_net(state),
        *way,
        "told = ex.step_radius(module, split.x, step, split.y)",
        "print(told.r_max, told.radius.batch / told.rho, told.descent / told.rho, told.parabola / told.rho)",
        "ex.figure(told)",
    ]


def _ghosts(state: SafetyState) -> list[str]:
    return [
        "from explorer.labs.safety.ghosts import sample_of",
        "from explorer.labs.safety.state import SafetyState",
        "",
        f"state = SafetyState(view='ghosts', margin={state.margin}, spread={state.spread}, classes={state.classes}, "
        f"seed={state.seed})",
        "logits, slopes = sample_of(state)",
        f"rho = ex.radius(logits[None] / {state.temperature}, slopes[None] / {state.temperature})",
        "print(rho.bound, rho.certified, rho.exact)",
        "ex.figure(rho)",
    ]


def _training(state: SafetyState) -> list[str]:
    own = is_own(state.net)
    split = "experiments.Split(inputs, targets, inputs, targets)" if own else "experiments.digits_split()"
    module = [] if own else ["", f"module = classifier({state.net!r}, seed={state.seed})"]
    imports = [] if own else ["from explorer.models.classifiers import classifier"]
    return [
        EXPERIMENTS,
        *imports,
        *module,
        f"for frame in experiments.watched_training(module, {split}, {state.optimiser!r}, "
        f"learning_rate={state.rate}, steps={state.updates}, batch={state.rows}, seed={state.seed}, "
        f"r_max={1.0 if state.guard else None}):",
        "    print(frame.step, frame.loss, frame.r_max, frame.r_50, frame.absorbed)",
    ]


def _arena(state: SafetyState) -> list[str]:
    own = is_own(state.net)
    imports = ["import copy"] if own else ["from explorer.models.arena_nets import arena_net"]
    net = "lambda seed: copy.deepcopy(module)" if own else f"lambda seed: arena_net({state.net!r}, seed)"
    data = (
        "experiments.Split(inputs, targets, inputs, targets)"
        if own
        else "lambda seed: experiments.digits_split(0.2, seed)"
    )
    return [
        EXPERIMENTS,
        *imports,
        "",
        f"spike = experiments.Spike({state.spike!r}, {float(state.times)}, at=50)",
        f"for found in experiments.arena({net}, {data}, {state.optimiser!r}, learning_rate={state.rate}, spike=spike,",
        f"                               controls={list(state.chosen)!r}, batch={state.rows}, "
        f"seeds=range({state.seeds})):",
        "    pass",
        "print({name: (found.survivors(name), found.median(name)) for name in found.controls})",
        "ex.figure(found)",
    ]


def _onset(state: SafetyState) -> list[str]:
    if state.question == ONE_NET:
        return [
            EXPERIMENTS,
            "",
            *_net(state),
            f"curves = experiments.onset(module, split, seeds={tuple(range(state.seed, state.seed + 3))!r}, "
            f"stage={'own' if is_own(state.net) else state.stage!r})",
            "ex.figure(experiments.table_of(curves))",
        ]
    if state.question in (TRAIN_AT, "loss_only"):
        how = "at" if state.question == TRAIN_AT else "loss only"
        return [
            EXPERIMENTS,
            "from explorer.models.classifiers import classifier",
            "",
            "def net(seed):",
            "    return classifier('mlp_gelu', seed)",
            "",
            f"for found in experiments.temperatures(net, experiments.digits_split(0.2, {state.seed}), {how!r}, "
            f"seed={state.seed}):",
            "    print(found.curves[-1].temperature, found.spread(by_rho=False), found.spread())",
            "ex.figure(found)",
        ]
    return [
        "from explorer.models.onsets import shipped_onsets",
        "",
        "table = shipped_onsets()",
        f"print(table.bins('early', 'gradient', {state.criterion!r}))",
        f"print(table.bins('final', 'gradient', {state.criterion!r}))",
        "ex.figure(table)",
    ]


def _counter(state: SafetyState) -> list[str]:
    if state.example == PAIR:
        return [EXPERIMENTS, "", "print(experiments.conflicting_pair((0.9,)))"]
    if state.example == PERCEPTRON:
        return [
            EXPERIMENTS,
            "",
            "rows = experiments.signed(experiments.digits_pair(3, 8))",
            "for rate in (1.0, 1e4):",
            "    *_, run = experiments.perceptron(rows, rate)",
            "    print(rate, run.first, run.median_r)",
        ]
    if state.example == COLLAPSE:
        return [
            EXPERIMENTS,
            "",
            f"for dtype, cure in {[CASES[name] for name in state.cases.split(',')]!r}:",
            f"    *_, frame = experiments.collapse(dtype, cure, steps=1500, every=10, seed={state.seed})",
            "    print(dtype, cure, frame.test, frame.dead, frame.margin)",
        ]
    return [
        EXPERIMENTS,
        "",
        "for times in (0.5, 0.95, 1.05):",
        "    run = experiments.least_squares(experiments.digits_split(), times)",
        "    print(times, run.status, run.loss[-1], run.diverges)",
    ]
