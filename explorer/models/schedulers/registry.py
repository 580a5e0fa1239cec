"""Every diffusers scheduler that samples a continuous state, and why the others are not here."""

from explorer.models.schedulers.by_index import INDEXED
from explorer.models.schedulers.by_noise import NOISES
from explorer.models.schedulers.by_ratio import RATIOS
from explorer.models.schedulers.by_share import SHARES
from explorer.models.schedulers.entry import SchedulerEntry

SCHEDULERS: dict[str, SchedulerEntry] = {**INDEXED, **RATIOS, **NOISES, **SHARES}
"""Every scheduler by its key."""

_DISCRETE = "Its state is made of tokens, not of numbers."
_TORCHSDE = "It needs the package torchsde, which this project does not install."
_INVERSE = "It runs from data to noise; a walk runs from noise to data."
_THREE_CALLS = "It has no `step` but several calls of its own, and diffusers keeps it for old pipelines only."

LEFT_OUT: dict[str, str] = {
    "AmusedScheduler": _DISCRETE,
    "BlockRefinementScheduler": _DISCRETE,
    "DiscreteDDIMScheduler": _DISCRETE,
    "EntropyBoundScheduler": _DISCRETE,
    "VQDiffusionScheduler": _DISCRETE,
    "DDIMInverseScheduler": _INVERSE,
    "DPMSolverMultistepInverseScheduler": _INVERSE,
    "KarrasVeScheduler": _THREE_CALLS,
    "ScoreSdeVpScheduler": _THREE_CALLS,
    "ScoreSdeVeScheduler": "It has no `step` but a predictor and a corrector call; it is no single method.",
    "CosineDPMSolverMultistepScheduler": _TORCHSDE,
    "DPMSolverSDEScheduler": _TORCHSDE,
    "ConsistencyDecoderScheduler": "It takes two fixed steps of a decoder that is given an image's code.",
    "HeliosScheduler": "It samples a video in stages of growing size.",
    "HeliosDMDScheduler": "It samples a video in stages of growing size, from a distilled model.",
    "PiflowScheduler": "Its model must give a whole policy, ten predictions for each entry, not one field.",
    "RePaintScheduler": "It fills a hole in a given picture and needs the picture and a mask at every step.",
    "RFD4ProteinaScheduler": "It samples protein backbones with a mask and one generator for each row.",
}
"""Every scheduler of diffusers that is not in ``SCHEDULERS``, with the reason."""
