"""Spectra: bowls whose eigenvalues are given, dense matrices of tiny nets, and closed forms with repeated values."""

import numpy as np
import pytest
import torch
from landscapes import Weights, bowl, dense_hessian, drawn, entropy, mlp, settled, squares
from scipy.stats import wasserstein_distance
from torch import nn

from explorer.maths.landscape import FlatLoss, Hessian, converge, density, spectrum, trace


def falling(values):
    return values.sort(descending=True).values


def check_pairs(found, matrix):
    """Vectors are unit, and residuals are what they say they are."""
    for value, vector, residual in zip(found.eigenvalues, found.vectors, found.residuals, strict=True):
        assert float(vector.norm()) == pytest.approx(1.0)
        true = float((matrix @ vector - value * vector).norm())
        assert true == pytest.approx(float(residual), rel=1e-3, abs=1e-9 * float(matrix.abs().max()))


@pytest.mark.parametrize("size", [6, 60, 400])
def test_a_bowl_has_the_spectrum_it_was_made_with(size):
    values = torch.cat(
        [torch.tensor([9.0, 7.0, 4.0, 3.0, 2.0, -8.0]), torch.linspace(-0.5, 0.5, size - 6)]
    ).double()
    net, loss, vectors = bowl(values)
    found = spectrum(loss, net, None, k=4, tolerance=1e-5)
    torch.testing.assert_close(found.eigenvalues, falling(values)[:4], rtol=1e-6, atol=0)
    assert found.converged and found.by == "double backward"
    assert bool(((found.vectors @ vectors[:, :4]).diagonal().abs() > 1 - 1e-6).all())
    check_pairs(found, vectors @ torch.diag(values) @ vectors.T)


@pytest.mark.parametrize("sizes", [(2, 5, 1), (3, 8, 8, 2)])
@pytest.mark.parametrize("loss", [squares, entropy])
def test_the_order_is_that_of_the_dense_matrix_and_not_of_sizes(sizes, loss):
    """Away from a minimum there are negative eigenvalues larger than some of the five."""
    net = mlp(*sizes, activation=nn.SiLU)
    labels = torch.arange(30) % sizes[-1]
    batch = (drawn(30, sizes[0], seed=5), 10 * drawn(30, sizes[-1], seed=6) if loss is squares else labels)
    matrix = dense_hessian(loss, net, batch)
    known = falling(torch.linalg.eigvalsh(matrix))
    found = spectrum(loss, net, batch, k=5, tolerance=1e-4)
    torch.testing.assert_close(found.eigenvalues, known[:5], rtol=1e-6, atol=1e-9)
    if loss is squares:
        assert float(known[-1].abs()) > float(known[4]), "else the test says nothing of the order"


def test_least_squares_has_its_inputs_second_moments_once_for_each_output():
    """H = 2 X'X / n for each of three outputs: Lanczos alone sees one of the three."""
    x = drawn(50, 6, seed=1) * torch.tensor([3.0, 2.0, 1.5, 1.0, 0.5, 0.1], dtype=torch.float64)
    net = Weights(drawn(3, 6))
    moments = falling(torch.from_numpy(np.linalg.eigvalsh(2.0 * (x.T @ x).numpy() / 50)))
    found = spectrum(lambda m, b: (x @ m.w0.T).square().sum(1), net, None, k=7, tolerance=1e-5)
    torch.testing.assert_close(found.eigenvalues, moments.repeat_interleave(3)[:7], rtol=1e-6, atol=0)
    assert found.converged


def test_softmax_regression_has_the_closed_matrix():
    """H = mean of (diag p - p p') x (x x') over the samples (Kronecker), of which one direction a feature is flat."""
    x, labels = drawn(40, 4, seed=1), torch.arange(40) % 3
    net = Weights(drawn(3, 4, seed=2))
    p = torch.softmax(x @ net.w0.detach().T, dim=1).numpy()
    matrix = np.mean(
        [np.kron(np.diag(q) - np.outer(q, q), np.outer(f, f)) for q, f in zip(p, x.numpy(), strict=True)],
        axis=0,
    )
    found = spectrum(lambda m, b: nn.functional.cross_entropy(x @ m.w0.T, labels), net, None, k=12)
    known = np.linalg.eigvalsh(matrix)[::-1].copy()
    torch.testing.assert_close(found.eigenvalues, torch.from_numpy(known), rtol=1e-9, atol=1e-12)
    hessian = Hessian(FlatLoss(lambda m, b: nn.functional.cross_entropy(x @ m.w0.T, labels), net, None))
    direction = drawn(12, seed=9)
    torch.testing.assert_close(
        hessian(direction), torch.from_numpy(matrix) @ direction, rtol=1e-10, atol=1e-12
    )


