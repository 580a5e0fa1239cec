"""The teachers of a training: where they are found, and the pairs that they make."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn
from tqdm import tqdm

from explorer.maths.fields import NetworkField
from explorer.maths.training import TeacherPairs, followed
from explorer.maths.training.couplings import PAIRS, PART
from explorer.models.card import Card
from explorer.models.checkpoints import field_from, load_network
from explorer.models.entries import WEIGHTS, Entry, file_name


@dataclass(frozen=True, eq=False)
class Teacher:
    """A network that another learns from, or is held against."""

    name: str
    network: nn.Module
    card: Card
    file: Path

    @property
    def field(self) -> NetworkField:
        """Its field, on the CPU."""
        return field_from(self.network, self.card)

    def begun(self, network: nn.Module, entry: Entry) -> nn.Module:
        """``network`` with this teacher's weights, which is where its student begins.

        Raises:
            ValueError: when the two are not of one make.
        """
        for what in ("architecture", "path", "predicts"):
            ours, theirs = getattr(entry, what), getattr(self.card, what)
            if ours != theirs:
                raise ValueError(
                    f"{entry.name!r} begins from the weights of {self.name!r} and so must have its {what}, {theirs!r}; "
                    f"got {ours!r}; leave it out, or train the teacher so"
                )
        network.load_state_dict(self.network.state_dict())
        return network


def found_teacher(name: str, out: Path, student: str) -> Teacher:
    """A network by name: the one in ``out`` where it was trained there, the shipped one else.

    Raises:
        ValueError: when it is in neither place, or its file is not whole.
    """
    for folder in (out, WEIGHTS):
        file = folder / file_name(name)
        if file.is_file():
            return Teacher(name, *load_network(file), file)
    raise ValueError(
        f"{student!r} needs {name!r}, which is not shipped and not in {out.name!r}; train {name!r} first, there"
    )


def pairs_of(teacher: Teacher, entry: Entry) -> TeacherPairs:
    """What the teacher makes of fresh noise, with a bar while it does.

    Raises:
        KeyboardInterrupt: saying what was interrupted; nothing is lost, pairs are drawn again from the seed.
    """
    parts = []
    with tqdm(total=PAIRS, desc=f"{entry.name}: pairs of {teacher.name}", unit="pair", disable=None) as bar:
        try:
            for part in followed(teacher.field, PAIRS, entry.seed):
                parts.append(part)
                bar.update(PART)
        except KeyboardInterrupt:
            bar.close()
            raise KeyboardInterrupt(f"while {teacher.name} made its pairs") from None
    return TeacherPairs.joined(parts, teacher.card.weights, entry.seed)
