"""The sheet's table 5.1 and spike row P1, made again from scratch: digits, seeds 0 to 4, printed beside the sheet.

Table 5.1: along minus the gradient of the training set, which share of steps of size r fails, for a net that has just
reached 80 % (early) and one at the end of its training (final). P1: Adam at 1e-2, a thousand times that from step 50.
"""

import statistics
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional

import explorer as ex
from benchmarks.radius import digits
from benchmarks.table import load
from explorer.models.classifiers import CLASSIFIERS, classifier

SEEDS = range(5)
EDGES = (0.1, 0.32, 1.0, 3.2, 10.0, 100.0)
R = torch.logspace(-1, 2, 25).tolist()
CRITERIA = ("any loss increase", "+0.5 nat", "accuracy −10 points", "accuracy halved")
SHEET = {
    ("early", "any loss increase"): "0 .03 .54 .94 .99", ("early", "+0.5 nat"): "0 0 .19 .84 .99",
    ("early", "accuracy −10 points"): "0 .07 .60 .98 1", ("early", "accuracy halved"): "0 0 .16 .70 .89",
    ("final", "any loss increase"): ".04 .65 .99 1 1", ("final", "+0.5 nat"): "0 0 .02 .48 .99",
    ("final", "accuracy −10 points"): "0 0 .05 .49 1", ("final", "accuracy halved"): "0 0 0 .04 .76",
}  # fmt: skip
ARENA = {"none": ".100", "gradient clip 1": ".100", "r <= 1, every step": ".967[.90]", "r <= 1, lazy": ".967"}


def main(nets: Sequence[str] = tuple(CLASSIFIERS), seeds: Sequence[int] = SEEDS) -> None:
    """Print both."""
    torch.set_num_threads(1)
    contrast(nets, seeds)
    spike(seeds)


def contrast(nets: Sequence[str], seeds: Sequence[int]) -> None:
    """Print the shares of failing steps of early and final nets."""
    x, y = digits()
    split = train_test_split(x, y, test_size=0.3, stratify=y, random_state=42)
    found: dict[tuple[str, str], list[list[bool]]] = {key: [] for key in SHEET}
    for name in nets:
        for seed in seeds:
            for stage, module in trained(name, seed, *split):
                for criterion, failed in zip(CRITERIA, fails(module, *split), strict=True):
                    found[stage, criterion].append(failed)
    print(f"\n### Failing steps of size r, {len(nets)} nets x {len(seeds)} seeds ({load()})\n")
    print("| net, criterion | " + " | ".join(f"{a:g} to {b:g}" for a, b in pairwise(EDGES)) + " | sheet |")
    print("|---|" + "---|" * len(EDGES))
    for (stage, criterion), curves in found.items():
        print(f"| {stage}, {criterion} | " + " | ".join(shares(curves)) + f" | {SHEET[stage, criterion]} |")


def shares(curves: list[list[bool]]) -> list[str]:
    """The share of failures between each two edges of r."""
    told = []
    for low, high in pairwise(EDGES):
        last = high == EDGES[-1]
        inside = [i for i, r in enumerate(R) if low * 0.999 <= r and (last or r < high * 0.999)]
        told.append(f"{statistics.mean(curve[i] for curve in curves for i in inside):.2f}")
    return told


def trained(
    name: str, seed: int, x: Tensor, test_x: Tensor, y: Tensor, test_y: Tensor
) -> Iterator[tuple[str, nn.Module]]:
    """The net when its test accuracy first is 0.8, looked at every 2 steps, and after 60 epochs."""
    module, source = classifier(name, seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2 if name == "linear" else 2e-3)
    early, steps = False, 0
    for _ in range(60):
        for few in torch.randperm(len(x), generator=source).split(128):
            module.train()
            optimizer.zero_grad()
            functional.cross_entropy(module(x[few]), y[few]).backward()
            optimizer.step()
            steps += 1
            if not early and steps % 2 == 0 and accuracy(module, test_x, test_y) >= 0.8:
                early = True
                yield "early", module.eval()
    yield "final", module.eval()


@torch.no_grad()
def accuracy(module: nn.Module, x: Tensor, y: Tensor) -> float:
    """The share of right answers, in eval mode."""
    return float((module.eval()(x).argmax(1) == y).double().mean())


def fails(module: nn.Module, x: Tensor, test_x: Tensor, y: Tensor, test_y: Tensor) -> list[list[bool]]:
    """Whether each step of size r along minus the gradient fails, by the four criteria."""
    module.zero_grad()
    begun = functional.cross_entropy(module(x), y)
    begun.backward()
    before = {n: p.detach().clone() for n, p in module.named_parameters()}
    step = {n: -p.grad for n, p in module.named_parameters()}
    unit = ex.step_radius(module, x, step).r_max
    right, told = accuracy(module, test_x, test_y), []
    with torch.no_grad():
        for r in R:
            for n, p in module.named_parameters():
                p.copy_(before[n] + r / unit * step[n])
            rise = float(functional.cross_entropy(module(x), y) - begun)
            now = accuracy(module, test_x, test_y)
            # Written so that a NaN fails.
            told.append([not rise <= 0, not rise <= 0.5, now < right - 0.1, now < right / 2])
        for n, p in module.named_parameters():
            p.copy_(before[n])
    return [list(column) for column in zip(*told, strict=True)]


def spike(seeds: Sequence[int]) -> None:
    """Print the test accuracy at the end of each way through the spike, and the worst after it began."""
    x, y = digits()
    print(f"\n### Spike P1 at 1e-2: median of {len(seeds)} seeds, and the worst after step 50 ({load()})\n")
    print("| control | final accuracy | worst after the spike | sheet, median[worst] |\n|---|---|---|---|")
    for kind, sheet in ARENA.items():
        ends, worst = zip(*(survived(kind, seed, x, y) for seed in seeds), strict=True)
        print(f"| {kind} | {statistics.median(ends):.3f} | {statistics.median(worst):.3f} | {sheet} |")


def survived(kind: str, seed: int, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Test accuracy after 200 steps, and its least after the spike began."""
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    train, test = order[: int(0.8 * len(x))], order[int(0.8 * len(x)) :]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    control = ex.RadiusControl(optimizer, module, lazy=kind.endswith("lazy")) if kind[0] == "r" else None
    source, least, now = torch.Generator().manual_seed(100 + seed), 1.0, 0.0
    for i in range(200):
        optimizer.param_groups[0]["lr"] = 1e-2 * (1000 if i >= 50 else 1)
        few = train[torch.randint(0, len(train), (64,), generator=source)]
        optimizer.zero_grad()
        functional.cross_entropy(module(x[few]), y[few]).backward()
        if kind == "gradient clip 1":
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        control.step(x[few]) if control else optimizer.step()
        now = accuracy(module, x[test], y[test])
        least = min(least, now) if i >= 50 else least
    return now, least


if __name__ == "__main__":
    main()
