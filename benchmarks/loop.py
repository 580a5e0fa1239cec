"""What recording costs: ``ex.record`` against a bare torch loop, and against diffusers driven by hand.

The bare loops make the same model calls with precomputed Python floats and keep nothing. One torch thread. glibc hands
every 1 MB activation back to the system and faults it in again, which moves all timings by a fifth from run to run, the
bare loop's too; so the benchmark runs itself anew with that switched off for both sides.
"""

import os
import subprocess
import sys
from itertools import pairwise

import torch

import explorer as ex
from benchmarks.table import ratio_of_medians, show
from explorer.maths.networks import FlowMLP

STEPS = 50


QUIET = {"MALLOC_TRIM_THRESHOLD_": "268435456", "MALLOC_MMAP_THRESHOLD_": "268435456", "OMP_NUM_THREADS": "1"}


def main() -> None:
    """Print the table, from a process with a quiet allocator."""
    subprocess.run([sys.executable, "-m", "benchmarks.loop"], env={**os.environ, **QUIET}, check=True)


def measured() -> None:
    """Print the table from this process."""
    torch.set_num_threads(1)
    network = FlowMLP(2).eval()
    field = ex.NetworkField(network, path="linear", predicts="velocity")
    rows = []
    for n, bound, rounds in ((2048, 1.05, 100), (16, 1.5, 100)):
        noise = torch.randn(n, 2, generator=torch.Generator().manual_seed(0))
        for name, bare in (("euler", _euler), ("heun", _heun), ("ddim", _ddim)):
            ratio = ratio_of_medians(
                lambda name=name, noise=noise: ex.record(field, sampler=name, steps=STEPS, noise=noise),
                lambda bare=bare, noise=noise: bare(network, noise),
                rounds,
            )
            rows.append((f"record {name} / bare loop, n = {n}", ratio, bound, "times"))
    noise = torch.randn(2048, 2, generator=torch.Generator().manual_seed(0))
    ratio = ratio_of_medians(
        lambda: ex.record(field, sampler="diffusers/flow_euler", steps=STEPS, noise=noise),
        lambda: _by_hand(network, noise),
        100,
    )
    rows.append(("record diffusers/flow_euler / diffusers by hand, n = 2048", ratio, 1.05, "times"))
    show("Recording loop, 50 steps of a 4x128 network", rows)


TIMES = [1.0 - i / STEPS for i in range(STEPS)] + [0.0]


@torch.no_grad()
def _euler(network, x):
    for t, t_next in pairwise(TIMES):
        x = x + (t_next - t) * network(x, x.new_full((len(x),), t))
    return x


@torch.no_grad()
def _heun(network, x):
    for t, t_next in pairwise(TIMES):
        slope = network(x, x.new_full((len(x),), t))
        if t_next == 0.0:
            return x - t * slope
        ahead = network(x + (t_next - t) * slope, x.new_full((len(x),), t_next))
        x = x + 0.5 * (t_next - t) * (slope + ahead)
    return x


@torch.no_grad()
def _ddim(network, x):
    for t, t_next in pairwise(TIMES):
        velocity = network(x, x.new_full((len(x),), t))
        x = (1.0 - t_next) * (x - t * velocity) + t_next * (x + (1.0 - t) * velocity)
    return x


@torch.no_grad()
def _by_hand(network, x):
    from diffusers import FlowMatchEulerDiscreteScheduler

    scheduler = FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(sigmas=[1.0 - i / STEPS for i in range(STEPS)])
    for t in scheduler.timesteps:
        velocity = network(x, x.new_full((len(x),), float(t) / 1000))
        x = scheduler.step(velocity, t, x).prev_sample
    return x


if __name__ == "__main__":
    measured()
