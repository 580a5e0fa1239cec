"""A run as a river in its valley, in words and curves: the stage's spec, its charts and numbers, and the last line."""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from explorer.labs.figures.landscape_page import curve, fact, heat_spec, log_range, percent, steps_cursor

if TYPE_CHECKING:
    from explorer.labs.landscape.river import Course, RiverRecord

MOST = 400
"""Points of a curve."""
RIVER_HINT = (
    "The river's direction is the normalised displacement of a weight average over the run; the hills are the sharpest "
    "directions at the last average, across it. The split is ours, after arXiv:2410.05192."
)
HILL_HINT = (
    "The loss at a point less that of the same point moved to the average along the hills: a decay's win."
)
SHARE_HINT = "Of the squared distance from the local average, the share that lies along the hills."
STRAIGHT_HINT = "Displacement of the averages over the length of their way; 1 is straight."
RUN_ROLE, BRANCH_ROLE = "state", "launched"


def river_spec(record: "RiverRecord") -> dict[str, Any]:
    """Along the river, up its steepest hill."""
    from explorer.labs.landscape.river import last_step

    main = record.courses[0]
    end = record.river.curvatures.tolist()
    words = f"{main.label}, steepest hill {end[0]:.3g}"
    last = last_step(record.state)
    pane = {
        "label": record.subject.named.label,
        "note": words,
        "run": 1,
        "role": RUN_ROLE,
        "axes": ["along the river", "up the hill"],
        "show_axes": True,
        "shapes": [
            {"kind": "mark", "x": x, "y": y, "shape": shape, "label": label, "hint": label}
            for label, shape, (x, y) in _ends(record)
        ],
        "words": {RUN_ROLE: main.label},
    }
    return {
        "version": 1,
        "title": record.subject.named.label,
        "subtitle": words,
        "box": list(record.picture.box),
        "fill": True,
        "panes": [pane],
        "launched": [],
        "images": None,
        "can_launch": True,
        "can_draw": False,
        "paths": 1,
        "rest": 1.0 - float(main.steps[-1]) / last,
        "cursor": steps_cursor(0, last),
        "colour": None,
        "heat": heat_spec(record.picture, record.state.log),
        "pairs": None,
        "note": "click: decay from the cursor's step",
    }


def _ends(record: "RiverRecord") -> list[tuple[str, str, list[float]]]:
    places = record.courses[0].places
    return [("start", "ring", places[0].tolist()), ("now", "ring", places[-1].tolist())]


def river_charts(record: "RiverRecord") -> dict[str, Any]:
    """Loss with its branches, progress, swings, and what a decay can win."""
    return {
        "charts": [_losses(record), _progress(record), _across(record), _hill(record), _share(record)],
        "numbers": _numbers(record),
    }


def _shares(record: "RiverRecord", steps: Tensor) -> list[float]:
    from explorer.labs.landscape.river import last_step

    last = last_step(record.state)
    return [1.0 - float(step) / last for step in steps]


def _losses(record: "RiverRecord") -> dict[str, Any]:
    lines = [_loss(record, index, course) for index, course in enumerate(record.courses)]
    return {
        "id": "losses",
        "tab": "Decay",
        "title": "Loss",
        "subtitle": "of each update; branches decay to a rate of 0",
        "caption": _won(record),
        "hint": "While the rate is high the run swings between the hills; a decay lets it down to the bed.",
        "x": "share",
        "y_label": "",
        **log_range([y for line in lines for y in line["y"]]),
        "lines": lines,
        "levels": [],
    }


def _loss(record: "RiverRecord", index: int, course: "Course") -> dict[str, Any]:
    from explorer.labs.landscape.river import FIRST_BRANCH

    stride = max(1, math.ceil(len(course.losses) / MOST))
    steps = course.first + torch.arange(0, len(course.losses), stride)
    role = BRANCH_ROLE if index else RUN_ROLE
    label = f"from {course.first}" if index else course.label
    return curve(
        label,
        role,
        _shares(record, steps),
        course.losses[::stride].tolist(),
        FIRST_BRANCH + index if index else 1,
    )


