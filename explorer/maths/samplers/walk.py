"""The one loop that walks every sampler from noise to data.

``walk`` is a generator of frames: progress, cancel, streaming and recording are what the caller does with it.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from explorer.maths.frames import NO_NOTES, Ended, Frame
from explorer.maths.paths import AbstractPath
from explorer.maths.samplers.base import AbstractSampler, CountedField, Walked, checked_states, draw_noise
from explorer.maths.samplers.grids import times_of
from explorer.maths.samplers.registry import as_sampler
from explorer.maths.shapes import Points

BLOWN_UP = 1e6
"""A state this many times larger than the largest noise of its path has diverged."""
OWN_NOISE = 0x9E3779B9
"""Turns the seed of the start into that of the path's own noise. torch's CPU generator reads 32 bits of a seed."""


def walk(
    field: Walked,
    sampler: str | AbstractSampler = "heun",
    *,
    steps: int = 20,
    grid: str | Sequence[float] = "default",
    n: int | None = None,
    noise: Points | None = None,
    start: tuple[Points, float] | None = None,
    seed: int = 0,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> Iterator[Frame]:
    """Walk from noise to data; yields each frame, the first one (pure noise) included.

    Frame k is yielded once the step that leaves it is taken, because the step's first prediction is part of
    it; so recording costs no model calls. The last step, to t = 0 where no field can be asked, lands on the
    clean prediction: it is of first order for every method.

    Give ``n`` (draw n noise vectors with ``seed``), or ``noise`` (eps, [n, *shape]; the first frame is
    sigma(1) * noise), or ``start=(x, t)`` to begin anywhere. ``noise`` and ``start`` replace the drawn start
    only: what a random method draws on its way follows ``seed`` all the same.

    Raises:
        ValueError: for an argument that cannot be, in one sentence, before the first frame.
    """
    if not callable(field) or not isinstance(getattr(field, "path", None), AbstractPath):
        raise ValueError(
            f"`field` must be a field with a path; got {type(field).__name__}; "
            "wrap a module with NetworkField(module, path=..., predicts=...)"
        )
    sampler = as_sampler(sampler)
    x, first = _first_state(field, n, noise, start, seed, device, dtype)
    # A method with a grid of its own begins it at the path's top; from elsewhere ours is used.
    chosen = times_of if start is not None and not sampler.is_adaptive else _own_times(sampler)
    times = chosen(grid, field.path, steps, first)
    return _frames(CountedField(field), sampler, x, times, torch.Generator().manual_seed(seed ^ OWN_NOISE))


def _own_times(sampler: AbstractSampler):
    return lambda grid, path, steps, first: sampler.times(path, grid, steps, first)


def _frames(
    field: CountedField, sampler: AbstractSampler, x: Tensor, times: list[float], generator: torch.Generator
) -> Iterator[Frame]:
    memory = sampler.start(field, times, generator)
    bound = BLOWN_UP * max(1.0, field.path.at(times[0]).sigma)
    t, target, index, lands = times[0], 1, 0, not sampler.takes_last_step
    while target < len(times):
        evals, t_next, notes = field.evals, times[target], NO_NOTES
        field.next_step()
        with torch.no_grad():
            if t_next == 0.0 and lands:
                x_next, reached, why = field(x, t).denoised, 0.0, ""
            else:
                x_next, reached, memory = sampler.step(field, x, t, t_next, memory)
                notes, why = getattr(memory, "notes", NO_NOTES), getattr(memory, "gave_up", "")
            held = not why and _largest(x_next) < bound  # False for NaN too
        frame = Frame(index, t, x, field.first, evals, notes)
        if not held:
            text = f"diverged at step {index + 1}, t = {reached:.3g}" + (f": {why}" if why else "")
            yield frame._replace(ended=Ended("diverged", index + 1, reached, text))
            return
        yield frame
        x, t, index = x_next, reached, index + 1
        target += reached == t_next
    yield Frame(index, t, x, None, field.evals, NO_NOTES, Ended("done", index, t, "done"))


def _largest(x: Tensor) -> float:
    """The largest absolute value, NaN if there is one."""
    low, high = x.aminmax()
    return max(high.item(), -low.item())


def _first_state(field, n, noise, start, seed, device, dtype) -> tuple[Tensor, float]:
    given = [name for name, value in (("n", n), ("noise", noise), ("start", start)) if value is not None]
    if len(given) > 1:
        raise ValueError(f"give one of `n`, `noise` and `start`; got {' and '.join(given)}")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 1 << 32:
        raise ValueError(f"`seed` must be a whole number from 0 to 4294967295; got {seed!r}")
    latest = getattr(field, "latest", 1.0)
    if start is not None:
        x, t = _checked_start(start, latest)
        return _placed(checked_states("start", x, field), device, dtype), t
    if noise is None:
        noise = draw_noise(1000 if n is None else n, field.shape, seed, dtype)
    noise = _placed(checked_states("noise", noise, field), device, dtype)
    return field.path.at(latest).sigma * noise, latest


def _checked_start(start: object, latest: float) -> tuple[object, float]:
    if not isinstance(start, tuple) or len(start) != 2 or isinstance(start[1], bool | str):
        raise ValueError(
            f"`start` must be (x, t), states and the time they are at; got {type(start).__name__}"
        )
    x, t = start
    if not 0.0 < float(t) <= latest:
        raise ValueError(f"`start` must begin at a time in (0, {latest}]; got t = {float(t)!r}")
    return x, float(t)


def _placed(x: Tensor, device, dtype) -> Tensor:
    return x.to(device=device, dtype=dtype) if device is not None or dtype is not None else x
