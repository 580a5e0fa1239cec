"""The promise of a way to make students: what one update learns from, and what comes out.

A method is a final frozen dataclass whose fields are its own settings. Everything that changes while a student learns
lives on the ``Learner``; a method with more than one network makes a learner of its own.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from explorer.maths.fields import AbstractField
from explorer.maths.networks import GAIN, FlowMLP
from explorer.maths.students.flow_map import AbstractFlowMap
from explorer.maths.students.kinds import KINDS
from explorer.maths.targets import AbstractTarget
from explorer.maths.training.couplings import Independent
from explorer.maths.training.run import Schedule

Losses = dict[str, Tensor]
"""The parts of a loss by name; what is minimised is their sum."""
EARLIEST = 1e-4
"""The smallest time that a teacher is asked at: an exact field has no velocity at t = 0."""


@dataclass(frozen=True, eq=False)
class Task:
    """What a student is made from: data, a teacher, a network with its first weights, and how long.

    ``network`` is trained in place; it is called ``network(x, t)`` or, for full maps, ``network(x, t, t_next)`` with
    times [batch]. ``teacher`` is on the linear path and of the target's shape.
    """

    target: AbstractTarget
    teacher: AbstractField
    network: nn.Module
    schedule: Schedule


@dataclass(frozen=True)
class AbstractMethod(ABC):
    """One way to make a student."""

    name: ClassVar[str]
    label: ClassVar[str]
    kind: ClassVar[str]
    """A key of ``KINDS``: what the student may be asked."""
    summary: ClassVar[str]
    """One sentence on what it learns, for a menu."""
    source: ClassVar[str]
    equation: ClassVar[str]
    """The loss, in plain letters, with its number in the paper where that is known."""
    differs: ClassVar[str]
    """What differs from the paper."""
    asks_teacher: ClassVar[bool] = True
    """False where the loss is made of data alone; the teacher then gives first weights at most."""
    begins: ClassVar[str] = "teacher"
    """Where its first weights come from: the teacher's, or random."""
    gain: ClassVar[float] = GAIN
    """Of random first weights, over torch's own: 1 where the student is differentiated along the flow, since larger
    ones make that derivative wild (MeanFlow on one Gaussian: an error of .18 for .22)."""
    keeps_pairs: ClassVar[bool] = True
    """False where the distribution alone is learnt: samples may lie far from where the teacher takes the same noise."""
    schedule: ClassVar[Schedule] = Schedule(6000)
    betas: ClassVar[tuple[float, float]] = (0.9, 0.999)
    decay: ClassVar[float] = 0.999
    """Of the running average of the weights, min(decay, n / (n + 10)) after n updates."""
    clip: ClassVar[float | None] = None
    """Largest norm of the gradient."""
    main: ClassVar[int] = 1
    """Evals at which it is judged while it learns."""

    def declare(self, **facts: Any) -> None:
        """Facts of this object that differ from its class's; for ``__post_init__`` only."""
        for name, value in facts.items():
            object.__setattr__(self, name, value)

    @abstractmethod
    def losses(self, learner: "Learner") -> Losses:
        """The loss of one update, on a fresh batch."""

    def prepare(self, learner: "Learner") -> Iterator[float]:
        """What must be there before the first update, such as pairs; yields the share that is done.

        It draws from a seed of its own. Tensors go to ``learner.kept``, which a saved state holds: a run that goes on
        another day is not prepared again.
        """
        return iter(())

    def learner(self, task: Task) -> "Learner":
        """What changes while a student of this method learns."""
        return Learner(self, task)

    def fresh(self, dims: int, waves: int, seed: int) -> nn.Module:
        """A network with random weights for samples of ``dims`` numbers; ``waves`` as the teacher's has."""
        return FlowMLP(dims, waves=waves, seed=seed, gain=self.gain)

    def flow_map(self, network: nn.Module, shape: tuple[int, ...]) -> AbstractFlowMap:
        """The student that a trained network is."""
        return KINDS[self.kind](network, shape, self.name)


