"""How long the comparison of six students at four counts of evals takes to be there: first seed, then all three.

The students are three shipped networks of the plane, each asked as a velocity and as a full map; what kind of student
it is changes nothing here, since nearly all of the time is W2's. In a process with one torch thread, from nothing kept.
"""

import statistics
import time

import torch

import explorer as ex
from benchmarks.table import show
from explorer.maths.students.compare import EVALS, SEEDS, comparing
from explorer.maths.students.kinds import FullMap, VelocityMap

ROUNDS, N = 3, 500
WAYS = ("reflow", "reflow_2", "rf_plus_plus")


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    rows = []
    for target in ("two_moons", "eight_gaussians"):
        first, whole = zip(*(_spent(target) for _ in range(ROUNDS + 1)), strict=True)
        rows.append(
            (f"{target}: table of the first seed, median", statistics.median(first[1:]), 2.0, "CPU s")
        )
        spreads = statistics.median(whole[1:])
        rows.append((f"{target}: with the spread over {len(SEEDS)} seeds, median", spreads, 6.0, "CPU s"))
    show(f"Comparison, six students by {len(EVALS)} counts beside teacher and exact field, n = {N}", rows)


def _spent(target: str) -> tuple[float, float]:
    """Seconds to the whole table of the first seed, and to that of all."""
    networks = {way: ex.load(f"{target}/{way}").module for way in WAYS}
    students = {
        f"{way} {kind.kind}": kind(m, (2,)) for way, m in networks.items() for kind in (VelocityMap, FullMap)
    }
    teacher, first, begun = ex.load(f"{target}/linear"), 0.0, time.thread_time()
    for table in comparing(teacher, students, target, evals=EVALS, n=N):
        if table.done == 1 and not first:
            first = time.thread_time() - begun
    return first, time.thread_time() - begun
