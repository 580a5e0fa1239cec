"""Where a field's flow really takes its noise: a fine adaptive run in float64, and the error of other runs against it.

Dormand-Prince stops just short of the data and the loop lands on the clean prediction, with an error that goes with the
square of the noise share that is left; here that share is a millionth, so that the landing is below the tolerance too.

Source: Hairer, Norsett and Wanner, Solving ODEs I, II.4.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.maths.fields import AbstractField
from explorer.maths.frames import Frame
from explorer.maths.samplers.base import AbstractSampler, checked_states
from explorer.maths.samplers.rk45 import RK45
from explorer.maths.samplers.walk import walk
from explorer.maths.shapes import Points

TOLERANCES = (1e-10, 1e-7, 1e-4)
"""Relative; a field that is too rough for one is tried with the next."""
STOP = 1e-6
"""The noise share at which a fine run lands. Float32 cannot tell so little noise: there it is Dormand-Prince's own."""
LOOSER = 100.0
"""How much looser the run is whose distance says how good the reference is."""
MOST_EVALS = 2_500


@dataclass(frozen=True, eq=False)
class Reference:
    """Ends of the flow [n, *shape], and what is known of them.

    ``rtol`` is the tolerance that the field allowed; ``gap`` the root mean square distance from a run with a hundred
    times that, in units of x: an upper bound, which the ends themselves beat by a digit or two. ``evals`` model calls.
    """

    ends: Tensor
    rtol: float
    gap: float
    evals: int


def reference(field: AbstractField, noise: Points) -> Reference:
    """The ends [n, *shape] of the flow from ``noise`` eps [n, *shape], to about 1e-10 where the field is smooth.

    In float64, unless the field's module computes in another type (float32: to about 1e-5). A field with jumps or
    rounding of its own gets the finest of three tolerances that 2,500 calls suffice for.

    Raises:
        ValueError: for noise of another shape, or a field that no run gets through.
    """
    noise, fine = precise(field, noise), None
    least = 20.0 * torch.finfo(noise.dtype).eps
    for rtol in dict.fromkeys(max(least, rtol) for rtol in TOLERANCES):
        fine = adaptive(field, noise, rtol)
        if fine.ended is not None and fine.ended.kind == "done":
            loose = adaptive(field, noise, min(0.1, LOOSER * rtol))
            return Reference(fine.x, rtol, distance(loose.x, fine.x), fine.evals + loose.evals)
    assert fine is not None, "some tolerance was tried"
    why = f"{MOST_EVALS} calls were not enough" if fine.ended is None else fine.ended.text
    raise ValueError(f"this flow cannot be followed to its end: {why}; look at the field along a plain run")


def adaptive(field: AbstractField, noise: Tensor, rtol: float) -> Frame:
    """The last frame of an adaptive run; one whose calls ran out has no ``ended``."""
    for frame in walk(field, adaptive_sampler(rtol, noise.dtype), noise=noise):
        if frame.evals > MOST_EVALS:
            break
    return frame


def adaptive_sampler(rtol: float, dtype: torch.dtype = torch.float64) -> RK45:
    """Dormand-Prince to the very end, so that its error follows its tolerance."""
    return RK45(rtol, rtol / 10, STOP) if dtype == torch.float64 else RK45(rtol, rtol / 10)


def precise(field: AbstractField, noise: Points) -> Tensor:
    """Noise in the finest of float64 and float32 that the field takes; else as it is.

    Raises:
        ValueError: for noise that does not fit the field.
    """
    noise = checked_states("noise", noise, field)
    latest = getattr(field, "latest", 1.0)
    for dtype in (torch.float64, torch.float32):
        try:  # a module may be of one type, a device may know no float64
            cast = noise.to(dtype)
            with torch.no_grad():
                field(field.path.at(latest).sigma * cast[:1], latest)
        except (RuntimeError, TypeError):
            continue
        return cast
    return noise


def run_to_end(
    field: AbstractField,
    sampler: AbstractSampler,
    noise: Tensor,
    reference: Reference,
    steps: int = 20,
    grid: str | Sequence[float] = "default",
) -> tuple[float, int, int]:
    """Error, model calls and steps of a run whose frames nobody keeps; the error of one that diverged is inf.

    Raises:
        ValueError: for noise that is not the reference's, or a grid that cannot be.
    """
    if noise.shape != reference.ends.shape:
        raise ValueError(
            f"`noise` must be that of the reference, {list(reference.ends.shape)}; got {list(noise.shape)}"
        )
    frames = walk(field, sampler, steps=steps, grid=grid, noise=noise.to(reference.ends))
    last = deque(frames, maxlen=1)[0]
    done = last.ended is not None and last.ended.kind == "done"
    return distance(last.x, reference.ends) if done else math.inf, last.evals, last.index


def distance(a: Tensor, b: Tensor) -> float:
    """Root mean square over the samples of |a - b|, in units of x; inf where it is not finite."""
    gap = float((a - b).double().flatten(1).square().sum(dim=1).mean().sqrt())
    return gap if math.isfinite(gap) else math.inf
