"""The record of a comparison: rows (teacher, exact field, students) by evals, figures with their spread over seeds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.maths.students.scores import COMPOSED, PARTS, Composite, Scores, composite


@dataclass(frozen=True, eq=False)
class Cell:
    """One row at one number of evals: ``scores`` of each seed that is done, or the ``reason`` why there are none.

    ``ends`` [n, *shape] and ``distances`` [n] (to the end of the teacher's flow from the same noise, in units of x) are
    those of the first seed. ``is_paired`` is False where that distance is not a target: the method learns the
    distribution alone, or draws noise on the way.
    """

    evals: int
    scores: tuple[Scores, ...] = ()
    reason: str = ""
    ends: Tensor | None = None
    distances: Tensor | None = None
    is_paired: bool = True

    def mean(self, part: str) -> float:
        """A figure's mean over the seeds that are done; NaN where there is none. ``seconds``: the least."""
        values = [getattr(one, part) for one in self.scores]
        if not values:
            return math.nan
        return min(values) if part == "seconds" else sum(values) / len(values)

    def spread(self, part: str) -> float:
        """Its standard deviation over the seeds; NaN below two."""
        values = torch.tensor([getattr(one, part) for one in self.scores], dtype=torch.float64)
        return float(values.std()) if len(values) > 1 else math.nan


@dataclass(frozen=True, eq=False)
class Row:
    """The teacher, the exact field or a student (``role``), at every number of evals."""

    name: str
    label: str
    role: str
    kind: str
    cells: tuple[Cell, ...]

    def at(self, evals: int) -> Cell:
        """Its cell at so many evals. Raises KeyError for a number that was not asked."""
        return {cell.evals: cell for cell in self.cells}[evals]


@dataclass(frozen=True, eq=False)
class Comparison:
    """A table of rows by evals, as far as it has come: every seed of ``seeds[:done]`` is in every row.

    ``floors`` are W2 of two independent draws of n, for each seed: even ones and plain ones; the figures are of even
    draws where ``is_even``. ``modes`` counts the target's; None where precision and recall go by neighbours.
    """

    rows: tuple[Row, ...]
    evals: tuple[int, ...]
    n: int
    seeds: tuple[int, ...]
    done: int
    target: str
    modes: int | None
    is_even: bool
    even_floors: tuple[float, ...] = ()
    plain_floors: tuple[float, ...] = ()

    @property
    def floors(self) -> tuple[float, ...]:
        """Of the kind of draws that the figures are of."""
        return self.even_floors if self.is_even else self.plain_floors

    def row(self, name: str) -> Row:
        """A row by its name. Raises KeyError for one that is not there."""
        return {row.name: row for row in self.rows}[name]

    @property
    def main(self) -> str:
        """The name of the figure to look at first: to the data where that is known, else to the teacher."""
        return "w2" if self.target else "w2_to_teacher"

    def parts(self) -> tuple[str, ...]:
        """Names of the figures that are known of some cell, in the order of ``PARTS``."""
        cells = [cell for row in self.rows for cell in row.cells]
        return tuple(part for part in PARTS if any(math.isfinite(cell.mean(part)) for cell in cells))

    def mmhm(self) -> dict[tuple[str, int], "Mmhm"]:
        """The composite of every cell that has figures, over all that are shown: (row, evals) -> value and parts."""
        parts = tuple(
            part + ("_to_teacher" if part in ("w2", "mmd2") and not self.target else "") for part in COMPOSED
        )
        keys = [(row.name, cell.evals) for row in self.rows for cell in row.cells if cell.scores]
        if not keys:
            return {}
        means = [[self.row(name).at(evals).mean(part) for part in parts] for name, evals in keys]
        made: Composite = composite(
            torch.tensor(means, dtype=torch.float64), tuple(PARTS[part].best for part in parts)
        )
        values = zip(keys, made.value.tolist(), made.scaled.tolist(), strict=True)
        return {key: Mmhm(value, dict(zip(parts, scaled, strict=True))) for key, value, scaled in values}


@dataclass(frozen=True)
class Mmhm:
    """The composite in [0, 1], and its parts, each scaled so that 1 is the best of those shown."""

    value: float
    parts: Mapping[str, float]
