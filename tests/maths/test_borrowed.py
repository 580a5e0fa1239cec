"""What torch keeps for the whole process comes back as it was, whatever other threads do meanwhile."""

import threading
import time

import torch
from torch import nn

from explorer.maths.borrowed import global_randomness_kept, seeded


def test_two_threads_that_borrow_at_once_both_give_back_what_was_there():
    before = torch.get_rng_state()
    met = threading.Barrier(2, timeout=30)

    def borrow(pause):
        met.wait()
        for _ in range(20):
            with global_randomness_kept(torch.zeros(())):
                torch.rand(3)
                time.sleep(pause)

    threads = [threading.Thread(target=borrow, args=(pause,)) for pause in (1e-3, 1.7e-3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_seeded_is_the_same_each_time_and_moves_nothing():
    before = torch.get_rng_state()
    one, other, third = (seeded(seed, lambda: nn.Linear(3, 2).weight) for seed in (5, 5, 6))
    assert torch.equal(one, other) and not torch.equal(one, third)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        assert torch.equal(one, nn.Linear(3, 2).weight)
    assert torch.equal(torch.get_rng_state(), before)
