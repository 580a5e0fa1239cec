"""The small classifiers: one shape for all, first weights from a seed, a forward derivative, and digits learned."""

import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional

from explorer.maths.softmax.step import step_radius
from explorer.models.classifiers import CLASSIFIERS, classifier


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classifier_has_one_shape_a_seed_and_a_forward_derivative(name):
    x = torch.rand(6, 64, generator=torch.Generator().manual_seed(0))
    state = torch.random.get_rng_state()
    module, same, other = classifier(name, 1), classifier(name, 1), classifier(name, 2)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert module(x).shape == (6, 10)
    pairs = list(zip(module.parameters(), same.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(p, q) for p, q, _ in pairs) and any(not torch.equal(p, o) for p, _, o in pairs)
    source = torch.Generator().manual_seed(3)
    step = {n: 1e-3 * torch.randn(p.shape, generator=source) for n, p in module.named_parameters()}
    assert step_radius(module, x, step).by == "jvp"


@pytest.mark.parametrize(("name", "reached"), [("linear", 0.85), ("mlp_ln", 0.9), ("cnn_bn", 0.9)])
def test_digits_are_learned_in_a_few_steps(name, reached):
    images, labels = load_digits(return_X_y=True)
    # Shuffled: the last pages of the set are by other hands, and harder.
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(42))
    x, y = torch.tensor(images / 16.0).float()[order], torch.tensor(labels)[order]
    module = classifier(name)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    source = torch.Generator().manual_seed(0)
    for _ in range(60):
        few = torch.randint(0, 1257, (128,), generator=source)
        optimizer.zero_grad()
        functional.cross_entropy(module(x[few]), y[few]).backward()
        optimizer.step()
    found = module.eval()(x[1257:]).argmax(1)
    assert float((found == y[1257:]).double().mean()) > reached


def test_an_unknown_classifier_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'mlp_tanh'"):
        classifier("mlp_tahn")
