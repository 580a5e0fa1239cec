"""Shared by all tests: one torch thread, so that two workers share two cores."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def global_randomness_is_untouched():
    """The package draws from explicit generators only."""
    before = torch.random.get_rng_state()
    yield
    assert torch.equal(before, torch.random.get_rng_state()), "the global torch seed was used"
