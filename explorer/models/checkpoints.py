"""Networks on disk: safetensors with a card. There is no way from here to pickle.

A file is read in this order, and refused with one sentence at the first thing that does not hold: its size, its
first bytes, its header (names, types, shapes, places), its card and the card's sha256, the architecture (one of a
short list, built without memory) and whether the header's tensors are exactly its tensors; only then the data,
whose sha256 the card knows. safetensors itself lets a flipped bit pass.
"""

import json
import math
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from explorer.maths.fields import NetworkField
from explorer.maths.files import write_atomically
from explorer.maths.trajectory import digest
from explorer.models.architectures import built
from explorer.models.card import Card, card_from_text

MOST_BYTES, MOST_HEADER = 200_000_000, 1_000_000
KEY = "network"
"""The card's place in the safetensors metadata."""
TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "I64": torch.int64}
STRANGERS = {
    b"\x80": "a pickle",
    b"PK": "a zip archive or a torch .pt file",
    b"\x1f\x8b": "a gzip archive",
    b"\x89HDF": "an HDF5 file",
}
"""First bytes of files that are often taken for networks."""


def save_network(file: Path, network: nn.Module, card: Card) -> Card:
    """Write the weights with their card, atomically; the card with its sums filled in."""
    tensors = {
        name: _stored(value.detach().cpu(), card).contiguous() for name, value in network.state_dict().items()
    }
    card = replace(card, weights=digest(tensors, {}))
    write_atomically(file, to_bytes(tensors, {KEY: card.as_text()}))
    return card


def load_network(file: str | Path, device: str = "cpu") -> tuple[nn.Module, Card]:
    """The network of a file, in eval mode and without gradients, and its card.

    Raises:
        ValueError: naming the file, when it is not a whole network of this project.
    """
    file = Path(file)
    with _opened(file) as stream:
        declared, card, size = _header(stream, file)
        network = _empty(card, file)
        expected = {
            name: (_stored(value, card).dtype, tuple(value.shape))
            for name, value in network.state_dict().items()
        }
        _compare(declared, expected, file)
        stream.seek(0)
        data = stream.read(size + 1)
    tensors = _verified(data, size, card, file)
    whole = {
        name: value.float() if value.dtype == torch.float16 else value for name, value in tensors.items()
    }
    network.load_state_dict(whole, assign=True)
    return network.to(device).eval().requires_grad_(False), card


def rounded(network: nn.Module, storage: str) -> nn.Module:
    """A float32 copy with the weights as a file of that storage holds them: float16 keeps eleven bits of each."""
    copy = deepcopy(network).cpu().float().eval().requires_grad_(False)
    return copy.half().float() if storage == "float16" else copy


def read_card(file: str | Path) -> Card:
    """The card alone: nothing but the header is read. Raises ValueError as ``load_network`` does."""
    with _opened(Path(file)) as stream:
        return _header(stream, Path(file))[1]


def field_from(network: nn.Module, card: Card) -> NetworkField:
    """The field of a network that was loaded with its card.

    Raises:
        ValueError: for a classifier.
    """
    if card.predicts == "logits":
        raise ValueError("a classifier gives logits and is no field; load it by `ex.classifier`")
    return NetworkField(
        network,
        card.path,
        card.predicts,
        shape=card.shape,
        labels=card.labels,
        unlabelled=len(card.labels) if card.labels else None,
    )


def _stored(value: Tensor, card: Card) -> Tensor:
    return value.half() if card.storage == "float16" and value.dtype == torch.float32 else value


def _opened(file: Path) -> BinaryIO:
    if not file.is_file():
        raise ValueError(f"there is no file {file.name!r}; give the path of a saved network (.safetensors)")
    try:
        return file.open("rb")
    except OSError as fault:
        raise ValueError(f"cannot read {file.name!r}: {fault.strerror}") from None