def test_copies_are_found_wherever_they_stand():
    values = torch.cat([torch.tensor([5.0, 4.0, 4.0, 4.0, 3.0, 3.0]), torch.linspace(-1, 1, 194)]).double()
    net, loss, _ = bowl(values)
    for seed in range(6):
        found = spectrum(loss, net, None, k=5, tolerance=1e-4, looks=8, seed=seed)
        torch.testing.assert_close(found.eigenvalues, falling(values)[:5], rtol=1e-6, atol=0)
        assert found.converged


def test_records_come_one_a_product_and_the_last_says_whether_it_holds():
    values = torch.linspace(0.1, 30.0, 300).double() ** 2
    net, loss, _ = bowl(values)
    records = list(converge(loss, net, None, k=3))
    assert [r.matvecs for r in records] == sorted(r.matvecs for r in records)
    assert records[-1].converged and not any(r.converged for r in records[:-1])
    tops = [float(r.eigenvalues[0]) for r in records]
    assert tops == pytest.approx(sorted(tops), rel=1e-12), "Ritz values of a growing space only rise"
    assert bool((records[-1].residuals <= 0.003 * records[-1].eigenvalues).all())
    short = spectrum(loss, net, None, k=3, most=4)
    assert short.matvecs == 4 and not short.converged


def test_a_warm_start_agrees_with_a_cold_one_and_costs_less():
    net = mlp(3, 16, 16, 2)
    batch = (drawn(60, 3, seed=5), drawn(60, 2, seed=6))
    old = spectrum(squares, net, batch, k=1)
    with torch.no_grad():
        for k, parameter in enumerate(net.parameters()):
            parameter.add_(0.01 * drawn(*parameter.shape, seed=50 + k))
    cold, warm = spectrum(squares, net, batch, k=1), spectrum(squares, net, batch, k=1, warm=old)
    torch.testing.assert_close(warm.eigenvalues, cold.eigenvalues, rtol=1e-3, atol=0)
    assert warm.matvecs < cold.matvecs


def test_float32_keeps_four_digits():
    net = mlp(3, 24, 24, 2, activation=nn.SiLU)
    batch = (drawn(60, 3, seed=5), drawn(60, 2, seed=6))
    known = falling(torch.linalg.eigvalsh(dense_hessian(squares, net, batch)))[:5]
    found = spectrum(squares, net.float(), tuple(b.float() for b in batch))
    torch.testing.assert_close(found.eigenvalues, known, rtol=1e-4, atol=0)


def test_a_linear_loss_is_flat():
    found = spectrum(lambda m, b: m.w0.sum(), Weights(drawn(5)), None, k=2)
    assert found.eigenvalues.tolist() == [0.0, 0.0] and found.converged


