"""Distribution matching: the student's samples are moved until their own score is the data's.

A critic follows the student with the plain flow-matching loss, so that it knows the mean of the student's clean samples
given a noisy one; the difference to the mean of the data is the way to go. It learns several times for each update of
the student, and five times as fast (two time scales).

Sources: Yin et al. 2024, arXiv:2311.18828 (DMD, eq. 7 and 8); Yin et al. 2024, arXiv:2405.14867 (DMD2: two time scales,
backward simulation, the adversarial term). Where we differ: the linear path, noise levels uniform in [.02, .98], and a
discriminator of its own in place of a head on the critic.
"""

from abc import abstractmethod
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from explorer.maths.fields import NetworkField
from explorer.maths.names import nearest
from explorer.maths.networks import FlowMLP
from explorer.maths.samplers.base import setting
from explorer.maths.students.method import (
    AbstractMethod,
    Learner,
    Losses,
    Task,
    across,
    adam,
    descended,
    mixed,
    squared,
)
from explorer.maths.students.methods.pairs import keep_pairs
from explorer.maths.targets import AbstractTarget
from explorer.maths.targets.base import AbstractExactField
from explorer.maths.training.run import Schedule

STARTS, SCORES = ("pairs", "teacher", "random"), ("exact", "learned")
EARLY, LATE = 0.02, 0.98
"""The noise levels at which student and data are held together."""
PAIRS, MATCHED = 8_192, 1_500
"""Pairs of the start, and updates of the student after it."""
REGRESSED = 600 / (600 + MATCHED)
"""The share of all updates that the start from pairs takes."""
FASTER = 5.0
"""The learning rate of critic, discriminator and start, over the student's."""
STEADY = 0.01
"""Keeps the normaliser from 0, in units of x."""
BETAS = (0.0, 0.99)


@dataclass(frozen=True)
class AbstractMatching(AbstractMethod):
    """What methods that match distributions share.

    ``start`` says where the student begins: ``"pairs"`` (regression on pairs of the teacher, the first 600 of 2,100
    updates), the ``"teacher"`` as it is, or ``"random"``. ``score`` is the data's: the target's ``"exact"`` one, or
    what the teacher has ``"learned"``. ``critic_updates`` is for each update of the student.
    """

    start: str = "pairs"
    score: str = "exact"
    critic_updates: int = 5
    kind: ClassVar[str] = "point"
    schedule: ClassVar[Schedule] = Schedule(round(MATCHED / (1 - REGRESSED)), learning_rate=2e-4)
    betas: ClassVar[tuple[float, float]] = BETAS
    decay: ClassVar[float] = 0.995
    clip: ClassVar[float | None] = 5.0

    def __post_init__(self):
        nearest("start", self.start, STARTS)
        nearest("score", self.score, SCORES)
        setting("critic_updates", self.critic_updates, 1, whole=True)
        if self.start != "pairs":
            self.declare(schedule=Schedule(MATCHED, learning_rate=self.schedule.learning_rate))
        if self.start == "random":
            self.declare(begins="random")

    @property
    @abstractmethod
    def adversarial(self) -> float:
        """The weight of the adversarial term; 0 for none."""

    @property
    def judges(self) -> bool:
        """Whether a discriminator learns beside the critic."""
        return self.adversarial > 0

    def weights(self, learner: "MatchingLearner", noisy: Tensor, t: Tensor) -> Tensor | None:
        """What each row's pull is multiplied with [batch]; None for 1."""
        return None

    def learner(self, task: Task) -> "MatchingLearner":
        """A student with its critic."""
        return MatchingLearner(self, task)

    def prepare(self, learner: Learner) -> Iterator[float]:
        """The pairs of the start, where it is not over yet."""
        assert isinstance(learner, MatchingLearner)
        if learner.step < learner.regressed:
            yield from keep_pairs(learner, PAIRS)

    def losses(self, learner: Learner) -> Losses:
        """Half the squared pull, whose gradient at the samples is the pull itself, and the adversarial term."""
        assert isinstance(learner, MatchingLearner)
        made, t = learner.made(), learner.middle()
        noisy = mixed(made, learner.noise(), t)
        with torch.no_grad():
            pull = pulled(made, *learner.means(noisy, t))
            weights = self.weights(learner, noisy, t)
            goal = made - (pull if weights is None else across(weights, pull) * pull)
        parts = {"matching": 0.5 * squared(made - goal).mean()}
        if self.adversarial > 0:
            parts["adversarial"] = self.adversarial * softplus(-learner.logit(noisy, t)).mean()
        return parts


