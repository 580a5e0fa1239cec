"""The sheet's table 5.1 and its spikes P1 and P2, made again from scratch and printed beside the sheet.

Table 5.1: which share of steps of size r fails, for nets that have just reached 80 % (early) or 95 % (mid) and at the
end of their training (final), along four kinds of direction. P1: Adam at 1e-2, a thousand times that from step 50 on.
P2: full batch, Adam at 0.015, ten thousand times that at step 50 alone.

``python -m benchmarks.onset [--nets mlp,vit] [--seeds 0,1] [--write]``; ``--write`` makes the table that ships.
"""

import argparse
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch

from benchmarks.table import load
from explorer.maths.softmax.experiments import (
    CONTROLS,
    CRITERIA,
    OnsetCurve,
    OnsetTable,
    Spike,
    Split,
    arena,
    digits_by_page,
    digits_split,
    onset_curve,
    stages,
    table_of,
)
from explorer.maths.softmax.experiments.directions import next_step
from explorer.maths.softmax.experiments.stages import Stage, learning_rate_of
from explorer.models.arena_nets import arena_net
from explorer.models.classifiers import CLASSIFIERS, classifier
from explorer.models.onsets import FILE

SEEDS = range(5)
RANDOM = 3
"""Random directions for each net and stage."""
SHEET: dict[tuple[str, str], tuple[str, str, str, str]] = {
    ("early", "gradient"): ("0 .03 .54 .94 .99", "0 0 .19 .84 .99", "0 .07 .60 .98 1", "0 0 .16 .70 .89"),
    ("early", "mini_batch"): (".02 .07 .77 1 1", "0 0 .27 .97 1", ".02 .23 .78 1 1", "0 .03 .34 .84 1"),
    ("early", "adam"): (".03 .07 .36 .79 .99", "0 0 .11 .60 .97", "0 .04 .43 .92 .99", "0 0 .08 .39 .71"),
    ("early", "random"): (".83 .98 1 1 1", "0 .03 .67 .99 1", ".09 .49 .89 1 1", ".01 .13 .63 .95 1"),
    ("mid", "gradient"): ("0 .17 .83 1 1", "0 0 .06 .85 1", "0 0 .19 .95 1", "0 0 .02 .20 .91"),
    ("final", "gradient"): (".04 .65 .99 1 1", "0 0 .02 .48 .99", "0 0 .05 .49 1", "0 0 0 .04 .76"),
    ("final", "mini_batch"): (".57 .84 .99 1 1", "0 0 .01 .55 .99", "0 0 .06 .60 .99", "0 0 0 .04 .80"),
    ("final", "adam"): (".36 .70 .96 1 1", "0 0 .02 .53 .99", "0 0 .06 .58 .99", "0 0 0 .06 .81"),
    ("final", "random"): (".84 .96 1 1 1", "0 0 .01 .49 1", "0 0 .04 .60 1", "0 0 0 .08 .92"),
}
"""Shares by criterion, in the bins .1 .32 1 3.2 10 100 of r."""
SHEETS_CURVES = {"early": 45, "mid": 41, "final": 45}
P1 = {
    "none": ".100", "clip": ".100", "radius": ".967[.90]", "lazy": ".967", "certificate": ".972[.93]",
    "polyak": ".100", "armijo": ".100", "tensors": ".955[.87]",
}  # fmt: skip
P2 = {
    "transformer": {
        "none": ".320", "clip": ".376", "mismatched": ".953[.67]", "radius": ".944[.94]", "certificate": ".942",
        "polyak": ".958[.93]", "tensors": ".953[.90]", "armijo": ".953",
    },
    "mlp_ln": {
        "none": ".446", "clip": ".515", "mismatched": ".939[.19]", "radius": ".958[.96]", "certificate": ".964",
        "polyak": ".964[.96]", "tensors": ".969[.96]", "armijo": ".964",
    },
}  # fmt: skip


def main(nets: Sequence[str] = tuple(CLASSIFIERS), seeds: Sequence[int] = SEEDS, write: bool = False) -> None:
    """Print all of it."""
    torch.set_num_threads(1)
    begun = time.process_time()
    table = table_of([])
    for seed in seeds:
        for curve in curves(nets, seed):
            table = table.with_curve(curve)
        # One seed whole, so that a run that is broken off leaves a table of whole seeds.
        table = replace(table, seeds=(*table.seeds, seed))
        if write:
            FILE.write_text(table.as_text())
    print_table(table, time.process_time() - begun)
    spikes(seeds)


