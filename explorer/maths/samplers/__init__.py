"""Samplers: one promise, one loop, one file for each method; ``SAMPLERS`` knows them all."""

from explorer.maths.frames import Ended, Frame
from explorer.maths.samplers.base import AbstractSampler
from explorer.maths.samplers.record import record
from explorer.maths.samplers.registry import SAMPLERS, as_sampler
from explorer.maths.samplers.walk import walk

__all__ = ["SAMPLERS", "AbstractSampler", "Ended", "Frame", "as_sampler", "record", "walk"]
