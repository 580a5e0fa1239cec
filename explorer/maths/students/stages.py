"""Students that are made in stages, each with a learning rate, an optimiser and a running average of its own."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from explorer.maths.students.method import AbstractMethod, Learner, Task, adam, averaged_toward


class StagedLearner(Learner):
    """A learner whose updates fall into stages; ``shares`` says how many each has, in proportion.

    A stage hands its averaged weights to the next one. Where a student stands follows from ``step`` alone.
    """

    def __init__(self, method: AbstractMethod, task: Task, shares: Sequence[float]):
        super().__init__(method, task)
        steps, whole = task.schedule.steps, sum(shares)
        self.ends = [round(steps * so_far / whole) for so_far in accumulate(shares)]
        self.ends[:-1] = [
            min(end, steps - 1) for end in self.ends[:-1]
        ]  # the last stage has an update at least

    @property
    def stage(self) -> int:
        """The stage that the last update was of, counted from 0."""
        return bisect_left(self.ends, self.step)

    @property
    def coming(self) -> int:
        """The stage of the next update."""
        return bisect_left(self.ends, self.step + 1)

    @property
    def turns(self) -> bool:
        """Whether the next update is the first of another stage."""
        return self.coming > self.stage

    def turn(self, stage: int) -> None:
        """What is to do when that stage is over; its average becomes the weights of the next one."""
        self.network.load_state_dict(self.averaged.state_dict())
        self.optimisers["student"] = adam(self.network, self.schedule.learning_rate, self.method.betas)

    def update(self) -> dict[str, float]:
        """One update; the first of a stage turns to it."""
        for stage in range(self.stage, self.coming):  # in a short run a stage may have no update at all
            self.turn(stage)
        begun = self._begun(self.coming)
        alone = replace(self.schedule, steps=self.ends[self.coming] - begun)
        return self.descend(alone.rate(self.step - begun))

    def average(self) -> None:
        """Move the running average toward the weights, as many updates into the stage as it is."""
        updates = self.step - self._begun(self.stage)
        averaged_toward(self.averaged, self.network, self.method.decay, updates)

    def _begun(self, stage: int) -> int:
        return self.ends[stage - 1] if stage else 0
