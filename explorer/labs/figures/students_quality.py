"""Quality against evals and seconds, the composite beside its parts, and what a late student brings back."""

import math
from typing import Any

from explorer.labs.figures.checks import round_up
from explorer.labs.figures.curves import short
from explorer.labs.students.record import StudentsRecord
from explorer.labs.students.studies import EVALS, NOISE, QUALITY, SWITCH, TROUBLE, switching
from explorer.maths.students.comparison import Cell, Comparison, Row
from explorer.maths.students.scores import COMPOSED, PARTS
from explorer.maths.students.switch import SwitchCurve

ROLES = ("state", "launched", "second", "third")
SHOWN = {
    "w2": "W2",
    "sliced_w2": "sliced",
    "mmd2": "MMD² x 10³",
    "precision": "precision",
    "recall": "recall",
    "covered": "modes",
    "w2_to_teacher": "to teacher",
    "pair_rmse": "pairs",
}
"""Figures in the table, with labels for narrow columns."""
WORSE = 1.1
"""A student is said to get worse with more evals where its W2 grows by this factor, and by more than its spread."""
W2_HINT = (
    "Exact Wasserstein distance to the data, in units of x: even points, mean over three seeds, band: their spread. "
    "The teacher walks Euler steps here, one eval each. Nothing can be told below two draws of the data."
)
MMHM_HINT = (
    "MMHM: W2, MMD², precision and recall, each scaled to 0..1 over the rows shown (1 is the best), then their "
    "harmonic mean. The formula is ours. It says who is balanced among those shown: one bad row lifts all others, and "
    "the worst in any part scores near 0. No single number will do: look at its parts below."
)
SWITCH_HINT = (
    "The teacher walks the first k of 8 steps, the student goes on to the data. W2 to the data, 500 even points; "
    "k = 8 is the teacher alone."
)


def quality_charts(record: StudentsRecord, tab: str, parts: str) -> list[dict[str, Any]]:
    """W2 by evals, and by seconds on the switch of its axis; then under ``parts`` the composite by evals."""
    return [_by_evals(record, tab), _composite(record, parts)]


def _table(record: StudentsRecord) -> Comparison | None:
    return record.studies.get(QUALITY)


def _rows(record: StudentsRecord) -> list[tuple[int, str, Row]]:
    """Slot, role and row of the teacher and each student."""
    table = _table(record)
    if table is None:
        return []
    rows = [row for row in table.rows if row.role != "exact"]
    return [
        (slot, role, row) for slot, (role, row) in enumerate(zip(ROLES, rows, strict=False), 1) if row.cells
    ]


def _known(row: Row) -> list[Cell]:
    return [cell for cell in row.cells if cell.scores]


def _why_empty(record: StudentsRecord) -> str:
    return record.studies.get(TROUBLE, "Being computed.")


def _line(slot: int, role: str, row: Row, x: list[float], y: list[float]) -> dict[str, Any]:
    return {"run": slot, "label": row.label, "role": role, "x": short(x), "y": short(y), "ticks": True}


def _by_evals(record: StudentsRecord, tab: str) -> dict[str, Any]:
    lines, bands, tops = [], [], [0.0]
    for slot, role, row in _rows(record):
        cells = _known(row)
        x, y = [float(cell.evals) for cell in cells], [cell.mean("w2") for cell in cells]
        spread = [value if math.isfinite(value := cell.spread("w2")) else 0.0 for cell in cells]
        seconds = [value if (value := cell.mean("seconds")) > 0 else math.nan for cell in cells]
        lines.append(_line(slot, role, row, x, y) | {"axes": {"seconds": short(seconds)}})
        lo, hi = (short(a + sign * b for a, b in zip(y, spread, strict=True)) for sign in (-1, 1))
        bands.append({"x": short(x), "lo": lo, "hi": hi, "role": role})
        tops += y
    table, noise = _table(record), record.studies.get(NOISE)
    levels = [{"y": noise, "label": "untouched noise", "dashed": True}] if noise else []
    if table is not None and table.floors:
        floor = sum(table.floors) / len(table.floors)
        levels.append({"y": floor, "label": "floor", "dashed": True})
    n = table.n if table is not None else 500
    return {
        "id": "quality",
        "tab": tab,
        "title": "Quality against evals",
        "subtitle": f"W2 to the data, {n} points, three seeds",
        "caption": facts_of(record),
        "hint": W2_HINT,
        "x": "evals",
        "x_label": "evals",
        "x_log": True,
        "x_range": [EVALS[0], EVALS[-1]],
        "y_label": "",
        "log": True,
        "y": _range([*tops, *(level["y"] for level in levels)]),
        "lines": lines,
        "bands": bands,
        "levels": levels,
        "empty": _why_empty(record),
    }


def _range(values: list[float]) -> list[float]:
    """A logarithmic axis that stays put from run to run: of points, or where all lies far above them."""
    known = [value for value in values if value > 0]
    least, most = min(known, default=0.1), max(known, default=1.0)
    return [0.02 if least < 0.5 else round_up(least) / 5, max(2.0, round_up(most))]


def facts_of(record: StudentsRecord) -> str:
    """The two facts that surprise, each where it holds."""
    noise, rows = record.studies.get(NOISE), _rows(record)
    words = []
    if noise and rows and (cells := _known(rows[0][2])) and cells[0].evals == 1:
        teacher = cells[0].mean("w2")
        if teacher > noise:
            words.append(
                f"At 1 eval the teacher ({teacher:.3g}) is worse than untouched noise ({noise:.3g}): one step lands on "
                "the mean of the data."
            )
    worse = [row.label for _, role, row in rows if role != ROLES[0] and _gets_worse(row)]
    if worse:
        words.append(f"{' and '.join(worse)} {'get' if len(worse) > 1 else 'gets'} worse with more evals.")
    return " ".join(words)


