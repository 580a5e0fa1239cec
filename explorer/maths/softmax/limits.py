"""What a control may be asked to keep, and the part of a step that keeps it."""

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

from torch import Tensor, nn
from torch.optim import Optimizer

from explorer.maths.names import nearest

Mode = Literal["cap", "alarm"]


def part_of(r: float, r_max: float) -> float:
    """The part of a step that keeps r within ``r_max``: 1 for a short step, 0 for NaN and for inf.

    Not ``min(1.0, r_max / r)``: Python's min returns 1.0 there when r is NaN.
    """
    if r <= r_max:
        return 1.0
    return r_max / r if r_max < r < math.inf else 0.0


def check_limits(
    r_max: float, mode: str, every: int, trigger: float, rows: int | None, quantile: float
) -> None:
    """Refuse what no control can keep.

    Raises:
        ValueError: for the first that is out of range.
    """
    nearest("mode", mode, get_args(Mode))
    for name, value in (("r_max", r_max), ("trigger", trigger)):
        if not 0 < value < math.inf:
            raise ValueError(f"`{name}` must be a positive number; got {value!r}")
    for name, count in (("every", every), ("rows", 1 if rows is None else rows)):
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"`{name}` must be a whole number of at least 1; got {count!r}")
    if not 0 < quantile <= 1:
        raise ValueError(f"`quantile` must lie above 0 and at most at 1, the largest r; got {quantile!r}")


def names_of(module: nn.Module, optimizer: Optimizer) -> dict[int, str]:
    """The name of each parameter of the module, by its id; refused where the optimiser steps others."""
    names = {id(p): name for name, p in module.named_parameters()}
    outside = sum(id(p) not in names for group in optimizer.param_groups for p in group["params"])
    if outside:
        raise ValueError(
            f"`optimizer` must step parameters of `module` only; {outside} of its tensors are not there; "
            "give the module that holds them all"
        )
    return names


def first_of(inputs: Any) -> Tensor:
    """The tensor that says whether two batches are the same."""
    if isinstance(inputs, Tensor):
        return inputs
    values = inputs.values() if isinstance(inputs, Mapping) else inputs
    return next(x for x in values if isinstance(x, Tensor) and x.ndim)
