"""Softmax collapse: training that dies because a sum of exponentials no longer hears its smaller terms.

Once a label's logit leads by enough (16.6 in float32, 7.6 in float16, 5.5 in bfloat16) its probability rounds to 1:
loss, gradient and r are 0 for that sample, which looks like safety and is the end of learning. A small network learns
addition modulo a prime from a part of all pairs, and its loss is taken in a chosen type. Two cures: StableMax in place
of the exponential, and the gradient without its part along the weights, which only makes logits larger.

Source: Prieto, Barsbey, Mediano, Birdal 2025, arXiv:2501.04697 (collapse, StableMax, the perpendicular gradient).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.maths.borrowed import seeded
from explorer.maths.names import nearest
from explorer.maths.softmax.experiments.split import Split

Cure = Literal["none", "stablemax", "perpendicular"]
TYPES: dict[str, torch.dtype] = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
}
"""Types that the loss may be taken in."""
SMALL = 0.1
"""Standard deviation of the first embeddings: from larger ones the pairs are learnt by heart."""


@dataclass(frozen=True)
class CollapseFrame:
    """One look at the training.

    ``step`` updates made; ``loss`` nats as the type gives it; ``train`` and ``test`` accuracies; ``absorbed`` the share
    of training samples whose label's probability rounds to 1 in the type, ``dead`` the share whose gradient is 0
    altogether; ``margin`` median lead of the right logit over the best other; ``doubt`` median of what the label's
    probability leaves to all others, not rounded; ``speed`` length of the gradient.
    ``ended`` is "" while it runs, then "done" or "diverged".
    """

    step: int
    loss: float
    train: float
    test: float
    absorbed: float
    dead: float
    margin: float
    doubt: float
    speed: float
    ended: str = ""


def addition(prime: int = 31, part: float = 0.8, seed: int = 0) -> Split:
    """All pairs (a, b) [n, 2] below ``prime`` with (a + b) mod ``prime`` as labels, ``part`` of them to learn from."""
    pairs = torch.cartesian_prod(torch.arange(prime), torch.arange(prime))
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(seed))
    pairs, n = pairs[order], int(part * len(pairs))
    sums = pairs.sum(1) % prime
    return Split(pairs[:n], sums[:n], pairs[n:], sums[n:])


def _drawn(prime: int, width: int) -> tuple[nn.Embedding, nn.Linear, nn.Linear]:
    embed = nn.Embedding(prime, width)
    nn.init.normal_(embed.weight, std=SMALL)
    return embed, nn.Linear(2 * width, width), nn.Linear(width, prime, bias=False)


class Adder(nn.Module):
    """Two learnt embeddings joined, one hidden layer of relu, one logit for each residue."""

    def __init__(self, prime: int, width: int = 64, seed: int = 0):
        super().__init__()
        self.embed, self.hidden, self.head = seeded(seed, lambda: _drawn(prime, width))

    def forward(self, pairs: Tensor) -> Tensor:
        return self.head(functional.relu(self.hidden(self.embed(pairs).flatten(1))))


def softmax_loss(logits: Tensor, y: Tensor) -> Tensor:
    """Minus the log-probability [n] of the labels, every operation in the logits' type."""
    lead = logits - logits.amax(1, keepdim=True).detach()
    total = lead.exp().sum(1)
    return total.log() - lead.gather(1, y[:, None])[:, 0]


def stablemax_loss(logits: Tensor, y: Tensor) -> Tensor:
    """The same with ``z + 1`` above 0 and ``1 / (1 - z)`` below in place of the exponential: nothing is absorbed."""
    s = _stable(logits)
    return s.sum(1).log() - s.gather(1, y[:, None])[:, 0].log()


def _stable(z: Tensor) -> Tensor:
    return torch.where(z >= 0, z + 1, 1 / (1 - z.clamp(max=0.0)))


def lost_margin(dtype: torch.dtype) -> float:
    """The lead from which one other term is lost beside 1 in a type: ``-ln(eps / 2)``."""
    return -math.log(torch.finfo(dtype).eps / 2)


@torch.no_grad()
def perpendicular(parameters: list[nn.Parameter]) -> None:
    """Take from each gradient its part along its own tensor."""
    for p in parameters:
        if p.grad is not None and (square := p.square().sum()) > 0:
            p.grad.sub_((p * p.grad).sum() / square * p)


def collapse(
    dtype: str = "float32",
    cure: str = "none",
    *,
    prime: int = 31,
    part: float = 0.8,
    steps: int = 3000,
    learning_rate: float = 1e-2,
    width: int = 64,
    seed: int = 0,
    every: int = 20,
) -> Iterator[CollapseFrame]:
    """Train on all of the training pairs at once by Adam, the loss in ``dtype``; a frame every ``every`` steps.

    Raises:
        ValueError: for an unknown type or cure.
    """
    kind = TYPES[nearest("dtype", dtype, TYPES)]
    way = nearest("cure", cure, get_args(Cure))
    split, module = addition(prime, part, seed), Adder(prime, width, seed)
    optimizer = torch.optim.Adam(module.parameters(), lr=learning_rate)
    ask = stablemax_loss if way == "stablemax" else softmax_loss
    for step in range(steps + 1):
        optimizer.zero_grad()
        logits = module(split.x)
        logits.retain_grad()
        losses = ask(logits.to(kind), split.y)
        loss = losses.float().mean()
        loss.backward()
        finite = math.isfinite(float(loss.detach()))
        last = step == steps or not finite
        if last or step % every == 0:
            ended = "diverged" if not finite else "done" if last else ""
            yield _looked(step, module, split, logits, losses, way, kind, ended)
        if last:
            return
        if way == "perpendicular":
            perpendicular(list(module.parameters()))
        optimizer.step()


@torch.no_grad()
def _looked(
    step: int,
    module: Adder,
    split: Split,
    logits: Tensor,
    losses: Tensor,
    way: str,
    kind: torch.dtype,
    ended: str,
) -> CollapseFrame:
    right = logits.gather(1, split.y[:, None])[:, 0]
    others = logits.scatter(1, split.y[:, None], -torch.inf).amax(1)
    lost = losses == 0 if way == "stablemax" else _rounds_to_one(logits.to(kind), split.y)
    z = logits.double()
    weight = _stable(z) if way == "stablemax" else torch.softmax(z, 1)
    rest = weight.scatter(1, split.y[:, None], 0.0).sum(1)
    dead = torch.zeros(0) if logits.grad is None else (logits.grad == 0).all(1)
    speed = sum(float(p.grad.double().square().sum()) for p in module.parameters() if p.grad is not None)
    return CollapseFrame(
        step=step,
        loss=float(losses.float().mean()),
        train=float((logits.argmax(1) == split.y).double().mean()),
        test=float((module(split.test_x).argmax(1) == split.test_y).double().mean()),
        absorbed=float(lost.double().mean()),
        dead=float(dead.double().mean()),
        margin=float((right - others).median()),
        doubt=float((rest / weight.sum(1)).median()),
        speed=math.sqrt(speed),
        ended=ended,
    )


def _rounds_to_one(logits: Tensor, y: Tensor) -> Tensor:
    lead = (logits - logits.amax(1, keepdim=True)).exp()
    return lead.sum(1) == lead.gather(1, y[:, None])[:, 0]
