"""Forward-mode derivatives, one thread at a time.

torch keeps the level of forward differentiation in globals of its module (2.13: ``torch.autograd.forward_ad``), so two
threads that differentiate at once, as the lanes of the dashboard or a notebook's cells do, fail or mix their tangents.
"""

import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

_ONE_AT_A_TIME = threading.RLock()  # a field that is differentiated may differentiate on its way


def jvp(ask: Callable[..., Any], at: tuple[Tensor, ...], along: tuple[Tensor, ...]) -> tuple[Any, Any]:
    """The value of ``ask(*at)`` and its rate of change along ``along``, by one pass.

    Attention is computed by its plain formula: fused kernels have no forward derivative.
    """
    with _ONE_AT_A_TIME, sdpa_kernel(SDPBackend.MATH):
        value, change, *_ = torch.func.jvp(ask, at, along)
        return value, change


def dual(
    ask: Callable[..., Tensor], at: tuple[Tensor, ...], along: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor]:
    """What ``jvp`` gives where nothing on the way differentiates too, at half of its overhead: no functional layer.

    The rate of what does not depend on ``at`` is 0.
    """
    with _ONE_AT_A_TIME, sdpa_kernel(SDPBackend.MATH), forward_ad.dual_level():
        value = ask(*(forward_ad.make_dual(x, v) for x, v in zip(at, along, strict=True)))
        primal, tangent = forward_ad.unpack_dual(value)
        return primal, torch.zeros_like(primal) if tangent is None else tangent
