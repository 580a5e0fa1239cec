"""Which noise stands with which clean sample while a network learns the way between them.

Every pair is joined by a straight line, and the field learns the mean velocity where lines cross: the fewer cross,
the straighter its own paths. Re-pairing changes no marginal, so every coupling leads to the same data.

Sources: Liu et al. 2022, arXiv:2209.03003 (reflow: the pairs of a teacher); Tong et al. 2023, arXiv:2302.00482, and
Pooladian et al. 2023, arXiv:2304.14772 (optimal transport within the batch).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from explorer.maths.fields import AbstractField
from explorer.maths.samplers import record
from explorer.maths.samplers.rk45 import RK45
from explorer.maths.targets import AbstractTarget

SEEDS, TEACHERS_NOISE = 1 << 32, 0x7EAC4E25
"""Seeds are below the first; the second turns a seed into that of a teacher's noise (torch reads 32 bits of it)."""
PAIRS, PART = 32_768, 4_096
"""Pairs of a teacher, and how many are walked at once."""
WALK = RK45(rtol=1e-4, atol=1e-5)
"""How a teacher is followed: about 90 calls. Its end points are right to .002 RMS, 5e-5 for most."""


class Pairs(NamedTuple):
    """Clean samples [n, *shape], the noise of each [n, *shape], its class [n] or None."""

    clean: Tensor
    noise: Tensor
    classes: Tensor | None = None


class AbstractCoupling(ABC):
    """How a batch of pairs is made. All randomness comes from the generator."""

    name: ClassVar[str]
    label: ClassVar[str]
    source: ClassVar[str]

    @abstractmethod
    def pairs(self, target: AbstractTarget, n: int, generator: torch.Generator) -> Pairs:
        """A batch of n, on the CPU in float32."""

    @property
    def identity(self) -> str:
        """What makes two couplings one and the same, for the state of an unfinished run."""
        return self.name

    def check(self, target: AbstractTarget, with_classes: bool) -> None:
        """Raise ValueError where it cannot serve the target, with or without classes."""
        return None


@dataclass(frozen=True)
class Independent(AbstractCoupling):
    """A fresh sample and a fresh noise that know nothing of each other."""

    name: ClassVar[str] = "independent"
    label: ClassVar[str] = "Independent"
    source: ClassVar[str] = "Lipman et al. 2022, arXiv:2210.02747"

    def pairs(self, target: AbstractTarget, n: int, generator: torch.Generator) -> Pairs:
        """A batch of n, on the CPU in float32."""
        seed = int(torch.randint(SEEDS, (), generator=generator))
        clean, classes = target.labelled(n, seed)
        return Pairs(clean, torch.randn(clean.shape, generator=generator), classes)


@dataclass(frozen=True)
class BatchTransport(AbstractCoupling):
    """Independent pairs, re-paired so that the squared distances of the batch add up to the least."""

    name: ClassVar[str] = "transport"
    label: ClassVar[str] = "Minibatch optimal transport"
    source: ClassVar[str] = "Tong et al. 2023, arXiv:2302.00482; Pooladian et al. 2023, arXiv:2304.14772"

    def pairs(self, target: AbstractTarget, n: int, generator: torch.Generator) -> Pairs:
        """A batch of n, on the CPU in float32."""
        return repaired(Independent().pairs(target, n, generator))


def repaired(pairs: Pairs) -> Pairs:
    """The same samples and the same noises, matched by optimal transport; 25 ms for 512 on the plane.

    The network simplex on whole masses gives a permutation, and is twice as fast here as the assignment solver of
    scipy, which finds the same one.
    """
    import ot  # half a second to import

    clean, noise = pairs.clean.flatten(1).double(), pairs.noise.flatten(1).double()
    cost = torch.cdist(clean, noise, compute_mode="donot_use_mm_for_euclid_dist").square().numpy()
    one_each = np.ones(len(cost))
    chosen = ot.emd(one_each, one_each, cost, numItermax=2_000_000).argmax(axis=1)
    return pairs._replace(noise=pairs.noise[torch.as_tensor(chosen)])


@dataclass(frozen=True, eq=False)
class TeacherPairs(AbstractCoupling):
    """Noises and where a teacher's own paths take them, drawn from at random: reflow.

    ``teacher`` says whose they are (the sha256 of its weights) and ``seed`` from which noise, so that an unfinished
    run can draw them again.

    Raises:
        ValueError: when a pair is not finite, or the two ends differ in shape.
    """

    made: Pairs
    teacher: str
    seed: int = 0
    name: ClassVar[str] = "teacher"
    label: ClassVar[str] = "Pairs of a teacher"
    source: ClassVar[str] = "Liu et al. 2022, arXiv:2209.03003"

    def __post_init__(self):
        if self.made.clean.shape != self.made.noise.shape or not len(self.made.clean):
            raise ValueError(
                f"`made` must hold as many clean samples as noises, of one shape; got {list(self.made.clean.shape)} "
                f"and {list(self.made.noise.shape)}"
            )
        if not all(bool(torch.isfinite(end).all()) for end in (self.made.clean, self.made.noise)):
            raise ValueError(
                "`made` must be finite, and the teacher's paths are not; train the teacher again"
            )

    @classmethod
    def joined(cls, parts: Sequence[Pairs], teacher: str, seed: int = 0) -> "TeacherPairs":
        """The coupling of the parts that ``followed`` yields."""
        ends = (torch.cat([part[end] for part in parts]) for end in (0, 1))  # type: ignore[misc] # no classes
        return cls(Pairs(*ends), teacher, seed)

    @property
    def identity(self) -> str:
        """What makes two couplings one and the same, for the state of an unfinished run."""
        return f"{self.name} {self.teacher}, {len(self.made.clean)} pairs, seed {self.seed}"

    def check(self, target: AbstractTarget, with_classes: bool) -> None:
        """Raise ValueError where it cannot serve the target, with or without classes."""
        if self.made.clean.shape[1:] != torch.Size(target.shape):
            raise ValueError(
                f"`coupling` must have samples of the target's shape {list(target.shape)}; its teacher's have "
                f"{list(self.made.clean.shape[1:])}"
            )
        if with_classes:
            raise ValueError("the pairs of a teacher have no classes to train on; leave them out")

    def pairs(self, target: AbstractTarget, n: int, generator: torch.Generator) -> Pairs:
        """A batch of n, on the CPU in float32."""
        rows = torch.randint(len(self.made.clean), (n,), generator=generator)
        return Pairs(self.made.clean[rows], self.made.noise[rows])


def followed(field: AbstractField, pairs: int = PAIRS, seed: int = 0) -> Iterator[Pairs]:
    """Fresh noise and where the field's own paths take it, in parts, so that a caller can show them or stop.

    About 4 s in all for a network of the zoo on one free thread. The noise is not that of any run with the same seed.

    Raises:
        ValueError: when a path of the teacher does not arrive.
    """
    generator = torch.Generator().manual_seed(seed ^ TEACHERS_NOISE)
    for begin in range(0, pairs, PART):
        noise = torch.randn(min(PART, pairs - begin), *field.shape, generator=generator)
        run = record(field, WALK, noise=noise)
        if run.ended.kind != "done":
            raise ValueError(f"the teacher's paths do not arrive: {run.ended.text}; train the teacher again")
        yield Pairs(run.states[-1], noise)


COUPLINGS: dict[str, type[AbstractCoupling]] = {
    kind.name: kind for kind in (Independent, BatchTransport, TeacherPairs)
}
"""Every coupling by its key."""