class Learner:
    """A student on its way: networks, their optimisers, the running average, and the randomness of the batches.

    All of it is in ``networks``, ``optimisers``, ``averaged``, ``generator`` and ``step``, which a saved state holds.
    """

    def __init__(self, method: AbstractMethod, task: Task):
        self.method, self.task, self.schedule = method, task, task.schedule
        self.network = task.network.train()
        self.averaged = deepcopy(task.network).eval().requires_grad_(False)
        self.networks: dict[str, nn.Module] = {"student": self.network}
        self.optimisers = {"student": adam(self.network, self.schedule.learning_rate, method.betas)}
        self.generator = torch.Generator().manual_seed(self.schedule.seed)
        self.kept: dict[str, Tensor] = {}
        """Tensors that ``prepare`` made."""
        self.told: dict[str, float] = {}
        """Numbers of the last update that are shown beside its loss and are no part of it."""
        self.step = 0

    @property
    def share(self) -> float:
        """The share of the updates that are done, in [0, 1)."""
        return self.step / self.schedule.steps

    @property
    def turns(self) -> bool:
        """Whether the next update is the first of another kind, whose loss is not to be held against those before."""
        return False

    def update(self) -> dict[str, float]:
        """One update; the parts of its loss. Weights stay as they were when the loss is not finite."""
        return self.descend(self.schedule.rate(self.step))

    def descend(self, rate: float) -> dict[str, float]:
        """One step of the optimiser at that learning rate, and of the running average."""
        self.optimisers["student"].param_groups[0]["lr"] = rate
        parts = self.method.losses(self)
        if descended(self.network, self.optimisers["student"], parts, self.method.clip):
            self.step += 1
            self.average()
        return {name: part.item() for name, part in parts.items()}

    def average(self) -> None:
        """Move the running average toward the weights."""
        averaged_toward(self.averaged, self.network, self.method.decay, self.step)

    def student(self) -> AbstractFlowMap:
        """The student of the averaged weights as they are now: a copy."""
        return self.method.flow_map(deepcopy(self.averaged), self.task.target.shape)

    def batch(self, n: int | None = None) -> tuple[Tensor, Tensor]:
        """Fresh clean samples and noise that knows nothing of them, both [n, *shape]."""
        pairs = Independent().pairs(self.task.target, n or self.schedule.batch, self.generator)
        return pairs.clean, pairs.noise

    def uniform(self, n: int | None = None) -> Tensor:
        """Times [n], one uniform draw from each of n equal parts of [0, 1), in random order."""
        n = n or self.schedule.batch
        even = (torch.arange(n) + torch.rand(n, generator=self.generator)) / n
        return even[torch.randperm(n, generator=self.generator)]

    def teacher_velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """The teacher's dx/dt [batch, *shape], without gradient; no field is asked at t = 0 itself."""
        with torch.no_grad():
            return self.task.teacher(x, t.clamp(min=EARLIEST)).velocity


def averaged_toward(averaged: nn.Module, network: nn.Module, decay: float, updates: int) -> None:
    """Move a running average toward the weights, by 1 - min(decay, n / (n + 10)) after n updates."""
    decay = min(decay, updates / (updates + 10))
    with torch.no_grad():
        torch._foreach_lerp_(list(averaged.parameters()), list(network.parameters()), 1.0 - decay)


def descended(
    network: nn.Module, optimiser: torch.optim.Optimizer, parts: Losses, clip: float | None = None
) -> bool:
    """Take one optimiser step on the sum of the parts; False, and no step, when that is not finite."""
    total = sum(parts.values())
    assert isinstance(total, Tensor)
    if not torch.isfinite(total):
        return False
    optimiser.zero_grad()
    total.backward()
    if clip is not None:
        nn.utils.clip_grad_norm_(network.parameters(), clip)
    optimiser.step()
    return True


def adam(network: nn.Module, rate: float, betas: tuple[float, float] = (0.9, 0.999)) -> torch.optim.Adam:
    """Adam over the weights, in one fused pass."""
    return torch.optim.Adam(network.parameters(), rate, betas, fused=True)


def mixed(clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """``x_t = (1 - t) x_0 + t eps`` with t [batch]."""
    t = across(t, clean)
    return (1.0 - t) * clean + t * noise


def across(t: Tensor, x: Tensor) -> Tensor:
    """Numbers [batch], shaped so that they multiply x [batch, *shape]."""
    return t.reshape(-1, *[1] * (x.dim() - 1))


def squared(residual: Tensor) -> Tensor:
    """Squares [batch], summed over the coordinates of each row."""
    return residual.flatten(1).square().sum(1)
