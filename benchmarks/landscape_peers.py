"""The peers of ``benchmarks.landscape``: loss-landscapes 3.0.6 and PyHessian 0.1, asked for what we are asked for.

They are installed for this alone, into a folder that ``PEERS`` names (see the README).
"""

import copy
import time
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from explorer.maths.landscape.training import Problem


class Losses(nn.Module):
    """A problem as the peers take one: a module of an input, whose output is the losses."""

    def __init__(self, asked: Problem):
        super().__init__()
        self.module, self.loss, self.batch = asked.module, asked.loss, asked.batch

    def forward(self, _: Any) -> Tensor:
        return self.loss(self.module, self.batch)


def plane_seconds(asked: Problem, steps: int) -> float:
    """CPU seconds of a random plane of ``steps`` x ``steps`` losses."""
    import loss_landscapes
    from loss_landscapes.metrics import Loss

    torch.manual_seed(0)
    metric = Loss(lambda losses, _: losses.mean(), torch.zeros(1), torch.zeros(1))
    begun = time.process_time()
    with torch.no_grad():
        loss_landscapes.random_plane(Losses(asked), metric, steps=steps, deepcopy_model=True)
    return time.process_time() - begun


def pairs_of(asked: Problem) -> tuple[float, Tensor]:
    """Seconds and values of PyHessian at its tightest: 1e-4 and 300 iterations a pair."""
    import pyhessian

    twin = Problem(asked.loss, copy.deepcopy(asked.module), asked.batch)
    parameters = list(twin.module.parameters())
    used = torch.autograd.grad(twin.loss(twin.module, twin.batch).mean(), parameters, allow_unused=True)
    for parameter, slope in zip(parameters, used, strict=True):
        parameter.requires_grad_(slope is not None)  # it fails on those that are not used
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a graph that its gradients keep alive
        begun = time.process_time()
        peer = pyhessian.hessian(
            Losses(twin), lambda losses, _: losses.mean(), data=(torch.zeros(1), torch.zeros(1)), cuda=False
        )
        values, _ = peer.eigenvalues(maxIter=300, tol=1e-4, top_n=5)
        spent = time.process_time() - begun
    return spent, torch.tensor(values, dtype=torch.float64)
