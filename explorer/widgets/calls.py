"""What opens a lab in a notebook cell: ``ex.lab`` any of them, ``ex.scrub`` the first."""

from typing import Any

from explorer.labs import LABS
from explorer.labs.known import nearest
from explorer.widgets.cell import Cell
from explorer.widgets.desk import Desk
from explorer.widgets.shown import Live, Recorded


def lab(
    name: str, thing: Any = None, *others: Any, height: int = 600, device: str | None = None, **choices: Any
) -> Cell:
    """A lab in a cell, its controls beside the stage; the run starts at once and the cell returns.

    ``name`` is a key of ``ex.LABS``. ``thing`` is a target or its name, a field (``target.field("vp")``,
    ``ex.NetworkField(module, ...)``), the name of a shipped network, or a recorded run (``ex.record``,
    ``ex.Trajectory.load``, ``ex.trajectory``); without one the lab opens as a newcomer sees it. ``others`` stand
    beside it, where the lab has room. ``choices`` are those of the controls, as ``view.choose`` takes them;
    ``target=`` says what a field of one's own was trained on. ``height`` is in CSS pixels; ``device`` is where the
    field lives.

    Raises:
        ValueError: one sentence, for a thing that cannot be shown or a choice that cannot be.
    """
    opened = LABS[nearest("lab", name, LABS)]
    desk = Desk(opened)
    things = () if thing is None and not others else (thing, *others)
    state = None if others and not opened.takes_several else desk.state_of(things, choices)
    shown = Recorded(opened, things, choices) if state is None else Live(desk, state, device)
    return Cell(shown, height)


def scrub(thing: Any, *others: Any, height: int = 600, device: str | None = None, **choices: Any) -> Cell:
    """The Scrub lab in a cell: the same as ``ex.lab("scrub", thing, ...)``.

    ``choices`` are ``sampler="heun"``, ``steps=20``, ``n=2000``, ``seed=42``, ``path="linear"``, ``compare=True``,
    ``sampler_2="euler"`` and so on; beside a recorded run a second one may stand.

    Raises:
        ValueError: one sentence, for a thing that cannot be shown or a choice that cannot be.
    """
    return lab("scrub", thing, *others, height=height, device=device, **choices)
