"""What is asked of the fields behind the paths: what solvers pay on the first, and whether each is a gradient field."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from explorer.labs.curvature.maps import LOOP_POINTS, MOMENTS, loop_radius, moments_of
from explorer.labs.curvature.paths import pane_key
from explorer.labs.curvature.plan import Plan, dtype_of
from explorer.labs.curvature.record import Checks, CurvatureLabRecord, PaneRecord, Solving
from explorer.labs.faults import sentence
from explorer.labs.shop import SHOP
from explorer.maths.conservativity import asymmetry, loop_work, velocity_error
from explorer.maths.solving import adaptive_notes, reference, work_precision
from explorer.maths.suggestion import suggest

SOLVED = 64
"""Samples that solvers are compared on."""
CHECKED = 96
"""Samples at which a field is checked."""
PICTURES_CHECKED = (4, 5)
"""Pictures, and moments: each asks for as many derivatives as a picture has pixels."""
TOLERANCE = 1e-4
"""Of the adaptive run whose local errors are shown."""


def recalled(record: CurvatureLabRecord) -> CurvatureLabRecord:
    """The record with what was studied before: neither coordinates nor colours change it."""
    plan = record.plan
    panes = tuple(replace(pane, checks=SHOP.get(_checks_key(plan, pane))) for pane in record.panes)
    known = SHOP.get(_solving_key(plan))
    if known is None:
        return replace(record, panes=panes)
    study: Solving = known[1]
    return replace(record, panes=panes, solving=replace(study, suggestion=SHOP.get(_suggestion_key(plan))))


def is_studied(record: CurvatureLabRecord) -> bool:
    """Whether nothing is left to ask of the fields."""
    solving = record.solving
    is_solved = not _is_solvable(record) or (solving is not None and solving.suggestion is not None)
    return is_solved and all(pane.checks is not None or pane.pane.field is None for pane in record.panes)


def _is_solvable(record: CurvatureLabRecord) -> bool:
    return record.panes[0].pane.field is not None and record.plan.is_plane


def _checks_key(plan: Plan, pane: PaneRecord) -> str:
    return f"checks {pane_key(plan, pane.pane)}"


def _solving_key(plan: Plan) -> str:
    return f"solving {pane_key(plan, plan.panes[0])}"


def _suggestion_key(plan: Plan) -> str:
    return f"{_solving_key(plan)} {plan.state.level!r}"


def solved(record: CurvatureLabRecord) -> Iterator[CurvatureLabRecord]:
    """What solvers pay on the first pane's field; a record for each new point, and one with the suggestion."""
    plan, pane = record.plan, record.panes[0].pane
    if pane.field is None or not _is_solvable(record):
        return
    noise = plan.noise[:SOLVED].to(dtype_of(pane.field))
    known = SHOP.get(_solving_key(plan))
    try:
        if known is None:
            ends = reference(pane.field, noise)
            study = Solving(adaptive=adaptive_notes(pane.field, noise, TOLERANCE))
            yield replace(record, solving=study)
            for point in work_precision(pane.field, noise, ends):
                study = replace(study, points=(*study.points, point))
                yield replace(record, solving=study)
            known = SHOP.put(_solving_key(plan), (ends, study))
        ends, study = known
        suggestion = SHOP.get(_suggestion_key(plan))
        if suggestion is None:
            yield replace(record, solving=study)
            *_, suggestion = suggest(pane.field, plan.state.sampler, plan.state.level, noise, ends)
            SHOP.put(_suggestion_key(plan), suggestion)
        yield replace(record, solving=replace(study, suggestion=suggestion))
    except ValueError as fault:  # a field that no solver gets through
        yield replace(record, solving=Solving(trouble=sentence(fault)))


def checked(record: CurvatureLabRecord) -> Iterator[CurvatureLabRecord]:
    """Each field against a gradient field and against the exact one; a record for each moment of each pane."""
    for slot, pane in enumerate(record.panes):
        if pane.pane.field is None:
            continue
        key = _checks_key(record.plan, pane)
        known: Checks | None = SHOP.get(key)
        for checks in [known] if known is not None else _checks(record.plan, pane):
            record = replace(
                record, panes=(*record.panes[:slot], replace(pane, checks=checks), *record.panes[slot + 1 :])
            )
            yield record
        SHOP.put(key, checks)


def _checks(plan: Plan, pane: PaneRecord) -> Iterator[Checks]:
    """More and more moments of one pane, from the noise end."""
    field, exact, run = pane.pane.field, plan.exact(pane.pane), pane.paths.run
    assert field is not None, "only a field is checked"
    count, moments = (CHECKED, MOMENTS) if plan.is_plane else PICTURES_CHECKED
    found: dict[str, list[Tensor]] = {"shares": [], "asymmetry": [], "loop": [], "error": []}
    for frame in moments_of(run, moments):
        t, x = float(run.times[frame]), run.states[frame][:count].to(dtype_of(field))
        bent = asymmetry(field, x, t)
        found["shares"].append(run.shares[frame])
        found["asymmetry"].append(bent.value.double().nanmedian())
        if plan.is_plane:
            work = loop_work(field, x, loop_radius(field, t), t, points=LOOP_POINTS)
            found["loop"].append(work.relative.double().abs().nanmedian())
        if exact is not None:
            found["error"].append(velocity_error(field, exact, x, t).double().square().mean().sqrt())
        parts = {name: torch.stack(values) if values else None for name, values in found.items()}
        yield Checks(parts["shares"], parts["asymmetry"], parts["loop"], parts["error"], bent.by)  # type: ignore[arg-type] # shares and asymmetry have one for each moment by now