def _gets_worse(row: Row) -> bool:
    cells = _known(row)
    if len(cells) < 2:
        return False
    first, worst = cells[0], max(cells[1:], key=lambda cell: cell.mean("w2"))
    gap = worst.mean("w2") - first.mean("w2")
    spreads = [value for cell in (first, worst) if math.isfinite(value := cell.spread("w2"))]
    return worst.mean("w2") > WORSE * first.mean("w2") and gap > sum(spreads)


def _composite(record: StudentsRecord, tab: str) -> dict[str, Any]:
    table, lines = _table(record), []
    values = {} if table is None else table.mmhm()
    for slot, role, row in _rows(record):
        known = [cell.evals for cell in row.cells if (row.name, cell.evals) in values]
        y = [values[row.name, evals].value for evals in known]
        lines.append(_line(slot, role, row, [float(evals) for evals in known], y))
    return {
        "id": "mmhm",
        "tab": tab,
        "title": "MMHM, a composite",
        "subtitle": "W2, MMD², precision, recall in one",
        "hint": MMHM_HINT,
        "x": "evals",
        "x_label": "evals",
        "x_log": True,
        "x_range": [EVALS[0], EVALS[-1]],
        "y_label": "",
        "y": [0, 1],
        "lines": lines,
        "levels": [],
        "empty": _why_empty(record),
    }


def quality_table(record: StudentsRecord, tab: str) -> dict[str, Any] | None:
    """Every figure with its spread, all at the same evals."""
    table, rows = _table(record), _rows(record)
    if table is None or not rows:
        return None
    evals = max(each for each in EVALS if each <= record.plan.state.calls)
    cells = {slot: row.at(evals) for slot, _, row in rows}
    said = [_figure(table, part, label, cells) for part, label in SHOWN.items() if part in table.parts()]
    composed = table.mmhm()
    mine = {slot: composed.get((row.name, evals)) for slot, _, row in rows}
    said.append(
        {
            "label": "MMHM",
            "hint": MMHM_HINT,
            "unit": "",
            "values": {s: _sound(m.value) if m else None for s, m in mine.items()},
        }
    )
    for part in COMPOSED:
        values = {s: _sound(m.parts[part]) if m and part in m.parts else None for s, m in mine.items()}
        said.append(
            {
                "label": f"· {PARTS[part].label}",
                "hint": "Scaled: 1 is the best of the rows shown, 0 the worst.",
                "unit": "",
                "values": values,
            }
        )
    return {"tab": tab, "title": f"At {evals} eval{'s' if evals > 1 else ''}", "rows": said}


def _figure(table: Comparison, part: str, label: str, cells: dict[int, Cell]) -> dict[str, Any]:
    """A row with its spread over the seeds."""
    times = 1000.0 if part == "mmd2" else 1.0
    return {
        "label": f"modes of {table.modes}" if part == "covered" and table.modes else label,
        "hint": f"{PARTS[part].hint} Mean of three seeds; ±: their standard deviation.",
        "unit": "",
        "values": {slot: _sound(times * cell.mean(part)) for slot, cell in cells.items()},
        "spread": {slot: _sound(times * cell.spread(part)) for slot, cell in cells.items()},
    }


def _sound(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def switch_charts(record: StudentsRecord, tab: str) -> list[dict[str, Any]]:
    """W2, and what is reached, by the step at which each student takes over."""
    return [_switch_chart(record, tab, "w2"), _switch_chart(record, tab, "recall")]


def _switch_chart(record: StudentsRecord, tab: str, part: str) -> dict[str, Any]:
    curves: dict[int, SwitchCurve] = record.studies.get(SWITCH, {})
    lines: list[dict[str, Any]] = []
    for slot, curve in curves.items():
        points = [point for point in curve.points if not point.reason]
        label = record.plan.students[slot - 2].label
        lines.append(
            {
                "run": slot,
                "label": label,
                "role": ROLES[slot - 1],
                "x": short(float(point.k) for point in points),
                "y": short(getattr(point, part) for point in points),
                "ticks": True,
            }
        )
    heights = [y for line in lines for y in _numbers(line)]
    top = max(heights, default=1.0)
    words = "W2 to the data" if part == "w2" else "recall over the modes, 1 where each has its part"
    lowest = min(heights, default=0.0)
    return {
        "id": f"switch {part}",
        "tab": tab,
        "title": "A student that begins late" if part == "w2" else "Diversity that comes back",
        "subtitle": f"{words}, by teacher's steps of 8" if part == "w2" else words,
        "hint": SWITCH_HINT,
        "x": "step",
        "x_label": "steps",
        "x_range": [0, 8],
        "y_label": "",
        "y": [0, round_up(top)] if part == "w2" else [math.floor(10 * lowest) / 10, 1],
        "lines": lines,
        "levels": [],
        "empty": _why_no_switch(record),
    }


def _numbers(line: dict[str, Any]) -> list[float]:
    return [y for y in line["y"] if y is not None]


def _why_no_switch(record: StudentsRecord) -> str:
    if record.plan.students and not switching(record.plan):
        return "These students know only the whole way from noise to data."
    return "Choose a student." if not record.plan.students else _why_empty(record)
