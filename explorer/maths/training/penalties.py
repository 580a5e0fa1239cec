"""What an answer that is off by d costs: one number for each sample, from the size |d| over all its coordinates.

Source: Charbonnier et al. 1997 and Song and Dhariwal 2023, arXiv:2310.14189 (pseudo-Huber); Lee et al. 2024,
arXiv:2405.20320 (for pairs of a teacher).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor


class AbstractPenalty(ABC):
    """A cost of being off."""

    name: ClassVar[str]
    label: ClassVar[str]
    source: ClassVar[str]

    @abstractmethod
    def mean(self, off: Tensor) -> Tensor:
        """Mean cost (scalar) over a batch of differences [n, *shape]."""


@dataclass(frozen=True)
class Squared(AbstractPenalty):
    """The squared size: its best answer is the mean."""

    name: ClassVar[str] = "squared"
    label: ClassVar[str] = "Squared error"
    source: ClassVar[str] = "Lipman et al. 2022, arXiv:2210.02747"

    def mean(self, off: Tensor) -> Tensor:
        """Mean cost (scalar) over a batch of differences [n, *shape]."""
        return off.square().sum() / len(off)


@dataclass(frozen=True)
class PseudoHuber(AbstractPenalty):
    """``sqrt(|d|^2 + c^2) - c``: squared near 0, the size itself far out; c = ``knee`` in the units of the answer."""

    knee: float = 0.03
    name: ClassVar[str] = "pseudo_huber"
    label: ClassVar[str] = "Pseudo-Huber"
    source: ClassVar[str] = "Song and Dhariwal 2023, arXiv:2310.14189; Lee et al. 2024, arXiv:2405.20320"

    def __post_init__(self):
        if not 0 < self.knee <= 1e3:
            raise ValueError(f"`knee` must be in (0, 1000]; got {self.knee!r}")

    def mean(self, off: Tensor) -> Tensor:
        """Mean cost (scalar) over a batch of differences [n, *shape]."""
        size = off.flatten(1).square().sum(dim=1)
        return ((size + self.knee**2).sqrt() - self.knee).mean()


PENALTIES: dict[str, type[AbstractPenalty]] = {kind.name: kind for kind in (Squared, PseudoHuber)}
"""Every penalty by its key."""
