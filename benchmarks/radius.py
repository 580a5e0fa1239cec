"""What the softmax radius costs: a step's beside a bare product, control beside a plain loop, solving, and memory.

Ratios within one run on one torch thread, the two sides in turn, with the quiet allocator of ``benchmarks.loop``; what
the sheet measured is then made again by ``benchmarks.onset``. ``python -m benchmarks.radius figures`` is the first
alone, and ``figures product``, ``control`` or ``solving`` one table of it.
"""

import os
import subprocess
import sys
import time
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.func import functional_call, jvp
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

import explorer as ex
from benchmarks.loop import QUIET
from benchmarks.nets import data, net
from benchmarks.table import ratio_of_medians, show

NETS = ("linear", "mlp", "mlp_gelu", "mlp_ln", "mlp-512", "cnn", "cnn_bn", "vit", "resnet", "gpt")
LOOPS = ("mlp", "mlp-512", "cnn_bn", "resnet", "vit", "gpt")
ATTENTIVE = ("vit", "gpt")
QUICK = ("mlp", "mlp-512", "cnn_bn")
BATCH, WHOLE, STEPS, ROUNDS, FEW = 128, 1437, 300, 24, 5
"""Rows of a small batch and of the digits to learn from; steps of a loop, runs of a quick one and of another."""
TEXTS, MANY_TEXTS = 4, 16
"""Texts of 64 tokens in a small batch and a large one."""


def main() -> None:
    """Print all tables."""
    figures()
    from benchmarks import onset

    onset.main()


def figures(*tables: str) -> None:
    """Print what it costs (or some tables of that), from a process with a quiet allocator."""
    command = [sys.executable, "-m", "benchmarks.radius", "measured", *tables]
    subprocess.run(command, env={**os.environ, **QUIET}, check=True)


def measured(*tables: str) -> None:
    """Print tables from this process."""
    torch.set_num_threads(1)
    unknown = set(tables) - set(TABLES)
    if unknown:
        raise SystemExit(f"unknown table {', '.join(unknown)}; known: {', '.join(TABLES)}")
    for name in tables or TABLES:
        TABLES[name]()


def product() -> None:
    """Print a step's radius beside a bare product."""
    rows = []
    for count in (WHOLE, BATCH):
        for name in NETS:
            if name == "gpt":
                count = MANY_TEXTS if count == WHOLE else TEXTS
            full, lean = _product(name, count)
            what = f"/ bare jvp, {name}, {count:,} {'texts' if name == 'gpt' else 'rows'}"
            rows.append((f"step_radius, r alone {what}", lean, 1.2, "times"))
            rows.append((f"step_radius, r, quantiles, g, kappa, descent {what}", full, 1.2, "times"))
    show("A step's radius: all digits to learn from, and a small batch", rows)


def control() -> None:
    """Print a controlled loop beside a plain one."""
    rows = []
    for name in LOOPS:
        ratio, often = _controlled(name)
        rows.append(
            (f"RadiusControl, lazy ({often} measured) / plain loop of {STEPS}, {name}", ratio, 1.06, "times")
        )
    show("Control", rows)


def solving() -> None:
    """Print the seconds of radii, and the memory of a vocabulary's."""
    show("Solving and memory", [*_solved(), _memory()])


TABLES = {"product": product, "control": control, "solving": solving}


def _product(name: str, count: int) -> tuple[float, float]:
    module = net(name)
    x, y = (z[torch.arange(count) % len(z)] for z in data(name))
    own = {n: p.detach() for n, p in module.named_parameters()}
    step = {n: 1e-3 * torch.randn_like(p) for n, p in own.items()}
    normed = name == "cnn_bn"  # its statistics must be written on copies, or torch refuses

    def ask(values):
        copies = {n: b.clone() for n, b in module.named_buffers()} if normed else {}
        return functional_call(module, {**values, **copies}, (x,))

    def bare():
        # A fused attention has no forward derivative.
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH) if name in ATTENTIVE else nullcontext():
            return jvp(ask, (own,), (step,))

    def full():
        told = ex.step_radius(module, x, step, y)
        return told.r_max, told.r_99, told.r_50, told.g, told.kappa, told.descent, told.binding

    rounds = 60 if name not in ("vit", "resnet", "gpt") and count == BATCH else 15
    return ratio_of_medians(full, bare, rounds), ratio_of_medians(
        lambda: ex.step_radius(module, x, step, at=()).r_max, bare, rounds
    )


