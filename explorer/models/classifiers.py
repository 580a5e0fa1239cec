"""Small classifiers of the 8 x 8 digits: the nets on which a step's safety is looked at.

Every one takes flat images [n, 64] with pixels from 0 to 1 and gives logits [n, 10]. They differ in what else has a
complex singularity beside the softmax: nothing (linear), kinks (relu), poles (tanh), square roots (norms), statistics
that join the samples (BatchNorm), an inner softmax (attention).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.maths.borrowed import seeded
from explorer.maths.names import nearest

PIXELS, SIDE, CLASSES = 64, 8, 10


def _mlp(act: type[nn.Module], norm: bool = False) -> nn.Module:
    layers: list[nn.Module] = []
    for before in (PIXELS, 128):
        layers += [nn.Linear(before, 128), *([nn.LayerNorm(128)] if norm else []), act()]
    return nn.Sequential(*layers, nn.Linear(128, CLASSES))


def _cnn(norm: bool = False) -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in ((1, 16), (16, 32)):
        layers += [nn.Conv2d(before, after, 3, padding=1), *([nn.BatchNorm2d(after)] if norm else [])]
        layers += [nn.ReLU(), nn.AvgPool2d(2)]
    return nn.Sequential(nn.Unflatten(1, (1, SIDE, SIDE)), *layers, nn.Flatten(), nn.Linear(32 * 4, CLASSES))


class Residual(nn.Module):
    """A block that adds to what came: norm, relu, convolution, twice."""

    def __init__(self, width: int):
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.before, self.between = (nn.GroupNorm(4, width) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(functional.relu(self.before(x)))
        return x + self.second(functional.relu(self.between(h)))


def _resnet(width: int = 16, blocks: int = 3) -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, SIDE, SIDE)),
        nn.Conv2d(1, width, 3, padding=1),
        *(Residual(width) for _ in range(blocks)),
        nn.GroupNorm(4, width),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(width * 16, CLASSES),
    )


class Attending(nn.Module):
    """A pre-norm transformer block: attention among the patches, then a small MLP, each added to what came."""

    def __init__(self, width: int, heads: int, widening: int = 2):
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, widening * width), nn.Linear(widening * width, width)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.mix(self.before(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(*parts.unbind(0))
        x = x + self.join(seen.transpose(1, 2).flatten(2))
        return x + self.narrow(functional.gelu(self.widen(self.between(x))))


class SmallViT(nn.Module):
    """Sixteen patches of 2 x 2 pixels, two blocks of attention, and the mean of the patches for the head."""

    def __init__(self, width: int = 32, depth: int = 2, heads: int = 4):
        super().__init__()
        self.embed = nn.Linear(4, width)
        self.place = nn.Parameter(0.02 * torch.randn(16, width))
        self.blocks = nn.Sequential(*(Attending(width, heads) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        patches = x.unflatten(1, (4, 2, 4, 2)).transpose(2, 3).flatten(3).flatten(1, 2)
        return self.head(self.norm(self.blocks(self.embed(patches) + self.place)).mean(1))


CLASSIFIERS: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(PIXELS, CLASSES),
    "mlp": lambda: _mlp(nn.ReLU),
    "mlp_tanh": lambda: _mlp(nn.Tanh),
    "mlp_gelu": lambda: _mlp(nn.GELU),
    "mlp_ln": lambda: _mlp(nn.GELU, norm=True),
    "cnn": _cnn,
    "cnn_bn": lambda: _cnn(norm=True),
    "vit": SmallViT,
    "resnet": _resnet,
}
"""Every classifier by its key, in the order of the menu."""


def classifier(name: str, seed: int = 0) -> nn.Module:
    """The classifier called ``name`` with first weights from ``seed``; the global seed stays as it was.

    Raises:
        ValueError: for an unknown name.
    """
    build = CLASSIFIERS[nearest("classifier", name, CLASSIFIERS)]
    return seeded(seed, build)
