"""A sampler from whatever a person has: a name of ours, a diffusers key, a scheduler of diffusers."""

import inspect
from collections.abc import Mapping
from typing import Any

from explorer.maths.names import nearest
from explorer.maths.samplers import SAMPLERS, AbstractSampler, as_sampler
from explorer.models.schedulers.entry import SchedulerEntry
from explorer.models.schedulers.registry import LEFT_OUT, SCHEDULERS
from explorer.models.schedulers.sampler import SchedulerSampler

ALL_SAMPLERS: dict[str, type[AbstractSampler] | SchedulerEntry] = {**SAMPLERS, **SCHEDULERS}
"""Every sampler by its key, ours first; each has a ``label`` and an ``order``."""


def as_any_sampler(sampler: Any) -> AbstractSampler:
    """A sampler of ours by name or as it is, or a diffusers scheduler by key, class or instance.

    An instance gives its class and its configuration; it is never stepped itself.

    Raises:
        ValueError: for an unknown name, with the nearest ones, or a scheduler left out, with the reason.
    """
    if isinstance(sampler, AbstractSampler):
        return sampler
    if isinstance(sampler, str):
        name = nearest("sampler", sampler, ALL_SAMPLERS)
        return SchedulerSampler(name) if name in SCHEDULERS else as_sampler(name)
    if isinstance(sampler, type):
        return SchedulerSampler(_key_of(sampler, {}))
    config = getattr(sampler, "config", None)
    if config is None:
        raise ValueError(
            f"`sampler` must be a name, a sampler or a scheduler of diffusers; got {type(sampler).__name__}; "
            "see SAMPLERS and SCHEDULERS"
        )
    takes = inspect.signature(type(sampler).__init__).parameters
    settings = {name: value for name, value in config.items() if name in takes}
    return SchedulerSampler(_key_of(type(sampler), settings), settings)


def _key_of(cls: type, settings: Mapping[str, Any]) -> str:
    """The key whose class this is; of several, the one whose settings agree best."""
    keys = [key for key, entry in SCHEDULERS.items() if entry.class_name == cls.__name__]
    if keys:
        return max(keys, key=lambda key: _agreement(SCHEDULERS[key].kwargs, settings))
    reason = LEFT_OUT.get(cls.__name__, "It is not a scheduler that diffusers exports.")
    raise ValueError(f"`sampler` must be one of the schedulers in SCHEDULERS; got {cls.__name__}: {reason}")


def _agreement(kwargs: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    return sum(1 if settings.get(name) == value else -1 for name, value in kwargs.items() if name in settings)
