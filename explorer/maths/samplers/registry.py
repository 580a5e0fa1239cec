"""Every sampler of our own, by hand: one line for each file."""

from explorer.maths.names import nearest
from explorer.maths.samplers.base import AbstractSampler
from explorer.maths.samplers.ddim import DDIM
from explorer.maths.samplers.dpmpp_2m import DPMpp2M
from explorer.maths.samplers.edm_stochastic import EDMStochastic
from explorer.maths.samplers.euler import Euler
from explorer.maths.samplers.euler_ancestral import EulerAncestral
from explorer.maths.samplers.euler_maruyama import EulerMaruyama
from explorer.maths.samplers.heun import Heun
from explorer.maths.samplers.predictor_corrector import PredictorCorrector
from explorer.maths.samplers.rk45 import RK45
from explorer.maths.samplers.taylor2 import Taylor2

SAMPLERS: dict[str, type[AbstractSampler]] = {
    s.name: s
    for s in (
        Euler,
        Heun,
        DDIM,
        DPMpp2M,
        Taylor2,
        RK45,
        EulerAncestral,
        EulerMaruyama,
        EDMStochastic,
        PredictorCorrector,
    )
}
"""Every sampler of our own by its key."""


def as_sampler(sampler: str | AbstractSampler) -> AbstractSampler:
    """A sampler by name (with its default settings) or as it is.

    Raises:
        ValueError: for an unknown name, with the nearest ones.
    """
    if isinstance(sampler, AbstractSampler):
        return sampler
    return SAMPLERS[nearest("sampler", sampler, SAMPLERS)]()
