"""Files of students: they come back as the map that was made, and what does not fit together is refused by name."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from torch import nn

from explorer.maths.networks import FlowMLP
from explorer.maths.residual import ResidualMLP
from explorer.maths.students.kinds import GridMaps
from explorer.models.architectures import built
from explorer.models.card import Card, _sum, card_from_text
from explorer.models.checkpoints import load_network, read_card, rounded, save_network
from explorer.models.students import student_from
from explorer.models.zoo import CATALOGUE, load, student

TINY = {"kind": "flow_mlp", "dims": 2, "width": 4, "depth": 1, "interval": True, "waves": 0}
GRID = TINY | {"kind": "mlp_grid", "levels": 3}
RESIDUAL = {"kind": "residual_mlp", "dims": 16, "width": 8, "blocks": 2, "interval": True}


def card(**changes):
    plain = Card(
        TINY,
        "two_moons",
        "linear",
        "velocity",
        (2,),
        figures={"w2_at_1_eval": 0.05},
        teacher="two_moons/linear",
        teacher_weights="0" * 64,
        method="lagrangian_map",
        kind="full",
        evals=(1, 2, 4, 8),
        settings={"teacher": True, "diagonal": 0.5},
        storage="float16",
    )
    return replace(plain, **changes)


def awake(network: nn.Module) -> nn.Module:
    """Weights that are all at work: an interval input begins at zero."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return network


@pytest.fixture
def file(tmp_path):
    save_network(tmp_path / "tiny.safetensors", awake(FlowMLP(width=4, depth=1)), card())
    return tmp_path / "tiny.safetensors"


def refused(tmp_path, network, about, why):
    file = tmp_path / "bad.safetensors"
    save_network(file, network, about)
    with pytest.raises(ValueError, match=why) as fault:
        load(file)
    assert "bad.safetensors" in str(fault.value) and "\n" not in str(fault.value)


def test_a_student_comes_back_as_the_map_that_was_saved(file):
    map_ = load(file)
    network = rounded(awake(FlowMLP(width=4, depth=1)), "float16")
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    assert (map_.kind, map_.method, map_.shape) == ("full", "lagrangian_map", (2,))
    assert torch.equal(map_(x, 0.8, 0.3), x - 0.5 * network(x, 0.8, 0.3))
    assert torch.equal(map_(x, 0.8, 0.3), student(str(file))(x, 0.8, 0.3))


def test_float16_halves_the_file_and_keeps_eleven_bits(file, tmp_path):
    whole = save_network(
        tmp_path / "w.safetensors", awake(FlowMLP(width=4, depth=1)), card(storage="float32")
    )
    half, before = load_network(file)[0], load_network(tmp_path / "w.safetensors")[0]
    for name, value in before.state_dict().items():
        kept = half.state_dict()[name]
        assert kept.dtype == torch.float32
        torch.testing.assert_close(kept, value, rtol=2.0**-11, atol=2.0**-24)
    assert whole.weights != read_card(file).weights
    size = sum(p.numel() for p in half.parameters())
    saved = (tmp_path / "w.safetensors").stat().st_size - file.stat().st_size
    assert saved == pytest.approx(2 * size, abs=20)


def test_what_float16_rounds_is_rounded_once(file, tmp_path):
    network, about = load_network(file)
    save_network(tmp_path / "again.safetensors", network, about)
    assert (tmp_path / "again.safetensors").read_bytes() == file.read_bytes()