def _won(record: "RiverRecord") -> str:
    """What the newest branch won over the run that went on, at the same step or the run's last."""
    if len(record.courses) < 2:
        return "Decay now branches the run at the cursor's step, and so does a click on the picture."
    main, branch = record.courses[:2]
    end = int(branch.steps[-1])
    upto = min(end, int(main.steps[-1]))
    kept = main.true[main.steps <= upto][-1]
    return (
        f"Decayed from step {branch.first:,} the loss is {float(branch.true[-1]):.3g} at step {end:,}; the run that "
        f"went on has {float(kept):.3g} at step {upto:,}."
    )


def _chart(
    record: "RiverRecord",
    tab: str,
    name: str,
    title: str,
    subtitle: str,
    hint: str,
    lines: list[Any],
    **more: Any,
) -> dict[str, Any]:
    return {
        "id": name,
        "tab": tab,
        "title": title,
        "subtitle": subtitle,
        "hint": hint,
        "x": "share",
        "y_label": "",
        "lines": lines,
        "levels": [],
        **more,
    }


def _progress(record: "RiverRecord") -> dict[str, Any]:
    found = record.river
    line = curve("progress", RUN_ROLE, _shares(record, found.steps), found.progress.tolist())
    return _chart(
        record, "Split", "progress", "Progress along the river", "in units of the weights", RIVER_HINT, [line]
    )


def _across(record: "RiverRecord") -> dict[str, Any]:
    found = record.river
    shares = _shares(record, found.steps)
    lines = [
        curve(f"hill {i + 1}", role, shares, found.across[:, i].tolist())
        for i, role in zip(range(found.across.shape[1]), ("third", "clean"), strict=False)
    ]
    return _chart(
        record,
        "Split",
        "across",
        "Swings across",
        "from the local average, along each hill",
        RIVER_HINT,
        lines,
    )


def _hill(record: "RiverRecord") -> dict[str, Any]:
    found = record.river
    times, words = _readable(float(found.hill_loss.abs().max()))
    won = (found.hill_loss * times).tolist()
    line = curve("hill loss", RUN_ROLE, _shares(record, found.steps), won)
    return _chart(record, "Decay", "hill", "Hill loss", f"what a decay can win{words}", HILL_HINT, [line])


def _readable(most: float) -> tuple[float, str]:
    """By what small numbers are multiplied so that an axis can say them, and how that is told."""
    if not 0.0 < most < 0.01:
        return 1.0, ""
    power = -math.floor(math.log10(most))
    return 10.0**power, f", in 10^−{power}"


def _share(record: "RiverRecord") -> dict[str, Any]:
    found = record.river
    line = curve("share", RUN_ROLE, _shares(record, found.steps), found.hill_share.tolist())
    return _chart(
        record,
        "Split",
        "share",
        "Share of the hills",
        "in the distance from the average",
        SHARE_HINT,
        [line],
        y=[0, 1],
    )


def _numbers(record: "RiverRecord") -> list[dict[str, Any]]:
    found = record.river
    rows = [
        fact("loss", "Of the whole batch at this step.", {1: found.loss.tolist()}),
        fact("progress", f"Along the river. {RIVER_HINT}", {1: found.progress.tolist()}),
        fact("hill loss", HILL_HINT, {1: found.hill_loss.tolist()}),
        fact("share of the hills", SHARE_HINT, {1: found.hill_share.tolist()}),
    ]
    whole = [
        fact("speed", "Progress of the averages for each step.", {1: found.speed}),
        fact("straightness", STRAIGHT_HINT, {1: found.straightness}),
        *(
            fact(f"hill {i + 1}", "Its curvature at the last average.", {1: value})
            for i, value in enumerate(found.curvatures.tolist())
        ),
    ]  # fmt: skip
    return [{"title": "At this step", "rows": rows}, {"title": "Of the river", "rows": whole}]


def river_footer(record: "RiverRecord") -> str:
    """What is on screen, in one line."""
    found, state = record.river, record.state
    branches = len(record.courses) - 1
    words = f"{record.courses[0].label}, {int(found.steps[-1]):,} steps, straightness {percent(found.straightness)}"
    return f"{words} · {branches} branch{'es' if branches != 1 else ''} · {record.frame.dtype} · seed {state.seed}"