def curves(nets: Sequence[str], seed: int) -> Iterator[OnsetCurve]:
    """Every curve of one seed, each net trained from scratch."""
    for net in nets:
        print(f"{net}, seed {seed}", file=sys.stderr, flush=True)
        for stage in stages(
            classifier(net, seed), digits_split(), learning_rate=learning_rate_of(net), seed=seed
        ):
            yield from of_stage(net, seed, stage)


def of_stage(net: str, seed: int, stage: Stage) -> Iterator[OnsetCurve]:
    """The curves of one net at one stage; Adam's step has the memory of the training."""
    split = digits_split()
    for kind in ("gradient", "mini_batch"):
        yield onset_curve(stage.module, split, kind, seed=seed, net=net, stage=stage.name)
    source = torch.Generator().manual_seed(seed)
    step = next_step(stage.module, split, source, stage.optimizer, batches=1)
    yield onset_curve(stage.module, split, "adam", seed=seed, net=net, stage=stage.name, step=step)
    for k in range(RANDOM):
        yield onset_curve(stage.module, split, "random", seed=seed * RANDOM + k, net=net, stage=stage.name)


def print_table(table: OnsetTable, seconds: float) -> None:
    """Shares in the bins of r, the sheet's under ours."""
    print(
        f"\n### Failing steps by r, {len(table.nets)} nets ({', '.join(table.nets)}) x seeds "
        f"{', '.join(map(str, table.seeds))} ({seconds:.0f} CPU s, {load()})\n"
    )
    print(f"| net and direction | curves | {' | '.join(CRITERIA.values())} |")
    print("|---|---|" + "---|" * len(CRITERIA))
    for (stage, kind), n in table.curves.items():
        ours = (" ".join(_short(share) for share in table.bins(stage, kind, c)) for c in CRITERIA)
        print(f"| {stage}, {kind} | {n} | {' | '.join(ours)} |")
        if sheet := SHEET.get((stage, kind)):
            print(
                f"| the sheet's | {SHEETS_CURVES[stage] * (RANDOM if kind == 'random' else 1)} | {' | '.join(sheet)} |"
            )


def _short(share: float) -> str:
    return f"{share:.2f}".removeprefix("0").replace(".00", "0") if share < 0.995 else "1"


def spikes(seeds: Sequence[int]) -> None:
    """Print P1 at 1e-2 and P2 with its two nets."""
    print(
        f"\n### Spikes: median test accuracy of {len(seeds)} seeds at the end [worst from the spike on] ({load()})\n"
    )
    print("| control | P1 | sheet | P2, transformer | sheet | P2, MLP and LayerNorm | sheet |")
    print("|---|---|---|---|---|---|---|")
    once = Spike("single", 10_000.0, 50)
    found = {
        "P1": spiked("mlp", lambda seed: digits_split(0.2, seed), Spike(), 1e-2, 64, seeds),
        **{net: spiked(net, lambda seed: digits_by_page(), once, 0.015, None, seeds) for net in P2},
    }
    sheets = {"P1": P1, **P2}
    for control in CONTROLS:
        cells = (f"{found[key][control]} | {sheets[key].get(control, '')}" for key in found)
        print(f"| {CONTROLS[control].label} | {' | '.join(cells)} |")


def spiked(
    net: str,
    data: Callable[[int], Split],
    spike: Spike,
    learning_rate: float,
    batch: int | None,
    seeds: Sequence[int],
) -> dict[str, str]:
    """Median of the final accuracy, of the worst after the spike, and survivors, by control."""
    ask = arena(
        lambda seed: arena_net(net, seed),
        data,
        learning_rate=learning_rate,
        spike=spike,
        batch=batch,
        seeds=seeds,
        every=200,
    )
    last = deque(ask, maxlen=1)[0]
    told = {}
    for control in last.controls:
        (final, worst), (alive, of) = last.median(control), last.survivors(control)
        told[control] = f"{final:.3f}[{worst:.2f}] {alive}/{of}"
    return told


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.onset", description=__doc__)
    parser.add_argument("--nets", default=",".join(CLASSIFIERS), help="keys of the classifiers")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), help="whole numbers")
    parser.add_argument("--write", action="store_true", help="write the table that ships")
    return parser.parse_args()


if __name__ == "__main__":
    args = _arguments()
    main(args.nets.split(","), [int(seed) for seed in args.seeds.split(",")], args.write)
