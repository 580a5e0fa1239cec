"""A sampler from whatever a person has: a name of ours, a diffusers key, a scheduler of diffusers."""

import inspect
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
        return SchedulerSampler(_key_of(sampler))
    config = getattr(sampler, "config", None)
    if config is None:
        raise ValueError(
            f"`sampler` must be a name, a sampler or a scheduler of diffusers; got {type(sampler).__name__}; "
            "see SAMPLERS and SCHEDULERS"
        )
    takes = inspect.signature(type(sampler).__init__).parameters
    return SchedulerSampler(_key_of(type(sampler)), {k: v for k, v in config.items() if k in takes})


def _key_of(cls: type) -> str:
    """The first key of the registry whose class this is."""
    for key, entry in SCHEDULERS.items():
        if entry.class_name == cls.__name__:
            return key
    reason = LEFT_OUT.get(cls.__name__, "It is not a scheduler that diffusers exports.")
    raise ValueError(f"`sampler` must be one of the schedulers in SCHEDULERS; got {cls.__name__}: {reason}")