def _header(stream: BinaryIO, file: Path) -> tuple[dict[str, tuple], Card, int]:
    """Names with types and shapes, the card, and the bytes that the whole file must have."""
    size = stream.seek(0, 2)
    stream.seek(0)
    first = stream.read(8)
    for mark, kind in STRANGERS.items():
        if first.startswith(mark) and not _may_be_length(first, size):
            raise _refused(file, f"it is {kind}, which can run code or cannot be checked")
    if size > MOST_BYTES:
        raise _refused(file, f"it has {size / 1e6:.0f} MB, and at most {MOST_BYTES / 1e6:.0f} are read")
    if not _may_be_length(first, size):
        raise _refused(file, "it does not begin with the length of a safetensors header")
    length = int.from_bytes(first, "little")
    try:
        header = json.loads(stream.read(length).decode())
    except (ValueError, RecursionError):
        raise _refused(file, "its header is not JSON") from None
    if not isinstance(header, dict) or not isinstance(meta := header.pop("__metadata__", None), dict):
        raise _refused(file, "its header has no card")
    declared, end = _declared(header, file)
    if 8 + length + end != size:
        raise _refused(file, f"its header speaks of {8 + length + end} bytes and it has {size}")
    return declared, card_from_text(meta.get(KEY), file.name), size


def _may_be_length(first: bytes, size: int) -> bool:
    return len(first) == 8 and 2 <= int.from_bytes(first, "little") <= min(MOST_HEADER, size - 8)


def _declared(header: dict, file: Path) -> tuple[dict[str, tuple], int]:
    """Each tensor's type and shape, and the end of the last; they must lie end to end and fit their bytes."""
    found, places = {}, []
    for name, value in header.items():
        try:
            kind, shape, (start, end) = TYPES[value["dtype"]], value["shape"], value["data_offsets"]
            whole = all(type(number) is int and 0 <= number <= MOST_BYTES for number in (*shape, start, end))
        except (TypeError, KeyError, ValueError):
            whole = False
        if not whole or math.prod(shape) * kind.itemsize != end - start:
            raise _refused(file, f"its header's entry {name[:60]!r} makes no sense")
        found[name] = (kind, tuple(shape))
        places.append((start, end))
    places.sort()
    ends = [0, *(end for _, end in places)]
    if [start for start, _ in places] != ends[:-1]:
        raise _refused(file, "its tensors overlap or leave gaps")
    return found, ends[-1]


def _empty(card: Card, file: Path) -> nn.Module:
    """The declared architecture, without memory."""
    try:
        with torch.device("meta"):
            return built(card.architecture)
    except ValueError as fault:
        raise _refused(file, f"its card asks for what is never built: {fault}") from None


def _compare(declared: dict[str, tuple], expected: dict[str, tuple], file: Path) -> None:
    for name in sorted(declared.keys() | expected.keys()):
        if name not in expected:
            raise _refused(file, f"it holds a tensor {name[:60]!r} that its architecture does not have")
        if name not in declared:
            raise _refused(file, f"the tensor {name!r} of its architecture is missing")
        if declared[name] != expected[name]:
            theirs, ours = (f"{kind} {list(shape)}" for kind, shape in (declared[name], expected[name]))
            raise _refused(file, f"its tensor {name!r} is {theirs}, and its architecture has {ours}")


def _verified(data: bytes, size: int, card: Card, file: Path) -> dict[str, Tensor]:
    try:
        tensors = from_bytes(data) if len(data) == size else {}
    except (SafetensorError, ValueError) as fault:
        raise _refused(file, f"it cannot be read as safetensors ({fault})") from None
    if digest(tensors, {}) != card.weights:
        raise _refused(file, "its weights were altered after they were saved (their sha256 differs)")
    return tensors


def _refused(file: Path, why: str) -> ValueError:
    return ValueError(
        f"{file.name!r} was not loaded: {why}; give a .safetensors network written by `sampler-explorer train`"
    )
