"""``sampler-explorer train``: train networks as the shipped ones were, with a bar, and go on after an interrupt."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import get_args

import torch
from torch import nn

from explorer.maths.fields import Predicts
from explorer.maths.files import sweep
from explorer.maths.paths import PATHS, as_path
from explorer.maths.targets import as_target
from explorer.maths.training import (
    COUPLINGS,
    PENALTIES,
    TIMES,
    AbstractCoupling,
    Problem,
    Schedule,
    TeacherPairs,
    TrainProgress,
    figures_of,
    straightening_of,
    train_flow,
)
from explorer.models.architectures import built
from explorer.models.asked import asked
from explorer.models.card import Card
from explorer.models.checkpoints import field_from, read_card, rounded, save_network
from explorer.models.entries import Entry
from explorer.models.teachers import Teacher, found_teacher, pairs_of
from explorer.models.train_student import agrees, train_student
from explorer.models.trained_classifiers import CLASSIFIER_CATALOGUE, is_classifier, retrained
from explorer.models.training_bar import command_of, followed
from explorer.models.zoo import CATALOGUE, STUDENT_CATALOGUE

DROP = 0.15
"""Share of a conditional network's batch that is trained without its class."""
SAME = (
    *("architecture", "target", "path", "predicts", "steps", "batch", "learning_rate", "seed"),
    *("coupling", "times", "penalty", "teacher", "method", "storage"),
)
"""What must agree for a file to be the network that was asked for."""


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command, on its parser."""
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a target (two_moons), a shipped network (two_moons/vp), a way to straighten one (spirals/reflow) or to "
        "make a student of it (spirals/mean_flow), a classifier of the digits (classifier/mlp)",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="every shipped network, as it was trained (about an hour and a half of one free core)",
    )
    parser.add_argument("--path", choices=list(PATHS), help="how data and noise are mixed (linear)")
    parser.add_argument(
        "--predicts",
        choices=get_args(Predicts),
        help="what the network gives (velocity on straight paths, v on others)",
    )
    parser.add_argument("--steps", type=int, help="updates of the weights")
    parser.add_argument("--batch", type=int, help="samples an update")
    parser.add_argument("--learning-rate", type=float, help="Adam's, at its highest")
    parser.add_argument("--seed", type=int, help="of first weights, data and noise")
    parser.add_argument("--out", type=Path, default=Path("networks"), help="folder to write to (networks)")


def run_train_command(args: argparse.Namespace) -> int:
    """Run the command with parsed arguments; its exit status."""
    classifiers = [entry.name for entry in CLASSIFIER_CATALOGUE.values()]
    names = [*((*CATALOGUE, *STUDENT_CATALOGUE, *classifiers) if args.all else ()), *args.names]
    run_train(
        names,
        device=args.device,
        out=args.out,
        path=args.path,
        predicts=args.predicts,
        steps=args.steps,
        batch=args.batch,
        learning_rate=args.learning_rate,
        seed=args.seed,
    )
    return 0


def run_train(
    names: Sequence[str],
    *,
    device: str = "cpu",
    out: Path = Path("networks"),
    path: str | None = None,
    predicts: Predicts | None = None,
    steps: int | None = None,
    batch: int | None = None,
    learning_rate: float | None = None,
    seed: int | None = None,
) -> list[Path]:
    """Train each named network into ``out``; the files. What is not given is the shipped network's own setting.

    A run that was interrupted goes on; a network that is there with the same settings is left as it is.

    Raises:
        ValueError: for names and settings that cannot be, a folder that cannot be written, a run that diverged.
        KeyboardInterrupt: after saying how to go on.
    """
    if not names:
        raise ValueError("`names` must hold at least one target or network; give two_moons, or --all")
    settings: dict[str, object] = {"path": path, "predicts": predicts, "steps": steps, "batch": batch}
    settings |= {"learning_rate": learning_rate, "seed": seed}
    given = {name: value for name, value in settings.items() if value is not None}
    entries = [name if is_classifier(name, given) else asked(name, given) for name in names]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise ValueError(f"cannot make the folder {out.name!r}: {fault.strerror}; choose another") from None
    sweep(out)
    with _one_thread():
        return [_trained(entry, out, device, seed or 0) for entry in entries]


def _trained(entry: Entry | str, out: Path, device: str, seed: int) -> Path:
    if isinstance(entry, str):
        return retrained(entry, out, seed)
    file, state = out / entry.file_name, out / entry.file_name.replace(".safetensors", ".training")
    beside = found_teacher(entry.beside, out, entry.name) if entry.beside else None
    if _is_there(file, entry, _taught_by(entry, beside)):
        print(f"{entry.name}: {file} is there already with these settings; remove it to train it again")
        return file
    try:
        return _made(entry, beside, file, state, device)
    except KeyboardInterrupt as fault:
        print(
            f"\n{entry.name}: interrupted {str(fault) or 'at its end'}; the same command goes on from there"
        )
        raise


def _taught_by(entry: Entry, beside: Teacher | None) -> str:
    """The sha256 of the teacher's weights; nothing where the other network is there for comparison only."""
    return beside.card.weights if beside and entry.teacher else ""


