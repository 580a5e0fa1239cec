"""The same run in a few lines of Python, with no page."""

from explorer.labs.menus import ANY, EXACT, is_own
from explorer.labs.scrub.plan import second, settings_of
from explorer.labs.scrub.state import ScrubState


def recipe(state: ScrubState) -> str:
    """Lines that can be pasted into a notebook; they give the very states of the page."""
    runs = [_run("run", state)]
    shown = "run"
    if state.compare:
        runs.append(_run("other", second(state)))
        shown = "run, other"
    return "\n".join(["import explorer as ex", "", *runs, f"ex.scrub({shown})"]) + "\n"


def _run(name: str, state: ScrubState) -> str:
    dtype = "" if state.precision == "float32" else f", dtype=torch.{state.precision}"
    call = (
        f"{name} = ex.record({_field(state)}, sampler={_sampler(state)}{_steps(state)}, "
        f"n={state.n}, seed={state.seed}{dtype})"
    )
    return call if not dtype else f"import torch\n{call}"


def _steps(state: ScrubState) -> str:
    grid = "" if state.grid == "default" else f", grid={state.grid!r}"
    return f", steps={state.steps}{grid}"


def _field(state: ScrubState) -> str:
    if is_own(state.model):
        words = "field"
    elif state.model == EXACT:
        target = "target" if is_own(state.target) else f"ex.target({state.target!r})"
        words = f"{target}.field({state.path!r})"
    else:
        words = f"ex.load({state.model!r})"
    return words if state.label == ANY else f"{words}.given({state.label!r})"


def _sampler(state: ScrubState) -> str:
    settings = settings_of(state)
    if not settings:
        return repr(state.sampler)
    words = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    return f"ex.SAMPLERS[{state.sampler!r}]({words})"
