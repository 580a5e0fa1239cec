"""A person's own module and batch on the page, and what of it is kept while it lies on their shelf."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from explorer.labs.shelf import Shelf

MODULE, BATCH, DISPLACEMENT = "module", "batch", "displacement"


@dataclass(frozen=True, eq=False)
class Trial:
    """A module with a batch: inputs [n, ..], labels [n], and the step to look at where there is one.

    ``known`` keeps what was computed of it; it goes when the trial leaves the shelf.
    """

    module: nn.Module
    inputs: Tensor
    targets: Tensor
    displacement: Mapping[str, Tensor] | None = None
    known: dict[str, Any] = field(default_factory=dict, repr=False)

    def kept(self, key: str, make: Callable[[], Any]) -> Any:
        """What was made under a key before, or is made now."""
        if key not in self.known:
            self.known[key] = make()
        return self.known[key]


def brought(choices: Mapping[str, Any], shelf: Shelf) -> dict[str, Any]:
    """``module=``, ``batch=`` and ``displacement=`` laid on the shelf, chosen as the net.

    Raises:
        ValueError: when only one of module and batch came, or they do not fit each other.
    """
    left = dict(choices)
    given = [name for name in (MODULE, BATCH, DISPLACEMENT) if not isinstance(left.get(name), int)]
    module, batch, step = (
        left.pop(name, None) if name in given else None for name in (MODULE, BATCH, DISPLACEMENT)
    )
    if module is None and batch is None and step is None:
        return left  # a number is the size of the batch
    return left | {"net": shelf.put_thing(_trial(module, batch, step), "Your module")}


def _trial(module: Any, batch: Any, step: Any) -> Trial:
    if not isinstance(module, nn.Module):
        raise ValueError(f"`module` must be a torch.nn.Module that gives logits; got {type(module).__name__}")
    if (
        not isinstance(batch, tuple | list)
        or len(batch) != 2
        or not all(isinstance(x, Tensor) for x in batch)
    ):
        raise ValueError("`batch` must be (inputs [n, ..], labels [n]), two tensors; give both")
    inputs, targets = batch
    if targets.ndim != 1 or len(targets) != len(inputs) or targets.is_floating_point():
        raise ValueError(
            f"labels must be whole numbers, one for each of the {len(inputs)} inputs; got {targets.dtype} "
            f"{list(targets.shape)}; flatten positions into rows first"
        )
    with torch.no_grad():
        logits = module(inputs[:1])
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        raise ValueError("the module must give logits [n, classes] for its inputs; wrap it so that it does")
    return Trial(module, inputs, targets, step)
