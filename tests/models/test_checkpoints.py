"""Networks on disk: what was saved comes back, and everything else is refused in one sentence, quickly."""

import io
import json
import os
import pickle
import random
import time
import zipfile
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save

from explorer.maths.networks import FlowMLP
from explorer.models.architectures import built
from explorer.models.card import Card
from explorer.models.checkpoints import MOST_BYTES, field_from, load_network, read_card, save_network

TINY = {"kind": "flow_mlp", "dims": 2, "width": 4, "depth": 1, "interval": True, "waves": 0}


def card(**changes):
    plain = Card(TINY, "two_moons", "linear", "velocity", (2,), figures={"w2": 0.05}, command="by hand")
    return replace(plain, **changes)


def network():
    return FlowMLP(width=4, depth=1, seed=3)


@pytest.fixture
def file(tmp_path):
    save_network(tmp_path / "tiny.safetensors", network(), card())
    return tmp_path / "tiny.safetensors"


def parts(file):
    """The header and the data of a file."""
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def put(file, header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data)


def sentence(file):
    """The refusal: one sentence that names the file, within a second."""
    begun = time.perf_counter()
    with pytest.raises(ValueError) as fault:
        load_network(file)
    assert time.perf_counter() - begun < 1.0
    text = str(fault.value)
    assert file.name in text and "\n" not in text and len(text) < 600
    return text


def test_a_saved_network_comes_back_with_its_card(file):
    loaded, found = load_network(file)
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(loaded(x, 0.3), network()(x, 0.3))
    assert found == replace(card(), weights=found.weights) and len(found.weights) == 64
    assert read_card(file) == found
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    assert field_from(loaded, found)(x, 0.3).velocity.shape == (5, 2)


def test_the_file_begins_as_every_safetensors_file_does(file):
    from safetensors import safe_open

    with safe_open(file, framework="pt") as archive:
        assert set(archive.keys()) == set(network().state_dict())


class Boom:
    def __reduce__(self):
        return os.system, ("touch executed",)


def test_a_pickle_is_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, protocol in (("a.safetensors", 4), ("b.pt", 2), ("c.safetensors", 0)):
        (tmp_path / name).write_bytes(pickle.dumps(Boom(), protocol=protocol))
        sentence(tmp_path / name)
    torch.save({"a": Boom()}, tmp_path / "d.pt")
    assert "torch .pt file" in sentence(tmp_path / "d.pt")
    assert not (tmp_path / "executed").exists()


def test_no_way_to_pickle_is_in_the_code():
    from pathlib import Path

    import explorer.models.checkpoints as checkpoints

    folder = Path(checkpoints.__file__).parent
    for name in (
        "checkpoints",
        "zoo",
        "card",
        "architectures",
        "entries",
        "students",
        "train_command",
        "train_student",
    ):
        text = (folder / f"{name}.py").read_text()
        assert "torch.load" not in text and "import pickle" not in text


def test_a_zip_bomb_is_refused_unopened(tmp_path):
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.pkl", b"\0" * 50_000_000)
    (tmp_path / "bomb.safetensors").write_bytes(bomb.getvalue())
    assert "zip archive" in sentence(tmp_path / "bomb.safetensors")


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 9, 100, -200, -1])
def test_a_cut_file_is_refused(file, kept):
    file.write_bytes(file.read_bytes()[:kept])
    sentence(file)


def test_a_file_with_more_behind_its_tensors_is_refused(file):
    file.write_bytes(file.read_bytes() + b"more")
    assert "speaks of" in sentence(file)


def test_every_flipped_bit_is_refused_or_means_the_same(file):
    data, draws = file.read_bytes(), random.Random(0)
    whole = load_network(file)[0].state_dict()
    for _ in range(400):
        changed, place = bytearray(data), draws.randrange(len(data))
        changed[place] ^= 1 << draws.randrange(8)
        file.write_bytes(bytes(changed))
        try:
            loaded, found = load_network(file)
        except ValueError:
            continue
        assert found == replace(card(), weights=found.weights), place
        assert all(torch.equal(whole[name], value) for name, value in loaded.state_dict().items()), place


def test_a_flipped_bit_in_the_weights_is_named(file):
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(bytes(data))
    assert "its weights were altered after they were saved" in sentence(file)


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"{}",
        b"null",
        b"not json",
        b'{"__metadata__": []}',
        b"[" * 500_000,
        b'{"a": ' * 100_000,
        b'{"__metadata__": {"network": "' + b"[" * 400_000 + b'"}}',
        b'{"__metadata__": {"network": "{}"}}',
        b'{"__metadata__": {"network": "{\\"version\\": 99}"}}',
    ],
    ids=range(10),
)
def test_an_absurd_header_is_refused(file, text):
    put(file, text, b"")
    sentence(file)


