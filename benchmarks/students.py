"""The shipped students beside the maths sheet: W2 to the data by evals, recomputed from the files.

``python -m benchmarks students`` prints both tables side by side, with the spread over seeds of those methods that were
trained from several; ``python -m benchmarks.students seeds`` trains these (about ten minutes of one free core) and
writes ``students_seeds.json`` beside this file.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch

from benchmarks.sheet import DIGITS, ROWS, TEACHER, TRANSITIONS
from benchmarks.table import load
from explorer.maths.metrics import w2
from explorer.maths.students.judge import made
from explorer.maths.targets import as_target
from explorer.maths.training.protocol import Protocol, sobol_noise
from explorer.models.checkpoints import read_card
from explorer.models.student_figures import at
from explorer.models.students import EVALS
from explorer.models.train_command import run_train
from explorer.models.zoo import STUDENT_CATALOGUE, from_catalogue, student_from_catalogue

WITHIN, TIMES = 1.15, 4.0
"""How far above the sheet a student may lie at 1 and 2 calls, and how often it must beat its teacher at 1."""
SEEDS = (1, 2)
SPREAD = ("pairs", "consistency_distillation", "lagrangian_map", "mean_flow", "dmd2")
KEPT = Path(__file__).parent / "students_seeds.json"


def main() -> None:
    """Print the tables of the plane and of the digits."""
    torch.set_num_threads(1)
    seeds = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for target in TEACHER:
        print(f"\n### Students of {target}: W2, the sheet's / ours ({load()})\n")
        _plane(target, seeds.get(target, {}))
    _transitions()
    _digits()


def _plane(target: str, seeds: Mapping[str, Mapping[str, list[float]]]) -> None:
    protocol = Protocol(as_target(target))
    teacher = from_catalogue(f"{target}/linear")
    euler = [w2(protocol.samples(teacher, steps=count), protocol.data) for count in EVALS]
    print("| method | 1 call | 2 | 4 | 8 | other seeds at 1 | gain over the teacher at 1 | |")
    print("|---|---|---|---|---|---|---|---|")
    print(f"| teacher, Euler | {_cells(TEACHER[target], euler)} | | 1 | |")
    for method, sheet in ROWS.items():
        ours = measured(f"{target}/{method}")
        gain = euler[0] / ours[0]
        misses = [
            f"{n} calls" for n, a, b in zip((1, 2), sheet[target], ours, strict=False) if b > WITHIN * a
        ]
        if method != "transition_matching" and gain < TIMES:
            misses.append("gain")
        verdict = f"**missed: {', '.join(misses)}**" if misses else "reached"
        print(
            f"| {method} | {_cells(sheet[target], ours)} | {_spread(seeds.get(method, {}))} | {gain:.1f} | {verdict} |"
        )


def measured(name: str) -> list[float]:
    """W2 of a shipped student after as many of 1, 2, 4 and 8 calls as it takes."""
    student = student_from_catalogue(name)
    protocol = Protocol(as_target(name.split("/")[0]))
    noise, most = (
        sobol_noise(protocol.n, student.shape),
        student.most_evals or EVALS[-1] * student.evals_per_call,
    )
    counts = [count * student.evals_per_call for count in EVALS]
    return [w2(made(student, noise, count), protocol.data) for count in counts if count <= most]


def _cells(sheet: tuple[float, ...], ours: list[float]) -> str:
    theirs = [f"{value:.3f}" for value in sheet] + [""] * (4 - len(sheet))
    own = [f"{value:.3f}" for value in ours] + [""] * (4 - len(ours))
    return " | ".join(f"{a or '-'} / {b}" if b else "" for a, b in zip(theirs, own, strict=True))


def _spread(seeds: Mapping[str, list[float]]) -> str:
    values = [figures[0] for figures in seeds.values()]
    if not values:
        return ""
    spread = f"; std {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return ", ".join(f"{value:.3f}" for value in values) + spread


def _transitions() -> None:
    from dataclasses import replace

    print("\n### Transition matching: W2 by calls x steps of the head, the sheet's / ours\n")
    shown = list(TRANSITIONS["two_moons"])
    print(f"| target | {' | '.join(f'{calls} x {inner}' for calls, inner in shown)} |")
    print("|---" * (len(shown) + 1) + "|")
    for target, table in TRANSITIONS.items():
        student, protocol = (
            student_from_catalogue(f"{target}/transition_matching"),
            Protocol(as_target(target)),
        )
        noise = sobol_noise(protocol.n, student.shape)
        cells = []
        for calls, inner in shown:
            one = replace(student, inner=inner)  # type: ignore[call-arg] # a stochastic map
            cells.append(
                f"{table[calls, inner]:.3f} / {w2(made(one, noise, calls * inner), protocol.data):.3f}"
            )
        print(f"| {target} | {' | '.join(cells)} |")


def _digits() -> None:
    print("\n### Digits: the sheet's / ours, from the cards\n")
    print("| student | evals | W2 | precision | recall | classes |")
    print("|---|---|---|---|---|---|")
    for method, rows in DIGITS.items():
        of = "of_teacher_" if method == "teacher" else ""
        figures = STUDENT_CATALOGUE[f"digits/{'lagrangian_map' if of else method}"].card.figures
        for count, (distance, precision, recall) in rows.items():
            own = [figures[f"{what}_{of}{at(count)}"] for what in ("w2", "precision", "recall", "classes")]
            print(
                f"| {method} | {count} | {distance:.3f} / {own[0]:.3f} | {precision:.2f} / {own[1]:.2f} "
                f"| {recall:.2f} / {own[2]:.2f} | {own[3]:.0f} |"
            )


def train_seeds() -> None:
    """Train the first five methods from other seeds and keep their figures, after each one."""
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        for target in TEACHER:
            for method in SPREAD:
                for seed in SEEDS:
                    own = kept.setdefault(target, {}).setdefault(method, {})
                    if str(seed) in own:
                        continue
                    (file,) = run_train([f"{target}/{method}"], out=Path(folder), seed=seed)
                    card = read_card(file)
                    own[str(seed)] = [card.figures[f"w2_{at(count)}"] for count in card.evals]
                    KEPT.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["seeds"]:
        train_seeds()
    else:
        main()
