"""Loss surfaces and spectra beside their peers: loss-landscapes 3.0.6, PyHessian 0.1, bare matrix products, plain SLQ.

CPU seconds of one torch thread, from a process with a quiet allocator; the sides in turn. The peers are installed for
this alone, into a folder that ``PEERS`` names (see the README). ``python -m benchmarks.landscape first`` (``pictures``,
``floor``, ``pairs``, ``density``) prints one table.
"""

import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from scipy.stats import wasserstein_distance
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from benchmarks.landscape_peers import pairs_of, plane_seconds
from benchmarks.loop import QUIET
from benchmarks.table import ratio_of_medians, show
from explorer.maths.landscape import FlatLoss, Hessian, density, landscape, refine, spectrum
from explorer.maths.landscape.lanczos import Lanczos, random_vector
from explorer.maths.landscape.training import Problem, digits_problem
from explorer.models.problems import parts, problem

DEMO = ("classifier/mlp", "two_moons/linear", "digits/unet")
POINTS = 51
GRID = POINTS * POINTS
ROUNDS = 3


def main() -> None:
    """Print all tables, from a process with a quiet allocator."""
    subprocess.run(
        [sys.executable, "-m", "benchmarks.landscape", "measured"], env={**os.environ, **QUIET}, check=True
    )


def measured(*names: str) -> None:
    """Print tables from this process."""
    torch.set_num_threads(1)
    sys.path.append(os.environ.get("PEERS", ".peers"))
    unknown = set(names) - set(TABLES)
    if unknown:
        raise SystemExit(f"unknown table {', '.join(unknown)}; known: {', '.join(TABLES)}")
    for name in names or TABLES:
        TABLES[name]()


def first() -> None:
    """Print the CPU of a first picture, once the networks have been asked before."""
    rows = []
    for name in DEMO:
        asked, preview, spent = parts(problem(name)), "", []
        for _ in range(12):
            begun = time.process_time()
            frame = next(frame for frame in refine(*asked) if frame.level)
            spent.append(time.process_time() - begun)
            preview = f", {frame.preview[0]} of {frame.preview[1]} samples" if frame.preview else ""
        whole = _seconds(lambda asked=asked: asked[0](asked[1], asked[2]).mean(), 3)
        ms = 1e3 * statistics.median(spent[1:])
        rows.append(
            (f"first picture of {name}{preview} (one loss of all: {1e3 * whole:.1f} ms)", ms, 100.0, "ms")
        )
    show("First picture, CPU", rows)


def pictures() -> None:
    """Print the pictures' costs and errors beside the peer's dense grid."""
    rows = []
    for name, tolerance, steps, gain, within in (
        ("two_moons/linear", 5e-3, POINTS, 8.0, 1e-3),
        ("digits/unet", 4e-2, 5, 20.0, 3e-3),
    ):
        asked = problem(name)
        own, theirs = [], []
        for _ in range(ROUNDS + 1):  # the first round warms up
            begun = time.process_time()
            found = landscape(*asked, points=POINTS, tolerance=tolerance)
            own.append(time.process_time() - begun)
            theirs.append(plane_seconds(asked, steps) * GRID / steps**2)
        ratio = statistics.median(own[1:]) / statistics.median(theirs[1:])
        what = f"{name}, {found.level} nodes a side, {found.evals} losses"
        scaled = "" if steps == POINTS else f", scaled from {steps * steps} points"
        rows.append((f"{what} / loss-landscapes' {GRID}{scaled}", ratio, 1.0 / gain, "of it"))
        rows.append((f"{what}: largest error of 150 points", _error(asked, found), within, "of the range"))
    show("Pictures of 51 x 51", rows)


def floor() -> None:
    """Print one loss in the loop beside the matrix products or convolutions in it."""
    rows = []
    for name, bound, rounds in (("two_moons/linear", 2.2, 40), ("digits/unet", 1.5, 8)):
        flat = FlatLoss(*problem(name))
        around = torch.stack(
            [0.01 * random_vector(flat.start, torch.Generator().manual_seed(k)) for k in range(2)]
        )
        bare = _products(flat)

        def one(flat=flat, around=around) -> float:
            flat.move(flat.start, around, (0.3, -0.2))
            return flat.value()

        rows.append(
            (
                f"a loss of {name} in the loop / its products alone",
                ratio_of_medians(one, bare, rounds),
                bound,
                "times",
            )
        )
    show("The dense grid, per loss", rows)


def pairs() -> None:
    """Print five eigenpairs beside power iteration with deflation."""
    rows = []
    for name, n in (("two_moons/linear", 2048), ("digits/unet", 64)):
        asked = problem(name, n=n)
        truth = _reference(asked)
        begun = time.process_time()
        found = spectrum(*asked, k=5, looks=0)
        own = time.process_time() - begun
        theirs, values = pairs_of(asked)
        error = float(((found.eigenvalues - truth) / truth).abs().max())
        peers = float(((values - truth) / truth).abs().max())
        what = f"{name}, {n} samples"
        rows += [
            (f"{what}, CPU / PyHessian's (whose error is {peers:.1e})", own / theirs, 0.2, "of it"),
            (f"{what}, largest relative error", error, 1e-4, ""),
            (f"{what}, products", float(found.matvecs), 20.0, ""),
        ]
    show("Five largest eigenpairs", rows)


