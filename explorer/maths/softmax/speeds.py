"""Logits of a module and how fast they move along a step of its parameters: one product in forward mode.

The module is called with other parameters in its own places and copies of its buffers, with dropout off and with each
BatchNorm as it was (in training mode it takes the batch's own statistics, as the loss does). Parameters, buffers,
modes, gradients and the global generators come back as they were.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from explorer.maths.borrowed import TORCH_GLOBALS
from explorer.maths.forward import dual
from explorer.maths.names import nearest
from explorer.maths.softmax.lengths import WIDE

By = Literal["jvp", "secant"]
WAYS = get_args(By)
Named = Mapping[str, Tensor]
MOST, NUMBERS = 2048, 1 << 20
"""Inputs, or tokens of theirs, asked at once, and numbers in them: a token brings a vocabulary of logits."""
UNSEEN = (RuntimeError, NotImplementedError, TypeError, AttributeError)
"""What torch raises where an operation has no forward derivative, or a module leaves torch."""


@dataclass(frozen=True, eq=False)
class Motion:
    """``logits``, ``speeds`` (for the whole step; float64 where their type is too small) of one shape, and ``by``."""

    logits: Tensor
    speeds: Tensor
    by: By


class Anatomy:
    """A module's parts, found in one walk: ``modules``, ``parameters`` by first names, and where all of it is kept.

    A tied weight has the name at which it is met first; ``known`` are all names, with the first name of each.
    """

    def __init__(self, module: nn.Module):
        self.module = module
        self.modules: list[nn.Module] = []
        self.parameters: dict[str, Tensor] = {}
        self._shelves: list[tuple[dict[str, Any], str, str]] = []  # of parameters: owner, key, first name
        self._stores: list[tuple[dict[str, Any], str, Tensor]] = []  # of buffers: owner, key, value
        self._firsts: dict[int, str] = {}
        for path, part in module.named_modules():
            self.modules.append(part)
            for key, own in part._parameters.items():
                if own is not None:
                    name = self._firsts.setdefault(id(own), f"{path}.{key}" if path else key)
                    self.parameters.setdefault(name, own)
                    self._shelves.append((part._parameters, key, name))
            for key, buffer in part._buffers.items():
                if buffer is not None:
                    self._stores.append((part._buffers, key, buffer))

    @cached_property
    def known(self) -> dict[str, str]:
        """The first name for every name of a parameter."""
        every = self.module.named_parameters(remove_duplicate=False)
        return {name: self._firsts[id(own)] for name, own in every}

    def first(self, what: str, name: str) -> str:
        """The first name of the parameter that is called so.

        Raises:
            ValueError: where none is, for the argument ``what``.
        """
        return name if name in self.parameters else self.known[nearest(what, name, self.known)]

    def base(self, start: Named | None) -> dict[str, Tensor]:
        """The parameters by first names, or those of ``start`` in their place."""
        given = {self.first("start", name): value for name, value in (start or {}).items()}
        return {name: given.get(name, own).detach() for name, own in self.parameters.items()}

    def step(self, displacement: Named) -> dict[str, Tensor]:
        """The step by first names; a tied weight has several and moves once.

        Raises:
            ValueError: for a name or shape that is not the module's.
        """
        step = {}
        for name, value in displacement.items():
            first = self.first("displacement", name)
            own = self.parameters[first]
            if value.shape != own.shape:
                raise ValueError(
                    f"`displacement` of {name!r} must be {list(own.shape)} like the parameter; "
                    f"got {list(value.shape)}"
                )
            step[first] = value.detach()
        return step

    def __call__(self, inputs: Any, values: Named) -> Tensor:
        """The logits where the parameters are ``values``, by first names; the module's own where these say nothing."""
        # What a module stores, it must write on copies, and on fresh ones for each call.
        copies = {id(b): b.detach().clone() for _, _, b in self._stores}
        kept = [(shelf, key, shelf[key]) for shelf, key, _ in self._shelves]
        args, named = _arguments(inputs)
        try:
            for shelf, key, name in self._shelves:
                if name in values:
                    shelf[key] = values[name]
            for shelf, key, own in self._stores:
                shelf[key] = copies[id(own)]
            return logits_of(self.module(*args, **named))
        finally:
            # All that stands in these dictionaries now is the call's, whatever the module did to it.
            for shelf, key, own in (*kept, *self._stores):
                shelf[key] = own