def _made(entry: Entry, beside: Teacher | None, file: Path, state: Path, device: str) -> Path:
    """Train, measure, write; the state file goes only when the network is there."""
    if entry.method and beside:
        print(f"{entry.name}: its teacher is {beside.file}")
        print(told(entry.name, train_student(entry, beside, file, state), file))
        return file
    network = built(entry.architecture, entry.seed)
    if beside and entry.teacher:
        print(f"{entry.name}: its teacher is {beside.file}")
        network = beside.begun(network, entry)
    problem = _problem(entry, beside)
    schedule = Schedule(entry.steps, entry.batch, entry.learning_rate, entry.seed)
    records = train_flow(network, problem, schedule, device=device, state_file=state)
    last = followed(records, entry, state, lambda last: f"loss={last.loss:.3f}")
    network = rounded(last.network, entry.storage)
    card = save_network(file, network, _card(entry, beside, last, network))
    state.unlink(missing_ok=True)
    print(told(entry.name, card, file))
    return file


def _problem(entry: Entry, teacher: Teacher | None) -> Problem:
    """What the network is asked to learn; a teacher makes its pairs here."""
    coupling: AbstractCoupling
    if entry.coupling == TeacherPairs.name:
        if teacher is None:
            raise ValueError(f"{entry.name!r} learns the pairs of a teacher, and its entry names none")
        coupling = pairs_of(teacher, entry)
    else:
        coupling = COUPLINGS[entry.coupling]()
    return Problem(
        as_target(entry.target),
        as_path(entry.path),
        entry.predicts,
        DROP if entry.is_conditional else None,
        coupling,
        TIMES[entry.times](),
        PENALTIES[entry.penalty](),
    )


def _is_there(file: Path, entry: Entry, teacher_weights: str) -> bool:
    try:
        card = read_card(file)
    except ValueError:
        return False
    same = card.teacher_weights == teacher_weights and all(
        getattr(card, name) == getattr(entry, name) for name in SAME
    )
    return same and (not entry.method or agrees(card.settings, entry))


def _card(entry: Entry, beside: Teacher | None, last: TrainProgress, network: nn.Module) -> Card:
    """The card of a finished run, its figures measured."""
    target = last.problem.target
    card = Card(
        architecture=dict(entry.architecture),
        target=entry.target,
        path=entry.path,
        predicts=entry.predicts,
        shape=target.shape,
        labels=target.labels if entry.is_conditional else (),
        steps=entry.steps,
        batch=entry.batch,
        learning_rate=entry.learning_rate,
        seed=entry.seed,
        seconds=round(last.seconds, 1),
        command=command_of(entry, entry.name if entry.beside else entry.target, "path", "predicts"),
        torch=torch.__version__,
        coupling=entry.coupling,
        times=entry.times,
        penalty=entry.penalty,
        teacher=entry.teacher,
        teacher_weights=_taught_by(entry, beside),
        storage=entry.storage,
    )
    field = field_from(network, card)
    figures = figures_of(field, target)
    if beside:
        figures |= straightening_of(field, target, beside.field)
    return replace(card, figures={name: round(value, 6) for name, value in figures.items()})


def told(name: str, card: Card, file: Path) -> str:
    """A card as a few lines for the terminal."""
    figures = "  ".join(f"{figure} {value:.3g}" for figure, value in card.figures.items())
    what = f"a student by {card.method}" if card.method else f"predicts {card.predicts}"
    return (
        f"{name}: {file}\n"
        f"  {card.target} on the {card.path} path, {what}; {card.steps} steps of {card.batch}, "
        f"seed {card.seed}, {card.seconds:g} s\n"
        f"  {figures}\n"
        f"  weights sha256 {card.weights}"
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums are added in one order only, so that a run repeats bit for bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