class MatchingLearner(Learner):
    """A student with its critic and, where it is asked for, a discriminator of noisy samples."""

    method: AbstractMatching

    def __init__(self, method: AbstractMatching, task: Task):
        super().__init__(method, task)
        self.regressed = round(REGRESSED * task.schedule.steps) if method.start == "pairs" else 0
        self.matched = task.schedule.steps - self.regressed
        self.real = exact_field(task.target) if method.score == "exact" else None
        self.add("critic", first_critic(task))
        if method.judges:
            self.add("discriminator", Discriminator(_numbers(task), seed=_other(task.schedule.seed, 2)))

    def add(self, name: str, network: nn.Module) -> None:
        """One more network, with its optimiser."""
        self.networks[name] = network.train()
        self.optimisers[name] = adam(network, FASTER * self.schedule.learning_rate, BETAS)

    @property
    def turns(self) -> bool:
        """Whether regression on pairs ends here."""
        return 0 < self.regressed == self.step

    def update(self) -> dict[str, float]:
        """One update of the student, after those of its critic."""
        if self.step < self.regressed:
            return self._regress()
        if self.turns:
            self.optimisers["student"].state.clear()  # moments of another loss
        rate = self._rate(self.matched, self.step - self.regressed)
        told = [self.follow(FASTER * rate) for _ in range(self.method.critic_updates)]
        self.told = {name: sum(one[name] for one in told) / len(told) for name in told[0]}
        parts = self.method.losses(self)
        return self._descend(parts, rate, BETAS, self.method.clip)

    def _regress(self) -> dict[str, float]:
        """One update on pairs; the critic learns along, so that it knows the student when it is asked."""
        rate = FASTER * self._rate(self.regressed, self.step)
        rows = torch.randint(PAIRS, (self.schedule.batch,), generator=self.generator)
        noise, clean = self.kept["noise"][rows], self.kept["clean"][rows]
        loss = {"distance": squared(self._landed(noise, 1.0) - clean).mean()}
        self.told = self.follow(rate)
        return self._descend(loss, rate, (0.9, 0.999), None)

    def _rate(self, steps: int, step: int) -> float:
        return Schedule(steps, learning_rate=self.schedule.learning_rate).rate(step)

    def _descend(
        self, parts: Losses, rate: float, betas: tuple[float, float], clip: float | None
    ) -> dict[str, float]:
        optimiser = self.optimisers["student"]
        optimiser.param_groups[0].update(lr=rate, betas=betas)
        if descended(self.network, optimiser, parts, clip):
            self.step += 1
            self.average()
        return {name: part.item() for name, part in parts.items()}

    def follow(self, rate: float) -> dict[str, float]:
        """One update of the critic, and of the discriminator where there is one; their losses."""
        with torch.no_grad():
            made = self.made()
        noise, t = self.noise(), self.uniform()
        aim = noise - made
        losses = {"critic": squared(self.networks["critic"](mixed(made, noise, t), t) - aim).mean()}
        if "discriminator" in self.networks:
            (clean, noise), t = self.batch(), self.middle()
            real, false = mixed(clean, noise, t), mixed(made, self.noise(), t)
            losses["discriminator"] = (softplus(-self.logit(real, t)) + softplus(self.logit(false, t))).mean()
        for name, loss in losses.items():
            self.optimisers[name].param_groups[0]["lr"] = rate
            descended(self.networks[name], self.optimisers[name], {name: loss}, self.method.clip)
        return {name: loss.item() for name, loss in losses.items()}

    def made(self) -> Tensor:
        """What the student makes of fresh noise [batch, *shape] in a random number of calls, 1 to ``main``.

        Gradients go through the last call only (backward simulation, DMD2 section 4.5).
        """
        evals, x = self.method.main, self.noise()
        calls = int(torch.randint(evals, (), generator=self.generator)) + 1
        times = [1.0 - call / evals for call in range(calls)]
        with torch.no_grad():
            for t, t_next in pairwise(times):
                x = (1.0 - t_next) * self._landed(x, t) + t_next * self.noise()
        return self._landed(x, times[-1])

    def _landed(self, x: Tensor, t: float) -> Tensor:
        return x - t * self.network(x, x.new_full((len(x),), t))

    def means(self, noisy: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """E[x_0 | x_t] [batch, *shape] of the data, and of the student by its critic."""
        with torch.no_grad():
            if self.real is not None:
                real = self.real(noisy, t).denoised
            else:
                real = noisy - across(t, noisy) * self.teacher_velocity(noisy, t)
            return real, noisy - across(t, noisy) * self.networks["critic"](noisy, t)

    def logit(self, noisy: Tensor, t: Tensor) -> Tensor:
        """What the discriminator takes log p(x_t) - log q(x_t) [batch] to be; p the data, q the student."""
        return self.networks["discriminator"](noisy, t)

    def noise(self) -> Tensor:
        """Fresh noise, a batch."""
        return torch.randn(self.schedule.batch, *self.task.target.shape, generator=self.generator)

    def middle(self) -> Tensor:
        """Times [batch], uniform in [EARLY, LATE]."""
        return EARLY + (LATE - EARLY) * self.uniform()


class Discriminator(nn.Module):
    """One number for each noisy sample: ``forward(x, t)`` [batch], positive where data is the likelier source."""

    def __init__(self, dims: int, seed: int = 0):
        super().__init__()
        self.body = FlowMLP(dims, interval=False, seed=seed)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """The sum of the outputs, which is one linear reading of the last layer."""
        return self.body(x, t).flatten(1).sum(1)


def pulled(made: Tensor, real: Tensor, own: Tensor) -> Tensor:
    """``(own - real) / (mean |made - real| + .01)`` [batch, *shape], mean over coordinates: eq. 7 and 8 of DMD.

    ``real`` and ``own`` are E[x_0 | x_t] of the data and of the student. Samples move against it.
    """
    size = (made - real).flatten(1).abs().mean(1)
    return (own - real) / across(size + STEADY, made)


def exact_field(target: AbstractTarget) -> AbstractExactField:
    """The target's exact field on the linear path.

    Raises:
        ValueError: where there is none.
    """
    field = target.field("linear")
    if not isinstance(field, AbstractExactField):
        raise ValueError(
            f"`score` 'exact' needs a target whose field is known exactly, and that of {target.name!r} is a "
            f"{type(field).__name__}; give score='learned'"
        )
    return field


def first_critic(task: Task) -> nn.Module:
    """A copy of the teacher's network where that is a velocity of (x, t) as it stands, else a fresh one."""
    teacher = task.teacher
    plain = isinstance(teacher, NetworkField) and teacher.predicts == "velocity" and teacher.time is None
    module = teacher.module if isinstance(teacher, NetworkField) and plain else None
    if isinstance(module, FlowMLP):
        return deepcopy(module).float().requires_grad_(True)
    return FlowMLP(_numbers(task), interval=False, seed=_other(task.schedule.seed, 1))


def _numbers(task: Task) -> int:
    return torch.Size(task.target.shape).numel()


def _other(seed: int, which: int) -> int:
    """A seed that is not the student's own."""
    return (seed + which * 0x9E3779B1) % (1 << 32)
