"""Write docs/students.md from the registry and the cards of the shipped students: ``python docs/students.py``."""

from pathlib import Path

from explorer.maths.students import KINDS, STUDENTS
from explorer.models.student_figures import at
from explorer.models.students import EVALS
from explorer.models.zoo import students_of

PAGE = Path(__file__).parent / "students.md"
HEAD = """\
# The shipped students

Written by `python docs/students.py` from the registry and from the cards in the files' own headers; a test holds them
equal.

`ex.load("two_moons/mean_flow")` gives a student's flow map: `student(x, 1.0, 0.0)`, or `ex.record(student, steps=2)`.
Straightened networks (`reflow`, `rf_plus_plus`) are fields as well as students: `ex.load("two_moons/reflow")` gives the
field, `ex.student("two_moons/reflow")` the map that walks it in Euler steps. Train one again with its command below, or
on any other target: `sampler-explorer train spirals/mean_flow`. Weights are kept as float16, and all figures are of
these rounded weights; seed 0 is the published one, and `python -m benchmarks students` prints the spread over others.
"""
METHODS = """\
## Methods
"""
PLANE = """\
## On the plane

W2 to the data after 1, 2, 4 and 8 calls, 2,048 samples from even noise against even data, as for
[the networks of the zoo](zoo.md); noise drawn on the way is even too. "Teacher" is the same count of the teacher's
Euler steps. A call of `transition_matching` costs 16 evals of its head, so its columns are 16, 32, 64 and 128 evals.
"""
DIGITS = """\
## Digits

Residual networks of 3 blocks of 256 on 8 x 8 pictures; 898 samples against one half of the data, whose other half has
W2 {of_data:.3f}. Precision and recall are shares inside balls that reach the third neighbour; "classes" is how many of
the ten have at least 1 % of the samples, by a logistic regression. Rank by precision **and** recall: one Euler step of
the teacher makes blurred means, which sit inside the balls.
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [HEAD, METHODS, _methods(), PLANE]
    for target in ("two_moons", "eight_gaussians", "checkerboard"):
        parts += [f"### {target}\n", _plane(target)]
    digits = [entry for entry in students_of("digits").values() if entry.method]
    of_data = digits[0].card.figures["w2_of_data"]
    return "\n".join([*parts, DIGITS.format(of_data=of_data), _digits(digits), "## Commands\n", _commands()])


def _methods() -> str:
    rows = ["| method | key | kind of map | what differs from the paper | source |", "|---|---|---|---|---|"]
    for name, method in STUDENTS.items():
        kind = KINDS[method.kind].label
        rows.append(f"| {method.label} | `{name}` | {kind} | {method.differs} | {method.source} |")
    return "\n".join(rows) + "\n"


def _plane(target: str) -> str:
    rows = ["| student | kind | seconds | W2, 1 call | 2 | 4 | 8 |", "|---|---|---|---|---|---|---|"]
    teacher: dict[int, float] = {}
    for name, entry in students_of(target).items():
        card = entry.card
        if not card.method:
            rows.append(
                f"| `{name}` | velocity | {card.seconds:.0f} | {card.figures['w2_at_1_eval']:.3f} "
                f"| | | {card.figures['w2_at_8_evals']:.3f} |"
            )
            continue
        scale = min(card.evals)
        cells = [card.figures.get(f"w2_{at(count * scale)}") for count in EVALS]
        shown = " | ".join("" if cell is None else f"{cell:.3f}" for cell in cells)
        rows.append(f"| `{name}` | {card.kind} | {card.seconds:.0f} | {shown} |")
        for count in EVALS:
            if (value := card.figures.get(f"w2_of_teacher_{at(count)}")) is not None:
                teacher[count] = value
    rows.append(f"| teacher, Euler | | | {' | '.join(f'{teacher[count]:.3f}' for count in EVALS)} |")
    return "\n".join(rows) + "\n"


def _digits(entries) -> str:
    rows = [
        "| student | evals | W2 | precision | recall | classes | smallest |",
        "|---|---|---|---|---|---|---|",
    ]
    longest = max(entries, key=lambda entry: len(entry.card.evals))
    for count in longest.card.evals:
        rows.append(_row("teacher, Euler", longest.card.figures, count, "of_teacher_"))
    for entry in entries:
        rows += [_row(f"`{entry.name}`", entry.card.figures, count, "") for count in entry.card.evals]
    return "\n".join(rows) + "\n"


def _row(who: str, figures, count: int, of: str) -> str:
    w2, precision, recall, classes, smallest = (
        figures[f"{what}_{of}{at(count)}"]
        for what in ("w2", "precision", "recall", "classes", "smallest_class")
    )
    return f"| {who} | {count} | {w2:.3f} | {precision:.2f} | {recall:.2f} | {classes:.0f} | {smallest:.1%} |"


def _commands() -> str:
    lines = []
    for target in ("two_moons", "eight_gaussians", "checkerboard", "digits"):
        for card in (entry.card for entry in students_of(target).values() if entry.method):
            settings = ", ".join(f"{name} {value}" for name, value in card.settings.items())
            lines += [card.command, f"    {settings}"] if settings else [card.command]
            lines += [
                f"    weights sha256 {card.weights}",
                f"    {card.teacher}'s sha256 {card.teacher_weights}",
            ]
    return "```\n" + "\n".join(lines) + "\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page())
