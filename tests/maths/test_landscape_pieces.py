"""Curvature of batches whose graph is larger than its room: the same numbers, from pieces that fit."""

import pytest
import torch
from landscapes import built, dense_hessian, drawn, mlp, squares
from torch import nn

from explorer.maths.landscape import FlatLoss, Hessian, converge, density, spectrum, trace
from explorer.maths.landscape.pieces import Pieces, free_memory

BATCH = (drawn(60, 3, seed=5), drawn(60, 2, seed=6))


@pytest.fixture
def net():
    return mlp(3, 16, 2, activation=nn.SiLU)


def graph_bytes(net, rows):
    """What torch keeps for the second derivative of so many samples, asked of another copy."""
    held = {}

    def seen(kept):
        held[kept.untyped_storage().data_ptr()] = kept.untyped_storage().nbytes()
        return kept.detach()

    own = {p.untyped_storage().data_ptr() for p in net.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(seen, lambda kept: kept):
        mean = squares(net, tuple(part[:rows].clone() for part in BATCH)).mean()
        torch.autograd.grad(mean, list(net.parameters()), create_graph=True)
    return sum(size for place, size in held.items() if place not in own)


@pytest.mark.parametrize("parts", [2, 7, 60])
def test_pieces_give_the_product_of_the_dense_matrix(net, parts):
    """Pieces of sizes that do not divide the batch weigh by their samples."""
    room = graph_bytes(net, 60) // parts
    hessian = Hessian(FlatLoss(squares, net, BATCH), room)
    assert 1 <= hessian.pieces.size <= 60 // parts + 3
    assert hessian.by == f"double backward, {hessian.pieces.size} samples at a time"
    matrix, direction = dense_hessian(squares, net, BATCH), drawn(len(hessian.gradient), seed=9)
    torch.testing.assert_close(hessian(direction), matrix @ direction, rtol=1e-10, atol=1e-12)
    whole = Hessian(FlatLoss(squares, net, BATCH))
    assert whole.by == "double backward"
    torch.testing.assert_close(hessian.gradient, whole.gradient, rtol=1e-10, atol=1e-14)
    assert hessian.loss == pytest.approx(whole.loss, rel=1e-12)


def test_no_piece_holds_more_than_its_room(net):
    room = graph_bytes(net, 60) // 4
    pieces = Pieces(FlatLoss(squares, net, BATCH), room)
    assert graph_bytes(net, pieces.size) <= 1.05 * room


@pytest.mark.parametrize("act", [spectrum, density, trace], ids=lambda f: f.__name__)
def test_every_way_to_the_curvature_has_room(net, act):
    one, two = act(squares, net, BATCH), act(squares, net, BATCH, room=10_000)
    if act is spectrum:
        torch.testing.assert_close(one.eigenvalues, two.eigenvalues, rtol=1e-8, atol=0)
        assert "samples at a time" in two.by
    elif act is density:
        assert one.trace == pytest.approx(two.trace, rel=1e-6)
    else:
        assert one.value == pytest.approx(two.value, rel=1e-8)


def test_out_of_memory_halves_the_pieces_goes_on_and_says_so(net, monkeypatch):
    """Memory for 9 samples: 60, 30 and 15 fail, in the first graph and again in a product."""
    plain, sizes = FlatLoss.mean_with_graph, []

    def tight(self):
        sizes.append(len(self.batch[0]))
        if sizes[-1] > 9:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self)

    monkeypatch.setattr(FlatLoss, "mean_with_graph", tight)
    records = list(converge(squares, net, BATCH, k=2, tolerance=1e-4))
    assert records[-1].by == "double backward, 8 samples at a time"
    assert [size for size in sizes if size > 9] == [60, 30, 15]
    known = torch.linalg.eigvalsh(dense_hessian(squares, net, BATCH)).flip(0)[:2]
    torch.testing.assert_close(records[-1].eigenvalues, known, rtol=1e-6, atol=0)


def test_out_of_memory_in_a_product_halves_too(net, monkeypatch):
    hessian = Hessian(FlatLoss(squares, net, BATCH))
    plain, failures = torch.autograd.grad, []

    def tight(*args, **options):
        if not failures:
            failures.append(1)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(*args, **options)

    monkeypatch.setattr(torch.autograd, "grad", tight)
    direction = drawn(len(hessian.gradient), seed=9)
    product = hessian(direction)
    monkeypatch.undo()
    assert hessian.by == "double backward, 30 samples at a time" and hessian.matvecs == 1
    torch.testing.assert_close(
        product, dense_hessian(squares, net, BATCH) @ direction, rtol=1e-10, atol=1e-12
    )


def test_samples_that_look_at_each_other_are_never_parted():
    net = built(lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)))
    assert Hessian(FlatLoss(squares, net, BATCH), 1000).by == "double backward"
    mean = mlp(3, 4, 2)
    assert Hessian(FlatLoss(lambda m, b: squares(m, b).mean(), mean, BATCH), 1000).by == "double backward"


def test_one_sample_that_finds_no_room_is_told(net, monkeypatch):
    def never(self):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(FlatLoss, "mean_with_graph", never)
    with pytest.raises(torch.OutOfMemoryError):
        Hessian(FlatLoss(squares, net, BATCH))


def test_room_is_a_number_of_bytes_and_by_default_half_of_what_is_free(net):
    with pytest.raises(ValueError, match="`room` must be a number of bytes"):
        spectrum(squares, net, BATCH, room=0)
    assert free_memory(torch.device("cpu")) > 1e6
