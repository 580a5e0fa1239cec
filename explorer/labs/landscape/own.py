"""A person's own module, loss and batch on the page, and what of them is kept while they lie on their shelf."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from explorer.labs.landscape.menus import STAGE
from explorer.labs.shelf import Shelf
from explorer.maths.landscape import FlatLoss
from explorer.maths.landscape.training import Problem

PARTS = ("module", "loss", "batch", "checkpoints")


@dataclass(frozen=True, eq=False)
class Own:
    """A problem of a person's own; ``checkpoints`` are other weights of the same module, by name.

    ``known`` keeps what was computed of it; it goes when this leaves the shelf.
    """

    problem: Problem
    checkpoints: Mapping[str, nn.Module] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def module(self) -> nn.Module:
        """What it is of: the shelf knows it by its weights."""
        return self.problem.module

    def keep(self, key: str, piece: Any) -> Any:
        """Keep a piece; the piece."""
        self.known[key] = piece
        return piece


def brought(choices: Mapping[str, Any], shelf: Shelf) -> dict[str, Any]:
    """``module=``, ``loss=``, ``batch=`` and ``checkpoints=`` laid on the shelf, chosen as the problem.

    Raises:
        ValueError: when some of them are missing or do not go together.
    """
    left = dict(choices)
    module, loss, batch, checkpoints = (left.pop(name, None) for name in PARTS)
    if module is None and loss is None and batch is None and checkpoints is None:
        return left
    if not isinstance(module, nn.Module) or not callable(loss):
        raise ValueError(
            "one's own landscape needs `module`, a torch.nn.Module, and `loss`, called as loss(module, batch); "
            f"got {type(module).__name__} and {type(loss).__name__}; give both, and the batch"
        )
    flat = FlatLoss(loss, module, batch)
    flat.check()
    known = dict(checkpoints or {})
    for name, other in known.items():
        if not isinstance(other, nn.Module):
            raise ValueError(
                f"`checkpoints` must be modules by name; got {type(other).__name__} as {str(name)[:40]!r}"
            )
        flat.flatten(other)
    key = shelf.put_thing(Own(Problem(loss, module, batch), known), "Your module")
    to = {"directions": STAGE, "other": next(iter(known))} if known and "directions" not in left else {}
    return {"problem": key} | to | left
