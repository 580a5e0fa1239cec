"""A network's card: what it is, what it was trained on, how, and how well it does."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Literal, get_args

from explorer.maths.fields import Predicts
from explorer.maths.names import nearest
from explorer.maths.paths import PATHS
from explorer.maths.students.kinds import KINDS
from explorer.maths.students.registry import STUDENTS
from explorer.maths.training import COUPLINGS, PENALTIES, TIMES

VERSION = 3
LONGEST = 2000
"""Most characters of a text and most entries of a list in a card."""
MOST_EVALS = 4096
"""Most evals that a student is judged at."""


@dataclass(frozen=True)
class Card:
    """Everything about a network but its weights; plain values.

    ``figures`` are measured under the protocol of ``explorer.maths.training.protocol``; ``weights`` is the sha256
    of the tensors. A file also carries a sha256 of the card itself.

    ``coupling``, ``times`` and ``penalty`` are keys of ``explorer.maths.training``; ``teacher`` is the name of the
    network whose pairs it learnt and whose weights it began from, ``teacher_weights`` their sha256. Cards of version
    1, which knew none of these, read as plain flow matching.

    A student's card has its ``method``, a key of ``explorer.maths.students.STUDENTS``, with that method's ``settings``,
    the ``kind`` of map that it is, and the ``evals`` at which its figures say how well it does; ``teacher`` is then the
    network that it learnt from, and ``coupling``, ``times`` and ``penalty`` say nothing: they are the method's own.
    A classifier's predicts logits and has no path; its architecture says at which stages of training it is there.
    Tensors that are kept as float16 are computed with as float32, and the figures are theirs. Cards before version
    3 knew neither.
    """

    architecture: Mapping[str, object]
    target: str
    path: str
    predicts: Predicts | Literal["logits"]
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
    method: str = ""
    kind: str = ""
    evals: tuple[int, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    storage: str = "float32"
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
    return _checked(_BEFORE[version] | values | {"version": VERSION}, file)


def _sum(values: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _checked(values: dict, file: str) -> Card:
    """A card whose every value has its type. A sha256 that fits is no promise of that: anyone can make one."""
    try:
        if set(values) != {entry.name for entry in fields(Card)}:
            raise TypeError("its fields differ")
        for name, known in _KNOWN.items():
            nearest(name, values[name], known)
        shape, labels, evals = values["shape"], values["labels"], values["evals"]
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
            and bool(values["method"]) == bool(values["kind"]) == bool(evals)
            and len(evals) <= 16
            and all(type(count) is int and 1 <= count <= MOST_EVALS for count in evals)
            and len(values["settings"]) <= 50
            and all(type(value) in (int, float, bool, str) for value in values["settings"].values())
        )
    except (TypeError, ValueError, AttributeError) as fault:
        raise ValueError(f"{file!r} was not loaded: its card does not fit ({str(fault)[:200]})") from None
    if not fits:
        raise ValueError(f"{file!r} was not loaded: its card has values of the wrong kind or size")
    return Card(**values | {"shape": tuple(shape), "labels": tuple(labels), "evals": tuple(evals)})


_PLAIN: dict[str, object] = {
    "coupling": "independent",
    "times": "even",
    "penalty": "squared",
    "teacher": "",
    "teacher_weights": "",
}
"""What every network was before version 2."""
_NO_STUDENT: dict[str, object] = {"method": "", "kind": "", "evals": [], "settings": {}, "storage": "float32"}
"""What every network was before version 3."""
_BEFORE: dict[int, dict[str, object]] = {1: _PLAIN | _NO_STUDENT, 2: _NO_STUDENT, 3: {}}
_KNOWN: dict[str, Collection[str]] = {
    "path": ("", *PATHS),
    "predicts": (*get_args(Predicts), "logits"),
    "coupling": COUPLINGS,
    "times": TIMES,
    "penalty": PENALTIES,
    "method": ("", *STUDENTS),
    "kind": ("", *KINDS),
    "storage": ("float32", "float16"),
}
_TEXTS = ("target", "command", "torch", "weights", "teacher", "teacher_weights")
