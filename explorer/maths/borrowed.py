"""What torch keeps for the whole process, borrowed by one thread at a time and given back as it was.

The level of forward differentiation, the attention kernels and the global generators are such globals. Lanes of the
dashboard and cells of a notebook compute in threads of their own: two that save and restore at once would mix them up.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

T = TypeVar("T")

TORCH_GLOBALS = threading.RLock()
"""One lock for all of them, so that no two threads wait for each other; who holds it may borrow again."""


@contextmanager
def global_randomness_kept(like: Tensor) -> Iterator[None]:
    """Whatever runs inside leaves the global generators of torch, numpy and Python where they were."""
    with TORCH_GLOBALS:
        torch_state, numpy_state, state = torch.get_rng_state(), np.random.get_state(), random.getstate()
        cuda_state = torch.cuda.get_rng_state(like.device) if like.is_cuda else None
        try:
            yield
        finally:
            torch.set_rng_state(torch_state)
            np.random.set_state(numpy_state)
            random.setstate(state)
            if cuda_state is not None:
                torch.cuda.set_rng_state(cuda_state, like.device)


def seeded(seed: int, build: Callable[[], T]) -> T:
    """What ``build`` makes with the global seed at ``seed``, for modules that draw their first weights from it."""
    with TORCH_GLOBALS, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()
