"""Forward-mode derivatives, one thread at a time.

torch keeps the level of forward differentiation in globals of its module (2.13: ``torch.autograd.forward_ad``), so two
threads that differentiate at once, as the lanes of the dashboard or a notebook's cells do, fail or mix their tangents.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from explorer.maths.borrowed import TORCH_GLOBALS


@contextmanager
def _plain_attention() -> Iterator[None]:
    """What ``sdpa_kernel(SDPBackend.MATH)`` does, at a fifth of its cost: a small net's product is as short as that."""
    flags = torch.backends.cuda
    before = (
        flags.flash_sdp_enabled(),
        flags.mem_efficient_sdp_enabled(),
        flags.cudnn_sdp_enabled(),
        flags.math_sdp_enabled(),
    )
    try:
        _choose_attention(False, False, False, True)
        yield
    finally:
        _choose_attention(*before)


def _choose_attention(flash: bool, efficient: bool, cudnn: bool, plain: bool) -> None:
    flags = torch.backends.cuda
    flags.enable_flash_sdp(flash)
    flags.enable_mem_efficient_sdp(efficient)
    flags.enable_cudnn_sdp(cudnn)
    flags.enable_math_sdp(plain)


def jvp(ask: Callable[..., Any], at: tuple[Tensor, ...], along: tuple[Tensor, ...]) -> tuple[Any, Any]:
    """The value of ``ask(*at)`` and its rate of change along ``along``, by one pass.

    Attention is computed by its plain formula: fused kernels have no forward derivative.
    """
    with TORCH_GLOBALS, sdpa_kernel(SDPBackend.MATH):
        value, change, *_ = torch.func.jvp(ask, at, along)
        return value, change


def dual(
    ask: Callable[..., Tensor], at: tuple[Tensor, ...], along: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor]:
    """What ``jvp`` gives where nothing on the way differentiates too, at half of its overhead: no functional layer.

    The rate of what does not depend on ``at`` is 0.
    """
    with TORCH_GLOBALS, _plain_attention(), forward_ad.dual_level():
        # make_dual's own checks, a quarter of a small net's product, are made for the first alone.
        first = [forward_ad.make_dual(x, v) for x, v in zip(at[:1], along[:1], strict=True)]
        rest = [torch._make_dual(x, v, level=0) for x, v in zip(at[1:], along[1:], strict=True)]
        value = ask(*first, *rest)
        primal, tangent = forward_ad.unpack_dual(value)
        return primal, torch.zeros_like(primal) if tangent is None else tangent
