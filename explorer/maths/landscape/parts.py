"""The trainable parameters of a module, end to end: where each lies in one vector."""

import copy
from typing import NamedTuple

import torch
from torch import nn


class Part(NamedTuple):
    """Where one parameter lies in the vector; ``tied`` holds every parameter that shares those numbers."""

    name: str
    shape: torch.Size
    begin: int
    end: int
    tied: list[tuple[str, nn.Parameter]]


def copied(module: nn.Module) -> nn.Module:
    """A copy of a module, or ValueError in a sentence that says why there is none."""
    try:
        return copy.deepcopy(module)
    except RuntimeError as error:
        raise ValueError(
            f"`module` must be one that can be copied; {type(module).__name__} holds tensors with a graph; "
            "detach what it keeps, and use torch.nn.utils.parametrizations"
        ) from error


def parts_of(module: nn.Module, twin: nn.Module) -> list[Part]:
    """The trainable parameters of ``twin``, a copy of ``module``, end to end; tied ones once.

    Raises:
        ValueError: for a module that has nothing to train, or parameters of several types or devices.
    """
    groups: dict[object, list[tuple[str, nn.Parameter]]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad and parameter.numel():
            # Asked of the original: a copy no longer shares memory between parameters.
            same = (parameter.data_ptr(), parameter.shape, parameter.stride())
            groups.setdefault(same, []).append((name, twin.get_parameter(name)))
    kinds = {(str(tied[0][1].dtype), str(tied[0][1].device)) for tied in groups.values()}
    if len(kinds) != 1:
        got = ", ".join(f"{dtype} on {device}" for dtype, device in sorted(kinds)) or "none"
        raise ValueError(
            f"`module` must have trainable parameters of one type on one device; got {got}; "
            "move it as a whole, or set requires_grad where it is wanted"
        )
    parts, begin = [], 0
    for tied in groups.values():
        name, parameter = tied[0]
        parts.append(Part(name, parameter.shape, begin, begin + parameter.numel(), tied))
        begin += parameter.numel()
    return parts
