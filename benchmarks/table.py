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
    """Median CPU seconds of ``work`` over that of ``floor``.

    The two run in turn, and in the other order every second round, so that neither the machine's drift nor what the
    one leaves in the caches is counted for or against the other.
    """
    spent: dict[int, list[float]] = {0: [], 1: []}
    for round_ in range(rounds + 1):  # the first round warms up
        for which in (0, 1) if round_ % 2 else (1, 0):
            begun = time.thread_time()
            (work, floor)[which]()
            spent[which].append(time.thread_time() - begun)
    return statistics.median(spent[0][1:]) / statistics.median(spent[1][1:])
