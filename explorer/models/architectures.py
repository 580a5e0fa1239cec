"""The architectures that a file may ask for, and the sizes that each may have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from explorer.maths.names import nearest
from explorer.maths.networks import FlowMLP, HeadMLP
from explorer.maths.residual import ResidualMLP
from explorer.models.classifiers import CLASSIFIERS, classifier
from explorer.models.unet import PictureUNet


@dataclass(frozen=True)
class Architecture:
    """How to build one, and the least and most of each of its settings, whole numbers or truths."""

    build: Callable[..., nn.Module]
    bounds: Mapping[str, tuple[int, int]]


_KINDS = {int: "an int", bool: "a bool"}


def _unet(channels: int, size: int, width: int, levels: int, classes: int, seed: int = 0) -> PictureUNet:
    return PictureUNet(channels, size, tuple(width * 2**level for level in range(levels)), classes, seed)


def _grid(levels: int, seed: int = 0, **each: Any) -> nn.ModuleDict:
    """One network for each grid of 1, 2, 4, ... steps."""
    return nn.ModuleDict({str(2**level): FlowMLP(**each, seed=seed + level) for level in range(levels)})


def _stages(net: str, early: bool, mid: bool, final: bool, seed: int = 0) -> nn.ModuleDict:
    """A classifier for each stage of its training that is there."""
    there = {"early": early, "mid": mid, "final": final}
    return nn.ModuleDict({name: classifier(net, seed) for name, kept in there.items() if kept})


_HEAD = {"dims": (1, 4096), "width": (1, 1024), "depth": (1, 16), "waves": (0, 6)}
_MLP = _HEAD | {"interval": (False, True)}

ARCHITECTURES: dict[str, Architecture] = {
    "flow_mlp": Architecture(FlowMLP, _MLP),
    "mlp_grid": Architecture(_grid, {"levels": (1, 6)} | _MLP),
    "head_mlp": Architecture(HeadMLP, _HEAD),
    "residual_mlp": Architecture(
        ResidualMLP,
        {"dims": (1, 4096), "width": (1, 1024), "blocks": (1, 8), "interval": (False, True)},
    ),
    "picture_unet": Architecture(
        _unet, {"channels": (1, 4), "size": (4, 64), "width": (8, 64), "levels": (1, 4), "classes": (1, 1000)}
    ),
    **{
        f"classifier_{net}": Architecture(
            partial(_stages, net), {name: (False, True) for name in ("early", "mid", "final")}
        )
        for net in CLASSIFIERS
    },
}
"""Every architecture by its key in a card; nothing else is ever built from a file."""


def built(architecture: Mapping[str, object], seed: int = 0) -> nn.Module:
    """The network that ``{"kind": key, setting: number, ...}`` describes, with first weights from ``seed``.

    Raises:
        ValueError: for an unknown kind, a setting that is missing or unknown, or a number out of bounds.
    """
    kind = nearest("architecture", architecture.get("kind"), ARCHITECTURES)
    known, given = ARCHITECTURES[kind], {k: v for k, v in architecture.items() if k != "kind"}
    if set(given) != set(known.bounds):
        raise ValueError(
            f"`architecture` {kind!r} needs the settings {', '.join(known.bounds)}; "
            f"got {', '.join(map(str, given))[:200]}"
        )
    for name, (least, most) in known.bounds.items():
        value = given[name]
        if type(value) is not type(least) or not least <= value <= most:
            raise ValueError(
                f"`{name}` of architecture {kind!r} must be {_KINDS[type(least)]} from {least} to {most}; "
                f"got {str(value)[:40]}"
            )
    if kind == "picture_unet" and int(given["size"]) % 2 ** (int(given["levels"]) - 1):  # type: ignore[call-overload] # numbers by now
        raise ValueError("`size` of a picture_unet must halve evenly between its levels")
    return known.build(**given, seed=seed)
