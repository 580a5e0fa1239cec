"""A teacher and its students held side by side: the same first noise, the same evals, the floor beside every figure.

Everything is measured once for each seed, so that every figure has a spread; what a student cannot be asked is missing,
with the reason. Evals are calls of the network: a step of Heun costs two, a draw of a stochastic map as many as its
head takes.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch

from explorer.maths.fields import AbstractField
from explorer.maths.metrics import pair_distances
from explorer.maths.modes import parts_of
from explorer.maths.samplers.base import AbstractSampler
from explorer.maths.students.comparison import Cell, Comparison, Row
from explorer.maths.students.distill import check_teacher
from explorer.maths.students.flow_map import AbstractFlowMap
from explorer.maths.students.ground import Ground, made_by
from explorer.maths.students.registry import STUDENTS
from explorer.maths.students.scores import scored
from explorer.maths.targets import AbstractExactField, AbstractTarget, as_target
from explorer.maths.training.protocol import POINTS

EVALS, SEEDS = (1, 2, 4, 8), (0, 1, 2)
FEWEST, MOST, MOST_SEEDS = 16, 5000, 20


Students = Sequence[object] | Mapping[str, object]
"""Flow maps, or a mapping of names to them."""


def compare(
    teacher: AbstractField,
    students: Students,
    target: str | AbstractTarget | None = None,
    *,
    evals: Sequence[int] = EVALS,
    n: int = 500,
    seeds: Sequence[int] = SEEDS,
    sampler: str | AbstractSampler = "euler",
    even: bool = True,
    protocol: bool = False,
) -> Comparison:
    """Teacher, exact field (where the target is known) and students by evals, with figures, spreads and floors.

    ``students`` are flow maps, or a mapping of names to them. ``sampler`` walks the teacher and the exact field. With
    ``even`` the first noise fills the space evenly and the data has equal counts in every component; ``even=False``
    draws plainly, from the noise that ``ex.record(..., seed=seed)`` begins with. ``protocol`` sets n = 2048 and the
    one seed of the published figures.

    Raises:
        ValueError: for students of another path or shape than the teacher's, or a number that cannot be.
    """
    options = {"evals": evals, "n": n, "seeds": seeds, "sampler": sampler, "even": even, "protocol": protocol}
    tables = comparing(teacher, students, target, **options)  # type: ignore[arg-type] # our own arguments
    return deque(tables, maxlen=1)[0]


def comparing(
    teacher: AbstractField,
    students: Students,
    target: str | AbstractTarget | None = None,
    *,
    evals: Sequence[int] = EVALS,
    n: int = 500,
    seeds: Sequence[int] = SEEDS,
    sampler: str | AbstractSampler = "euler",
    even: bool = True,
    protocol: bool = False,
) -> Iterator[Comparison]:
    """``compare``, row by row: yields the table after each row of each seed, the first seed's whole table first.

    Raises:
        ValueError: as ``compare``, before the first table.
    """
    if protocol:
        n, seeds, even = POINTS, (0,), True
    evals, seeds = _numbers("evals", evals, 1, 10_000), _numbers("seeds", seeds, 0, 1_000_000)[:MOST_SEEDS]
    if isinstance(n, bool) or not isinstance(n, int) or not FEWEST <= n <= MOST:
        raise ValueError(f"`n` must be a whole number of samples from {FEWEST} to {MOST:,}; got {n!r}")
    data = _data(teacher, target)
    makers = _makers(teacher, students, data)
    grounds = [Ground(teacher, data, n, seed, even) for seed in seeds]
    total = None if data is None or (parts := parts_of(data)) is None else len(parts.fair)
    rows = tuple(replace(row, cells=tuple(map(Cell, evals))) for row, _ in makers)
    empty = Comparison(rows, evals, n, seeds, 0, data.name if data is not None else "", total, even)
    return _filled(empty, [maker for _, maker in makers], grounds, sampler)


def _filled(
    table: Comparison, makers: list, grounds: list[Ground], sampler: str | AbstractSampler
) -> Iterator[Comparison]:
    for turn, ground in enumerate(grounds, 1):
        table = replace(
            table,
            even_floors=(*table.even_floors, ground.floor(True)),
            plain_floors=(*table.plain_floors, ground.floor(False)),
        )
        for index, maker in enumerate(makers):
            row = table.rows[index]
            cells = tuple(with_seed(cell, maker, ground, sampler) for cell in row.cells)
            rows = (*table.rows[:index], replace(row, cells=cells), *table.rows[index + 1 :])
            table = replace(table, rows=rows, done=turn if index + 1 == len(makers) else table.done)
            yield table


def with_seed(
    cell: Cell,
    maker: AbstractField | AbstractFlowMap,
    ground: Ground,
    sampler: str | AbstractSampler = "euler",
) -> Cell:
    """The cell with one more seed's scores, or with the reason why there are none."""
    if cell.reason:
        return cell
    try:
        made = made_by(maker, cell.evals, ground, sampler)
    except ValueError as fault:
        return replace(cell, reason=str(fault))
    if not bool(torch.isfinite(made.x).all()):
        return replace(cell, scores=(), reason=f"its samples at {cell.evals} evals are not finite")
    scores = (*cell.scores, scored(made, ground))
    if cell.ends is not None:
        return replace(cell, scores=scores)
    paired = not made.drew and getattr(STUDENTS.get(getattr(maker, "method", "")), "keeps_pairs", True)
    return replace(
        cell, scores=scores, ends=made.x, distances=pair_distances(made.x, ground.ends), is_paired=paired
    )


