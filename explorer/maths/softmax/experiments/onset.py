"""From which r on steps fail: curves of single nets, and the table of many.

A step of size r along a direction fails by one of four criteria: the training loss rises at all, it rises by half a
nat, test accuracy falls by more than ten points, it falls below half. Nets that are trained fail late; those that have
only just begun to learn fail left of r = 1 already, which is the honest part.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from explorer.maths.names import nearest
from explorer.maths.softmax.experiments.directions import Displacement, direction
from explorer.maths.softmax.experiments.split import Split, in_eval
from explorer.maths.softmax.step import step_radius

CRITERIA: Mapping[str, str] = {
    "rises": "any loss increase",
    "half_nat": "+0.5 nat",
    "ten_points": "accuracy −10 points",
    "halved": "accuracy halved",
}
"""What counts as a failure, by key."""
KINDS = ("gradient", "mini_batch", "adam", "random")
"""The directions of the table."""
R = tuple(float(10 ** (-1 + i / 8)) for i in range(25))
"""25 sizes from r = 0.1 to r = 100, evenly in the logarithm."""
EDGES = (0.1, 0.32, 1.0, 3.2, 10.0, 100.0)
"""Edges of the table's bins of r."""
VERSION = 1
CHUNK = 128
"""Rows asked at once: their feature maps then stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class OnsetCurve:
    """What becomes of one net along one direction; ``loss`` [q] on the training part and ``accuracy`` [q] on the test.

    ``r`` [q] are the sizes of the steps in units of the lower bound of the radius over the training part; ``loss0`` and
    ``accuracy0`` are before the step; ``unit`` is the r of the displacement as it came.
    """

    net: str
    stage: str
    direction: str
    seed: int
    r: tuple[float, ...]
    loss: tuple[float, ...]
    accuracy: tuple[float, ...]
    loss0: float
    accuracy0: float
    unit: float

    def fails(self, criterion: str) -> tuple[bool, ...]:
        """Whether each size [q] fails; a NaN does.

        Raises:
            ValueError: for an unknown criterion.
        """
        kind, half = nearest("criterion", criterion, CRITERIA), self.accuracy0 / 2
        if kind in ("rises", "half_nat"):
            most = self.loss0 + (0.5 if kind == "half_nat" else 0.0)
            return tuple(not loss <= most for loss in self.loss)
        least = self.accuracy0 - 0.1 if kind == "ten_points" else half
        return tuple(not accuracy >= least for accuracy in self.accuracy)

    def onset(self, criterion: str) -> float:
        """The first r that fails; inf where none does."""
        return next(
            (r for r, failed in zip(self.r, self.fails(criterion), strict=True) if failed), float("inf")
        )


def onset_curve(
    module: nn.Module,
    split: Split,
    kind: str = "gradient",
    *,
    seed: int = 0,
    r: Sequence[float] = R,
    net: str = "",
    stage: str = "",
    step: Displacement | None = None,
) -> OnsetCurve:
    """The curve of one net along one direction, in eval mode; ``step`` is a displacement in place of ``kind``'s own.

    Raises:
        ValueError: for an unknown direction, or one along which no logit moves.
    """
    with in_eval(module):
        return _curve(module, split, kind, seed, r, net, stage, step)


def _curve(
    module: nn.Module,
    split: Split,
    kind: str,
    seed: int,
    r: Sequence[float],
    net: str,
    stage: str,
    step: Displacement | None,
) -> OnsetCurve:
    way = direction(kind, module, split, seed=seed) if step is None else step
    unit = step_radius(module, split.x, way, at=()).r_max
    if not 0 < unit < float("inf"):
        raise ValueError(f"a direction must move the logits by something finite; r of {kind!r} is {unit}")
    start = {name: p.detach() for name, p in module.named_parameters()}

    @torch.no_grad()
    def at(part: float) -> tuple[float, float]:
        moved = {name: p + part * way[name] if name in way else p for name, p in start.items()}
        logits, found = (
            torch.cat([functional_call(module, moved, (few,)) for few in x.split(CHUNK)])
            for x in (split.x, split.test_x)
        )
        loss = functional.cross_entropy(logits, split.y)
        # A NaN is no answer: argmax takes it for one.
        right = (found.argmax(1) == split.test_y) & ~found.isnan().any(1)
        return float(loss), float(right.double().mean())

    loss0, accuracy0 = at(0.0)
    losses, accuracies = zip(*(at(size / unit) for size in r), strict=True)
    return OnsetCurve(net, stage, kind, seed, tuple(r), losses, accuracies, loss0, accuracy0, unit)


def onset(
    module: nn.Module,
    split: Split,
    kinds: Sequence[str] = KINDS,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    net: str = "",
    stage: str = "",
) -> Iterator[OnsetCurve]:
    """Curves of one net, live: each direction with each seed (the whole gradient has none and comes once)."""
    for kind in kinds:
        for seed in seeds[:1] if kind == "gradient" else seeds:
            yield onset_curve(module, split, kind, seed=seed, net=net, stage=stage)


@dataclass(frozen=True, eq=False)
class OnsetTable:
    """Of how many curves each size of step fails: by stage of training, direction and criterion.

    ``r`` [q]; ``counts`` (stage, direction, criterion) -> [q] failures among ``curves`` (stage, direction); ``nets``
    and ``seeds`` say what was looked at.
    """

    r: tuple[float, ...]
    nets: tuple[str, ...]
    seeds: tuple[int, ...]
    curves: Mapping[tuple[str, str], int]
    counts: Mapping[tuple[str, str, str], tuple[int, ...]]

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that there are, in the order of training."""
        return tuple(dict.fromkeys(stage for stage, _ in self.curves))

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions that there are."""
        return tuple(dict.fromkeys(kind for _, kind in self.curves))

    def share(self, stage: str, kind: str, criterion: str) -> tuple[float, ...]:
        """The share [q] of curves that fail at each r.

        Raises:
            ValueError: for what is not in the table.
        """
        stage = nearest("stage", stage, self.stages)
        kind = nearest("direction", kind, [d for s, d in self.curves if s == stage])
        failed = self.counts[stage, kind, nearest("criterion", criterion, CRITERIA)]
        return tuple(count / self.curves[stage, kind] for count in failed)

    def bins(self, stage: str, kind: str, criterion: str) -> tuple[float, ...]:
        """The share of failures between each two of ``EDGES``, all sizes inside counted alike."""
        shares = self.share(stage, kind, criterion)
        found = []
        for low, high in pairwise(EDGES):
            # The grid meets the round edges up to a rounding: 0.316 belongs to the bin from 0.32.
            last = high == EDGES[-1]
            inside = [
                s for r, s in zip(self.r, shares, strict=True) if low * 0.98 < r and (last or r < high * 0.98)
            ]
            found.append(sum(inside) / len(inside))
        return tuple(found)

    def with_curve(self, curve: OnsetCurve) -> "OnsetTable":
        """The table with one curve more."""
        key = curve.stage, curve.direction
        counts = dict(self.counts)
        for criterion in CRITERIA:
            before = counts.get((*key, criterion), (0,) * len(self.r))
            failed = curve.fails(criterion)
            counts[(*key, criterion)] = tuple(n + f for n, f in zip(before, failed, strict=True))
        return replace(
            self,
            nets=tuple(dict.fromkeys((*self.nets, curve.net))),
            curves=dict(self.curves) | {key: self.curves.get(key, 0) + 1},
            counts=counts,
        )

    def as_text(self) -> str:
        """The table as JSON, one line for each stage and direction."""
        lines = [
            json.dumps(
                {
                    "stage": s,
                    "direction": d,
                    "curves": n,
                    "counts": {c: self.counts[s, d, c] for c in CRITERIA},
                }
            )
            for (s, d), n in self.curves.items()
        ]
        head = {"version": VERSION, "r": self.r, "nets": self.nets, "seeds": self.seeds}
        return json.dumps(head)[:-1] + ', "rows": [\n' + ",\n".join(lines) + "\n]}\n"


def table_of(curves: Iterable[OnsetCurve], seeds: Sequence[int] = ()) -> OnsetTable:
    """The table of curves over one grid of r."""
    table: OnsetTable | None = None
    for curve in curves:
        table = (table or OnsetTable(curve.r, (), tuple(seeds), {}, {})).with_curve(curve)
    return table or OnsetTable(R, (), tuple(seeds), {}, {})


def table_from_text(text: str) -> OnsetTable:
    """The table that ``as_text`` wrote.

    Raises:
        ValueError: when the text is no such table.
    """
    try:
        values: dict[str, Any] = json.loads(text)
        rows = {(row["stage"], row["direction"]): row for row in values["rows"]}
        if values["version"] != VERSION:
            raise ValueError(f"it is of version {values['version']}")
        return OnsetTable(
            tuple(values["r"]),
            tuple(values["nets"]),
            tuple(values["seeds"]),
            {key: row["curves"] for key, row in rows.items()},
            {(*key, c): tuple(row["counts"][c]) for key, row in rows.items() for c in CRITERIA},
        )
    except (ValueError, KeyError, TypeError) as fault:
        raise ValueError(
            f"a table of onsets must be JSON of version {VERSION}, which this is not ({fault})"
        ) from None
