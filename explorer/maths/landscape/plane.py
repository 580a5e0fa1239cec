"""Cuts through a loss, refined in place: 5, 11, 17, 33 nodes a side, then every point of the picture itself.

What each level finds at its new nodes, less what the level before predicted there (the hierarchical surplus), is an
error estimate that costs nothing: on eleven planes of the shipped problems it was 1.1 to 70 times the true error of the
new level, and under it on one that 33 nodes a side do not resolve (a ViT's gradient: both above half of the range). It
is shown with the picture and ends the refinement. Nodes lie on one lattice about the origin, and what is known of them
is kept, so that a view panned or zoomed begins with what it shares.

Source: Li et al. 2018, arXiv:1712.09913 (what is drawn); Bungartz and Griebel 2004 (surplus).
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from explorer.maths.landscape.directions import chosen
from explorer.maths.landscape.evaluator import Evaluator, Place
from explorer.maths.landscape.flat import FlatLoss, Loss
from explorer.maths.landscape.glance import BUDGET, SOON, Few
from explorer.maths.landscape.picture import Landscape
from explorer.maths.landscape.surface import Floats, lattice, predicted, spread, surplus

TOLERANCE = 0.01
"""Of the range shown: at so small a surplus the error itself is within one step of a colour scale of 256."""
FIRST = 4
"""Steps across the first level: five nodes, the fewest that a cubic has something to say about."""


def landscape(
    loss: Loss,
    module: nn.Module,
    batch: Any,
    directions: Any = "filter",
    points: int = 51,
    extent: float = 1.0,
    seed: int = 0,
    *,
    centre: Place | None = None,
    tolerance: float = TOLERANCE,
    client: Any = None,
) -> Landscape:
    """The loss on a plane through the module's parameters, true to ``error``.

    ``loss(module, batch)`` gives a scalar or one value per sample. ``directions`` is ``"filter"``, ``"layer"`` or
    ``"none"`` (random from ``seed``, as long as the weights in that sense), ``"gradient"``, ``"eigenvectors"``, one or
    two vectors or dicts of parameters, or ``Directions``; the picture spans ``centre +- extent`` of them, ``points`` a
    side (odd, so that its middle is one). It is evaluated on ever more nodes until the surplus of a level is at most
    ``tolerance`` times the range shown; 0 evaluates every point after a first glance. ``client`` has the losses made by
    workers: an executor of ``concurrent.futures``, or a ``dask.distributed.Client`` (extra ``[scale]``). The module,
    its buffers, mode and gradients, and the global generators, are left exactly as they were.

    Raises:
        ValueError: one sentence, for a loss, directions or numbers that cannot be.
    """
    *_, last = refine(
        loss,
        module,
        batch,
        directions,
        points,
        extent,
        seed,
        centre=centre,
        tolerance=tolerance,
        client=client,
    )
    return last


def refine(
    loss: Loss,
    module: nn.Module,
    batch: Any,
    directions: Any = "filter",
    points: int = 51,
    extent: float = 1.0,
    seed: int = 0,
    *,
    centre: Place | None = None,
    tolerance: float = TOLERANCE,
    client: Any = None,
) -> Iterator[Landscape]:
    """``landscape`` as it comes into focus: one record an evaluation, a new picture when ``level`` changes.

    Whoever stops pulling has cancelled, within one evaluation.
    """
    yield from Plane(loss, module, batch, directions, seed, client).view(points, extent, centre, tolerance)


class Plane:
    """One plane or line and every loss that is known on it, for one view after another.

    Raises:
        ValueError: for a loss or directions that cannot be.
    """

    def __init__(
        self,
        loss: Loss,
        module: nn.Module,
        batch: Any,
        directions: Any = "filter",
        seed: int = 0,
        client: Any = None,
    ):
        self.flat, self.seed = FlatLoss(loss, module, batch), seed
        self.directions = chosen(self.flat, directions, seed)
        self.evaluator = Evaluator(self.flat, self.directions, client)
        self.known: dict[Place, float] = {}
        self._unit = 0.0

    @property
    def dims(self) -> int:
        """1 on a line, 2 on a plane."""
        return len(self.directions.vectors)

    def view(
        self,
        points: int = 51,
        extent: float = 1.0,
        centre: Place | None = None,
        tolerance: float = TOLERANCE,
    ) -> Iterator[Landscape]:
        """Records of the loss within ``centre +- extent``, finer and finer; see ``refine``."""
        middle = (0.0,) * self.dims if centre is None else tuple(centre)
        self._check(points, extent, middle, tolerance)
        steps = np.linspace(-1.0, 1.0, points)
        axes = [c + extent * steps for c in middle]
        self._unit = self._unit or extent
        spacing = self._unit * 2.0 ** -math.ceil(math.log2(self._unit * FIRST / 2 / extent) - 1e-9)
        frame, before = self._empty(axes), None
        for level in itertools.count():
            nodes = [lattice(c, extent, spacing, level) for c in middle]
            full = tolerance == 0.0 or max(len(axis) for axis in nodes) >= points
            last = before is not None and full
            nodes = axes if last else nodes
            if before is None:
                for frame in self._glances(axes, nodes):
                    yield frame
            for progress in self._evaluated(nodes):
                yield self._passed(frame, progress)
            frame = self._picture(axes, nodes, before, last)
            if tolerance > 0.0 and frame.error <= tolerance * spread(frame.loss.numpy()):
                last = True
            yield replace(frame, ended=last)
            if last:
                return
            before = nodes, self._at(nodes)

    def _passed(self, frame: Landscape, progress: float) -> Landscape:
        evaluator = self.evaluator
        return replace(
            frame, progress=progress, evals=len(self.known), by=evaluator.by, centre=evaluator.centre
        )

    def _glances(self, axes: list[Floats], nodes: list[Floats]) -> Iterator[Landscape]:
        """Pictures of a few samples, where those of all are dear: each of more samples than the one before."""
        glance, wanted = self.evaluator.glance, len(self._wanted(nodes))
        if not glance.total or wanted * self.evaluator.seconds < SOON * BUDGET:
            return
        places, frame = list(itertools.product(*(axis.tolist() for axis in nodes))), self._empty(axes)
        for rows in glance.sizes():
            looks: list[Few] = []
            for few in glance.looks(places, rows):
                looks.append(few)
                yield replace(frame, progress=sum(len(look.means) for look in looks) / len(places))
            frame = self._glanced(axes, nodes, looks)
            yield frame

    def _glanced(self, axes: list[Floats], nodes: list[Floats], looks: list[Few]) -> Landscape:
        shape, rows = [len(axis) for axis in nodes], looks[0].rows
        means = torch.cat([look.means for look in looks]).reshape(shape).numpy()
        band = predicted(torch.cat([look.band for look in looks]).reshape(shape).numpy(), nodes, axes)
        picture = self._drawn(axes, nodes, means, predicted(means, nodes, axes), math.nan)
        glance, here = self.evaluator.glance, (0.0,) * self.dims
        total, places = glance.total, itertools.product(*(axis.tolist() for axis in nodes))
        return replace(
            picture,
            centre=dict(zip(places, means.flat, strict=True)).get(here, glance.centre),
            preview=(rows, total),
            band=torch.from_numpy(band.T.copy()),
            note=f"preview, {rows:,} of {total:,} samples; up to ± {np.nanmax(band):.3g} (two standard errors)"
            if np.isfinite(band).any()
            else f"preview, {rows:,} of {total:,} samples",
        )

    def _wanted(self, nodes: list[Floats]) -> list[Place]:
        """What is not known of a grid."""
        places = itertools.product(*(axis.tolist() for axis in nodes))
        return [place for place in places if place not in self.known]

    def _evaluated(self, nodes: list[Floats]) -> Iterator[float]:
        """Evaluate what is not known of a grid, saying how much of it is done."""
        is_first = self.evaluator.settle()
        self.known[(0.0,) * self.dims] = self.evaluator.origin_loss
        wanted, done = self._wanted(nodes), 0
        if is_first:
            yield 1 / (len(wanted) + 1)
        for made in self.evaluator.values(wanted):
            self.known.update(zip(wanted[done : done + len(made)], made, strict=True))
            done += len(made)
            yield done / len(wanted)

    def _at(self, nodes: list[Floats]) -> Floats:
        places = itertools.product(*(axis.tolist() for axis in nodes))
        return np.array([self.known[place] for place in places]).reshape([len(axis) for axis in nodes])

    def _picture(
        self, axes: list[Floats], nodes: list[Floats], before: tuple[list[Floats], Floats] | None, last: bool
    ) -> Landscape:
        values = self._at(nodes)
        if last:
            shown, error = np.where(np.isfinite(values), values, np.nan), 0.0
        else:
            shown = predicted(values, nodes, axes)
            error = math.nan if before is None else surplus(values, predicted(before[1], before[0], nodes))
        return replace(self._drawn(axes, nodes, values, shown, error), note=self._note(values))

    def _drawn(
        self, axes: list[Floats], nodes: list[Floats], values: Floats, shown: Floats, error: float
    ) -> Landscape:
        return replace(
            self._empty(axes),
            loss=torch.from_numpy(shown.T.copy()),
            error=error,
            nodes=tuple(torch.from_numpy(axis) for axis in nodes),
            values=torch.from_numpy(values.T.copy()),
            level=max(len(axis) for axis in nodes),
            holes=int((~np.isfinite(values)).sum()),
        )

    def _note(self, values: Floats) -> str:
        if values.size > 1 and bool((values == self.evaluator.centre).all()):
            return "the loss is the same all over; does it use the module that it is handed?"
        return self.evaluator.note

    def _empty(self, axes: list[Floats]) -> Landscape:
        nothing = torch.full([len(axis) for axis in axes], math.nan, dtype=torch.float64)
        return Landscape(
            axes=tuple(torch.from_numpy(axis) for axis in axes),
            loss=nothing,
            error=math.nan,
            nodes=(),
            values=nothing[:0],
            level=0,
            progress=0.0,
            centre=self.evaluator.centre,
            holes=0,
            evals=len(self.known),
            directions=self.directions,
            seed=self.seed,
            by=self.evaluator.by,
            dtype=str(self.flat.start.dtype).removeprefix("torch."),
        )

    def _check(self, points: int, extent: float, middle: Place, tolerance: float) -> None:
        if isinstance(points, bool) or not isinstance(points, int) or points < 5 or points % 2 == 0:
            raise ValueError(
                f"`points` must be odd and at least 5, so that the centre is one of them; got {points!r}"
            )
        if not 0.0 < extent < math.inf:
            raise ValueError(f"`extent` must be above 0, in lengths of the directions; got {extent!r}")
        if len(middle) != self.dims or not all(math.isfinite(c) for c in middle):
            raise ValueError(f"`centre` must be {self.dims} finite coordinates; got {middle!r}")
        if not 0.0 <= tolerance < 1.0:
            raise ValueError(f"`tolerance` must be a share of the range, from 0 to 1; got {tolerance!r}")
