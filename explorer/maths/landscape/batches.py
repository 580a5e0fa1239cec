"""Samples of a batch of any make: how many there are, and some of them."""

from collections import Counter
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

GOLDEN = 0.6180339887498949


def samples_in(batch: Any) -> int:
    """How many samples a batch holds, by the length that most of its tensors have; 0 when it has none."""
    lengths = [len(leaf) for leaf in pytree.tree_leaves(batch) if isinstance(leaf, Tensor) and leaf.dim()]
    return Counter(lengths).most_common(1)[0][0] if lengths else 0


def taken(batch: Any, rows: Tensor, total: int) -> Any:
    """The batch of these rows [m] out of ``total``: every tensor that has as many rows as there are samples is cut."""

    def cut(leaf: Any) -> Any:
        is_rowed = isinstance(leaf, Tensor) and leaf.dim() > 0 and len(leaf) == total
        return leaf[rows.to(leaf.device)] if is_rowed else leaf

    return pytree.tree_map(cut, batch)


def spread_rows(total: int) -> Tensor:
    """All rows [total] in an order whose every beginning is spread evenly: multiples of the golden ratio."""
    return torch.frac((torch.arange(total, dtype=torch.float64) + 0.5) * GOLDEN).argsort()