def test_tensors_of_another_type_than_the_card_says_are_refused(file, tmp_path):
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    about = json.loads(header["__metadata__"]["network"])
    about.pop("sha256")
    about["storage"] = "float32"
    header["__metadata__"]["network"] = json.dumps(about | {"sha256": _sum(about)})
    text = json.dumps(header).encode()
    (tmp_path / "lie.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    with pytest.raises(ValueError, match=r"lie.safetensors.*is torch.float16 .* and its architecture has"):
        load(tmp_path / "lie.safetensors")


def test_a_map_on_grids_has_its_networks_in_one_file(tmp_path):
    about = card(architecture=GRID, method="lagrangian_map", kind="full")
    made = awake(built(GRID, seed=2))
    assert sorted(made) == ["1", "2", "4"]
    save_network(tmp_path / "grid.safetensors", made, about)
    network, _ = load_network(tmp_path / "grid.safetensors")
    map_, x = GridMaps(network, (2,)), torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    assert map_.most_evals == 4
    torch.testing.assert_close(map_(x, 0.5, 0.25), x - 0.25 * made["4"](x, 0.5), rtol=2e-3, atol=2e-3)
    with pytest.raises(ValueError, match="no student"):
        student_from(network, about)


def test_a_residual_network_serves_pictures_and_casts_to_the_type_of_the_state(tmp_path):
    network = awake(ResidualMLP(16, 8, 2))
    about = card(
        architecture=RESIDUAL, shape=(1, 4, 4), method="pairs", kind="point", evals=(1,), settings={}
    )
    save_network(tmp_path / "digits.safetensors", network, about)
    map_ = load(tmp_path / "digits.safetensors")
    x = torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert map_(x, 1.0, 0.0).shape == x.shape and map_(x, 1.0, 0.0).dtype == torch.float64
    torch.testing.assert_close(map_(x.float(), 1.0, 0.0), map_(x, 1.0, 0.0).float(), atol=1e-5, rtol=1e-4)
    flat = network(x.reshape(3, 16), 0.3, 0.3)
    torch.testing.assert_close(network(x, 0.3), flat.reshape(x.shape))
    assert not torch.equal(network(x, 0.3, 0.1), network(x, 0.3))
    assert sum(p.numel() for p in ResidualMLP().parameters()) == 431_424
    with pytest.raises(ValueError, match="interval=True"):
        ResidualMLP(16, 8, 1, interval=False)(x, 0.3, 0.1)


def test_first_weights_come_from_the_seed_alone():
    state = torch.get_rng_state()
    one, same, other = (ResidualMLP(4, 8, 1, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(state, torch.get_rng_state())
    x = torch.ones(1, 4)
    assert torch.equal(one(x, 0.5), same(x, 0.5)) and not torch.equal(one(x, 0.5), other(x, 0.5))
    with torch.device("meta"):
        assert all(p.is_meta for p in ResidualMLP(4, 8, 1).parameters())


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"kind": "endpoint"}, "says that it is a map of kind 'endpoint'; it is 'full'"),
        ({"method": "pairs", "kind": "point", "settings": {}}, "goes from t = 1 to t_next = 0 only"),
        ({"settings": {"cells": 64}}, "`settings` of 'lagrangian_map' must be among"),
        ({"shape": (3,)}, "no student"),
        ({"evals": (4096, 1), "shape": (1, 1, 4)}, "no student"),
        (
            {"method": "consistency_distillation", "kind": "endpoint", "settings": {"weight": "t"}},
            "no student",
        ),
    ],
    ids=str,
)
def test_method_kind_network_and_shape_must_fit_together(tmp_path, changes, why):
    refused(tmp_path, FlowMLP(width=4, depth=1), card(**changes), why)


def test_a_full_map_needs_a_network_with_an_interval_input(tmp_path):
    about = card(architecture=TINY | {"interval": False})
    refused(
        tmp_path, FlowMLP(width=4, depth=1, interval=False), about, "needs a network with an interval input"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "no_such"},
        {"kind": "no_such"},
        {"kind": ""},
        {"method": ""},
        {"evals": ()},
        {"evals": (0,)},
        {"evals": (10**9,)},
        {"evals": (True,)},
        {"evals": tuple(range(1, 30))},
        {"settings": {"diagonal": [0.5]}},
        {"settings": {str(i): 1 for i in range(60)}},
        {"settings": [1]},
        {"storage": "float8"},
    ],
    ids=str,
)
def test_a_students_card_with_values_that_cannot_be_is_refused(tmp_path, changes):
    with pytest.raises(ValueError, match=r"'bad.safetensors' was not loaded"):
        card_from_text(card(**changes).as_text(), "bad.safetensors")


@pytest.mark.parametrize(
    "architecture",
    [GRID | {"levels": 7}, GRID | {"levels": 0}, RESIDUAL | {"blocks": 9}, RESIDUAL | {"width": 5000}],
)
def test_networks_out_of_bounds_are_never_built(architecture):
    with pytest.raises(ValueError, match="must be an int from"):
        built(architecture)


@pytest.mark.parametrize("version", [1, 2])
def test_cards_of_older_versions_read_as_what_they_were(version):
    values = asdict(card(method="", kind="", evals=(), settings={}, storage="float32"))
    new = ("method", "kind", "evals", "settings", "storage")
    newer = ("coupling", "times", "penalty", "teacher", "teacher_weights")
    old = {k: v for k, v in values.items() if k not in new and (version == 2 or k not in newer)}
    old = json.loads(json.dumps(old | {"version": version}))
    found = card_from_text(json.dumps(old | {"sha256": _sum(old)}), "old.safetensors")
    assert (found.method, found.kind, found.evals, dict(found.settings)) == ("", "", (), {})
    assert found.storage == "float32" and found.version == 3
    assert found.coupling == "independent" and found.teacher == ("two_moons/linear" if version == 2 else "")


def test_the_networks_that_shipped_before_still_read():
    assert CATALOGUE["two_moons/linear"].card.method == ""
    assert load("two_moons/linear").shape == (2,)


@pytest.mark.parametrize("kept", [0, 8, 100, -300, -1])
def test_a_cut_file_of_a_student_is_named_and_refused(file, kept):
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"'tiny.safetensors' was not loaded|tiny.safetensors"):
        load(file)


def test_a_flipped_bit_in_a_half_is_named(file):
    data = bytearray(file.read_bytes())
    data[-2] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(ValueError, match="its weights were altered after they were saved"):
        student(file)
