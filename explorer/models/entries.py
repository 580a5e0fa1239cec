"""What a line of the catalogue says, and the architectures that its lines are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from explorer.maths.fields import Predicts
from explorer.models.card import Card
from explorer.models.checkpoints import read_card

WEIGHTS = Path(__file__).parent / "weights"
MLP: dict[str, object] = {
    "kind": "flow_mlp",
    "dims": 2,
    "width": 128,
    "depth": 4,
    "interval": True,
    "waves": 0,
}
WAVES = MLP | {"waves": 3}
"""For targets with thin windings or sharp edges."""
UNET: Mapping[str, object] = {
    "kind": "picture_unet",
    "channels": 1,
    "size": 8,
    "width": 24,
    "levels": 2,
    "classes": 10,
}
RESIDUAL: Mapping[str, object] = {
    "kind": "residual_mlp",
    "dims": 64,
    "width": 256,
    "blocks": 3,
    "interval": True,
}


def file_name(name: str) -> str:
    """The name of a network's file, wherever that lies."""
    return name.replace("/", "-") + ".safetensors"


@dataclass(frozen=True)
class Entry:
    """A line of the catalogue: what the network is, and the settings that train it again.

    ``teacher`` is the name of the network that it learns from: a student's own, or where the coupling is "teacher"
    the one whose pairs it learns and whose weights it begins from. A student has a ``method``, a key of
    ``explorer.maths.students.STUDENTS``, and ``settings`` of it where they are not the method's own.
    """

    name: str
    label: str
    target: str
    path: str = "linear"
    predicts: Predicts = "velocity"
    architecture: Mapping[str, object] = field(default_factory=lambda: MLP, hash=False)
    steps: int = 8000
    batch: int = 512
    learning_rate: float = 2e-3
    seed: int = 0
    coupling: str = "independent"
    times: str = "even"
    penalty: str = "squared"
    teacher: str = ""
    method: str = ""
    settings: Mapping[str, object] = field(default_factory=dict, hash=False)
    storage: str = "float32"

    @property
    def beside(self) -> str:
        """The network that its straightness is held against: its teacher, or the plain one; none for that itself."""
        return self.teacher or ("" if self.coupling == "independent" else f"{self.target}/linear")

    @property
    def is_conditional(self) -> bool:
        """Whether its field takes ``given(label)``."""
        return bool(self.architecture.get("classes"))

    @property
    def file_name(self) -> str:
        """The name of its file, wherever that lies."""
        return file_name(self.name)

    @property
    def file(self) -> Path:
        """Its shipped weights."""
        return WEIGHTS / self.file_name

    @property
    def card(self) -> Card:
        """What the shipped file says of itself."""
        return _card(self.file)

    @property
    def sha256(self) -> str:
        """Of its shipped tensors: what a cached result depends on."""
        return self.card.weights


_card = cache(read_card)
