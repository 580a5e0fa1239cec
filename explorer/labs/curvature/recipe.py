"""The same measurement in a few lines of Python, with no page."""

from explorer.labs.curvature.state import CONDITIONAL, OWN, CurvatureState
from explorer.labs.menus import ANY, EXACT, is_own
from explorer.labs.shelf import RUN_PREFIX

NAMES = ("bend", "second", "third")


def recipe(state: CurvatureState) -> str:
    """Lines that can be pasted into a notebook; they give the very figures of the page."""
    lines, shown = ["import explorer as ex", ""], []
    for name, model in zip(NAMES, state.models, strict=False):
        if model == CONDITIONAL:
            lines.append("# Straight pairs bend nowhere in linear coordinates: there is nothing to compute.")
            continue
        coordinates = "" if state.coordinates == OWN else f", coordinates={state.coordinates!r}"
        given = _thing(state, name, model)
        lines.append(f"{name} = ex.curvature({given}{coordinates})")
        shown.append(name)
    lines += [f"print({name}.mean_straightness, {name}.set_relative_straightness)" for name in shown]
    return "\n".join([*lines, f"ex.figure({shown[0]})"]) + "\n"


def _thing(state: CurvatureState, name: str, model: str) -> str:
    """What is measured, and how it is sampled where it is not there yet."""
    if model.startswith(RUN_PREFIX):
        return "run"
    if is_own(model):
        words = "field" if name == NAMES[0] else f"{name}_field"
    elif model == EXACT:
        target = "target" if is_own(state.target) else f"ex.target({state.target!r})"
        words = f"{target}.field({state.path!r})"
    else:
        words = f"ex.load({model!r})"
    given = words if state.label == ANY else f"{words}.given({state.label!r})"
    sampler = "" if state.sampler == "heun" else f", sampler={state.sampler!r}"
    return f"{given}, steps={state.steps}, n={state.n}, seed={state.seed}{sampler}"
