"""Difference transition matching: not the mean of where to go is learnt, but its whole distribution."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from explorer.maths.networks import HeadMLP
from explorer.maths.samplers.base import setting
from explorer.maths.students.kinds import StochasticMap
from explorer.maths.students.method import AbstractMethod, Learner, Losses, mixed, squared
from explorer.maths.training.run import Schedule


@dataclass(frozen=True)
class TransitionMatching(AbstractMethod):
    """A head flow of ``inner`` Euler steps draws ``Y = eps - x_0`` given x_t; its evals are steps times ``inner``.

    With an exact head every marginal is right for any number of steps; with ``inner=1`` it is Euler on the flow itself.
    """

    inner: int = 16
    name: ClassVar[str] = "transition_matching"
    label: ClassVar[str] = "Transition matching"
    kind: ClassVar[str] = "stochastic"
    summary: ClassVar[str] = "Draws each step from all that could lie ahead, by a small flow of its own."
    source: ClassVar[str] = "Shaul et al. 2025, arXiv:2506.23589 (difference transition matching)"
    equation: ClassVar[str] = "|h(y_r, r | x_t, t) - (y_1 - Y)|^2, y_r = (1 - r) Y + r y_1, Y = eps - x_0"
    differs: ClassVar[str] = (
        "continuous t; one small network in place of a backbone that is called once a step"
    )
    asks_teacher: ClassVar[bool] = False
    begins: ClassVar[str] = "random"
    schedule: ClassVar[Schedule] = Schedule(5000)
    main: ClassVar[int] = 16

    def __post_init__(self):
        setting("inner", self.inner, 1, 1024, whole=True)
        self.declare(main=self.inner)

    def losses(self, learner: Learner) -> Losses:
        """Plain flow matching of Y in inner time, given x_t."""
        clean, noise = learner.batch()
        t, r = learner.uniform(), learner.uniform()
        ahead, fresh = noise - clean, torch.randn(clean.shape, generator=learner.generator)
        said = learner.network(mixed(ahead, fresh, r), r, mixed(clean, noise, t), t)
        return {"head": squared(said - (fresh - ahead)).mean()}

    def fresh(self, dims: int, waves: int, seed: int) -> nn.Module:
        """A head."""
        return HeadMLP(dims, waves=waves, seed=seed)

    def flow_map(self, network: nn.Module, shape: tuple[int, ...]) -> StochasticMap:
        """A map that draws."""
        return StochasticMap(network, shape, self.name, self.inner)
