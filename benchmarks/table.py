"""Tables of figures: what was measured, what it must reach, whether it did."""

import os
import statistics
import time
from collections.abc import Callable, Sequence


def load() -> str:
    """The machine's load average over the last minute, printed beside every figure."""
    return f"load {os.getloadavg()[0]:.1f}"


def show(title: str, rows: Sequence[tuple[str, float, float, str]]) -> None:
    """Print rows of (what, measured, to reach at most, unit)."""
    print(f"\n### {title} ({load()})\n")
    print("| figure | measured | to reach | |")
    print("|---|---|---|---|")
    for what, measured, bound, unit in rows:
        verdict = "reached" if measured <= bound else "**missed**"
        print(f"| {what} | {measured:.3g} {unit} | at most {bound:g} {unit} | {verdict} |")


def interleaved(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median CPU-clock seconds of each work, run in turn so that the machine's drift meets all alike."""
    spent: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(rounds):
        for name, work in works.items():
            begun = time.thread_time()
            work()
            spent[name].append(time.thread_time() - begun)
    return {name: statistics.median(times) for name, times in spent.items()}


def paired_ratio(work: Callable[[], object], floor: Callable[[], object], rounds: int) -> float:
    """Median over rounds of work / floor, the two run in turn within each round."""
    ratios = []
    work(), floor()
    for _ in range(rounds):
        begun = time.thread_time()
        work()
        middle = time.thread_time()
        floor()
        ratios.append((middle - begun) / (time.thread_time() - middle))
    return statistics.median(ratios)
