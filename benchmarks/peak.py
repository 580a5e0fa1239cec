"""``python -m benchmarks.peak whole|pieces``: the most memory that one way to a vocabulary's radius ever held, in kB.

2,048 tokens of 32,768 classes; a process for each way, since a peak outlives what caused it.
"""

import pathlib
import sys

import torch
from torch import nn
from torch.func import functional_call, jvp

from explorer.maths.softmax.step import step_radius

CLASSES, WIDTH, TOKENS = 32_768, 64, 1024


def main(kind: str) -> None:
    """Print the peak of ``kind`` above what was held before it."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Embedding(CLASSES, WIDTH),
        nn.Linear(WIDTH, WIDTH),
        nn.GELU(),
        nn.Linear(WIDTH, CLASSES, bias=False),
    )
    x, y = torch.randint(0, CLASSES, (2, 2, TOKENS))
    own = {name: p.detach() for name, p in module.named_parameters()}
    step = {name: 1e-3 * torch.randn_like(p) for name, p in own.items()}
    ways = {
        "whole": lambda k: jvp(lambda p: functional_call(module, p, (x[:, :k],)), (own,), (step,)),
        "pieces": lambda k: step_radius(module, x[:, :k], step, y[:, :k], head="3", at=()).g,
    }
    with torch.no_grad():
        ways[kind](2)
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        before = held("VmRSS")
        ways[kind](TOKENS)
    print(held("VmHWM") - before)


def held(what: str) -> int:
    """A line of this process's status, in kB. Not getrusage: a child begins with its parent's peak there."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what))


if __name__ == "__main__":
    main(sys.argv[1])
