"""What making a student costs: one update of a learner, against a bare torch loop of the same forwards and backwards.

The bare loops are written out here, plainly: same networks, batch, derivatives, optimiser, clipping, running average,
and none of the package but the networks themselves. Both sides take their turns in one process, one torch thread, with
the quiet allocator of ``benchmarks.loop``.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn

import explorer as ex
from benchmarks.loop import QUIET
from benchmarks.table import ratio_of_medians, show
from explorer.maths.students import Task, as_method
from explorer.maths.students.distill import first_network
from explorer.maths.students.methods.dmd2 import DMD2
from explorer.maths.students.methods.pairs import RegressionOnPairs
from explorer.maths.targets import as_target

N, ROUNDS, BOUND = 512, 300, 1.15
PAIRS, CRITIC = 4096, 5


def main() -> None:
    """Print the table, from a process with a quiet allocator."""
    subprocess.run([sys.executable, "-m", "benchmarks.distill"], env={**os.environ, **QUIET}, check=True)


def measured() -> None:
    """Print the table from this process."""
    torch.set_num_threads(1)
    rows = []
    for method, bare in (
        (RegressionOnPairs(pairs=PAIRS), _pairs),
        (as_method("lagrangian_map"), _lagrangian),
        (as_method("mean_flow"), _mean_flow),
        (DMD2(start="teacher", critic_updates=CRITIC), _dmd2),
    ):
        target, teacher = as_target("two_moons"), ex.load("two_moons/linear")
        network = first_network(method, teacher, target.shape, seed=0)
        floor = bare(deepcopy(network), teacher.module.requires_grad_(False))
        learner = method.learner(Task(target, teacher, network, method.schedule))
        for _ in method.prepare(learner):
            pass
        ratio = ratio_of_medians(learner.update, floor, ROUNDS)
        rows.append((f"update of {method.name} / bare torch", ratio, BOUND, "times"))
    show(f"Making a student, batch {N}, a 4x128 network, two moons", rows)


class _Bare:
    """What any training loop has: a network, Adam, a running average, a generator, and the data."""

    def __init__(
        self, network: nn.Module, betas: tuple[float, float] = (0.9, 0.999), clip: float | None = None
    ):
        self.network, self.average, self.clip = network.train(), deepcopy(network), clip
        self.optimiser = torch.optim.Adam(network.parameters(), 1e-3, betas, fused=True)
        self.generator = torch.Generator().manual_seed(0)
        target = as_target("two_moons")
        self.means, self.variance = target.means.float(), float(target.variances[0])

    def descend(self, loss: Tensor) -> None:
        self.optimiser.zero_grad()
        loss.backward()
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)
        self.optimiser.step()

    def follow(self) -> None:
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 0.001)

    def clean(self, n: int) -> Tensor:
        rows = torch.randint(len(self.means), (n,), generator=self.generator)
        return self.means[rows] + self.variance**0.5 * self.noise(n)

    def noise(self, n: int) -> Tensor:
        return torch.randn(n, 2, generator=self.generator)

    def times(self, n: int) -> Tensor:
        return torch.rand(n, generator=self.generator)


def _pairs(network: nn.Module, teacher: nn.Module) -> Callable[[], None]:
    bare, one = _Bare(network), torch.ones(N)
    noises, cleans = bare.noise(PAIRS), bare.clean(PAIRS)

    def update() -> None:
        rows = torch.randint(PAIRS, (N,), generator=bare.generator)
        z, x = noises[rows], cleans[rows]
        bare.descend((z - network(z, one) - x).square().sum(1).mean())
        bare.follow()

    return update


def _lagrangian(network: nn.Module, teacher: nn.Module) -> Callable[[], None]:
    bare, half = _Bare(network), N // 2

    def update() -> None:
        x0, eps = bare.clean(N), bare.noise(N)
        t = bare.times(half)
        x = (1 - t[:, None]) * x0[:half] + t[:, None] * eps[:half]
        with torch.no_grad():
            v = teacher(x, t)
        diagonal = (network(x, t) - v).square().sum()
        one, other = bare.times(half), bare.times(half)
        t, s = torch.maximum(one, other), torch.minimum(one, other)
        x = (1 - t[:, None]) * x0[half:] + t[:, None] * eps[half:]
        u, rate = torch.func.jvp(lambda s: network(x, t, s), (s,), (torch.ones_like(s),))
        gap = (s - t)[:, None]
        with torch.no_grad():
            v = teacher(x + gap * u, s)
        bare.descend((diagonal + (u + gap * rate - v).square().sum()) / N)
        bare.follow()

    return update


def _mean_flow(network: nn.Module, teacher: nn.Module) -> Callable[[], None]:
    bare, half = _Bare(network), N // 2

    def update() -> None:
        x0, eps = bare.clean(N), bare.noise(N)
        t = bare.times(half)
        x, v = (1 - t[:, None]) * x0[:half] + t[:, None] * eps[:half], eps - x0
        diagonal = (network(x, t) - v[:half]).square().sum()
        one, other = bare.times(half), bare.times(half)
        t, s = torch.maximum(one, other), torch.minimum(one, other)
        x = (1 - t[:, None]) * x0[half:] + t[:, None] * eps[half:]
        with torch.no_grad():
            along = (v[half:], torch.ones_like(t))
            rate = torch.func.jvp(lambda x, t: network(x, t, s), (x, t), along)[1]
            answer = v[half:] - (t - s)[:, None] * rate
        bare.descend((diagonal + (network(x, t, s) - answer).square().sum()) / N)
        bare.follow()

    return update


def _dmd2(network: nn.Module, teacher: nn.Module) -> Callable[[], None]:
    betas, one = (0.0, 0.99), torch.ones(N)
    bare, critic = _Bare(network, betas, 5.0), _Bare(deepcopy(teacher).requires_grad_(True), betas, 5.0)

    def mean(x: Tensor, t: Tensor) -> Tensor:
        """E[x_0 | x_t] of the data, from every component's share."""
        away = x[:, None] - (1 - t)[:, None, None] * bare.means
        spread = (1 - t) ** 2 * bare.variance + t**2
        share = torch.softmax(-away.square().sum(2) / (2 * spread[:, None]), 1)
        ahead = bare.means + ((1 - t) * bare.variance / spread)[:, None, None] * away
        return (share[..., None] * ahead).sum(1)

    def update() -> None:
        for _ in range(CRITIC):
            with torch.no_grad():
                z = bare.noise(N)
                made = z - network(z, one)
            eps, t = bare.noise(N), bare.times(N)
            said = critic.network((1 - t[:, None]) * made + t[:, None] * eps, t)
            critic.descend((said - (eps - made)).square().sum(1).mean())
        z, eps, t = bare.noise(N), bare.noise(N), 0.02 + 0.96 * bare.times(N)
        made = z - network(z, one)
        with torch.no_grad():
            noisy = (1 - t[:, None]) * made + t[:, None] * eps
            real, own = mean(noisy, t), noisy - t[:, None] * critic.network(noisy, t)
            pull = (own - real) / ((made - real).abs().mean(1, keepdim=True) + 0.01)
        bare.descend((made * pull).sum(1).mean())
        bare.follow()

    return update


if __name__ == "__main__":
    measured()
