"""A whole run as one record."""

import time
from collections.abc import Sequence
from dataclasses import replace

import torch

from explorer.maths.samplers.base import AbstractSampler, Walked
from explorer.maths.samplers.registry import as_sampler
from explorer.maths.samplers.walk import walk
from explorer.maths.shapes import Points
from explorer.maths.trajectory import Trajectory, collect

BLOCK = 256
"""Most frames that room is made for at once."""


def record(
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
) -> Trajectory:
    """Walk to the end and keep every frame; arguments as for ``walk``. Recording adds no model calls.

    Raises:
        ValueError: for an argument that cannot be; a run that diverges is a record that says so.
    """
    sampler, begun = as_sampler(sampler), time.perf_counter()
    frames = walk(
        field,
        sampler,
        steps=steps,
        grid=grid,
        n=n,
        noise=noise,
        start=start,
        seed=seed,
        device=device,
        dtype=dtype,
    )
    run = collect(
        frames,
        expected=min(steps, BLOCK) + 1,
        path=field.path.name,
        sampler=sampler.name,
        grid=grid if isinstance(grid, str) else "custom",
        seed=seed,
    )
    return replace(run, seconds=time.perf_counter() - begun)
