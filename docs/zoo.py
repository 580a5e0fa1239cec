"""Write docs/zoo.md from the cards of the shipped networks: ``python docs/zoo.py``."""

from pathlib import Path

from explorer.models.zoo import CATALOGUE

PAGE = Path(__file__).parent / "zoo.md"
HEAD = """\
# The shipped networks

Written by `python docs/zoo.py` from the cards in the files' own headers; a test holds them equal.

Load one with `ex.load("two_moons/linear")`; train it again with its command below, all of them with
`sampler-explorer train --all` (about half an hour on one free core). On the same torch version and processor the
weights come out bit for bit; elsewhere the W2 figures agree within 15 %. Seconds are those of a machine that was busy
with other work.
"""
PLANE = """\
## On the plane

Networks of four hidden layers of 128. W2 is the exact 2-Wasserstein distance of 2,048 samples to 2,048 data points,
both drawn so as to carry little noise of their own (scrambled Sobol noise through the inverse Gaussian; even counts
in every component), after 100 and after 8 Euler steps. The last figure is the exact field's W2 under the same
protocol (Heun, 100 steps): no network is expected below it.
"""
STRAIGHTER = """\
## Straighter paths

The same networks, trained on other pairs of data and noise: `transport` re-pairs each batch by optimal transport
(Tong et al. 2023, arXiv:2302.00482; Pooladian et al. 2023, arXiv:2304.14772), `teacher` takes 32,768 noises and where
a teacher's paths end (reflow: Liu et al. 2022, arXiv:2209.03003), beginning from the teacher's weights; `ends` and
`pseudo_huber` are the times and the penalty of rf++ (Lee et al. 2024, arXiv:2405.20320). S is Liu's straightness, the
mean of the squared distance between velocity and chord, in squared units of x and the linear path's coordinates (0:
every path is straight and walked evenly); beside it S over the mean squared chord, and S of the teacher (for
`transport`, of the plain network).

The same works for every other target of the plane: `sampler-explorer train spirals/reflow`.
"""
PICTURES = """\
## Pictures

diffusers' `UNet2DModel` with class labels, 15 % of them dropped in training, and a residual network of three blocks of
256 without classes, which [students](students.md) learn from. 898 samples of 50 Euler steps against
half of the data: precision and recall are shares inside balls that reach the third neighbour; W2 has the other half
of the data beside it; "right class" is how often a sample asked for by class has a nearest neighbour of that class.
"""


def page() -> str:
    """The whole page as Markdown."""
    straight = [entry for entry in CATALOGUE.values() if entry.beside]
    plain = [entry for entry in CATALOGUE.values() if not entry.beside]
    plane = [entry for entry in plain if "w2_of_exact_field" in entry.card.figures]
    rest = [entry for entry in plain if entry not in plane]
    parts = [HEAD, PLANE, _plane(plane), STRAIGHTER, _straighter(straight), PICTURES, _pictures(rest)]
    return "\n".join([*parts, "## Commands\n", _commands()])


def _plane(entries) -> str:
    rows = [
        "| network | data | path | predicts | weights | steps | seconds | W2, 100 evals | 8 evals | exact field |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for entry in entries:
        figures = entry.card.figures
        numbers = (figures[name] for name in ("w2", "w2_at_8_evals", "w2_of_exact_field"))
        rows.append(f"{_about(entry)} {' | '.join(f'{number:.3f}' for number in numbers)} |")
    return "\n".join(rows) + "\n"


def _straighter(entries) -> str:
    rows = [
        "| network | pairs | times | penalty | teacher | steps | seconds "
        "| W2, 100 evals | 8 evals | 1 eval | S | over chord | S of teacher |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    names = ("w2", "w2_at_8_evals", "w2_at_1_eval")
    bends = ("straightness", "relative_straightness", "straightness_of_teacher")
    for entry in entries:
        card, teacher = entry.card, f"`{entry.teacher}`" if entry.teacher else ""
        figures = [f"{card.figures[name]:.3f}" for name in names]
        figures += [f"{card.figures[name]:.3g}" for name in bends]
        rows.append(
            f"| `{entry.name}` | {card.coupling} | {card.times} | {card.penalty} | {teacher} | "
            f"{card.steps:,} of {card.batch} | {card.seconds:.0f} | "
            f"{' | '.join(figures)} |"
        )
    return "\n".join(rows) + "\n"


def _pictures(entries) -> str:
    rows = [
        "| network | data | path | predicts | weights | steps | seconds "
        "| precision | recall | right class | W2 | of data |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for entry in entries:
        names = ("precision", "recall", "right_class", "w2", "w2_of_data")
        numbers = (entry.card.figures.get(name) for name in names)
        shown = ("" if number is None else f"{number:.2f}" for number in numbers)
        rows.append(f"{_about(entry)} {' | '.join(shown)} |")
    return "\n".join(rows) + "\n"


def _about(entry) -> str:
    card, weights = entry.card, _weights(entry)
    steps = f"{card.steps:,} of {card.batch}"
    return (
        f"| `{entry.name}` | {card.target} | {card.path} | {card.predicts} | {weights:,} | {steps} | "
        f"{card.seconds:.0f} |"
    )


def _weights(entry) -> int:
    from safetensors import safe_open

    with safe_open(entry.file, framework="np") as archive:
        return sum(archive.get_tensor(name).size for name in archive.keys())  # noqa: SIM118 # not a dict


def _commands() -> str:
    lines = []
    for card in (entry.card for entry in CATALOGUE.values()):
        lines += [card.command, f"    weights sha256 {card.weights}"]
        lines += [f"    teacher's sha256 {card.teacher_weights}"] if card.teacher else []
    return "```\n" + "\n".join(lines) + "\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page())