class Loop:
    """A training with Adam, plain or controlled, that is led on step by step."""

    def __init__(self, name: str, controlled: bool):
        self.module = net(name)
        self.optimizer = torch.optim.Adam(self.module.parameters(), lr=1e-3)
        self.control = ex.RadiusControl(self.optimizer, self.module) if controlled else None

    def step(self, inputs: Tensor, targets: Tensor) -> int:
        """One step; CPU nanoseconds."""
        begun = time.thread_time_ns()
        self.optimizer.zero_grad()
        functional.cross_entropy(self.module(inputs).flatten(0, -2), targets.flatten()).backward()
        self.control.step(inputs) if self.control else self.optimizer.step()
        return time.thread_time_ns() - begun


def _controlled(name: str) -> tuple[float, int]:
    """CPU time of a controlled run over a plain one's, and how often it measured.

    The two go in turn step by step, since this machine's clock changes by a tenth within seconds; where its memory lies
    makes a whole run a fifth quicker or slower, so that each step has its median over the runs.
    """
    x, y = data(name)
    size = TEXTS if name == "gpt" else BATCH
    rounds = 1 + (ROUNDS if name in QUICK else FEW)
    spent = torch.zeros(2, rounds, STEPS, dtype=torch.float64)
    for round_ in range(rounds):
        loops, source = (Loop(name, False), Loop(name, True)), torch.Generator().manual_seed(0)
        for step in range(STEPS):
            few = torch.randint(0, len(x), (size,), generator=source)
            for side in (0, 1) if (round_ + step) % 2 else (1, 0):
                spent[side, round_, step] = loops[side].step(x[few], y[few])
    plain, held = spent[:, 1:]
    weight = plain.median(0).values
    return float(((held / plain).median(0).values * weight).sum() / weight.sum()), loops[1].control.measured


def _solved() -> list[tuple[str, float, float, str]]:
    source = torch.Generator().manual_seed(0)
    logits, speeds = (torch.randn(100_000, 10, generator=source, dtype=torch.float64) for _ in range(2))
    begun = time.thread_time()
    ex.radius(logits, speeds).certified.sum()
    certified = time.thread_time() - begun
    few = ex.radius(2.0 * logits[:1000], speeds[:1000])
    begun = time.thread_time()
    sure = bool(few.is_certain.all()) and bool(few.exact.isfinite().all())
    exact = time.thread_time() - begun
    return [
        (f"exact radius and certificate, 1,000 x 10{'' if sure else ', NOT ALL CERTAIN'}", exact, 4.0, "s"),
        ("certified bound, 100,000 x 10", certified, 1.0, "s"),
    ]


def _memory() -> tuple[str, float, float, str]:
    peaks = [
        int(
            subprocess.run(
                [sys.executable, "-m", "benchmarks.peak", kind], capture_output=True, text=True, check=True
            ).stdout
        )
        for kind in ("pieces", "whole")
    ]
    sizes = " / ".join(f"{peak / 1024:.0f} MB" for peak in peaks)
    return (
        f"2,048 tokens x 32,768 classes, peak in pieces / full jvp ({sizes})",
        peaks[0] / peaks[1],
        0.25,
        "of it",
    )


if __name__ == "__main__":
    kind, *names = sys.argv[1:] or ["all"]
    {"all": main, "figures": figures, "measured": measured}[kind](*names)
