"""What the softmax radius costs: a step's beside a bare product, control beside a plain loop, solving, and memory.

Ratios within one run on one torch thread, the two sides in turn, with the quiet allocator of ``benchmarks.loop``; what
the sheet measured is then made again by ``benchmarks.onset``. ``python -m benchmarks.radius figures`` is the first
alone, and ``figures product``, ``control`` or ``solving`` one table of it.
"""

import os
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.func import functional_call, jvp
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

import explorer as ex
from benchmarks.loop import QUIET
from benchmarks.table import ratio_of_medians, show
from explorer.models.classifiers import classifier

NETS = ("linear", "mlp", "mlp_gelu", "mlp_ln", "mlp-512", "cnn", "cnn_bn", "vit", "resnet")
LOOPS = ("mlp", "mlp-512", "cnn_bn", "resnet")
BATCH, WHOLE, STEPS, ROUNDS = 128, 1437, 300, 5
"""Rows of a small batch and of the digits to learn from; steps and runs of a loop."""


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
            full, lean = _product(name, count)
            what = f"/ bare jvp, {name}, {count:,} rows"
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


def net(name: str) -> nn.Module:
    """One of the sheet's nets for cost, first weights from seed 0."""
    if name != "mlp-512":
        return classifier(name)
    torch.manual_seed(0)
    sizes = ((64, 512), (512, 512))
    return nn.Sequential(*(part for s in sizes for part in (nn.Linear(*s), nn.ReLU())), nn.Linear(512, 10))


def _product(name: str, count: int) -> tuple[float, float]:
    module = net(name)
    x, y = torch.rand(count, 64), torch.randint(0, 10, (count,))
    own = {n: p.detach() for n, p in module.named_parameters()}
    step = {n: 1e-3 * torch.randn_like(p) for n, p in own.items()}
    normed = name == "cnn_bn"  # its statistics must be written on copies, or torch refuses

    def ask(values):
        copies = {n: b.clone() for n, b in module.named_buffers()} if normed else {}
        return functional_call(module, {**values, **copies}, (x,))

    def bare():
        # A fused attention has no forward derivative.
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH) if name == "vit" else nullcontext():
            return jvp(ask, (own,), (step,))

    def full():
        told = ex.step_radius(module, x, step, y)
        return told.r_max, told.r_99, told.r_50, told.g, told.kappa, told.descent, told.binding

    rounds = 60 if name not in ("vit", "resnet") and count == BATCH else 15
    return ratio_of_medians(full, bare, rounds), ratio_of_medians(
        lambda: ex.step_radius(module, x, step, at=()).r_max, bare, rounds
    )


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Images [1797, 64] from 0 to 1 and labels."""
    images, labels = load_digits(return_X_y=True)
    return torch.tensor(images / 16.0).float(), torch.tensor(labels)


def _controlled(name: str) -> tuple[float, int]:
    """CPU seconds of a controlled run over a plain one, medians of runs in turn; and how often it measured."""
    x, y = digits()

    def train(controlled: bool) -> tuple[float, int]:
        module, source = net(name), torch.Generator().manual_seed(0)
        optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
        control = ex.RadiusControl(optimizer, module) if controlled else None
        batches = [torch.randint(0, len(x), (BATCH,), generator=source) for _ in range(STEPS)]
        begun = time.thread_time()
        for few in batches:
            inputs, targets = x[few], y[few]
            optimizer.zero_grad()
            functional.cross_entropy(module(inputs), targets).backward()
            control.step(inputs) if control else optimizer.step()
        return time.thread_time() - begun, control.measured if control else 0

    spent: dict[bool, list[float]] = {False: [], True: []}
    often = 0
    for round_ in range(ROUNDS + 1):
        for controlled in (False, True) if round_ % 2 else (True, False):
            seconds, measured_ = train(controlled)
            often = max(often, measured_)
            spent[controlled].append(seconds)
    return statistics.median(spent[True][1:]) / statistics.median(spent[False][1:]), often


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
