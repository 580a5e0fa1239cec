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
        print(f"| {what} | {measured:.4g} {unit} | at most {bound:g} {unit} | {verdict} |")


def ratio_of_medians(work: Callable[[], object], floor: Callable[[], object], rounds: int) -> float:
    """Median CPU seconds of ``work`` over that of ``floor``, run in turn so that the machine's drift meets both."""
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):  # the first round warms up
        for each, times in zip((work, floor), spent, strict=True):
            begun = time.thread_time()
            each()
            times.append(time.thread_time() - begun)
    return statistics.median(spent[0][1:]) / statistics.median(spent[1][1:])
