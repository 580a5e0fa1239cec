"""The shipped classifiers: as good as their cards say, told apart from fields, and made again by their command."""

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import explorer as ex
from explorer.models.arena_nets import ARENA_NETS, arena_net
from explorer.models.checkpoints import load_network, read_card
from explorer.models.classifiers import CLASSIFIERS, classifier
from explorer.models.train_command import run_train
from explorer.models.trained_classifiers import CLASSIFIER_CATALOGUE, FOLDER
from explorer.models.zoo import WEIGHTS

STAGES = ("early", "mid", "final")


@pytest.fixture(scope="module")
def held():
    """The test part, drawn without our own split."""
    images, labels = load_digits(return_X_y=True)
    _, x, _, y = train_test_split(images / 16.0, labels, test_size=0.3, stratify=labels, random_state=42)
    return torch.tensor(x).float(), torch.tensor(y)


def test_every_net_ships_in_one_small_folder():
    assert list(CLASSIFIER_CATALOGUE) == list(CLASSIFIERS)
    assert {entry.file for entry in CLASSIFIER_CATALOGUE.values()} == set(FOLDER.iterdir())
    sizes = {folder: sum(file.stat().st_size for file in folder.iterdir()) for folder in (FOLDER, WEIGHTS)}
    assert sizes[FOLDER] < 3_000_000 and sum(sizes.values()) < 20_000_000


@pytest.mark.parametrize("net", CLASSIFIERS)
def test_each_stage_is_as_good_as_its_card_says(net, held):
    entry = CLASSIFIER_CATALOGUE[net]
    assert (
        entry.stages == STAGES
        and entry.card.storage == "float16"
        and entry.card.labels == tuple("0123456789")
    )
    for stage, least in zip(STAGES, (0.80, 0.945, 0.945), strict=True):
        module = ex.classifier(net, stage)
        with torch.no_grad():
            right = float((module(held[0]).argmax(1) == held[1]).double().mean())
        assert right == pytest.approx(entry.card.figures[f"{stage}_test"], abs=0.004) and right >= least
    steps = [entry.card.figures[f"{stage}_step"] for stage in STAGES]
    assert steps == sorted(steps) and steps[-1] == 600 == entry.card.steps
    # An early net has only just got there: its batch would be learnt much better.
    assert entry.card.figures["early_test"] < 0.87


def test_a_classifier_is_the_callers_own_and_can_be_stepped():
    module, again = ex.classifier("mlp"), ex.classifier("classifier/mlp", "final")
    assert not module.training and all(p.requires_grad for p in module.parameters())
    module(torch.ones(3, 64)).sum().backward()
    with torch.no_grad():
        module[0].weight.zero_()
    assert bool((again[0].weight != 0).any())


def test_unknown_names_and_stages_are_answered_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'resnet'"):
        ex.classifier("resnt")
    with pytest.raises(ValueError, match="did you mean 'early'"):
        ex.classifier("mlp", "erly")


def test_a_classifier_is_no_field_and_a_field_is_no_classifier(tmp_path):
    with pytest.raises(ValueError, match=r"gives logits and is no field.*ex\.classifier"):
        ex.load(CLASSIFIER_CATALOGUE["linear"].file)
    data = bytearray(CLASSIFIER_CATALOGUE["linear"].file.read_bytes())
    data[-1] ^= 1
    (tmp_path / "flipped.safetensors").write_bytes(bytes(data))
    with pytest.raises(ValueError, match=r"flipped.*altered"):
        load_network(tmp_path / "flipped.safetensors")


@pytest.mark.parametrize("net", ["linear", "mlp"])
def test_the_command_makes_a_shipped_classifier_again(net, tmp_path, capsys):
    (file,) = run_train([f"classifier/{net}"], out=tmp_path)
    made, shipped = read_card(file), CLASSIFIER_CATALOGUE[net].card
    assert shipped.command == f"sampler-explorer train classifier/{net} --seed 0" == made.command
    for name, value in shipped.figures.items():
        assert made.figures[name] == pytest.approx(value, abs=0.02 if name != "early_step" else 6, rel=0.2)
    if made.torch == shipped.torch and made.weights == shipped.weights:
        assert made.figures == shipped.figures
    assert made.weights in capsys.readouterr().out
    before = file.read_bytes()
    run_train([f"classifier/{net}"], out=tmp_path)
    assert file.read_bytes() == before and "is there already" in capsys.readouterr().out


def test_what_a_classifier_does_not_take_is_said_before_anything_is_trained(tmp_path):
    for name, given, why in (
        ("classifier/mlp", {"steps": 5}, "one recipe and takes no `steps`"),
        ("classifier/mpl", {}, "did you mean 'mlp'"),
    ):
        with pytest.raises(ValueError, match=why):
            run_train([name], out=tmp_path, **given)
    assert not list(tmp_path.iterdir())


def test_a_net_of_another_seed_is_another_net(tmp_path):
    for seed in (0, 1):
        run_train(["classifier/linear"], out=tmp_path / str(seed), seed=seed)
    cards = [read_card(tmp_path / str(seed) / "classifier-linear.safetensors") for seed in (0, 1)]
    assert cards[0].weights != cards[1].weights and cards[1].seed == 1


@pytest.mark.parametrize("name", ARENA_NETS)
def test_the_arenas_nets_have_one_shape_and_a_seed(name):
    state = torch.random.get_rng_state()
    x = torch.rand(5, 64, generator=torch.Generator().manual_seed(0))
    module, same, other = arena_net(name, 1), arena_net(name, 1), arena_net(name, 2)
    assert torch.equal(torch.random.get_rng_state(), state) and module(x).shape == (5, 10)
    assert torch.equal(module(x), same(x)) and not torch.equal(module(x), other(x))


def test_the_arenas_transformer_sees_one_token():
    # Attention over one token is a linear map of its value: the softmax has one term.
    module, x = arena_net("transformer", 0), torch.rand(4, 64, generator=torch.Generator().manual_seed(0))
    h = module.embed(x)
    value = module.block.mix(module.block.before(h)).chunk(3, -1)[2]
    h = h + module.block.join(value)
    block = module.block
    h = h + block.narrow(torch.nn.functional.gelu(block.widen(block.between(h))))
    torch.testing.assert_close(module(x), module.head(h))


def test_untrained_nets_are_still_made_by_name():
    assert isinstance(classifier("linear"), torch.nn.Linear)
