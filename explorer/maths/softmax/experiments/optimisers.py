"""The optimisers that the experiments know by name; any other torch optimiser comes as a function that makes it."""

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from explorer.maths.names import nearest

Maker = Callable[[Iterable[nn.Parameter], float], Optimizer]


class AdaGradNorm(Optimizer):
    """One step size for all: ``lr / sqrt(sum of all squared gradient norms so far)`` times minus the gradient.

    Source: Ward, Wu, Bottou 2019, arXiv:1806.01811, algorithm 1 (with ``b_0 = 1e-8``).
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float):
        super().__init__(params, {"lr": lr})
        self.param_groups[0]["square"] = 1e-16

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override] # one way in
        answer = None if closure is None else torch.enable_grad()(closure)()
        pairs = [
            (p, group["lr"]) for group in self.param_groups for p in group["params"] if p.grad is not None
        ]
        first = self.param_groups[0]
        first["square"] += float(sum(p.grad.square().sum() for p, _ in pairs))
        for p, lr in pairs:
            p.add_(p.grad, alpha=-lr / first["square"] ** 0.5)
        return answer


OPTIMISERS: Mapping[str, Maker] = {
    "adam": lambda params, lr: torch.optim.Adam(params, lr=lr),
    "adamw": lambda params, lr: torch.optim.AdamW(params, lr=lr),
    "sgd": lambda params, lr: torch.optim.SGD(params, lr=lr),
    "momentum": lambda params, lr: torch.optim.SGD(params, lr=lr, momentum=0.9),
    "rmsprop": lambda params, lr: torch.optim.RMSprop(params, lr=lr),
    "adagrad_norm": AdaGradNorm,
}
"""Every optimiser by its key, in the order of the menu."""


def made(optimiser: str | Maker, module: nn.Module, learning_rate: float) -> Optimizer:
    """The optimiser of a module's parameters.

    Raises:
        ValueError: for an unknown name, or a learning rate that is not above 0.
    """
    if not learning_rate > 0:
        raise ValueError(f"`learning_rate` must be above 0; got {learning_rate!r}")
    make = (
        OPTIMISERS[nearest("optimiser", optimiser, OPTIMISERS)] if isinstance(optimiser, str) else optimiser
    )
    return make(module.parameters(), learning_rate)
