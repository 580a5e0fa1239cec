"""Progressive distillation: one step of the student for two of its teacher, again and again."""

from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from explorer.maths.samplers.base import setting
from explorer.maths.students.flow_map import AbstractFlowMap
from explorer.maths.students.kinds import GridMaps
from explorer.maths.students.method import AbstractMethod, Learner, Losses, Task, mixed, squared
from explorer.maths.students.stages import StagedLearner
from explorer.maths.training.run import Schedule

SIZES = (32, 16, 8, 4, 2, 1)
"""Steps of the student in each stage."""
LARGEST = 8
"""The most steps that a finished student has a network for; the larger ones are stations on the way."""


@dataclass(frozen=True)
class Progressive(AbstractMethod):
    """Errors add up over the stages, so the last two get ``patience`` times as many updates as the others."""

    patience: float = 3.0
    name: ClassVar[str] = "progressive"
    label: ClassVar[str] = "Progressive distillation"
    kind: ClassVar[str] = "grid"
    summary: ClassVar[str] = "Learns to do in one step what took two, halving 64 steps down to one."
    source: ClassVar[str] = "Salimans and Ho 2022, arXiv:2202.00512"
    equation: ClassVar[str] = "|n(x, t) - sg (u1 + u2) / 2|^2, u1 and u2 from two half steps of the teacher"
    differs: ClassVar[str] = (
        "Euler steps and velocities where the paper has DDIM and x_0 with weight max(SNR, 1); a network for each count"
    )
    schedule: ClassVar[Schedule] = Schedule(12_000)
    decay: ClassVar[float] = 0.99

    def __post_init__(self):
        setting("patience", self.patience, 0.1, 100)

    def learner(self, task: Task) -> "ProgressiveLearner":
        """A network for each stage."""
        return ProgressiveLearner(self, task)

    def losses(self, learner: Learner) -> Losses:
        """Squared distance to the mean of two half steps of the stage before, on the grid of this one."""
        assert isinstance(learner, ProgressiveLearner)
        size = SIZES[learner.coming]
        clean, noise = learner.batch()
        t = (1 + torch.randint(size, (len(clean),), generator=learner.generator)) / size
        x, half = mixed(clean, noise, t), 0.5 / size
        first = learner.earlier(x, t)
        second = learner.earlier(x - half * first, t - half)
        return {"velocity": squared(learner.network(x, t) - 0.5 * (first + second)).mean()}


class ProgressiveLearner(StagedLearner):
    """The network that learns, and those of the stages that are over."""

    def __init__(self, method: Progressive, task: Task):
        super().__init__(method, task, [1.0] * 4 + [method.patience] * 2)
        self.networks |= {str(size): deepcopy(self.averaged) for size in SIZES}

    def turn(self, stage: int) -> None:
        """Keep what the stage has made."""
        self.networks[str(SIZES[stage])].load_state_dict(self.averaged.state_dict())
        super().turn(stage)

    def earlier(self, x: Tensor, t: Tensor) -> Tensor:
        """The velocity [batch, *shape] of the stage before; in the first stage the teacher's."""
        if self.coming == 0:
            return self.teacher_velocity(x, t)
        with torch.no_grad():
            velocity: Tensor = self.networks[str(SIZES[self.coming - 1])](x, t)
        return velocity

    def student(self) -> AbstractFlowMap:
        """The networks that there are by now, of those that are kept; before them, the one at work."""
        now = SIZES[self.stage]
        made = {str(size): self.networks[str(size)] for size in SIZES if now < size <= LARGEST}
        maps = deepcopy(nn.ModuleDict(made | {str(now): self.averaged}))
        return GridMaps(maps, self.task.target.shape, self.method.name)