def motions(
    anatomy: Anatomy,
    inputs: Any,
    step: Named,
    size: float,
    base: Named,
    by: str,
    chunk: int,
    end: Named | None = None,
) -> Iterator[tuple[slice, Motion]]:
    """Motions of ``chunk`` inputs at a time, with their places.

    ``size`` is the step's ``length``; ``base`` the parameters to start from, ``end`` those after it where they are at
    hand. Forward mode computes attention by its
    plain formula; what has no forward mode at all is asked at both ends of the step instead, and says so.
    """
    count = batch_size(inputs)
    if count > chunk and takes_batch_statistics(anatomy.modules):
        chunk = count  # parts of a batch have other statistics
    ways = WAYS[WAYS.index(nearest("by", by, WAYS)) :]
    for start in range(0, count, chunk) if count else (0,):
        place = slice(start, min(start + chunk, count))
        part = inputs if count <= chunk else portion(inputs, place)
        while True:
            try:
                with quiet(anatomy):
                    found = _moved(anatomy, part, base, step, size, ways[0], end)
                break
            except UNSEEN:
                if len(ways) == 1:
                    raise
                ways = ways[1:]
        yield place, found


def _moved(
    ask: Anatomy, inputs: Any, base: Named, step: Named, size: float, by: By, end: Named | None
) -> Motion:
    if by == "secant":
        there = end or {**base, **{name: base[name] + value.to(base[name]) for name, value in step.items()}}
        begin = ask(inputs, base)
        return Motion(begin, ask(inputs, there).double() - begin.double(), by)
    if size == 0.0:
        return Motion(begin := ask(inputs, base), torch.zeros_like(begin, dtype=torch.float64), by)
    power, tangents = _in_range(step, base, size)
    names = list(tangents)
    logits, speeds = dual(
        lambda *values: ask(inputs, {**base, **dict(zip(names, values, strict=True))}),
        tuple(base[name] for name in names),
        tuple(tangents.values()),
    )
    return Motion(logits, torch.ldexp(speeds.double(), torch.tensor(power)) if power else speeds, by)


def _in_range(step: Named, base: Named, size: float) -> tuple[int, Named]:
    """The step over a power of two that brings its length near 1, and that power; 0 where it is in range.

    A JVP is linear, and types have little range: the smaller the type the less.
    """
    power = math.frexp(size)[1]
    wide = all(value.dtype in WIDE for value in base.values())
    if wide and abs(power) < 24:
        return 0, {name: value.to(base[name]) for name, value in step.items()}
    by = torch.tensor(-power)
    return power, {name: torch.ldexp(value.double(), by).to(base[name]) for name, value in step.items()}


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
    return found[0].shape[0]


def at_once(inputs: Any) -> int:
    """How many inputs to ask at once: ``MOST``, or fewer: of no more tokens than that, and no more than ``NUMBERS``."""
    own = _tensors(inputs)
    count = tokens = numbers = 0
    for x in own:
        count = count or len(x)
        if count and len(x) == count:
            each = x.numel() // count
            tokens, numbers = (tokens, numbers + each) if x.is_floating_point() else (tokens + each, numbers)
    return max(1, min(MOST, MOST // max(1, tokens), NUMBERS // max(1, numbers)))


def portion(inputs: Any, place: slice | Tensor) -> Any:
    """Some of the inputs; tensors of another length go along whole."""
    count = batch_size(inputs)

    def cut(x: Any) -> Any:
        return x[place] if isinstance(x, Tensor) and x.ndim and len(x) == count else x

    if isinstance(inputs, Mapping):
        return {name: cut(x) for name, x in inputs.items()}
    return tuple(cut(x) for x in inputs) if isinstance(inputs, tuple | list) else cut(inputs)


def takes_batch_statistics(modules: Iterable[nn.Module]) -> bool:
    """Whether samples of a batch see each other through a BatchNorm."""
    return any(
        isinstance(m, _NormBase)
        and "Instance" not in type(m).__name__
        and (m.training or m.running_mean is None)
        for m in modules
    )


@contextmanager
def quiet(anatomy: Anatomy) -> Iterator[None]:
    """No dropout, no gradients, no fused encoder layers; the global generators and all modes as before at the end."""
    trained = [m for m in anatomy.modules if m.training and not isinstance(m, _NormBase)]
    devices = {p.device for p in anatomy.parameters.values() if p.is_cuda}
    with TORCH_GLOBALS, torch.no_grad():
        state, states = torch.get_rng_state(), {d: torch.cuda.get_rng_state(d) for d in devices}
        fused = torch.backends.mha.get_fastpath_enabled()
        try:
            torch.backends.mha.set_fastpath_enabled(False)
            for m in trained:
                object.__setattr__(
                    m, "training", False
                )  # a module looks for parameters in all that it is given
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fused)
            torch.set_rng_state(state)
            for device, before in states.items():
                torch.cuda.set_rng_state(before, device)
            for m in trained:
                object.__setattr__(m, "training", True)
