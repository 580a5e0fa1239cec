"""Logits of a module and how fast they move along a step of its parameters: one product in forward mode.

The module is called through ``torch.func.functional_call`` with copies of its buffers, with dropout off and with each
BatchNorm as it was (in training mode it takes the batch's own statistics, as the loss does). Modes, buffers, gradients
and the global generators come back as they were.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _NormBase

from explorer.maths.forward import jvp
from explorer.maths.names import nearest

By = Literal["jvp", "secant"]
Named = Mapping[str, Tensor]
UNSEEN = (RuntimeError, NotImplementedError, TypeError, AttributeError)
"""What torch raises where an operation has no forward derivative, or a module leaves torch."""


@dataclass(frozen=True, eq=False)
class Motion:
    """``logits``, ``speeds`` (float64, for the whole step) of one shape, and ``by`` which way they were found."""

    logits: Tensor
    speeds: Tensor
    by: By


def motions(
    module: nn.Module, inputs: Any, step: Named, at: Named | None, by: str, chunk: int
) -> Iterator[tuple[slice, Motion]]:
    """Motions of ``chunk`` inputs at a time, with their places.

    ``at`` are the parameters to start from, the module's own unless given. Forward mode computes attention by its plain
    formula; what has no forward mode at all is asked at both ends of the step instead, and says so.
    """
    base = dict(module.named_parameters()) if at is None else dict(at)
    base = {name: value.detach() for name, value in base.items()}
    count = batch_size(inputs)
    if takes_batch_statistics(module):
        chunk = max(1, count)  # parts of a batch have other statistics
    ways = get_args(By)[get_args(By).index(nearest("by", by, get_args(By))) :]
    for start in range(0, count, chunk) if count else (0,):
        place = slice(start, min(start + chunk, count))
        part = portion(inputs, place)
        while True:
            try:
                with quiet(module):
                    found = _moved(module, part, base, step, ways[0])
                break
            except UNSEEN:
                if len(ways) == 1:
                    raise
                ways = ways[1:]
        yield place, found


def _moved(module: nn.Module, inputs: Any, base: Named, step: Named, by: By) -> Motion:
    def ask(moved: Named) -> Tensor:
        # functional_call writes what a module stores; it must write on copies, and fresh ones for each call.
        buffers = {name: value.detach().clone() for name, value in module.named_buffers()}
        return logits_of(functional_call(module, {**base, **moved, **buffers}, *_arguments(inputs)))

    if by == "secant":
        begin, end = ask({}), ask({name: base[name] + value.to(base[name]) for name, value in step.items()})
        return Motion(begin, end.double() - begin.double(), by)
    if not any(bool(value.any()) for value in step.values()):
        return Motion(begin := ask({}), torch.zeros_like(begin, dtype=torch.float64), by)
    power = _power(step)
    tangents = {name: torch.ldexp(value.double(), -power).to(base[name]) for name, value in step.items()}
    names = list(tangents)
    logits, speeds = jvp(
        lambda *values: ask(dict(zip(names, values, strict=True))),
        tuple(base[name] for name in names),
        tuple(tangents.values()),
    )
    return Motion(logits, torch.ldexp(speeds.double(), power), by)


def _power(step: Named) -> Tensor:
    """The power of two that brings the step's largest entry near 1: a JVP is linear, small types have little range."""
    largest = max((float(value.abs().amax()) for value in step.values() if value.numel()), default=0.0)
    return torch.tensor(math.frexp(largest)[1])


def logits_of(output: Any) -> Tensor:
    """The logits in what a module returned: a tensor, or the ``.logits`` of a record.

    Raises:
        ValueError: for anything else.
    """
    found = output if isinstance(output, Tensor) else getattr(output, "logits", None)
    if not isinstance(found, Tensor) or not found.is_floating_point():
        raise ValueError(
            f"the module must return its logits, or a record with `.logits`; got {type(output).__name__}"
        )
    return found


def _arguments(inputs: Any) -> tuple[tuple, dict]:
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return (tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)), {}


def _tensors(inputs: Any) -> list[Tensor]:
    args, named = _arguments(inputs)
    return [x for x in (*args, *named.values()) if isinstance(x, Tensor) and x.ndim]


def batch_size(inputs: Any) -> int:
    """How many inputs there are: the length of the first tensor.

    Raises:
        ValueError: when there is no tensor among them.
    """
    found = _tensors(inputs)
    if not found:
        raise ValueError(
            "`inputs` must be a tensor [n, ..], a tuple of them, or a dict of them by name; got none"
        )
    return len(found[0])


def portion(inputs: Any, place: slice | Tensor) -> Any:
    """Some of the inputs; tensors of another length go along whole."""
    count = batch_size(inputs)

    def cut(x: Any) -> Any:
        return x[place] if isinstance(x, Tensor) and x.ndim and len(x) == count else x

    if isinstance(inputs, Mapping):
        return {name: cut(x) for name, x in inputs.items()}
    return tuple(cut(x) for x in inputs) if isinstance(inputs, tuple | list) else cut(inputs)


def takes_batch_statistics(module: nn.Module) -> bool:
    """Whether samples of a batch see each other through a BatchNorm."""
    return any(
        isinstance(m, _NormBase)
        and type(m).__name__.find("Instance") < 0
        and (m.training or m.running_mean is None)
        for m in module.modules()
    )


@contextmanager
def quiet(module: nn.Module) -> Iterator[None]:
    """No dropout, no gradients, no fused encoder layers; the global generators and all modes as before at the end."""
    modes = {m: m.training for m in module.modules()}
    fused = torch.backends.mha.get_fastpath_enabled()
    devices = {p.device for p in module.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=list(devices)), torch.no_grad():
        try:
            torch.backends.mha.set_fastpath_enabled(False)
            for m in modes:
                if not isinstance(m, _NormBase):
                    m.training = False
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fused)
            for m, mode in modes.items():
                m.training = mode
