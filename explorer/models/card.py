"""A network's card: what it is, what it was trained on, how, and how well it does."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import get_args

from explorer.maths.fields import Predicts
from explorer.maths.names import nearest
from explorer.maths.paths import PATHS
from explorer.maths.training import COUPLINGS, PENALTIES, TIMES

VERSION = 2
LONGEST = 2000
"""Most characters of a text and most entries of a list in a card."""


@dataclass(frozen=True)
class Card:
    """Everything about a network but its weights; plain values.

    ``figures`` are measured under the protocol of ``explorer.maths.training.protocol``; ``weights`` is the sha256
    of the tensors. A file also carries a sha256 of the card itself.

    ``coupling``, ``times`` and ``penalty`` are keys of ``explorer.maths.training``; ``teacher`` is the name of the
    network whose pairs it learnt and whose weights it began from, ``teacher_weights`` their sha256. Cards of version
    1, which knew none of these, read as plain flow matching.
    """

    architecture: Mapping[str, object]
    target: str
    path: str
    predicts: Predicts
    shape: tuple[int, ...]
    labels: tuple[str, ...] = ()
    steps: int = 0
    batch: int = 0
    learning_rate: float = 0.0
    seed: int = 0
    seconds: float = 0.0
    figures: Mapping[str, float] = field(default_factory=dict)
    command: str = ""
    torch: str = ""
    weights: str = ""
    coupling: str = "independent"
    times: str = "even"
    penalty: str = "squared"
    teacher: str = ""
    teacher_weights: str = ""
    version: int = VERSION

    def as_text(self) -> str:
        """The card as JSON with its own sha256."""
        values = asdict(self)
        return json.dumps(values | {"sha256": _sum(values)}, separators=(",", ":"))


def card_from_text(text: object, file: str) -> Card:
    """The card of a file.

    Raises:
        ValueError: naming ``file``, when the text is no card, was altered, or is of a newer version.
    """
    try:
        values = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise ValueError(
            f"{file!r} was not loaded: its header holds no card; it is no network of this project"
        )
    version, stated = values.get("version"), values.pop("sha256", None)
    if type(version) is not int or not 1 <= version <= VERSION:
        raise ValueError(
            f"{file!r} was not loaded: its card is of version {str(version)[:20]}; this one reads {VERSION}; "
            "update the package"
        )
    if stated != _sum(values):
        raise ValueError(
            f"{file!r} was not loaded: its card was altered after it was saved (its sha256 differs)"
        )
    return _checked(_PLAIN | values | {"version": VERSION} if version == 1 else values, file)


def _sum(values: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _checked(values: dict, file: str) -> Card:
    """A card whose every value has its type. A sha256 that fits is no promise of that: anyone can make one."""
    try:
        if set(values) != {entry.name for entry in fields(Card)}:
            raise TypeError("its fields differ")
        nearest("path", values["path"], PATHS)
        nearest("predicts", values["predicts"], get_args(Predicts))
        for name, known in (("coupling", COUPLINGS), ("times", TIMES), ("penalty", PENALTIES)):
            nearest(name, values[name], known)
        shape, labels = values["shape"], values["labels"]
        fits = (
            all(isinstance(values[name], str) and len(values[name]) <= LONGEST for name in _TEXTS)
            and all(type(values[name]) is int and values[name] >= 0 for name in ("steps", "batch", "seed"))
            and all(type(values[name]) in (int, float) for name in ("learning_rate", "seconds"))
            and 1 <= len(shape) <= 4
            and all(type(size) is int and 1 <= size <= 4096 for size in shape)
            and len(labels) <= LONGEST
            and all(isinstance(label, str) and len(label) <= 100 for label in labels)
            and isinstance(values["architecture"], dict)
            and all(type(figure) in (int, float) for figure in values["figures"].values())
        )
    except (TypeError, ValueError, AttributeError) as fault:
        raise ValueError(f"{file!r} was not loaded: its card does not fit ({str(fault)[:200]})") from None
    if not fits:
        raise ValueError(f"{file!r} was not loaded: its card has values of the wrong kind or size")
    return Card(**values | {"shape": tuple(shape), "labels": tuple(labels)})


_PLAIN = {
    "coupling": "independent",
    "times": "even",
    "penalty": "squared",
    "teacher": "",
    "teacher_weights": "",
}
"""What every network was before version 2."""
_TEXTS = ("target", "path", "predicts", "command", "torch", "weights", *_PLAIN)