def densities() -> None:
    """Print the distance from the dense spectrum beside that of plain quadrature with ten times the products."""
    rows = []
    for trained in (0, 60, 400):
        asked = digits_problem(n=256)
        asked = Problem(asked.loss, _small(asked, trained), asked.batch)
        hessian = Hessian(FlatLoss(*asked))
        matrix = torch.stack([hessian(row) for row in torch.eye(hessian.size)])
        known = torch.linalg.eigvalsh(0.5 * (matrix + matrix.T).double()).numpy()
        size = np.abs(known).mean()
        own, spent = [], 0
        for seed in range(5):
            found = density(*asked, seed=seed)
            spent = max(spent, found.matvecs)
            own.append(wasserstein_distance(known, found.values, None, found.weights) / size)
        runs = max(1, round(10 * spent / 80))
        plain = statistics.median(_plain(hessian, known, runs, seed) / size for seed in range(3))
        far = statistics.median(own)
        what = f"{hessian.size} weights after {trained} steps: distance by {spent} products ({far:.3f})"
        rows.append((f"{what} / plain SLQ's by {80 * runs}", far / plain, 1.0, "of it"))
    show("Spectral density", rows)


TABLES: dict[str, Callable[[], None]] = {
    "first": first,
    "floor": floor,
    "density": densities,
    "pairs": pairs,
    "pictures": pictures,
}


def _reference(asked: Problem) -> Tensor:
    """The five largest by ARPACK, to 1e-8."""
    hessian = Hessian(FlatLoss(*asked))
    like = hessian.gradient
    operator = LinearOperator(
        (hessian.size, hessian.size),
        matvec=lambda v: (
            hessian(torch.from_numpy(np.ascontiguousarray(v).reshape(-1)).to(like)).double().numpy()
        ),
        dtype=np.float64,
    )
    return torch.from_numpy(np.sort(eigsh(operator, k=5, which="LA", tol=1e-8, maxiter=40)[0])[::-1].copy())


def _error(asked: Problem, found: Any) -> float:
    """The largest error of the picture at 150 of its points, as a share of its range."""
    flat = FlatLoss(*asked)
    places = list(itertools.product(range(POINTS), range(POINTS)))
    chosen = torch.randperm(len(places), generator=torch.Generator().manual_seed(0))[:150].tolist()
    worst = 0.0
    for j, i in [places[k] for k in chosen]:
        flat.move(found.directions.origin, found.directions.vectors, (float(found.x[i]), float(found.y[j])))
        worst = max(worst, abs(flat.value() - float(found.loss[j, i])))
    return worst / float(found.loss.max() - found.loss.min())


def _products(flat: FlatLoss) -> Callable[[], None]:
    """The matrix products and convolutions of a loss, by themselves on the inputs that they get."""
    seen = _Products()
    with seen:
        flat.value()
    if not seen.work:
        raise SystemExit("no product was seen in this loss; there is no floor to hold it against")

    @torch.no_grad()
    def bare() -> None:
        for product, given in seen.work:
            product(*given)

    return bare


class _Products(TorchFunctionMode):
    """Notes each product that is asked for while it is on, with copies of what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.work: list[tuple[Callable[..., Tensor], list[Any]]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (functional.linear, functional.conv2d, torch.addmm, torch.matmul) and not kwargs:
            self.work.append(
                (func, [each.detach().clone() if isinstance(each, Tensor) else each for each in args])
            )
        return func(*args, **kwargs or {})


def _plain(hessian: Hessian, known: np.ndarray, probes: int, seed: int) -> float:
    """The distance that Lanczos quadrature leaves with 80 steps a probe and nothing put aside."""
    generator = torch.Generator().manual_seed(100 + seed)
    values, weights = [], []
    for _ in range(probes):
        run = Lanczos(hessian, random_vector(hessian.gradient, generator), generator)
        for _ in range(80):
            run.grow()
        nodes, combine, _ = run.ritz()
        values.append(nodes)
        weights.append(combine[0].square() / probes)
    return wasserstein_distance(known, torch.cat(values), None, torch.cat(weights))


def _small(asked: Problem, steps: int) -> nn.Module:
    """A net of 2,110 weights, small enough for a dense Hessian, after so many steps of Adam."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 28), nn.SiLU(), nn.Linear(28, 10))
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        asked.loss(net, asked.batch).mean().backward()
        optimizer.step()
    optimizer.zero_grad()
    return net


def _seconds(work: Callable[[], Any], rounds: int) -> float:
    def times() -> Iterator[float]:
        for _ in range(rounds):
            begun = time.process_time()
            with torch.no_grad():
                work()
            yield time.process_time() - begun

    return min(times())


if __name__ == "__main__":
    kind, *names = sys.argv[1:] or ["all"]
    if kind == "all":
        main()
    else:
        measured(*(names if kind == "measured" else (kind, *names)))
