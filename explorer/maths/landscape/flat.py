"""A loss as a function of one vector: the trainable parameters of a copy of the module, end to end.

The copy's parameters are views of one buffer, so that moving the network is one write into it. The module that was
given is never touched: neither its parameters, buffers, mode and gradients, nor anybody's random state.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from explorer.maths.borrowed import global_randomness_kept
from explorer.maths.landscape.parts import copied, parts_of

Loss = Callable[[Any, Any], Any]
"""``loss(module, batch)``: a scalar, or one value per sample, whose mean is meant."""


class FlatLoss:
    """``loss(module, batch)`` as a function of a vector [P], evaluated on a copy in the module's own mode.

    Tied weights are there once; frozen parameters are left where they are. ``start`` [P] is where the module stands.

    Raises:
        ValueError: for a module that has nothing to train, or parameters of several types or devices.
    """

    def __init__(self, loss: Loss, module: nn.Module, batch: Any):
        self.loss, self.batch = loss, batch
        self.module = copied(module)
        self.parts = parts_of(module, self.module)
        self.start = self.flatten(self.module)
        self.place = self.start.clone()
        for part in self.parts:
            for _, parameter in part.tied:
                parameter.grad = None
                parameter.data = self.place[part.begin : part.end].view(part.shape)
        self._versions = self._seen()
        self._buffers = [
            (inner._buffers, key, value.detach().clone())
            for inner in self.module.modules()
            for key, value in inner._buffers.items()
            if value is not None
        ]
        self._graph = False
        self._asked = _Asked(self.module, loss)

    @property
    def size(self) -> int:
        """How many numbers the vector holds."""
        return self.start.numel()

    def flatten(self, at: Any) -> Tensor:
        """The vector [P] of a module of the same kind, of a ``{name: tensor}``, or of such a vector.

        Raises:
            ValueError: when a parameter is missing or of another shape.
        """
        if isinstance(at, Tensor):
            return self._vector(at)
        named = dict(at.named_parameters()) if isinstance(at, nn.Module) else at
        if not isinstance(named, Mapping):
            raise ValueError(
                f"parameters are given as a module, a dict of tensors or one vector; got {type(at).__name__}"
            )
        pieces = []
        for part in self.parts:
            found = next((named[name] for name, _ in part.tied if name in named), None)
            if found is None or found.shape != part.shape:
                got = "nothing" if found is None else list(found.shape)
                raise ValueError(
                    f"parameter {part.name!r} must have shape {list(part.shape)}, as in the module; got {got}; "
                    "give parameters of the same architecture"
                )
            pieces.append(found.detach().reshape(-1).to(part.tied[0][1]))
        return torch.cat(pieces)

    def split(self, vector: Tensor) -> dict[str, Tensor]:
        """Views of a vector [P] by parameter name."""
        return {part.name: vector[part.begin : part.end].view(part.shape) for part in self.parts}

    def move(self, origin: Tensor, vectors: Tensor, coordinates: tuple[float, ...]) -> None:
        """Put the copy at ``origin + sum_k coordinates[k] * vectors[k]``, with no new memory."""
        self.place.copy_(origin)
        for vector, coordinate in zip(vectors, coordinates, strict=True):
            self.place.add_(vector, alpha=coordinate)

    def value(self, point: Tensor | None = None) -> float:
        """The mean loss at ``point`` [P], or where the copy stands; NaN and infinity are values too."""
        if point is not None:
            self.place.copy_(point)
        return float(self.answer().mean())

    def values(self, points: Tensor) -> Tensor:
        """The mean losses [c] at ``points`` [c, P], all in one vmap; whatever torch cannot batch raises."""
        return self.answers(points).reshape(len(points), -1).mean(1)

    def answers(self, points: Tensor) -> Tensor:
        """What the loss says [c] or [c, n], before its mean, at ``points`` [c, P]; see ``values``."""

        def one(point: Tensor) -> Tensor:
            pieces = self.split(point)
            named = {f"module.{name}": pieces[part.name] for part in self.parts for name, _ in part.tied}
            return _checked(torch.func.functional_call(self._asked, named, (self.batch,)))

        try:
            with global_randomness_kept(self.place), torch.no_grad():
                return torch.func.vmap(one)(points).double().cpu()
        finally:
            self._leave_as_found()

    def mean_with_graph(self) -> Tensor:
        """The mean loss where the copy stands, with a graph that can be differentiated twice."""
        # Fused attention has no second derivative; the plain one has.
        kernel = torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)
        with global_randomness_kept(self.place), torch.enable_grad(), kernel:
            answer = _checked(self.loss(self.module, self.batch)).mean()
        self._leave_as_found()
        return answer

    def slopes(self, mean: Tensor, create_graph: bool = False) -> Tensor:
        """The gradient [P] of what ``mean_with_graph`` gave; 0 for parameters that are not used."""
        if not mean.requires_grad:
            raise ValueError(
                "`loss` must depend on the parameters of the module that it is handed; this one does not; "
                "use its first argument, and leave out detach and no_grad"
            )
        return self.gathered(
            torch.autograd.grad(
                mean,
                self.parameters,
                create_graph=create_graph,
                retain_graph=create_graph,
                materialize_grads=True,
            )
        )

    def gathered(self, pieces: tuple[Tensor, ...]) -> Tensor:
        """One vector [P] from one tensor for each parameter; what is tied adds up."""
        given = iter(pieces)
        return torch.cat([sum(next(given).reshape(-1) for _ in part.tied) for part in self.parts])  # type: ignore[misc]

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The copy's parameters, in the vector's order."""
        return [parameter for part in self.parts for _, parameter in part.tied]

    def answer(self) -> Tensor:
        """What the loss says [] or [n] where the copy stands, before its mean, float64 on the CPU."""
        with global_randomness_kept(self.place):
            return self.said()

    @contextmanager
    def asked_of(self, batch: Any) -> Iterator[None]:
        """Within, the loss is that of another batch."""
        self.batch, before = batch, self.batch
        try:
            yield
        finally:
            self.batch = before

    def check(self) -> float:
        """The mean loss at ``start``, once it is known to be sound: see ``twice``."""
        return float(self.twice()[0].mean())

    def twice(self) -> tuple[Tensor, float]:
        """What the loss says [] or [n] at ``start``, and the seconds of asking it, once it is known to be sound.

        Raises:
            ValueError: for a loss that is random, changes the module, or is no scalar or row of samples.
        """
        self.place.copy_(self.start)
        with global_randomness_kept(self.place):  # around both, so that what is random differs
            first = float(self.said().mean())
            begun = self.clock()
            answer = self.said()
            seconds = self.clock() - begun
        again = float(answer.mean())
        if self.has_moved:
            raise ValueError(_MOVED)
        loose = torch.finfo(self.start.dtype).eps ** 0.75 * max(abs(first), abs(again))
        if abs(first - again) > loose:
            raise ValueError(
                f"`loss` must give the same number twice; got {first:.6g} and {again:.6g}; "
                "put dropout into eval mode and freeze the noise in the batch"
            )
        return answer, seconds

    @property
    def has_moved(self) -> bool:
        """Whether the copy stands elsewhere than at ``start``; where there is a NaN, that cannot be told."""
        return not torch.equal(self.place, self.start) and bool(torch.isfinite(self.start).all())

    def clock(self) -> float:
        """Seconds of this thread's work: what a wait would be on a machine that has nothing else to do."""
        return time.perf_counter() if self.start.is_cuda else time.thread_time()

    def said(self) -> Tensor:
        """``answer`` with the global generators left where the loss leaves them: what is random differs each time."""
        answer = self._answered()
        self._leave_as_found()
        return answer.detach().double().cpu()

    def _answered(self) -> Tensor:
        if not self._graph:
            try:
                with torch.no_grad():
                    return _checked(self.loss(self.module, self.batch))
            except RuntimeError as error:
                if "require grad" not in str(error):
                    raise
                self._graph = True  # a loss that differentiates inside, as those of physics do
        with torch.enable_grad():
            return _checked(self.loss(self.module, self.batch))

    def _leave_as_found(self) -> None:
        # Put back as a new tensor, since a graph may hold the one that the forward pass has written into.
        for owner, key, saved in self._buffers:
            now = owner.get(key)
            if now is None or now.shape != saved.shape or not torch.equal(now, saved):
                owner[key] = saved.clone()
        if self._seen() != self._versions:
            raise ValueError(_MOVED)

    def _seen(self) -> list[tuple[int, int]]:
        return [(p._version, p.data_ptr()) for p in self.parameters]

    def _vector(self, at: Tensor) -> Tensor:
        if at.shape != self.start.shape:
            raise ValueError(f"a vector of parameters must have shape [{self.size}]; got {list(at.shape)}")
        return at.detach().to(self.start)


class _Asked(nn.Module):
    """The loss as a module around the copy, since that is what can be called with other parameters."""

    def __init__(self, module: nn.Module, loss: Loss):
        super().__init__()
        self.module, self._loss = module, loss

    def forward(self, batch: Any) -> Any:
        return self._loss(self.module, batch)


_MOVED = (
    "`loss` must leave the module as it is; it changed parameters; "
    "take training steps out of it and give the loss only"
)


def _checked(answer: Any) -> Tensor:
    shape = list(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
    if (
        not isinstance(answer, Tensor)
        or answer.dim() > 1
        or not answer.is_floating_point()
        or not answer.numel()
    ):
        raise ValueError(
            f"`loss` must give a scalar tensor or one value per sample [n]; got {shape}; take its mean over the rest"
        )
    return answer