def _data(teacher: AbstractField, target: str | AbstractTarget | None) -> AbstractTarget | None:
    """The target that was given, or an exact field's own."""
    if target is not None:
        return as_target(target)
    own = getattr(teacher, "mixture", getattr(teacher, "target", None))
    return own if isinstance(teacher, AbstractExactField) and isinstance(own, AbstractTarget) else None


def _makers(
    teacher: AbstractField, students: Students, target: AbstractTarget | None
) -> list[tuple[Row, AbstractField | AbstractFlowMap]]:
    """Rows without cells, and what makes them."""
    if not isinstance(teacher, AbstractField):
        raise ValueError(
            f"`teacher` must be a field; got {type(teacher).__name__}; give ex.load(...) or a target's field"
        )
    if target is not None and tuple(target.shape) != tuple(teacher.shape):
        raise ValueError(
            f"`target` must have samples of the teacher's shape {list(teacher.shape)}; got {list(target.shape)}"
        )
    rows: list[tuple[Row, AbstractField | AbstractFlowMap]] = [
        (Row("teacher", "Teacher", "teacher", "velocity", ()), teacher)
    ]
    if target is not None and not isinstance(teacher, AbstractExactField):
        rows.append((Row("exact", "Exact field", "exact", "velocity", ()), target.field(teacher.path)))
    named = students.items() if isinstance(students, Mapping) else [("", student) for student in students]
    for name, student in named:
        if not isinstance(student, AbstractFlowMap):
            raise ValueError(
                f"`students` must be flow maps; got {type(student).__name__}; give what ex.distill makes"
            )
        check_teacher(teacher, student.shape)
        known = STUDENTS.get(student.method)
        label = name or (known.label if known else student.label)
        unique = _unused(name or student.method or student.kind, [row.name for row, _ in rows])
        rows.append((Row(unique, label, "student", student.kind, ()), student))
    return rows


def _unused(name: str, taken: Sequence[str]) -> str:
    """The name, with a number where it is taken."""
    number, own = 2, name
    while own in taken:
        own, number = f"{name} {number}", number + 1
    return own


def _numbers(what: str, values: Sequence[int], least: int, most: int) -> tuple[int, ...]:
    """Different whole numbers, at least one."""
    given = tuple(values) if isinstance(values, Sequence) else (values,)
    whole = all(isinstance(v, int) and not isinstance(v, bool) and least <= v <= most for v in given)
    if not given or not whole or len(set(given)) != len(given):
        raise ValueError(
            f"`{what}` must be different whole numbers from {least} to {most:,}; got {values!r:.60}"
        )
    return given
