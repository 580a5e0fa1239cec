"""The same comparison in a few lines of Python, with no page."""

from explorer.labs.menus import EXACT, is_own
from explorer.labs.students.menus import ANY_STEP, DIVERGE, TRAIN
from explorer.labs.students.plan import most_calls
from explorer.labs.students.state import StudentsState
from explorer.models.zoo import student_from_catalogue


def recipe(state: StudentsState) -> str:
    """Lines that can be pasted into a notebook; they give the very figures of the page."""
    if state.view == DIVERGE:
        return _diverging(state)
    lines = ["import explorer as ex", "", f"teacher = {_teacher(state)}"]
    if state.view == TRAIN:
        return "\n".join([*lines, *_training(state)]) + "\n"
    names = []
    for number, key in enumerate(state.chosen, 1):
        name = f"student_{number}"
        names.append(name)
        lines.append(f"{name} = {'student' if is_own(key) else f'ex.student({_file(state, key)!r})'}")
    lines.append(
        f"run = ex.record(teacher, sampler={state.sampler!r}, steps={state.steps}, n={state.n}, seed={state.seed})"
    )
    if state.view == ANY_STEP:
        return "\n".join([*lines, *(f"ex.figure(ex.any_step({name}, teacher))" for name in names)]) + "\n"
    for number, (name, key) in enumerate(zip(names, state.chosen, strict=True), 1):
        lines.append(_run(state, number, name, _calls(state, key)))
    lines.append(f"table = ex.compare(teacher, [{', '.join(names)}], target={_target(state)})")
    return "\n".join([*lines, "ex.figure(table)"]) + "\n"


def _calls(state: StudentsState, key: str) -> int:
    """As many calls as the page makes: some students know no more than one."""
    if is_own(key):
        return state.calls
    try:
        return most_calls(student_from_catalogue(_file(state, key)), state.calls)
    except ValueError:  # a file that is not sound; the picture says so
        return state.calls


def _run(state: StudentsState, number: int, name: str, calls: int) -> str:
    if state.switch:
        return (
            f"run_{number} = ex.switched(teacher, {name}, {state.switch}, steps={state.steps}, calls={calls}, "
            f"sampler={state.sampler!r}, n={state.n}, seed={state.seed})"
        )
    return f"run_{number} = ex.record({name}, steps={calls}, n={state.n}, seed={state.seed})"


def _training(state: StudentsState) -> list[str]:
    return [
        f"for progress in ex.distill({state.method!r}, teacher, {_target(state)}, steps={state.updates}, "
        f"seed={state.seed}):",
        "    print(progress.step, progress.loss, progress.w2)",
        "student = progress.student",
    ]


def _diverging(state: StudentsState) -> str:
    calls = [
        f"{name} = ex.weak_fit({state.divergence!r}, {state.generator!r}, averaged={averaged})"
        for name, averaged in (("clean", False), ("noisy", True))
    ]
    lines = ["import explorer as ex", "", *calls]
    return (
        "\n".join([*lines, "print([fit.bumps for fit in clean.fits], [fit.bumps for fit in noisy.fits])"])
        + "\n"
    )


def _teacher(state: StudentsState) -> str:
    if is_own(state.model):
        return "field"
    return f"{_target(state)}.field('linear')" if state.model == EXACT else f"ex.load({state.model!r})"


def _target(state: StudentsState) -> str:
    return "target" if is_own(state.target) else f"ex.target({state.target!r})"


def _file(state: StudentsState, key: str) -> str:
    return f"{state.target}/{key}"
