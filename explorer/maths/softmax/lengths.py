"""Euclidean lengths of all parameters' gradients or steps together, where their own type may not hold the squares."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

WIDE = (torch.float32, torch.float64)
"""Types that hold the squares of ordinary steps."""


def length(values: Iterable[Tensor]) -> float:
    """Euclidean length of a step in parts: NaN or inf only if an entry is, 0 only if all are."""
    parts = list(values)
    short = total(parts)
    if math.isfinite(short) and short > 1e-15:
        return short
    # The parts' own type may not hold their squares.
    return float(get_total_norm([part.double() for part in parts]))


def total(parts: list[Tensor]) -> float:
    """Euclidean length of parts of one kind as their own type holds it; on a device with one wait for it."""
    if parts and (parts[0].device.type != "cpu" or parts[0].dtype not in WIDE):
        return float(get_total_norm(parts))
    return math.hypot(*[torch.linalg.vector_norm(part).item() for part in parts])
