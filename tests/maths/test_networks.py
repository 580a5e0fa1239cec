"""The small network: its size, its second time, its derivatives, its types."""

import math

import pytest
import torch
from torch import nn

from explorer.maths.networks import FlowMLP


def cloud(n=16, dims=2, dtype=torch.float32):
    return torch.randn(n, dims, generator=torch.Generator().manual_seed(3), dtype=dtype)


def stirred(network):
    """The network with an interval input that is no longer zero."""
    with torch.no_grad():
        network.interval.normal_(generator=torch.Generator().manual_seed(5))
    return network


def test_the_plane_takes_the_sheets_number_of_weights():
    assert sum(p.numel() for p in FlowMLP().parameters()) == 51_970
    assert sum(p.numel() for p in FlowMLP(interval=False).parameters()) == 51_970 - 7 * 128


def test_the_answer_is_that_of_torchs_own_layers():
    network, x, t = FlowMLP(width=16, depth=2, waves=2, seed=7), cloud(), torch.linspace(0.1, 1, 16)
    k = torch.tensor([1.0, 2.0, 4.0])
    angles = math.pi * t[:, None] * k
    places = torch.cat([x, (2 * x).sin(), (2 * x).cos(), (4 * x).sin(), (4 * x).cos()], 1)
    features = torch.cat([places, t[:, None], angles.sin(), angles.cos()], 1)
    a, b, c = network.layers
    expected = nn.Sequential(a, nn.SiLU(), b, nn.SiLU(), c)(features)
    torch.testing.assert_close(network(x, t), expected)


def test_a_fresh_interval_net_is_the_velocity_net_for_every_pair_of_times():
    network, x = FlowMLP(), cloud()
    assert torch.equal(network(x, 0.8, 0.1), network(x, 0.8))


def test_a_trained_interval_net_is_the_velocity_net_where_the_times_meet():
    network, x, t = stirred(FlowMLP()), cloud(), torch.linspace(0, 1, 16)
    assert torch.equal(network(x, t, t), network(x, t))
    assert not torch.allclose(network(x, t, 0.0 * t), network(x, t))


def test_velocity_weights_load_into_an_interval_net_unchanged():
    teacher, student = FlowMLP(interval=False, seed=1), FlowMLP(seed=2)
    missing, unexpected = student.load_state_dict(teacher.state_dict(), strict=False)
    assert (missing, unexpected) == (["interval"], [])
    assert torch.equal(student(cloud(), 0.4, 0.2), teacher(cloud(), 0.4))


def test_floats_and_tensors_say_the_same_time():
    network, x = stirred(FlowMLP()), cloud()
    assert torch.equal(network(x, 0.25, 0.125), network(x, torch.full((16,), 0.25), torch.full((16,), 0.125)))


def test_dtype_follows_the_state_and_float64_has_float64_digits():
    network, x = stirred(FlowMLP()), cloud(dtype=torch.float64)
    wide = stirred(FlowMLP()).double()
    assert network(x.float(), 0.3).dtype == torch.float32
    torch.testing.assert_close(network(x, 0.3, 0.1), wide(x, 0.3, 0.1), rtol=1e-13, atol=1e-13)


def test_samples_of_any_shape_come_back_in_it():
    pictures = torch.zeros(3, 1, 8, 8)
    assert FlowMLP(dims=64)(pictures, 0.5).shape == pictures.shape


def test_a_jvp_in_both_times_is_the_finite_difference():
    network, x = stirred(FlowMLP()).double(), cloud(dtype=torch.float64)
    t, s, one, step = torch.full((16,), 0.7), torch.full((16,), 0.2), torch.ones(16), 1e-6
    t, s, one = t.double(), s.double(), one.double()
    with torch.no_grad():
        along_t = torch.func.jvp(lambda t: network(x, t, s), (t,), (one,))[1]
        along_s = torch.func.jvp(lambda s: network(x, t, s), (s,), (one,))[1]
        slope_t = (network(x, t + step, s) - network(x, t - step, s)) / (2 * step)
        slope_s = (network(x, t, s + step) - network(x, t, s - step)) / (2 * step)
    torch.testing.assert_close(along_t, slope_t, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(along_s, slope_s, rtol=1e-5, atol=1e-6)


def test_the_seed_decides_the_first_weights():
    first, again, other = (FlowMLP(seed=seed).layers.state_dict() for seed in (4, 4, 5))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


def test_a_second_time_needs_an_interval_input():
    with pytest.raises(ValueError, match="interval=True"):
        FlowMLP(interval=False)(cloud(), 0.5, 0.2)
