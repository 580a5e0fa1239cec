"""How well a trained field samples, with as little noise in the figure as can be.

2,048 samples start from a scrambled Sobol set sent through the Gaussian's inverse distribution; data has equal
counts in every component. With plain draws the exact field itself scores .155 on eight Gaussians, so .057.
Source: Sobol 1967, with Owen's scrambling.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.maths.fields import AbstractField
from explorer.maths.metrics import sliced_w2, w2
from explorer.maths.neighbours import precision_recall
from explorer.maths.samplers import record
from explorer.maths.targets import AbstractTarget

START_SEED, DATA_SEED = 11, 31
POINTS = 2048
BENDS = 100
"""Steps of the walk that straightness is measured on: 200 change it by less than one part in ten thousand."""


def sobol_noise(n: int, shape: tuple[int, ...], seed: int = START_SEED) -> Tensor:
    """Standard Gaussian noise [n, *shape] (float32) that fills the space evenly."""
    dims = torch.Size(shape).numel()
    even = torch.quasirandom.SobolEngine(dims, scramble=True, seed=seed).draw(n, dtype=torch.float64)
    return torch.special.ndtri(even.clamp(1e-9, 1 - 1e-9)).float().reshape(n, *shape)


@dataclass(frozen=True, eq=False)
class Protocol:
    """The fixed noise and data that every field of one target is measured with."""

    target: AbstractTarget
    n: int = POINTS

    def samples(self, field: AbstractField, sampler: str = "euler", steps: int = 100) -> Tensor:
        """What the field makes of the fixed noise [n, *shape]."""
        return record(field, sampler, steps=steps, noise=sobol_noise(self.n, self.target.shape)).states[-1]

    @property
    def data(self) -> Tensor:
        """The fixed data [n, *shape]."""
        return self.target.stratified(self.n, DATA_SEED)


def figures_of(field: AbstractField, target: AbstractTarget) -> dict[str, float]:
    """What a network's card says of it: distances in the units of x, shares in [0, 1].

    On the plane: W2 to the data after 100 and 8 Euler steps, the exact field's W2 under the same protocol, and the
    quick sliced distance. For images: precision and recall among k-nearest-neighbour balls, W2, and how
    often a class that was asked for is met.
    """
    if len(target.shape) > 1:
        return _of_images(field, target)
    protocol = Protocol(target)
    data, made = protocol.data, protocol.samples(field)
    return {
        "w2": w2(made, data),
        "w2_at_8_evals": w2(protocol.samples(field, steps=8), data),
        "w2_of_exact_field": w2(protocol.samples(target.field(field.path), "heun"), data),
        "sliced_w2": sliced_w2(made, data),
    }


def straightening_of(field: AbstractField, target: AbstractTarget, other: AbstractField) -> dict[str, float]:
    """How straight a field's paths are, in the coordinates of the linear path, beside another's from the same noise.

    ``straightness`` is Liu's S (mean over paths, squared units of x), ``straightness_of_teacher`` the other's;
    ``relative_straightness`` is mean S over the mean squared chord. W2 after one Euler step says what it is good for.
    """
    from explorer.maths.curvature import curvature  # half a second to import, for its splines

    protocol, noise = Protocol(target), sobol_noise(POINTS, target.shape)
    own, others = (
        curvature(f, coordinates="linear", rows=1, steps=BENDS, noise=noise) for f in (field, other)
    )
    return {
        "w2_at_1_eval": w2(protocol.samples(field, steps=1), protocol.data),
        "straightness": own.mean_straightness,
        "relative_straightness": own.set_relative_straightness,
        "straightness_of_teacher": others.mean_straightness,
    }


def _of_images(field: AbstractField, target: AbstractTarget) -> dict[str, float]:
    protocol = Protocol(target, 898)
    data, classes = target.labelled(1797, DATA_SEED, stratified=True)
    (real, other), made = data.chunk(2), protocol.samples(field, steps=50)
    inside = precision_recall(made, real)
    figures = {
        "precision": inside.precision,
        "recall": inside.recall,
        "w2": w2(made, real),
        "w2_of_data": w2(other, real),
    }
    return figures | ({"right_class": share_of_right_class(field, data, classes)} if field.labels else {})


def share_of_right_class(
    field: AbstractField, data: Tensor, classes: Tensor, n: int = 40, steps: int = 25
) -> float:
    """The share of samples asked for by class whose nearest neighbour in the data has that class."""
    noise, flat, right = sobol_noise(n, field.shape), data.flatten(1), 0
    for index in range(len(field.labels)):
        made = record(field.given(index), "euler", steps=steps, noise=noise).states[-1]
        nearest = torch.cdist(made.flatten(1), flat).argmin(1)
        right += int((classes[nearest] == index).sum())
    return right / (n * len(field.labels))
