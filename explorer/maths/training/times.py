"""Where in time a network is asked while it trains: a density on [0, 1], given by its quantiles.

Source: Lee et al. 2024, arXiv:2405.20320, section 4.1 (more of both ends for pairs of a teacher). Where we differ:
the quantile in closed form in place of a coin and one side's, so that even draws stay even.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor


class AbstractTimes(ABC):
    """A density of times."""

    name: ClassVar[str]
    label: ClassVar[str]
    source: ClassVar[str]

    @abstractmethod
    def at(self, share: Tensor) -> Tensor:
        """The times below which these shares of all draws lie, any shape, shares and times in [0, 1]."""


@dataclass(frozen=True)
class Even(AbstractTimes):
    """Every time alike."""

    name: ClassVar[str] = "even"
    label: ClassVar[str] = "Even"
    source: ClassVar[str] = "Lipman et al. 2022, arXiv:2210.02747"

    def at(self, share: Tensor) -> Tensor:
        """The times below which these shares of all draws lie."""
        return share


@dataclass(frozen=True)
class Ends(AbstractTimes):
    """Both ends more than the middle: density proportional to exp(a t) + exp(a (1 - t)), a = ``steepness``."""

    steepness: float = 4.0
    name: ClassVar[str] = "ends"
    label: ClassVar[str] = "More of both ends"
    source: ClassVar[str] = "Lee et al. 2024, arXiv:2405.20320"

    def __post_init__(self):
        if not 0 < self.steepness <= 50:
            raise ValueError(f"`steepness` must be in (0, 50]; got {self.steepness!r}")

    def at(self, share: Tensor) -> Tensor:
        """The times below which these shares of all draws lie.

        The density is a cosh about t = 1/2, so its distribution is ``1/2 + sinh(a (t - 1/2)) / (2 sinh(a / 2))``.
        """
        a = self.steepness
        return (0.5 + torch.asinh((2.0 * share - 1.0) * math.sinh(a / 2)) / a).clamp(0.0, 1.0)


TIMES: dict[str, type[AbstractTimes]] = {kind.name: kind for kind in (Even, Ends)}
"""Every density by its key."""
