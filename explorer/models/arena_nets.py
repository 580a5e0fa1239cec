"""The nets that the spike arena is known by: the ones whose runs through a spike are published.

Flat images [n, 64] with pixels from 0 to 1 in, logits [n, 10] out, as the classifiers.

Source: Sao 2026, arXiv:2603.13552, figure 4 (``mlp``) and table 1 (``transformer``, ``mlp_ln``).
"""

from collections.abc import Callable

from torch import Tensor, nn

from explorer.maths.borrowed import seeded
from explorer.maths.names import nearest
from explorer.models.classifiers import CLASSES, PIXELS, Attending


class OneToken(nn.Module):
    """A transformer over a single token, so that its attention attends to nothing else: one block of width 32."""

    def __init__(self, width: int = 32):
        super().__init__()
        self.embed, self.block = nn.Linear(PIXELS, width), Attending(width, heads=1, widening=4)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.block(self.embed(x)[:, None])[:, 0])


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(PIXELS, 128), nn.ReLU(), nn.Linear(128, CLASSES))


def _mlp_ln(width: int = 64, depth: int = 3) -> nn.Module:
    layers: list[nn.Module] = []
    for before in (PIXELS, *(width,) * (depth - 1)):
        layers += [nn.Linear(before, width), nn.LayerNorm(width), nn.GELU()]
    return nn.Sequential(*layers, nn.Linear(width, CLASSES))


ARENA_NETS: dict[str, Callable[[], nn.Module]] = {"mlp": _mlp, "mlp_ln": _mlp_ln, "transformer": OneToken}
"""Every net of the arena by its key: P1 is ``mlp``; P2 is ``transformer`` and ``mlp_ln``."""


def arena_net(name: str, seed: int = 0) -> nn.Module:
    """The net called ``name`` with first weights from ``seed``; the global seed stays as it was.

    Raises:
        ValueError: for an unknown name.
    """
    build = ARENA_NETS[nearest("net", name, ARENA_NETS)]
    return seeded(seed, build)
