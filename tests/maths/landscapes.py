"""Nets and losses for the landscape tests, and their truth by the long way: torch's own dense Hessian, plain copies."""

import copy
from itertools import pairwise

import torch
from torch import nn
from torch.func import functional_call, hessian
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector, vector_to_parameters


class Weights(nn.Module):
    """A module that is nothing but its numbers."""

    def __init__(self, *values, **named):
        super().__init__()
        for name, value in {**{f"w{k}": v for k, v in enumerate(values)}, **named}.items():
            setattr(self, name, nn.Parameter(value.clone()))


def drawn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def settled(module, seed=0):
    """The module in float64 with weights from a seed, the global generator left alone."""
    with torch.no_grad():
        for k, parameter in enumerate(module.double().parameters()):
            size = parameter[0].numel() ** -0.5 if parameter.dim() > 1 else 0.3
            parameter.copy_(size * drawn(*parameter.shape, seed=seed + k))
    return module


def built(make, *args, **options):
    """A module made without a draw from the global generator."""
    state = torch.random.get_rng_state()
    module = make(*args, **options)
    torch.random.set_rng_state(state)
    return settled(module)


def bowl(values, seed=0):
    """A module with one vector, a loss 0.5 w' A w whose A has these eigenvalues, and A's eigenvectors by columns."""
    size = len(values)
    vectors = torch.linalg.qr(drawn(size, size, seed=seed)).Q
    matrix = vectors @ torch.diag(values) @ vectors.T
    return Weights(drawn(size, seed=seed + 1)), lambda m, b: 0.5 * m.w0 @ matrix @ m.w0, vectors


def mlp(*sizes, activation=nn.Tanh):
    def make():
        layers = []
        for a, b in pairwise(sizes):
            layers += [nn.Linear(a, b), activation()]
        return nn.Sequential(*layers[:-1])

    return built(make)


def squares(module, batch):
    """One value per sample."""
    return (module(batch[0]) - batch[1]).square().flatten(1).sum(1)


def entropy(module, batch):
    return cross_entropy(module(batch[0]), batch[1], reduction="none")


def dense_hessian(loss, module, batch):
    """The matrix itself, by torch's forward-over-reverse on a net called with other parameters."""
    twin = copy.deepcopy(module)
    names = [name for name, p in twin.named_parameters() if p.requires_grad]
    shapes = [p.shape for p in twin.parameters() if p.requires_grad]

    class Asked(nn.Module):
        def __init__(self):
            super().__init__()
            self.twin = twin

        def forward(self):
            return loss(self.twin, batch).mean()

    def flat(vector):
        pieces = vector.split([s.numel() for s in shapes])
        named = {f"twin.{n}": p.view(s) for n, p, s in zip(names, pieces, shapes, strict=True)}
        return functional_call(Asked(), named, ())

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        return hessian(flat)(parameters_to_vector([p for p in twin.parameters() if p.requires_grad]).detach())


def differenced_hessian(loss, module, batch, step=1e-5):
    """The matrix by central differences of gradients of fresh copies, to about eight digits: nothing else to trust.

    torch 2.13's forward mode through LayerNorm's backward pass is not symmetric and off by a third, so that
    ``dense_hessian`` is no truth for every module.
    """

    def slopes(vector):
        twin = copy.deepcopy(module)
        parameters = [p for p in twin.parameters() if p.requires_grad]
        vector_to_parameters(vector, parameters)
        pieces = torch.autograd.grad(loss(twin, batch).mean(), parameters, materialize_grads=True)
        return torch.cat([piece.flatten() for piece in pieces])

    start = parameters_to_vector([p for p in module.parameters() if p.requires_grad]).detach()
    rows = torch.eye(len(start), dtype=start.dtype) * step
    return torch.stack([(slopes(start + row) - slopes(start - row)) / (2 * step) for row in rows])


def directly(loss, module, batch, vector):
    """The mean loss of a fresh copy with these trainable parameters."""
    twin = copy.deepcopy(module)
    with torch.no_grad():
        vector_to_parameters(vector, [p for p in twin.parameters() if p.requires_grad])
        return float(loss(twin, batch).double().mean())
