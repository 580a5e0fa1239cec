"""Every diffusers scheduler of a continuous state as one more sampler; ``SCHEDULERS`` knows them all."""

from explorer.models.schedulers.choose import ALL_SAMPLERS, as_any_sampler
from explorer.models.schedulers.entry import SchedulerEntry
from explorer.models.schedulers.registry import LEFT_OUT, SCHEDULERS
from explorer.models.schedulers.sampler import SchedulerSampler

__all__ = ["ALL_SAMPLERS", "LEFT_OUT", "SCHEDULERS", "SchedulerEntry", "SchedulerSampler", "as_any_sampler"]
