"""The shipped classifiers of the digits: each net early, midway and at the end of one training, in one file."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import nn

from explorer.maths.names import nearest
from explorer.maths.softmax.experiments.split import accuracy, digits_split
from explorer.maths.softmax.experiments.stages import (
    BATCH,
    EPOCHS,
    STAGES,
    Stage,
    learning_rate_of,
    stages,
)
from explorer.models.card import Card
from explorer.models.checkpoints import load_network, read_card, rounded, save_network
from explorer.models.classifiers import CLASSIFIERS, classifier
from explorer.models.entries import file_name

FOLDER = Path(__file__).parent / "classifier_weights"
PREFIX = "classifier"
"""What their names begin with on the command line, and their architectures in cards."""


@dataclass(frozen=True)
class ClassifierEntry:
    """A shipped classifier: its ``net``, a key of ``CLASSIFIERS``, and its ``label`` on screen."""

    net: str
    label: str

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        return f"{PREFIX}/{self.net}"

    @property
    def file(self) -> Path:
        """Its shipped weights, all stages."""
        return FOLDER / file_name(self.name)

    @property
    def card(self) -> Card:
        """What the file says of itself; ``figures`` has step, train and test accuracy of each stage."""
        return _card(self.file)

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that it reached."""
        return tuple(name for name in STAGES if self.card.architecture[name])


CLASSIFIER_CATALOGUE: dict[str, ClassifierEntry] = {
    net: ClassifierEntry(net, label)
    for net, label in {
        "linear": "linear",
        "mlp": "MLP, ReLU",
        "mlp_tanh": "MLP, tanh",
        "mlp_gelu": "MLP, GELU",
        "mlp_ln": "MLP, LayerNorm",
        "cnn": "CNN",
        "cnn_bn": "CNN, BatchNorm",
        "vit": "small ViT",
        "resnet": "ResNet, GroupNorm",
    }.items()
}
"""Every shipped classifier by the key of its net, in the order of the menu."""

_card = cache(read_card)


def trained_classifier(name: str, stage: str = "final", device: str = "cpu") -> nn.Module:
    """A shipped classifier [n, 64] -> logits [n, 10] in eval mode, early, mid or final; it is the caller's own.

    Raises:
        ValueError: for an unknown name or stage, with the nearest ones, or a stage that the net never reached.
    """
    entry = CLASSIFIER_CATALOGUE[nearest("classifier", name.removeprefix(f"{PREFIX}/"), CLASSIFIER_CATALOGUE)]
    nearest("stage", stage, STAGES)
    if stage not in entry.stages:
        raise ValueError(
            f"the shipped {entry.net!r} never reached stage {stage!r}; it has {', '.join(entry.stages)}"
        )
    network, _ = load_network(entry.file, device)
    return network[stage].requires_grad_(True)  # type: ignore[index] # a dict of stages


def train_classifier(net: str, file: Path, *, seed: int = 0, epochs: int = EPOCHS) -> Card:
    """Train one net as the shipped ones were and write its stages, float16; the card.

    Raises:
        ValueError: for an unknown net.
    """
    split, begun = digits_split(), time.monotonic()
    rate = learning_rate_of(nearest("classifier", net, CLASSIFIERS))
    found = {
        s.name: s for s in stages(classifier(net, seed), split, learning_rate=rate, seed=seed, epochs=epochs)
    }
    whole = nn.ModuleDict({name: found[name].module for name in STAGES if name in found})
    kept = rounded(whole, "float16")
    figures: dict[str, float] = {}
    for name, stage in found.items():
        figures |= _figures(name, stage, kept[name])  # type: ignore[index] # a dict of stages
    return save_network(
        file,
        kept,
        Card(
            architecture={"kind": f"{PREFIX}_{net}", **{name: name in found for name in STAGES}},
            target="digits",
            path="",
            predicts="logits",
            shape=tuple(split.x.shape[1:]),
            labels=tuple(str(digit) for digit in range(10)),
            steps=epochs * -(-len(split.x) // BATCH),
            batch=BATCH,
            learning_rate=rate,
            seed=seed,
            seconds=round(time.monotonic() - begun, 1),
            figures=figures,
            command=f"sampler-explorer train {PREFIX}/{net} --seed {seed}",
            torch=torch.__version__,
            storage="float16",
        ),
    )


def is_classifier(name: str, given: Mapping[str, object]) -> bool:
    """Whether a name of the command line is a classifier's.

    Raises:
        ValueError: for an unknown classifier, or settings that are not given to one.
    """
    if not name.startswith(f"{PREFIX}/"):
        return False
    nearest("classifier", name.removeprefix(f"{PREFIX}/"), CLASSIFIER_CATALOGUE)
    if others := set(given) - {"seed"}:
        raise ValueError(
            f"{name!r} is trained by one recipe and takes no `{sorted(others)[0]}`; leave it out, or give a `seed`"
        )
    return True


def retrained(name: str, out: Path, seed: int) -> Path:
    """Train a classifier into a folder and tell of it; one that is there with this seed is left as it is."""
    entry = CLASSIFIER_CATALOGUE[name.removeprefix(f"{PREFIX}/")]
    file = out / file_name(entry.name)
    if _is_there(file, entry, seed):
        print(f"{name}: {file} is there already with these settings; remove it to train it again")
        return file
    print(f"{name}: training, some seconds")
    card = train_classifier(entry.net, file, seed=seed)
    reached = ", ".join(
        f"{stage} {card.figures[f'{stage}_test']:.3f}" for stage in STAGES if card.architecture[stage]
    )
    print(f"{name}: {file}\n  test accuracy {reached}\n  weights sha256 {card.weights}")
    return file


def _is_there(file: Path, entry: ClassifierEntry, seed: int) -> bool:
    try:
        card = read_card(file)
    except ValueError:
        return False
    return card.architecture["kind"] == f"{PREFIX}_{entry.net}" and card.seed == seed


def _figures(name: str, stage: Stage, kept: nn.Module) -> dict[str, float]:
    """Of the weights as they are stored."""
    split = digits_split()
    return {
        f"{name}_step": float(stage.step),
        f"{name}_train": round(accuracy(kept, split.x, split.y), 6),
        f"{name}_test": round(accuracy(kept, split.test_x, split.test_y), 6),
    }
