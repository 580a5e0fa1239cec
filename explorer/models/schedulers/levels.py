"""Where a diffusers scheduler stands: the shares of data and noise at each of its entries.

diffusers keeps its levels in five ways: an index into ``alphas_cumprod`` (vp_index), ``sigmas`` that are
ratios while the state has unit variance (vp_sigma), ``sigmas`` that are the noise itself (ve, edm),
``sigmas`` that are the share of noise on the straight path (flow), and angles (trig). Here all of them
become one pair ``x = alpha x_0 + sigma eps``, in float64. ``timesteps`` is never trusted: several classes
round it.

Source: diffusers 0.42.1, ``src/diffusers/schedulers``.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch

from explorer.maths.paths import AbstractPath, Linear

TOP = 1e6
"""The highest finite ratio that stands for pure noise where a scheduler takes logarithms."""


class Shares(NamedTuple):
    """A level in the scheduler's own coordinates: the state is alpha x_0 + sigma eps."""

    alpha: float
    sigma: float

    @property
    def ratio(self) -> float:
        """Noise over data, infinite where no data is left."""
        return self.sigma / self.alpha if self.alpha > 0 else math.inf


def time_at(path: AbstractPath, shares: Shares, latest: float) -> float:
    """The time in (0, latest] at which the path has the same ratio; above the path's top it is ``latest``."""
    if shares.alpha <= 0:
        return latest
    if isinstance(path, Linear):  # exact where the scheduler is a flow, whose sigma is the time itself
        return min(latest, shares.sigma / (shares.alpha + shares.sigma))
    return min(latest, float(path.time_of(shares.ratio)))


def shares_of(scheduler: Any, family: str) -> list[Shares]:
    """One level for each call of ``step``: the one at which the scheduler believes the model was asked."""
    return _READERS[family](scheduler)


