"""A run without coordinates: what the model knew at each noise ratio, and the way into any path's coordinates.

At one noise ratio sigma / alpha the clean prediction D and the noise prediction e are the same on every path, since all
paths carry one ODE curve up to a scaling. In coordinates P at ``u = P.time_of(ratio)``, with ``W = alpha sigma' - sigma
alpha'`` and because ``alpha dD + sigma de = 0`` along the flow:
``y = alpha D + sigma e``, ``dy/du = alpha' D + sigma' e``, ``d2y/du2 = alpha'' D + sigma'' e - (W / sigma) dD/du``.
So another choice of coordinates is algebra and asks no model; only ``dD/dt`` needs one JVP.

Source: Karras et al. 2022, arXiv:2206.00364, section 2 (one curve for all paths).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from explorer.maths.fields import AbstractField
from explorer.maths.forward import jvp
from explorer.maths.paths import AbstractPath, Level, as_path
from explorer.maths.samplers.registry import SAMPLERS
from explorer.maths.shapes import Time
from explorer.maths.trajectory import Trajectory

AT_ONCE = 8192
"""Numbers that are differentiated in one go: small batches pay more for being asked than for the answer."""
SLACK = 1e-12
"""Of the greatest time of a path, so that a ratio right at its end is within."""


@dataclass(frozen=True, eq=False)
class Motion:
    """Float64, on the CPU, samples as rows of d numbers.

    ``ratios`` [T] falling, inf where no data is left, 0 at the data; ``shares`` [T]; ``denoised``, ``noise`` [T, n, d]
    (at the data end those of the moment before, which the landing keeps); ``rate`` [T, m, d] is dD / d(share) along the
    flow of the first m samples (0 at the data end, for the same reason), None where no field was asked.
    """

    ratios: Tensor
    shares: Tensor
    denoised: Tensor
    noise: Tensor
    home: AbstractPath
    rate: Tensor | None = None
    rate_by: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class Placed:
    """A motion in coordinates: ``times`` [T'] of the path's clock, ``shares`` [T'], states and velocities [T', n, d].

    ``accelerations`` [T', m, d] where a field was asked. ``first`` moments with more noise than the path knows are left
    out. At the data end a velocity may be infinite (vp, cosine).
    """

    path: AbstractPath
    first: int
    times: Tensor
    shares: Tensor
    states: Tensor
    velocities: Tensor
    accelerations: Tensor | None


def motion_of(run: Trajectory, field: AbstractField | None = None, rows: int | None = None) -> Motion:
    """What moved in a run; with its ``field`` also how its clean prediction turns, for the first ``rows`` samples.

    A run with no model behind it (``ex.trajectory``) gets its velocities from a cubic spline through its states.

    Raises:
        ValueError: for fewer than three moments, or states that are not finite.
    """
    times, states = run.times.double().cpu(), run.states
    if len(times) < 3:
        raise ValueError(f"a curve needs at least three moments; got {len(times)}; record it with more steps")
    bad = ~torch.isfinite(states.flatten(1)).all(dim=1)
    if bool(bad.any()):
        where = int(bad.nonzero()[0])
        raise ValueError(
            f"`states` must be finite; got NaN or infinity at moment {where}, t = {float(times[where]):.3g}; "
            "measure the part of the run before it"
        )
    home = as_path(run.path)
    x = states.detach().double().cpu().flatten(2)
    levels = [home.at(t) for t in times.tolist()]
    is_modelled = bool(run.evals[-1])
    if is_modelled:
        clean = run.denoised.detach().double().cpu().flatten(2)
        noise = _noise(x, clean, levels)
    else:
        clean, noise = _splined(times, x, levels)
    ratios = [level.sigma / level.alpha if level.alpha else math.inf for level in levels]
    rate, by = (None, "") if field is None else _rates(run, field, rows, home)
    return Motion(
        torch.tensor(ratios, dtype=torch.float64),
        run.shares,
        clean,
        noise,
        home,
        rate,
        by,
        _note(run, is_modelled),
    )


def _splined(times: Tensor, x: Tensor, levels: list[Level]) -> tuple[Tensor, Tensor]:
    """Clean prediction and noise [T, n, d] that the slopes of a cubic spline through the states amount to."""
    spline = CubicSpline(times.flip(0).numpy(), x.flip(0).numpy(), axis=0)
    slopes = torch.from_numpy(np.ascontiguousarray(spline(times.numpy(), 1)))
    clean, noise = [], []
    for state, slope, level in zip(x, slopes, levels, strict=True):
        if math.isfinite(level.sigma_rate):
            clean.append((level.sigma_rate * state - level.sigma * slope) / level.wronskian)
            noise.append((level.alpha * slope - level.alpha_rate * state) / level.wronskian)
        else:
            clean.append(state)
            noise.append(noise[-1])
    return torch.stack(clean), torch.stack(noise)


def _noise(x: Tensor, clean: Tensor, levels: list[Level]) -> Tensor:
    """E = (x - alpha D) / sigma [T, n, d]; at the data end that of the moment before."""
    noise = [
        (state - level.alpha * mean) / level.sigma
        for state, mean, level in zip(x, clean, levels, strict=True)
        if level.sigma > 0
    ]
    return torch.stack([*noise, *[noise[-1]] * (len(levels) - len(noise))])


def _rates(run: Trajectory, field: AbstractField, rows: int | None, home: AbstractPath) -> tuple[Tensor, str]:
    """The rate dD / d(share) [T, m, d] along the flow, and how it was found."""
    levels = [home.at(t) for t in run.times.tolist()]
    asked = [index for index, level in enumerate(levels) if level.sigma > 0]
    states, velocities = run.states[:, :rows], run.velocities[:, :rows]
    middle = asked[len(asked) // 2]
    x, t, velocity = states[middle], float(run.times[middle]), velocities[middle]
    rate, by = clean_rate(field, x, t, velocity)
    is_clear = by == "jvp" and not _is_blind(field, x, t, velocity, rate)
    ask = clean_rate if is_clear else _by_differences
    parts = []
    for few in torch.tensor(asked).split(max(1, AT_ONCE // max(1, x.numel()))):
        times = run.times[few].to(x).repeat_interleave(len(x))
        found, _ = ask(field, states[few].flatten(0, 1), times, velocities[few].flatten(0, 1))
        parts.append(found.detach().double().cpu().reshape(len(few), len(x), -1))
    rates = torch.cat(parts) / torch.tensor([[[_share_rate(levels[index])]] for index in asked])
    still = rates.new_zeros(len(levels) - len(asked), *rates.shape[1:])
    return torch.cat([rates, still]), "one JVP" if is_clear else "differences"


def _by_differences(field: AbstractField, x: Tensor, t: Time, velocity: Tensor) -> tuple[Tensor, str]:
    return differenced_rate(field, x, t, velocity), "differences"


def clean_rate(field: AbstractField, x: Tensor, t: Time, velocity: Tensor) -> tuple[Tensor, str]:
    """dD/dt along the flow at states x [n, *shape]: one JVP of the clean prediction in direction (velocity, 1).

    ``t`` is one time or one for each state. A field that torch cannot differentiate forward is asked a little before
    and a little after instead; the second value says which it was, ``"jvp"`` or ``"differences"``.
    """
    times = _of_rows(t, x)
    try:
        with torch.no_grad():
            rate: Tensor = jvp(
                lambda state, moment: field(state, moment).denoised,
                (x, times),
                (velocity.to(x), torch.ones_like(times)),
            )[1]
        return rate, "jvp"
    except (RuntimeError, NotImplementedError, TypeError, AttributeError, ValueError):
        # A module that leaves torch, or an operation with no forward derivative.
        return differenced_rate(field, x, t, velocity), "differences"


def differenced_rate(field: AbstractField, x: Tensor, t: Time, velocity: Tensor, part: float = 1.0) -> Tensor:
    """dD/dt along the flow by two or three calls, of second order in a step that goes with t."""
    times = _of_rows(t, x)
    step = part * times * torch.finfo(x.dtype).eps ** (1 / 3)
    wide = step.reshape(-1, *[1] * (x.dim() - 1))

    def clean(k: float) -> Tensor:
        return field(x + k * wide * velocity.to(x), times + k * step).denoised

    with torch.no_grad():
        if bool((times + step > getattr(field, "latest", 1.0)).any()):
            return (3.0 * clean(0.0) - 4.0 * clean(-1.0) + clean(-2.0)) / (2.0 * wide)
        return (clean(1.0) - clean(-1.0)) / (2.0 * wide)


def _of_rows(t: Time, x: Tensor) -> Tensor:
    """One time for each state [n]."""
    return t.to(x) if isinstance(t, Tensor) else x.new_full((len(x),), t)


def _is_blind(field: AbstractField, x: Tensor, t: float, velocity: Tensor, rate: Tensor) -> bool:
    """Whether a JVP misses what a module detaches inside, of which it says no word.

    Two steps must agree before differences are believed: a network whose time runs to 1,000 turns within one of them.
    """
    long, short = (differenced_rate(field, x, t, velocity, part) for part in (1.0, 0.25))
    doubt = 10.0 * float((long - short).norm()) + 0.01 * float(short.norm()) + 1e-6 * float(x.norm())
    return float((rate - short).norm()) > doubt


def _share_rate(level: Level) -> float:
    """The rate d(share)/dt = W / (alpha + sigma)^2."""
    return float(level.wronskian / (level.alpha + level.sigma) ** 2)


def _note(run: Trajectory, is_modelled: bool) -> str:
    notes = []
    sampler = SAMPLERS.get(run.sampler)
    if sampler is not None and sampler.is_random:
        notes.append("the sampler draws noise on its way: its steps are measured, not a curve")
    if run.states.dtype != torch.float64:
        step = float((run.states.diff(dim=0).double().flatten(2).norm(dim=-1)).median())
        size = float(run.states.double().abs().median())
        floor = torch.finfo(run.states.dtype).eps * size / max(step, 1e-300) ** 2
        notes.append(
            f"recorded in {str(run.states.dtype).removeprefix('torch.')}: a curvature below {floor:.1g} is rounding"
        )
    if not is_modelled:
        notes.append("no model behind the run: velocities are those of a spline through its states")
    return "; ".join(notes)


def in_coordinates(motion: Motion, path: AbstractPath) -> Placed:
    """The motion as it is in a path's coordinates and on its clock; asks no model."""
    times = torch.as_tensor(path.time_of(motion.ratios), dtype=torch.float64)
    kept = times <= 1.0 + SLACK
    first = int((~kept).sum())
    times = times[kept].clamp(max=1.0)
    shape = (-1, 1, 1)
    level = path.at(times.reshape(shape))
    clean, noise = motion.denoised[first:], motion.noise[first:]
    states = level.alpha * clean + level.sigma * noise
    velocities = level.alpha_rate * clean + level.sigma_rate * noise
    accelerations = None
    if motion.rate is not None:
        accelerations = _accelerations(motion, path, times, first)
    return Placed(path, first, times, motion.shares[first:], states, velocities, accelerations)


def _accelerations(motion: Motion, path: AbstractPath, times: Tensor, first: int) -> Tensor:
    """Second rate d2y/du2 [T', m, d]; at the data end that of the moment before."""
    assert motion.rate is not None, "asked only where a field was"
    inner = times[times > 0].reshape(-1, 1, 1)
    level, (alpha_bend, sigma_bend) = path.at(inner), second_rates(path, inner)
    count, rows = len(inner), motion.rate.shape[1]
    kept = slice(first, first + count)
    clean, noise = motion.denoised[kept, :rows], motion.noise[kept, :rows]
    per_clock = motion.rate[kept] * (level.wronskian / (level.alpha + level.sigma) ** 2)
    bent = alpha_bend * clean + sigma_bend * noise - level.wronskian / level.sigma * per_clock
    return torch.cat([bent, *[bent[-1:]] * (len(times) - count)])


def second_rates(path: AbstractPath, t: Tensor) -> tuple[Tensor, Tensor]:
    """Second rates alpha'' and sigma'' at t > 0, shaped like t, by forward differentiation of the rates."""

    def rates(moment: Tensor) -> tuple[Tensor, Tensor]:
        level = path.at(moment)
        return torch.as_tensor(level.alpha_rate), torch.as_tensor(level.sigma_rate)

    bends: tuple[Tensor, Tensor] = jvp(rates, (t,), (torch.ones_like(t),))[1]
    return bends
