"""The state of an unfinished training run, as one safetensors file that a kill leaves whole.

It holds weights, their average, Adam's moments, the generator, the last losses, and in its header the step, the
seconds and what run it is.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from explorer.maths.files import write_atomically
from explorer.maths.trajectory import digest

if TYPE_CHECKING:
    from explorer.maths.training.run import Run

VERSION = 1
MOST_BYTES = 1 << 30
_BEFORE = {"coupling": "independent", "times": "Even()", "penalty": "Squared()"}
"""What runs were that were saved before these could be chosen."""


def save_state(file: Path, run: "Run") -> None:
    """Write the state; the old one stands until the new one is whole."""
    tensors = _tensors(run)
    header = {"version": VERSION, "run": _identity(run), "step": run.step, "seconds": run.seconds}
    header["sha256"] = digest(tensors, header)
    write_atomically(file, to_bytes(tensors, {"training": json.dumps(header)}))


def load_state(file: Path, run: "Run") -> None:
    """Put a saved state into a fresh run.

    Raises:
        ValueError: when the file is damaged, or is of a run with other settings (both sides are named).
    """
    header, tensors = read_whole(file, "training", VERSION)
    ours = _identity(run)
    for name, theirs in (_BEFORE | header["run"]).items():
        if theirs != ours.get(name):
            raise ValueError(
                f"{file.name!r} holds an unfinished run with {name} {theirs!r}, and this one has {ours.get(name)!r}; "
                "give the same settings to go on, or remove the file to begin anew"
            )
    fill(run.network.state_dict(), tensors, "weights.", file)
    fill(run.averaged, tensors, "average.", file)
    adam = run.optimiser.state_dict()
    adam["state"] = {
        i: {key: tensors[f"adam.{i}.{key}"] for key in ("step", "exp_avg", "exp_avg_sq")}
        for i, _ in enumerate(run.network.parameters())
        if f"adam.{i}.step" in tensors
    }
    run.optimiser.load_state_dict(adam)
    run.generator.set_state(tensors["generator"])
    run.losses.extend(tensors["losses"].tolist())
    run.step, run.seconds = int(header["step"]), float(header["seconds"])


def _tensors(run: "Run") -> dict[str, Tensor]:
    parts = {f"weights.{name}": value for name, value in run.network.state_dict().items()}
    parts |= {f"average.{name}": value for name, value in run.averaged.items()}
    for i, moments in run.optimiser.state_dict()["state"].items():
        parts |= {f"adam.{i}.{key}": value for key, value in moments.items()}
    parts["generator"] = run.generator.get_state()
    parts["losses"] = torch.tensor(run.losses, dtype=torch.float64)
    return {name: value.detach().cpu().contiguous() for name, value in parts.items()}


def _identity(run: "Run") -> dict[str, object]:
    """What makes two runs one and the same, as plain values."""
    problem, schedule = run.problem, run.schedule
    return {
        "target": problem.target.name,
        "data": digest({"samples": problem.target.sample(16, seed=0)}, {})[:16],
        "path": repr(problem.path),
        "predicts": problem.predicts,
        "drop": problem.drop,
        "coupling": problem.coupling.identity,
        "times": repr(problem.times),
        "penalty": repr(problem.penalty),
        "steps": schedule.steps,
        "batch": schedule.batch,
        "learning rate": schedule.learning_rate,
        "seed": schedule.seed,
        "network": digest({}, {k: list(v.shape) for k, v in run.network.state_dict().items()})[:16],
    }


def read_whole(file: Path, kind: str, version: int) -> tuple[dict, dict[str, Tensor]]:
    """Header and tensors of a state of that kind.

    Raises:
        ValueError: when the file is damaged, or something else.
    """
    damaged = f"{file.name!r} is not a whole {kind} state; remove it to begin anew"
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ValueError(damaged)
        with safe_open(file, framework="pt") as archive:
            header = json.loads((archive.metadata() or {}).get(kind, "null"))
            tensors = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118 # not a dict
        whole = header.pop("sha256") == digest(tensors, header) and isinstance(header["run"], dict)
        whole = whole and header["version"] == version and {"generator", "losses"} <= set(tensors)
    except (SafetensorError, ValueError, OSError, TypeError, KeyError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise ValueError(damaged)
    return header, tensors


def fill(own: dict[str, Tensor], saved: dict[str, Tensor], prefix: str, file: Path) -> None:
    """Copy saved values into tensors of the same names and shapes."""
    for name, value in own.items():
        found = saved.get(prefix + name)
        if found is None or found.shape != value.shape:
            raise ValueError(f"{file.name!r} is of another network; remove it to begin anew")
        value.copy_(found)
