"""How the learning rate moves through a training: a share of its peak for each update.

Updates are counted from 0; a schedule that falls to 0 gets there after the last one, so that none is wasted.

Sources: Loshchilov and Hutter 2016, arXiv:1608.03983 (cosine); Hu et al. 2024, arXiv:2404.06395, and Wen et al. 2024,
arXiv:2410.05192 (warm-up, stable, decay). Where we differ: the decay is linear (Haegele et al. 2024, arXiv:2405.18392).
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from explorer.maths.names import nearest


class AbstractSchedule(ABC):
    """A share of the peak learning rate for each update of a training."""

    name: ClassVar[str]
    label: ClassVar[str]

    @abstractmethod
    def share(self, update: int, steps: int) -> float:
        """What update ``update`` (0 to ``steps`` - 1) takes of the peak; in [0, 1]."""


@dataclass(frozen=True)
class Constant(AbstractSchedule):
    """The peak all the way: the setting of the edge of stability."""

    name: ClassVar[str] = "constant"
    label: ClassVar[str] = "Constant"

    def share(self, update: int, steps: int) -> float:
        return 1.0


@dataclass(frozen=True)
class Cosine(AbstractSchedule):
    """Half a cosine from the peak down to 0, after a linear ``warm_up`` (share of all steps)."""

    warm_up: float = 0.0
    name: ClassVar[str] = "cosine"
    label: ClassVar[str] = "Cosine"

    def __post_init__(self):
        _check_shares(self.warm_up, 0.0)

    def share(self, update: int, steps: int) -> float:
        rising = round(self.warm_up * steps)
        if update < rising:
            return (update + 1) / rising
        return 0.5 * (1.0 + math.cos(math.pi * (update - rising) / (steps - rising)))


@dataclass(frozen=True)
class WarmStable(AbstractSchedule):
    """Linear up, flat, linear down to 0: ``warm_up`` and ``decay`` are shares of all steps."""

    warm_up: float = 0.1
    decay: float = 0.2
    name: ClassVar[str] = "wsd"
    label: ClassVar[str] = "Warm-up, stable, decay"

    def __post_init__(self):
        _check_shares(self.warm_up, self.decay)

    def share(self, update: int, steps: int) -> float:
        rising, falling = round(self.warm_up * steps), round(self.decay * steps)
        up = (update + 1) / rising if rising else 1.0
        down = (steps - update) / falling if falling else 1.0
        return min(1.0, up, down)


@dataclass(frozen=True)
class DecayFrom(AbstractSchedule):
    """Another schedule up to update ``start``, and from there a straight line down to 0: "decay now".

    ``before`` and ``planned`` are the schedule and steps of the training that is left.
    """

    before: AbstractSchedule
    planned: int
    start: int
    name: ClassVar[str] = "decay"
    label: ClassVar[str] = "Decay from here"

    def share(self, update: int, steps: int) -> float:
        if update < self.start:
            return self.before.share(update, self.planned)
        there = self.before.share(min(self.start, self.planned - 1), self.planned)
        return there * (steps - update) / (steps - self.start)


SCHEDULES: dict[str, type[AbstractSchedule]] = {kind.name: kind for kind in (Constant, Cosine, WarmStable)}
"""Every schedule that a person chooses, by its key."""


def as_schedule(schedule: str | AbstractSchedule) -> AbstractSchedule:
    """A schedule by name or as it is.

    Raises:
        ValueError: for an unknown name, with the nearest ones.
    """
    if isinstance(schedule, AbstractSchedule):
        return schedule
    return SCHEDULES[nearest("schedule", schedule, SCHEDULES)]()


def _check_shares(warm_up: float, decay: float) -> None:
    if not (0.0 <= warm_up < 1.0 and 0.0 <= decay < 1.0 and warm_up + decay <= 1.0):
        raise ValueError(
            f"`warm_up` and `decay` must be shares of the steps, at most 1 together; got {warm_up!r} and {decay!r}"
        )
