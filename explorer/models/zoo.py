"""The shipped networks. ``CATALOGUE`` is written by hand; their figures are read from the files' own cards."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from explorer.maths.fields import NetworkField, Predicts
from explorer.maths.names import nearest
from explorer.models.card import Card
from explorer.models.checkpoints import field_from, load_network, read_card

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


def file_name(name: str) -> str:
    """The name of a network's file, wherever that lies."""
    return name.replace("/", "-") + ".safetensors"


@dataclass(frozen=True)
class Entry:
    """A line of the catalogue: what the network is, and the settings that train it again.

    ``teacher`` is the name of the network whose pairs it learns and whose weights it begins from, where its coupling
    is that.
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

_LINEAR, _VP, _UNET = "MLP, linear path", "MLP, variance preserving path", "U-Net with classes, linear path"

_ENTRIES = (
    Entry("two_moons/linear", _LINEAR, "two_moons"),
    Entry("eight_gaussians/linear", _LINEAR, "eight_gaussians"),
    Entry("checkerboard/linear", _LINEAR, "checkerboard", architecture=WAVES, steps=12_000),
    Entry("swiss_roll/linear", _LINEAR, "swiss_roll"),
    Entry("spirals/linear", _LINEAR, "spirals", architecture=WAVES, steps=12_000),
    Entry("rings/linear", _LINEAR, "rings", architecture=WAVES, steps=12_000),
    Entry("pinwheel/linear", _LINEAR, "pinwheel"),
    Entry("smiley/linear", _LINEAR, "smiley", architecture=WAVES),
    Entry("gaussian_grid/linear", _LINEAR, "gaussian_grid", architecture=WAVES),
    Entry("two_gaussians/linear", _LINEAR, "two_gaussians"),
    Entry("gaussian/linear", _LINEAR, "gaussian"),
    Entry("two_moons/vp", _VP, "two_moons", "vp", "v"),
    Entry("eight_gaussians/vp", _VP, "eight_gaussians", "vp", "v"),
    Entry("digits/unet", _UNET, "digits", architecture=UNET, steps=6000, batch=64, learning_rate=1e-3),
)

_PAIRS = {"coupling": "teacher", "steps": 6000, "learning_rate": 1e-3}

STRAIGHTER: Mapping[str, tuple[str, str, Mapping[str, object]]] = {
    "ot": ("MLP, minibatch OT coupling", "", {"coupling": "transport"}),
    "reflow": ("MLP, reflow once", "linear", _PAIRS),
    "reflow_2": ("MLP, reflow twice", "reflow", _PAIRS),
    "rf_plus_plus": ("MLP, rf++", "linear", _PAIRS | {"times": "ends", "penalty": "pseudo_huber"}),
}
"""Ways to straighten a network of the plane on the linear path: label, which network teaches, other settings."""


def straighter(plain: Entry, way: str) -> Entry:
    """The line of a network that is straighter than ``plain``, by a key of ``STRAIGHTER``."""
    label, teacher, changes = STRAIGHTER[way]
    name = f"{plain.target}/{way}"
    teacher = f"{plain.target}/{teacher}" if teacher else ""
    return replace(plain, name=name, label=label, teacher=teacher, **changes)  # type: ignore[arg-type] # settings


_PLAIN: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}

CATALOGUE: dict[str, Entry] = _PLAIN | {
    entry.name: entry
    for target in ("two_moons", "eight_gaussians", "checkerboard")
    for entry in (straighter(_PLAIN[f"{target}/linear"], way) for way in STRAIGHTER)
}
"""Every shipped network by its key; teachers come before those whom they teach."""


def load(name: str | Path, device: str = "cpu") -> NetworkField:
    """The field of a shipped network by name, or of a .safetensors file that ``sampler-explorer train`` wrote.

    The network is the caller's own: changing it changes nothing else.

    Raises:
        ValueError: for an unknown name, with the nearest ones, or a file that is not a whole network.
    """
    is_file = isinstance(name, Path) or bool(Path(name).suffix) or Path(name).is_file()
    file = Path(name) if is_file else CATALOGUE[nearest("name", name, CATALOGUE)].file
    return field_from(*load_network(file, device))


@cache
def from_catalogue(name: str, device: str = "cpu") -> NetworkField:
    """The field of a shipped network, shared by all who ask: what a served page may load.

    Raises:
        ValueError: for anything but a name of the catalogue, with the nearest ones.
    """
    return field_from(*load_network(CATALOGUE[nearest("model", name, CATALOGUE)].file, device))
