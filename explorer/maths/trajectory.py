"""The record that every sampling picture is drawn from, and its file.

A file is one safetensors archive: the arrays, and a JSON header with everything else and a sha256 of both, since
safetensors itself lets a flipped bit pass.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from explorer.maths.files import write_atomically
from explorer.maths.frames import Ended, Frame
from explorer.maths.paths import as_path

VERSION = 1
DONE = Ended("done", 0, 0.0, "done")


@dataclass(frozen=True)
class Trajectory:
    """A run, whole or as far as it came.

    ``times`` [T] falling; ``states`` and ``denoised`` [T, n, *shape]; ``velocities`` [T - 1, n, *shape] (dx/dt
    along the path, one for each frame but the last; as many as ``states`` where the run diverged);
    ``evals`` [T] model calls spent to reach each frame; ``notes`` what the method measured, each [T', ...].
    """

    times: Tensor
    states: Tensor
    denoised: Tensor
    velocities: Tensor
    evals: Tensor
    path: str = "linear"
    sampler: str = ""
    grid: str = ""
    seed: int | None = None
    ended: Ended = DONE
    seconds: float = 0.0
    notes: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Steps taken."""
        return len(self.times) - 1

    @property
    def shares(self) -> Tensor:
        """The noise share sigma / (alpha + sigma) of each frame [T]: the cursor's axis."""
        path = as_path(self.path)
        return torch.tensor([path.share(float(t)) for t in self.times], dtype=torch.float64)

    def save(self, file: str | Path) -> Path:
        """Write to ``file`` (.safetensors); the old file stands until the new one is whole."""
        tensors = {name: getattr(self, name).detach().cpu().contiguous() for name in _ARRAYS}
        tensors |= {f"notes.{name}": value.detach().cpu().contiguous() for name, value in self.notes.items()}
        header = {
            "version": VERSION,
            "path": self.path,
            "sampler": self.sampler,
            "grid": self.grid,
            "seed": self.seed,
            "ended": vars(self.ended),
            "seconds": self.seconds,
        }
        header["sha256"] = digest(tensors, header)
        return write_atomically(Path(file), to_bytes(tensors, {"trajectory": json.dumps(header)}))

    @staticmethod
    def load(file: str | Path) -> "Trajectory":
        """Read a saved run.

        Raises:
            ValueError: naming the file, when it is missing, torn, altered or not a run of this project.
        """
        file = Path(file)
        tensors, header = _read(file)
        try:
            return _rebuilt(tensors, header)
        except (KeyError, TypeError, ValueError) as fault:
            raise ValueError(f"{file.name!r} holds no run of this project: {fault}") from None


_ARRAYS = ("times", "states", "denoised", "velocities", "evals")


def digest(tensors: Mapping[str, Tensor], header: Mapping[str, object]) -> str:
    """The sha256 of the header and of names, types, shapes and bytes of tensors, in the order of their names."""
    total = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        total.update(f"{name} {value.dtype} {list(value.shape)}\n".encode())
        total.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def _read(file: Path) -> tuple[dict[str, Tensor], dict]:
    if not file.is_file():
        raise ValueError(f"there is no file {file.name!r}; give the path of a saved run (.safetensors)")
    try:
        with safe_open(file, framework="pt") as archive:
            header = json.loads((archive.metadata() or {}).get("trajectory", "null"))
            tensors = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118 # not a dict
    except (SafetensorError, ValueError, OSError, RecursionError) as fault:
        raise ValueError(f"{file.name!r} cannot be read as a saved run: {fault}") from None
    if not isinstance(header, dict) or not set(_ARRAYS) <= set(tensors):
        raise ValueError(f"{file.name!r} holds no run of this project; save one with `run.save(...)`")
    version = header.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise ValueError(
            f"{file.name!r} was saved by a newer version ({version!r}); this one reads {VERSION}"
        )
    found = header.pop("sha256", None)
    if found != digest(tensors, header):
        raise ValueError(
            f"{file.name!r} was altered after it was saved (its sha256 differs); save the run again"
        )
    return tensors, header


def _rebuilt(tensors: dict[str, Tensor], header: dict) -> Trajectory:
    """The run of a file whose bytes are as they were saved; somebody else may have saved them."""
    arrays: dict[str, Any] = {name: tensors.pop(name) for name in _ARRAYS}
    notes = {name.removeprefix("notes."): value for name, value in tensors.items()}
    frames, moments = arrays["states"], len(arrays["times"])
    if (
        frames.dim() < 3
        or frames.shape != arrays["denoised"].shape
        or frames.shape[1:] != arrays["velocities"].shape[1:]
    ):
        raise ValueError(
            "its arrays do not fit together; states and clean predictions must be [T, n, *shape]"
        )
    if not len(frames) == moments == len(arrays["evals"]) or len(arrays["velocities"]) not in (
        moments - 1,
        moments,
    ):
        raise ValueError(
            "its arrays do not fit together; there must be one time and one count for each state"
        )
    kinds = {
        "path": str,
        "sampler": str,
        "grid": str,
        "seed": int | None,
        "seconds": int | float,
        "ended": dict,
    }
    for name, kind in kinds.items():
        if not isinstance(header[name], kind):
            raise ValueError(f"its `{name}` is a {type(header[name]).__name__}")
    as_path(header["path"])
    ended = Ended(**header["ended"])
    about = {name: header[name] for name in kinds if name != "ended"}
    return Trajectory(**arrays, **about, ended=ended, notes=notes)


def collect(frames: Iterable[Frame], expected: int = 64, **about: object) -> Trajectory:
    """The trajectory of frames; a generator that was stopped early gives the part it came to.

    ``expected`` is how many frames there may be; more are welcome.
    """
    states, denoised, velocities = (_Pile(expected) for _ in range(3))
    times, evals, noted, last = [], [], [], None
    for last in frames:
        states.add(last.x)
        denoised.add(last.denoised)
        if last.prediction is not None:
            velocities.add(last.prediction.velocity)
        times.append(last.t)
        evals.append(last.evals)
        if last.notes:
            noted.append(last.notes)
    if last is None:
        raise ValueError("a trajectory needs at least one frame; got none")
    cancelled = Ended("cancelled", last.index, last.t, f"cancelled at step {last.index}, t = {last.t:.3g}")
    run = Trajectory(
        times=torch.tensor(times, dtype=torch.float64),
        states=states.stacked(last.x),
        denoised=denoised.stacked(last.x),
        velocities=velocities.stacked(last.x),
        evals=torch.tensor(evals),
        ended=last.ended or cancelled,
        notes={name: torch.stack([notes[name] for notes in noted]) for name in (noted[0] if noted else ())},
    )
    return replace(run, **about)  # type: ignore[arg-type] # fields by name


class _Pile:
    """Tensors of one shape, copied into blocks as they come.

    Keeping the tensors themselves would pin the heap between a network's large temporaries, which the allocator
    then gives back and faults in again at each step: a tenth of the run's time at 2,048 samples.
    """

    def __init__(self, size: int):
        self.size, self.count = max(1, size), 0
        self.blocks: list[Tensor] = []

    def add(self, x: Tensor) -> None:
        row = self.count % self.size
        if row == 0:
            self.blocks.append(x.new_empty(self.size, *x.shape))
        self.blocks[-1][row] = x
        self.count += 1

    def stacked(self, like: Tensor) -> Tensor:
        """All of them [count, *shape]; ``like`` gives shape and type where there are none."""
        if not self.blocks:
            return like.new_zeros(0, *like.shape)
        return (self.blocks[0] if len(self.blocks) == 1 else torch.cat(self.blocks))[: self.count]


def trajectory(times: Tensor, states: Tensor, path: str = "linear") -> Trajectory:
    """A run made anywhere else: times [T] falling in [0, 1], states [T, n, *shape].

    Its clean prediction is not known; it is drawn from finite differences of the states along the path.

    Raises:
        ValueError: for shapes that do not fit, times that do not fall, or states that are not finite.
    """
    times, states = torch.as_tensor(times, dtype=torch.float64), torch.as_tensor(states)
    if times.dim() != 1 or len(times) < 2 or not bool((times.diff() < 0).all()):
        raise ValueError(f"`times` must be [T], falling, at least two; got shape {list(times.shape)}")
    if bool((times > 1).any()) or bool((times < 0).any()):
        raise ValueError(f"`times` must lie in [0, 1]; got {float(times.min()):g} to {float(times.max()):g}")
    if states.dim() < 3 or len(states) != len(times):
        raise ValueError(f"`states` must be [{len(times)}, n, *shape]; got {list(states.shape)}")
    if not bool(torch.isfinite(states).all()):
        raise ValueError("`states` must be finite; got NaN or infinity")
    steps = times.diff().to(states.dtype).reshape(-1, *[1] * (states.dim() - 1))
    velocities = states.diff(dim=0) / steps
    level = [as_path(path).at(float(t)) for t in times[:-1]]
    clean = [
        (lv.sigma_rate * x - lv.sigma * v) / lv.wronskian
        for lv, x, v in zip(level, states, velocities, strict=False)
    ]
    return Trajectory(
        times,
        states,
        torch.stack([*clean, states[-1]]),
        velocities,
        torch.zeros(len(times), dtype=torch.long),
        path,
    )