def entry_groups(scheduler: Any, count: int) -> list[list[int]]:
    """The entries of each step: two for second-order schedulers, with the odd last one; else one each."""
    sizes = [1] * count
    if getattr(scheduler, "order", 1) == 2:
        sizes = [2] * (count // 2) + [1] * (count % 2)
    elif hasattr(scheduler, "plms_timesteps"):
        stages = len(scheduler.prk_timesteps) // 4
        sizes = [4] * stages + [1] * (count - 4 * stages)
        if not stages and count > 2:
            sizes = [2] + [1] * (count - 2)
    ends = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
    return [list(range(a, b)) for a, b in pairwise(ends)]


def merged_at_top(groups: list[list[int]], times: Sequence[float], latest: float) -> list[list[int]]:
    """The groups with all that begin above the path's top joined to the first one, so that times fall."""
    above = max(1, sum(times[group[0]] >= latest for group in groups))
    return [[entry for group in groups[:above] for entry in group], *groups[above:]]


def set_levels(scheduler: Any, family: str, ratios: Sequence[float]) -> None:
    """Put a grid of our own, falling ratios sigma / alpha, into a scheduler set to as many steps."""
    _WRITERS[family](scheduler, finite(scheduler, family, ratios))


def finite(scheduler: Any, family: str, ratios: Sequence[float]) -> list[float]:
    """The ratios; an infinite first one becomes the scheduler's top, or twice the second if that is more."""
    if math.isfinite(ratios[0]) or family in ("flow", "trig"):
        return list(ratios)
    own = min(TOP, shares_of(scheduler, family)[0].ratio)
    return [max(own, 2.0 * max(ratios[1:], default=0.0)), *ratios[1:]]


def _by_index(scheduler: Any) -> list[Shares]:
    if hasattr(scheduler, "alphas_cumprod"):
        kept = scheduler.alphas_cumprod.double()[scheduler.timesteps]
    else:  # the Wuerstchen scheduler's time is continuous, and its last entry is the end
        kept = scheduler._alpha_cumprod(scheduler.timesteps[:-1], torch.device("cpu")).double()
    return [Shares(math.sqrt(a), math.sqrt(1.0 - a)) for a in kept.tolist()]


def _by_ratio(scheduler: Any) -> list[Shares]:
    if scheduler.config.get("use_flow_sigmas"):
        return _by_share(scheduler)
    sigmas = scheduler.sigmas.double()[: len(scheduler.timesteps)].tolist()
    return [Shares(1.0 / math.hypot(1.0, s), s / math.hypot(1.0, s)) for s in sigmas]


def _by_sigma(scheduler: Any) -> list[Shares]:
    sigmas = scheduler.sigmas.double()[: len(scheduler.timesteps)].tolist()
    if hasattr(scheduler, "sigmas_interpol"):  # the level between two nodes at which KDPM2 asks a second time
        back = int(hasattr(scheduler, "sigmas_down"))
        between = scheduler.sigmas_interpol.double().tolist()
        sigmas[1::2] = [between[k - back] for k in range(1, len(sigmas), 2)]
    return [Shares(1.0, s) for s in sigmas]


def _by_share(scheduler: Any) -> list[Shares]:
    sigmas = scheduler.sigmas.double()[: len(scheduler.timesteps)].tolist()
    return [Shares(1.0 - s, s) for s in sigmas]


def _by_angle(scheduler: Any) -> list[Shares]:
    if hasattr(scheduler, "betas"):
        pairs = zip(scheduler.alphas.double().tolist(), scheduler.betas.double().tolist(), strict=True)
        return [Shares(a, b) for a, b in pairs][:-1]
    spread = scheduler.config.sigma_data
    # The first angle, 1.5708, is a little more than a right angle.
    return [
        Shares(max(0.0, math.cos(u)), spread * math.sin(u))
        for u in scheduler.timesteps.double().tolist()[:-1]
    ]


def _write_index(scheduler: Any, ratios: Sequence[float]) -> None:
    kept = scheduler.alphas_cumprod.double()
    own = ((1.0 - kept) / kept).sqrt().log()
    asked = torch.tensor(ratios, dtype=torch.float64).log()
    scheduler.timesteps = (asked[:, None] - own[None, :]).abs().argmin(dim=1)
    scheduler.custom_timesteps = True
    scheduler.num_inference_steps = len(ratios)


def _write_sigma(scheduler: Any, ratios: Sequence[float]) -> None:
    flow, own = bool(scheduler.config.get("use_flow_sigmas")), scheduler.sigmas
    sigmas = torch.tensor([r / (1.0 + r) if flow else r for r in ratios], dtype=torch.float64)
    last = min(float(own[-1]), 0.5 * float(sigmas[-1]))
    _assign(scheduler, sigmas, last, _index_of(scheduler, sigmas, flow))


def _write_edm(scheduler: Any, ratios: Sequence[float]) -> None:
    sigmas = torch.tensor(ratios, dtype=torch.float64)
    _assign(scheduler, sigmas, 0.0, 0.25 * sigmas.log())


def _write_share(scheduler: Any, ratios: Sequence[float]) -> None:
    sigmas = torch.tensor([r / (1.0 + r) if math.isfinite(r) else 1.0 for r in ratios], dtype=torch.float64)
    levels = scheduler.config.get("num_train_timesteps")
    _assign(scheduler, sigmas, 0.0, sigmas * levels if levels else 1.0 - sigmas)


def _write_angle(scheduler: Any, ratios: Sequence[float]) -> None:
    angles = torch.tensor([*(math.atan(r) for r in ratios), 0.0])
    if hasattr(scheduler, "betas"):
        scheduler.alphas, scheduler.betas = angles.cos(), angles.sin()
        scheduler.timesteps = angles[:-1] * 2 / math.pi
    else:
        spread = scheduler.config.sigma_data
        scheduler.timesteps = torch.tensor([*(math.atan(r / spread) for r in ratios), 0.0])


def _assign(scheduler: Any, sigmas: torch.Tensor, last: float, timesteps: torch.Tensor) -> None:
    """Write the levels in the scheduler's own dtypes, each inner one twice where a step has two entries."""
    inner = sigmas[1:].repeat_interleave(scheduler.order)
    own = scheduler.timesteps.dtype
    rounded = timesteps if own.is_floating_point else timesteps.round()
    scheduler.sigmas = torch.cat([sigmas[:1], inner, torch.tensor([last])]).to(scheduler.sigmas.dtype)
    scheduler.timesteps = torch.cat([rounded[:1], rounded[1:].repeat_interleave(scheduler.order)]).to(own)


def _index_of(scheduler: Any, sigmas: torch.Tensor, flow: bool) -> torch.Tensor:
    """The (fractional) training step of each level; only SA-Solver's noise depends on it."""
    if flow or not hasattr(scheduler, "alphas_cumprod"):
        return 1000.0 * sigmas
    kept = scheduler.alphas_cumprod.double()
    own = ((1.0 - kept) / kept).sqrt()
    return torch.searchsorted(own, sigmas).clamp(max=len(own) - 1).double()


_READERS = {
    "vp_index": _by_index,
    "vp_sigma": _by_ratio,
    "ve": _by_sigma,
    "edm": _by_sigma,
    "flow": _by_share,
    "trig": _by_angle,
}
_WRITERS = {
    "vp_index": _write_index,
    "vp_sigma": _write_sigma,
    "ve": _write_sigma,
    "edm": _write_edm,
    "flow": _write_share,
    "trig": _write_angle,
}