@pytest.mark.parametrize("length", [0, 1, 1 << 20, (1 << 63) - 1, (1 << 64) - 1])
def test_a_header_length_that_cannot_be_is_refused(file, length):
    file.write_bytes(length.to_bytes(8, "little") + file.read_bytes()[8:])
    sentence(file)


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "F16"},
        {"dtype": "BOOL"},
        {"dtype": ["F32"]},
        {"shape": [1 << 62, 4]},
        {"shape": [-2, -1]},
        {"shape": "22"},
        {"shape": [True, 2]},
        {"shape": [0] * 100_000},
        {"data_offsets": [0, 1 << 60]},
        {"data_offsets": [5, 1]},
        {"data_offsets": "ab"},
        {"data_offsets": None},
    ],
    ids=str,
)
def test_a_header_that_lies_about_a_tensor_is_refused(file, change):
    header, data = parts(file)
    header["layers.1.bias"] |= change
    put(file, header, data)
    sentence(file)


def test_tensors_that_share_their_bytes_are_refused(file):
    header, data = parts(file)
    header["layers.1.bias"]["data_offsets"] = [0, 8]
    put(file, header, data)
    assert "overlap or leave gaps" in sentence(file)


def saved(file, tensors, about):
    """A file whose sums are right, as anyone can make one."""
    from explorer.maths.trajectory import digest

    about = replace(about, weights=digest(tensors, {}))
    file.write_bytes(save(tensors, {"network": about.as_text()}))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: t | {"evil": torch.zeros(1)}, "a tensor 'evil'"),
        (
            lambda t: {k: v for k, v in t.items() if k != "interval"},
            "'interval' of its architecture is missing",
        ),
        (lambda t: t | {"interval": t["interval"].double()}, "torch.float64"),
        (lambda t: t | {"interval": torch.zeros(4, 70)}, "[4, 70]"),
        (lambda t: t | {"layers.0.weight": t["layers.0.weight"].T.contiguous()}, "[9, 4]"),
    ],
)
def test_tensors_that_are_not_the_architectures_are_named(file, change, why):
    saved(file, change(network().state_dict()), card())
    assert why in sentence(file)


@pytest.mark.parametrize(
    ("architecture", "why"),
    [
        ({"kind": "os.system"}, "`architecture`"),
        ({}, "`architecture`"),
        ({"kind": ["flow_mlp"]}, "`architecture`"),
        ({"kind": "flow_mlp", "dims": 2}, "needs the settings"),
        (TINY | {"seed": 1}, "needs the settings"),
        (TINY | {"width": 10**9}, "from 1 to 1024"),
        (TINY | {"width": 4.0}, "an int from 1"),
        (TINY | {"depth": "1"}, "an int from 1"),
        (TINY | {"interval": 1}, "a bool"),
        (TINY | {"width": 1024, "depth": 16}, "architecture has"),
    ],
)
def test_an_architecture_out_of_the_list_is_never_built(file, architecture, why):
    saved(file, network().state_dict(), card(architecture=architecture))
    assert why in sentence(file)


@pytest.mark.parametrize(
    "change",
    [
        {"path": "../../etc"},
        {"predicts": "everything"},
        {"shape": ()},
        {"shape": (10**9,)},
        {"labels": ("a" * 500,)},
        {"steps": -1},
        {"seconds": "long"},
        {"command": "x" * 10_000},
        {"figures": {"w2": "small"}},
        {"figures": [1]},
        {"version": 4},
        {"version": "1"},
    ],
    ids=str,
)
def test_a_card_with_values_that_cannot_be_is_refused(file, change):
    saved(file, network().state_dict(), card(**change))
    sentence(file)


def test_a_card_that_was_altered_is_refused(file):
    header, data = parts(file)
    header["__metadata__"]["network"] = header["__metadata__"]["network"].replace("0.05", "0.01")
    put(file, header, data)
    assert "its card was altered" in sentence(file)


def test_an_enormous_file_is_refused_unread(tmp_path):
    file = tmp_path / "big.safetensors"
    with file.open("wb") as out:
        out.write((2).to_bytes(8, "little"))
        out.truncate(MOST_BYTES + 1)
    assert "at most 200" in sentence(file)


def test_what_is_no_file_is_refused(tmp_path):
    assert "there is no file" in sentence(tmp_path / "nowhere.safetensors")
    assert "there is no file" in sentence(tmp_path)


def test_every_architecture_is_built_without_memory_and_saved_whole(tmp_path):
    unet = {"kind": "picture_unet", "channels": 1, "size": 8, "width": 8, "levels": 2, "classes": 3}
    made = built(unet, seed=1)
    about = card(architecture=unet, shape=(1, 8, 8), labels=("a", "b", "c"))
    save_network(tmp_path / "unet.safetensors", made, about)
    loaded, found = load_network(tmp_path / "unet.safetensors")
    x = torch.zeros(2, 1, 8, 8, dtype=torch.float64)
    field = field_from(loaded, found)
    assert field.labels == ("a", "b", "c") and field(x, 0.5).velocity.dtype == torch.float64
    assert torch.equal(made.eval()(x, torch.full((2,), 0.5)), field(x, 0.5).velocity)
    with torch.device("meta"):
        assert all(p.is_meta for p in built(unet).parameters())
