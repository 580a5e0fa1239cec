"""Forward derivatives from many threads at once: each thread gets its own."""

import threading

import torch
from torch.nn.functional import scaled_dot_product_attention

import explorer as ex
from explorer.maths.curvature import curvature
from explorer.maths.forward import jvp


def test_threads_that_differentiate_at_once_get_what_each_would_alone():
    """Seen red with the lock off: torch's level of differentiation is a global."""
    field = ex.target("two_moons").field("linear")
    alone = {seed: curvature(field, n=16, steps=12, seed=seed).curvature for seed in range(4)}
    found, faults = {}, []

    def measure(seed):
        try:
            for _ in range(6):
                found[seed] = curvature(field, n=16, steps=12, seed=seed)
        except RuntimeError as fault:
            faults.append(fault)

    threads = [threading.Thread(target=measure, args=(seed,)) for seed in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    for seed, bend in found.items():
        assert bend.by == "Frenet, one JVP"
        torch.testing.assert_close(bend.curvature, alone[seed])


def test_a_derivative_may_be_asked_for_inside_another():
    x, one = torch.tensor(0.7, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64)
    slope = lambda y: jvp(torch.sin, (y,), (one,))[1]  # noqa: E731 # what is differentiated
    value, change = jvp(slope, (x,), (one,))
    torch.testing.assert_close((value, change), (x.cos(), -x.sin()))


def test_attention_has_a_forward_derivative():
    x = torch.randn(1, 2, 5, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    along = torch.ones_like(x)
    ask = lambda y: scaled_dot_product_attention(y, y, y)  # noqa: E731 # what is differentiated
    _, change = jvp(ask, (x,), (along,))
    step = 1e-6
    plain = (ask(x + step * along) - ask(x - step * along)) / (2 * step)
    torch.testing.assert_close(change, plain, rtol=1e-6, atol=1e-8)
