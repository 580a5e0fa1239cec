"""Samplers: one promise, one loop, one file for each method; ``SAMPLERS`` knows them all."""

from explorer.maths.names import nearest
from explorer.maths.samplers.base import AbstractSampler, Ended, Frame, walk
from explorer.maths.samplers.euler import Euler
from explorer.maths.samplers.heun import Heun

SAMPLERS: dict[str, type[AbstractSampler]] = {s.name: s for s in (Euler, Heun)}
"""Every sampler of our own by its key."""

__all__ = ["SAMPLERS", "AbstractSampler", "Ended", "Frame", "as_sampler", "walk"]


def as_sampler(sampler: str | AbstractSampler) -> AbstractSampler:
    """A sampler by name (with its default settings) or as it is.

    Raises:
        ValueError: for an unknown name, with the nearest ones.
    """
    if isinstance(sampler, AbstractSampler):
        return sampler
    return SAMPLERS[nearest("sampler", sampler, SAMPLERS)]()
