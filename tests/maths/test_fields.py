import itertools
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from explorer.maths.fields import NetworkField, Prediction
from explorer.maths.paths import PATHS, as_path

KINDS = ("velocity", "denoised", "noise", "v")
VIEWS = ("velocity", "denoised", "noise", "score")


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def state_of(path, t, shape=(5, 2)):
    """A state with its clean sample and its noise, and the four views by their definitions."""
    clean, noise = drawn(*shape, seed=1), drawn(*shape, seed=2)
    level = path.at(t.reshape(-1, *[1] * (len(shape) - 1)) if isinstance(t, torch.Tensor) else t)
    x = level.alpha * clean + level.sigma * noise
    velocity = level.alpha_rate * clean + level.sigma_rate * noise
    v = level.alpha * noise - level.sigma * clean
    views = {"velocity": velocity, "denoised": clean, "noise": noise, "score": -noise / level.sigma}
    return x, views, {**views, "v": v}


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "t", [1e-3, 0.1, 0.5, 0.95, torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9], dtype=torch.float64)]
)
def test_every_kind_of_prediction_gives_the_same_four_views(name, kind, t):
    path = as_path(name)
    x, views, tensors = state_of(path, t)
    prediction = Prediction(path, x, t, tensors[kind], kind)
    for view in VIEWS:
        assert torch.allclose(getattr(prediction, view), views[view], rtol=1e-8, atol=1e-8), view


@pytest.mark.parametrize("kind", KINDS)
def test_views_hold_for_images_with_a_time_for_each(kind):
    path, t = as_path("cosine"), torch.tensor([0.2, 0.6, 0.8], dtype=torch.float64)
    x, views, tensors = state_of(path, t, (3, 1, 4, 4))
    prediction = Prediction(path, x, t, tensors[kind], kind)
    for view in VIEWS:
        assert torch.allclose(getattr(prediction, view), views[view], rtol=1e-9), view


@pytest.mark.parametrize("name", PATHS)
def test_at_the_data_end_noise_and_score_say_why_not(name):
    x = drawn(4, 2)
    for kind, t in itertools.product(KINDS, (0.0, torch.zeros(4, dtype=torch.float64))):
        prediction = Prediction(as_path(name), x, t, x, kind)
        for view in ("noise", "score"):
            with pytest.raises(ValueError, match=r"needs sigma > 0; at t = 0 .* ask at a later t"):
                getattr(prediction, view)


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("kind", ["velocity", "noise", "v"])
def test_at_the_data_end_the_clean_sample_is_the_state(name, kind):
    x, other = drawn(4, 2), drawn(4, 2, seed=9)
    assert torch.allclose(Prediction(as_path(name), x, 0.0, other, kind).denoised, x, atol=1e-14)


class Recorder(nn.Module):
    """A module that remembers how it was called and behaves differently in training."""

    def __init__(self):
        super().__init__()
        self.drop, self.calls = nn.Dropout(0.9), []

    def forward(self, x, t, class_labels=None, hint=None):
        self.calls.append((t, class_labels, hint))
        return self.drop(2.0 * x)


def test_a_network_is_asked_in_eval_mode_and_left_as_it_was():
    module = Recorder()
    module.drop.eval()
    x = drawn(3, 2)
    assert torch.equal(NetworkField(module)(x, 0.5).velocity, 2.0 * x)
    assert module.training and not module.drop.training
    module.train()
    assert torch.equal(NetworkField(module)(x, 0.5).velocity, 2.0 * x)
    assert module.training and module.drop.training


def test_a_network_keeps_its_mode_even_when_it_fails():
    class Broken(nn.Module):
        def forward(self, x, t):
            raise RuntimeError("out of memory")

    module = Broken()
    with pytest.raises(RuntimeError, match="out of memory"):
        NetworkField(module)(drawn(2, 2), 0.5)
    assert module.training


def test_a_network_gets_one_time_for_each_row_in_its_own_units():
    module = Recorder()
    NetworkField(module, time=lambda t: 999 * t)(drawn(3, 2), 0.5)
    assert module.calls[-1][0].tolist() == pytest.approx([499.5] * 3)
    times = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    NetworkField(module)(drawn(3, 2), times)
    assert torch.equal(module.calls[-1][0], times)


def test_a_conditional_network_is_called_with_its_class():
    module = Recorder()
    field = NetworkField(module, labels=("cat", "dog"), unlabelled=2, extra={"hint": 7})
    field(drawn(3, 2), 0.5)
    assert module.calls[-1][1].tolist() == [2, 2, 2]
    for label in ("dog", 1):
        field.given(label)(drawn(3, 2), 0.5)
        assert module.calls[-1][1].tolist() == [1, 1, 1]
        assert module.calls[-1][2] == 7
    with pytest.raises(ValueError, match="did you mean 'dog'"):
        field.given("dogg")
    with pytest.raises(ValueError, match="knows no conditions"):
        NetworkField(module).given("dog")


class Pretrained(nn.Module):
    """The outside of a diffusers model: a config, ``timestep`` by name, an answer with ``.sample``."""

    def __init__(self, size):
        super().__init__()
        self.config = SimpleNamespace(in_channels=3, sample_size=size)

    def forward(self, sample, timestep):
        return SimpleNamespace(sample=sample * timestep.reshape(-1, 1, 1, 1))


@pytest.mark.parametrize(("size", "shape"), [(8, (3, 8, 8)), ((4, 6), (3, 4, 6))])
def test_a_diffusers_model_works_as_it_is(size, shape):
    field = NetworkField(Pretrained(size), "vp", "noise")
    assert field.shape == shape
    x = drawn(2, *shape)
    assert torch.equal(field(x, 0.5).noise, 0.5 * x)


def test_a_tuple_answer_gives_its_first_tensor():
    x = drawn(3, 2)
    assert torch.equal(NetworkField(lambda x, t: (x, None))(x, 0.5).velocity, x)


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (lambda x, t: x[:, :1], r"shaped like x, \[3, 2\]; got \[3, 1\]; wrap it"),
        (lambda x, t: "no", "must return a tensor shaped like x; got str"),
    ],
)
def test_an_answer_of_the_wrong_shape_is_named(module, sentence):
    with pytest.raises(ValueError, match=sentence):
        NetworkField(module)(drawn(3, 2), 0.5)


def test_a_noise_network_is_not_asked_where_no_data_is_left():
    assert NetworkField(Recorder(), "linear", "noise").latest < 1.0
    assert getattr(NetworkField(Recorder(), "vp", "noise"), "latest", 1.0) == 1.0


def test_an_unknown_path_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'linear'"):
        NetworkField(Recorder(), path="liner")