class OneBackward(torch.autograd.Function):
    """A cube whose backward pass has none of its own."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        return 3 * ctx.saved_tensors[0] ** 2 * grad


@pytest.mark.parametrize("last", [True, False])
def test_what_has_no_second_derivative_is_asked_beside_and_says_so(last):
    """Where it comes last torch raises nothing and gives a second derivative of zero."""
    start = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)

    def loss(module, batch):
        cubes = OneBackward.apply(module.w0)
        return cubes.sum() if last else (cubes.square() / 5).sum()

    found = spectrum(loss, Weights(start), None, k=3)
    assert found.by == "differences"
    known = 6.0 * start if last else 6.0 * start**4
    torch.testing.assert_close(found.eigenvalues, falling(known), rtol=1e-7, atol=1e-7)


def test_a_custom_function_with_a_second_derivative_is_believed():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            return 3 * ctx.saved_tensors[0] ** 2 * grad

    start = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    found = spectrum(lambda m, b: Cube.apply(m.w0).sum(), Weights(start), None, k=3)
    assert found.by == "double backward"
    torch.testing.assert_close(found.eigenvalues, 6.0 * falling(start), rtol=1e-12, atol=1e-12)


def test_a_matrix_of_few_values_is_spread_exactly():
    """Two values fill the rest: quadrature has those two nodes and no others."""
    values = torch.cat([torch.tensor([50.0, 40.0]), torch.ones(150), 2 * torch.ones(48)]).double()
    net, loss, _ = bowl(values)
    found = density(loss, net, None, k=2, probes=40, steps=10)
    assert found.exact == 2 and found.size == 200 and float(found.weights.sum()) == pytest.approx(1.0)
    nodes = found.values[2:][found.weights[2:] > 1e-9]
    assert float(torch.minimum((nodes - 1).abs(), (nodes - 2).abs()).max()) < 1e-6
    share = float(found.weights[(found.values > 1.5) & (found.values < 3)].sum())
    assert share == pytest.approx(48 / 200, abs=0.03)  # forty probes of 198 numbers: sd 0.005
    at = torch.linspace(-5, 60, 20001, dtype=torch.float64)
    assert float(torch.trapezoid(found.curve(at, 0.3), at)) == pytest.approx(1.0, abs=1e-6)


def test_the_spread_of_a_net_is_near_its_dense_one_and_nearer_than_plain_quadrature():
    net, x = mlp(4, 14, 14, 3), drawn(100, 4, seed=5)
    batch = (x, net(x).detach() + 0.1 * drawn(100, 3, seed=6))  # near a minimum, as after a training
    known = torch.linalg.eigvalsh(dense_hessian(squares, net, batch))
    size = float(known.abs().mean())

    def distance(found):
        return wasserstein_distance(known, found.values, None, found.weights) / size

    deflated = [density(squares, net, batch, seed=seed) for seed in range(3)]
    assert max(map(distance, deflated)) < 0.15
    assert all(d.matvecs <= 130 for d in deflated)
    for found in deflated:
        assert found.trace == pytest.approx(float(known.sum()), rel=0.1)
    bare = [density(squares, net, batch, k=1, seed=seed) for seed in range(3)]
    assert np.median([*map(distance, deflated)]) < np.median([*map(distance, bare)])


def test_the_trace_lies_within_its_error_bar():
    values = torch.cat([torch.tensor([100.0, 60.0, 30.0]), torch.linspace(-1.0, 2.0, 297)]).double()
    net, loss, _ = bowl(values)
    found = [trace(loss, net, None, matvecs=m, seed=seed) for m in (6, 30, 90) for seed in range(8)]
    off = torch.tensor([(t.value - float(values.sum())) / t.error for t in found])
    assert float(off.abs().max()) < 6.0 and float(off.square().mean().sqrt()) < 2.0
    few, some, many = (np.mean([t.error for t in found[8 * k : 8 * k + 8]]) for k in range(3))
    assert many < some < few
    assert [t.matvecs for t in found[::8]] == [6, 30, 90]


def test_the_trace_is_exact_for_low_rank_and_for_as_many_products_as_parameters():
    values = torch.cat([torch.tensor([100.0, 60.0, -30.0]), torch.zeros(197)]).double()
    net, loss, _ = bowl(values)
    assert trace(loss, net, None).value == pytest.approx(130.0, rel=1e-9)
    small, loss, _ = bowl(values[:5])
    found = trace(loss, small, None)
    assert (found.value, found.error, found.matvecs) == (pytest.approx(130.0, rel=1e-12), 0.0, 5)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda *p: spectrum(*p, k=0), "`k` must be a whole number from 1 to the 38"),
        (lambda *p: spectrum(*p, k=39), "`k` must be a whole number from 1 to the 38"),
        (lambda *p: spectrum(*p, tolerance=0.0), "`tolerance` must lie between"),
        (lambda *p: spectrum(*p, most=2), "`most` products"),
        (lambda *p: density(*p, k=38), "`k` must leave a rest"),
        (lambda *p: density(*p, probes=0), "at least 1"),
        (lambda *p: trace(*p, matvecs=1), "`matvecs` must be at least 2"),
        (lambda loss, net, b: spectrum(lambda m, b: loss(m, b) * torch.nan, net, b), "finite and smooth"),
        (
            lambda loss, net, b: spectrum(lambda m, b: loss(m, b).detach(), net, b),
            "must depend on the parameters",
        ),
    ],
)
def test_what_cannot_be_asked_is_answered_in_one_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence):
        ask(squares, settled(mlp(3, 6, 2)), (drawn(20, 3, seed=5), drawn(20, 2, seed=6)))
