"""What is trained and looked at: a module, a loss, and a batch whose noise and times are frozen.

The demo problems are deterministic: a seed makes weights and data, on the CPU, and leaves the global generator alone.

Sources: Lipman et al. 2022, arXiv:2210.02747 (flow matching); Power et al. 2022, arXiv:2201.02177 (modular addition).
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from explorer.maths.borrowed import seeded
from explorer.maths.fields import NetworkField
from explorer.maths.landscape.flat import FlatLoss, Loss
from explorer.maths.targets import AbstractTarget
from explorer.maths.training import problem as flow
from explorer.maths.training.times import AbstractTimes, Even

HIDDEN = 32
"""Width of the digits' classifier."""


@dataclass(frozen=True, eq=False)
class Problem:
    """``loss(module, batch)``, which ``label`` names on screen; ``landscape(*problem)`` draws it."""

    loss: Loss
    module: nn.Module
    batch: Any
    label: str = "own module"

    def at(self, place: Tensor) -> "Problem":
        """The same problem with a copy of the module whose trainable parameters are ``place`` [P], end to end.

        Raises:
            ValueError: for a vector of another length.
        """
        flat, twin = FlatLoss(*self), copy.deepcopy(self.module)
        pieces = flat.split(flat.flatten(place))
        with torch.no_grad():
            for part in flat.parts:
                for name, _ in part.tied:
                    twin.get_parameter(name).copy_(pieces[part.name])
        return replace(self, module=twin)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.loss, self.module, self.batch))


@dataclass(frozen=True)
class _At(AbstractTimes):
    """One time for all."""

    time: float
    name: ClassVar[str] = "one"
    label: ClassVar[str] = "One time"
    source: ClassVar[str] = ""

    def at(self, even: Tensor) -> Tensor:
        return torch.full_like(even, self.time)


@dataclass(frozen=True, eq=False)
class FlowLoss:
    """Squared error of what the field's module says, one value per sample: summed over a sample's numbers."""

    field: NetworkField

    def __call__(self, module: nn.Module, batch: flow.Batch) -> Tensor:
        asked = copy.copy(self.field)
        asked.module = module
        return (asked(batch.x, batch.t).tensor - batch.answer).square().flatten(1).sum(1)


def flow_problem(
    field: NetworkField,
    target: AbstractTarget,
    n: int = 2048,
    level: float | None = None,
    seed: int = 0,
    label: str = "",
) -> Problem:
    """The flow-matching (or denoising) loss of a network on n frozen pairs of sample and noise.

    ``level`` is the noise share in [0, 1] at which all of them stand; None spreads them evenly over time. The loss is
    that of the view which the network predicts.

    Raises:
        ValueError: for a field without a module to move, or a level outside [0, 1].
    """
    if not isinstance(field, NetworkField) or not isinstance(field.module, nn.Module):
        raise ValueError(
            f"`field` must be a NetworkField around a torch module; got {type(field).__name__}; wrap your network"
        )
    if level is not None and not 0.0 <= level <= 1.0:
        raise ValueError(f"`level` must be a noise share in [0, 1], or None for all; got {level!r}")
    module = copy.deepcopy(field.module).requires_grad_(True)  # those of the zoo come frozen
    times = Even() if level is None else _At(field.path.time_of_share(level))
    task = flow.Problem(target, field.path, field.predicts, times=times)
    batch = task.batch(n, torch.Generator().manual_seed(seed))
    where = "all noise levels" if level is None else f"noise level {level:.3g}"
    return Problem(FlowLoss(field), module, batch, label or f"flow matching on {target.name}, {where}")


def classified(module: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-entropy [n] in nats of logits [n, classes] against the classes [n]."""
    return cross_entropy(module(batch[0]), batch[1], reduction="none")


@cache
def digits_data() -> tuple[Tensor, Tensor]:
    """The 1,797 handwritten digits of scikit-learn: images [1797, 64] in [0, 1], float32, and their classes."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return torch.from_numpy(data.data / 16.0).float(), torch.from_numpy(data.target).long()


def digits_problem(module: nn.Module | None = None, n: int = 1024, seed: int = 0) -> Problem:
    """A classifier of n handwritten digits; unless one is given, a fresh ReLU net 64-32-32-10.

    ``seed`` draws the weights and which digits; a module takes flat images [n, 64] in [0, 1] and gives logits [n, 10].
    """
    images, classes = digits_data()
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= len(images):
        raise ValueError(f"`n` must be a whole number of digits from 1 to {len(images)}; got {n!r}")
    rows = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[:n]
    net = module or seeded(
        seed,
        lambda: nn.Sequential(
            nn.Linear(64, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10)
        ),
    )
    return Problem(classified, net, (images[rows], classes[rows]), f"digits classifier on {n} images")


class ModularTransformer(nn.Module):
    """One pre-norm block of attention and MLP over the tokens a, b, "="; the last gives logits [n, modulus]."""

    def __init__(self, modulus: int = 23, width: int = 64, heads: int = 4):
        super().__init__()
        self.modulus, self.heads = modulus, heads
        self.tokens = nn.Embedding(modulus + 1, width)
        self.places = nn.Parameter(0.02 * torch.randn(3, width))
        self.before, self.between, self.after = (nn.LayerNorm(width) for _ in range(3))
        self.mix, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.head = nn.Linear(width, modulus)

    def forward(self, pairs: Tensor) -> Tensor:
        equals = pairs.new_full((len(pairs), 1), self.modulus)
        x = self.tokens(torch.cat([pairs, equals], 1)) + self.places
        parts = self.mix(self.before(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = scaled_dot_product_attention(*parts.unbind(0))
        x = x + self.join(seen.transpose(1, 2).flatten(2))
        x = x + self.narrow(nn.functional.gelu(self.widen(self.between(x))))
        return self.head(self.after(x[:, -1]))


def modular_problem(modulus: int = 23, share: float = 0.5, seed: int = 0) -> Problem:
    """A tiny transformer that learns a + b modulo ``modulus`` from a random ``share`` of all pairs."""
    if isinstance(modulus, bool) or not isinstance(modulus, int) or not 2 <= modulus <= 113:
        raise ValueError(f"`modulus` must be a whole number from 2 to 113; got {modulus!r}")
    if not 0.0 < share <= 1.0:
        raise ValueError(f"`share` must be the share of all pairs to learn from, in (0, 1]; got {share!r}")
    pairs = torch.cartesian_prod(torch.arange(modulus), torch.arange(modulus))
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(seed))
    pairs = pairs[order[: max(1, round(share * len(pairs)))]]
    net = seeded(seed, lambda: ModularTransformer(modulus))
    label = f"transformer on a + b mod {modulus}, {len(pairs)} pairs"
    return Problem(classified, net, (pairs, pairs.sum(1) % modulus), label)


PROBLEMS: dict[str, Callable[..., Problem]] = {"digits": digits_problem, "modular": modular_problem}
"""Every problem that needs no network of somebody's, by its key."""
