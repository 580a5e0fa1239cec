"""Fields: what a model knows at (x, t), whatever it was trained to predict.

A field is any callable ``field(x, t) -> Prediction`` with ``field.path`` and ``field.shape``. A prediction holds
one tensor and offers four views of it. With ``W = alpha sigma' - sigma alpha'`` the views follow from
``x = alpha D + sigma e`` and ``v = alpha' D + sigma' e``:
``D = (sigma' x - sigma v) / W``, ``e = (alpha v - alpha' x) / W``, ``score = -e / sigma``.

Source: Salimans and Ho 2022, arXiv:2202.00512 (v prediction); Karras et al. 2022, arXiv:2206.00364 (denoised).
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from explorer.maths.names import nearest
from explorer.maths.paths import AbstractPath, Level, Scalars, as_path
from explorer.maths.shapes import Points, Time

Predicts = Literal["velocity", "denoised", "noise", "v"]
"""What a tensor is: dx/dt along the path, E[x_0 | x_t], E[eps | x_t], or alpha eps - sigma x_0."""


class Prediction:
    """One tensor in four views, each of the shape of x; views are computed when asked.

    ``.velocity`` dx/dt along the path, ``.denoised`` E[x_0 | x_t], ``.noise`` E[eps | x_t],
    ``.score`` the gradient of the log-density of x_t.
    """

    __slots__ = ("_clean", "_level", "kind", "path", "t", "tensor", "x")

    def __init__(self, path: AbstractPath, x: Points, t: Time, tensor: Points, kind: Predicts):
        self.path, self.x, self.t, self.tensor, self.kind = path, x, t, tensor, kind
        self._level: Level | None = None
        self._clean: Points | None = None

    @property
    def level(self) -> Level:
        """alpha, sigma and their rates at t, shaped so that they multiply x."""
        if self._level is None:
            t = self.t
            if isinstance(t, Tensor):
                t = t.reshape(-1, *[1] * (self.x.dim() - 1))
            self._level = self.path.at(t)
        return self._level

    @property
    def velocity(self) -> Points:
        """dx/dt along the path; at t = 0 infinite on paths where sigma starts like a square root."""
        if self.kind == "velocity":
            return self.tensor
        level = self.level
        if self.kind == "denoised":
            sigma = self._nonzero_sigma("velocity")
            return mixed(level.sigma_rate / sigma, self.x, -level.wronskian / sigma, self.tensor)
        if self.kind == "noise":
            return mixed(level.alpha_rate / level.alpha, self.x, level.wronskian / level.alpha, self.tensor)
        return mixed(level.alpha_rate, self.denoised, level.sigma_rate, self.noise)

    @property
    def denoised(self) -> Points:
        """The mean of the clean samples that could have led here."""
        if self._clean is None:
            self._clean = self._as_clean()
        return self._clean

    def _as_clean(self) -> Points:
        if self.kind == "denoised":
            return self.tensor
        level = self.level
        if self.kind == "velocity":
            if self._at_data_end():
                return self.x  # sigma = 0 and, on root-like paths, an infinite rate: 0 * inf below
            return mixed(
                level.sigma_rate / level.wronskian, self.x, -level.sigma / level.wronskian, self.tensor
            )
        if self.kind == "noise":
            return mixed(1.0 / level.alpha, self.x, -level.sigma / level.alpha, self.tensor)
        square = level.alpha**2 + level.sigma**2
        return mixed(level.alpha / square, self.x, -level.sigma / square, self.tensor)

    @property
    def noise(self) -> Points:
        """The mean of the noise that could have led here. Raises ValueError where sigma = 0."""
        sigma, level = self._nonzero_sigma("noise"), self.level
        if self.kind == "noise":
            return self.tensor
        if self.kind == "velocity":
            return mixed(
                -level.alpha_rate / level.wronskian, self.x, level.alpha / level.wronskian, self.tensor
            )
        if self.kind == "denoised":
            return mixed(1.0 / sigma, self.x, -level.alpha / sigma, self.tensor)
        square = level.alpha**2 + level.sigma**2
        return mixed(level.sigma / square, self.x, level.alpha / square, self.tensor)

    @property
    def score(self) -> Points:
        """The gradient of log p_t at x. Raises ValueError where sigma = 0."""
        return -self.noise / self._nonzero_sigma("score")

    def _at_data_end(self) -> bool:
        sigma = self.level.sigma
        return bool((sigma == 0).all()) if isinstance(sigma, Tensor) else sigma == 0

    def _nonzero_sigma(self, view: str) -> Scalars:
        sigma = self.level.sigma
        zero = bool((sigma == 0).any()) if isinstance(sigma, Tensor) else sigma == 0
        if zero:
            raise ValueError(
                f"`{view}` needs sigma > 0; at t = 0 the state is the data itself: ask at a later t"
            )
        return sigma


def mixed(a: Scalars, x: Tensor, b: Scalars, y: Tensor) -> Tensor:
    """The sum a x + b y, in as few passes over the numbers as a and b allow: small batches feel each of them."""
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return a * x + b * y
    return torch.add(x if a == 1.0 else a * x, y, alpha=b)


class AbstractField(ABC):
    """A model of one distribution on one path."""

    path: AbstractPath
    shape: tuple[int, ...]
    """Shape of one sample."""
    labels: tuple[str, ...] = ()
    """Conditions that ``given`` takes, in order; empty when there are none."""
    latest: float = 1.0
    """The latest time at which the field can be asked; walks start there."""

    @abstractmethod
    def __call__(self, x: Points, t: Time) -> Prediction:
        """What the model knows at states x [batch, *shape], all at time t or each at its own."""

    def given(self, label: str | int) -> "AbstractField":
        """The field of the samples that carry ``label`` (one of ``labels``, or its index)."""
        raise ValueError(f"this field knows no conditions; got {label!r}; call it without `given`")

    def _label_index(self, label: str | int) -> int:
        if not self.labels:
            raise ValueError(f"this field knows no conditions; got {label!r}; call it without `given`")
        if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(self.labels):
            return label
        return self.labels.index(nearest("label", str(label), self.labels))


class NetworkField(AbstractField):
    """The field of a torch module that is called ``module(x, time(t))``, t of shape [batch].

    ``predicts`` says what the module gives: ``"velocity"`` (dx/dt along the path), ``"denoised"`` (x_0),
    ``"noise"`` (eps) or ``"v"`` (alpha eps - sigma x_0). A diffusers model works as it is: its ``.sample`` is
    taken, its ``timestep`` is passed by name, its sample shape is read from its config.

    ``time`` turns t in [0, 1] into what the module expects (``lambda t: 999 * t`` for a network trained on
    1000 integer steps). ``labels`` names the classes of a conditional module, which is then called with
    ``class_labels=``; ``unlabelled`` is the index that means "no class". ``extra`` holds further keyword
    arguments for every call, such as ``encoder_hidden_states``; a tensor of one row serves every row of x. Of a
    diffusers model that also predicts its variance (twice the channels) the first half is taken.

    The module is called in eval mode and left in the mode in which it was.
    """

    def __init__(
        self,
        module: nn.Module | Callable[..., object],
        path: str | AbstractPath = "linear",
        predicts: Predicts = "velocity",
        *,
        shape: Sequence[int] | None = None,
        time: Callable[[Tensor], Tensor] | None = None,
        labels: Sequence[str] = (),
        unlabelled: int | None = None,
        extra: Mapping[str, object] | None = None,
    ):
        if not callable(module):
            raise ValueError(f"`module` must be callable as module(x, t); got {type(module).__name__}")
        self.module, self.path, self.time = module, as_path(path), time
        self.predicts: Predicts = nearest("predicts", predicts, get_args(Predicts))  # type: ignore[assignment] # narrowed by nearest
        self.shape = tuple(shape) if shape is not None else _shape_of(module)
        self.labels, self.unlabelled, self.extra = tuple(labels), unlabelled, dict(extra or {})
        self.label: int | None = unlabelled
        self._named_time, self._twice = _takes(module, "timestep"), _learns_variance(module)
        # A noise prediction says nothing of x_0 where the state holds no data at all.
        if self.predicts == "noise" and self.path.at(1.0).alpha == 0:
            self.latest = 0.999

    def __call__(self, x: Points, t: Time) -> Prediction:
        times = t if isinstance(t, Tensor) else x.new_full((x.shape[0],), t)
        if self.time is not None:
            times = self.time(times)
        if isinstance(self.module, nn.Module) and self.module.training:
            answer = self._call_in_eval_mode(self.module, x, times)
        else:
            answer = self._call(x, times)
        return Prediction(self.path, x, t, _checked(answer, x, self._twice), self.predicts)

    def _call(self, x: Points, times: Tensor) -> object:
        extra = {name: _for_each(value, len(x)) for name, value in self.extra.items()}
        if self.label is not None:
            extra["class_labels"] = torch.full((x.shape[0],), self.label, device=x.device)
        if self._named_time:
            return self.module(x, timestep=times, **extra)
        return self.module(x, times, **extra)

    def _call_in_eval_mode(self, module: nn.Module, x: Points, times: Tensor) -> object:
        training = [m for m in module.modules() if m.training]
        module.eval()
        try:
            return self._call(x, times)
        finally:
            for part in training:
                part.training = True

    def given(self, label: str | int) -> "NetworkField":
        """The same module under one class label."""
        field = NetworkField(
            self.module,
            self.path,
            self.predicts,
            shape=self.shape,
            time=self.time,
            labels=self.labels,
            unlabelled=self.unlabelled,
            extra=self.extra,
        )
        field.label = self._label_index(label)
        return field


def _takes(module: object, name: str) -> bool:
    call = module.forward if isinstance(module, nn.Module) else module
    try:
        return name in inspect.signature(call).parameters  # type: ignore[arg-type] # any callable
    except (TypeError, ValueError):
        return False


def _shape_of(module: object) -> tuple[int, ...]:
    """(channels, height, width) from a diffusers config; else two numbers, the plane."""
    config = getattr(module, "config", None)
    channels, size = getattr(config, "in_channels", None), getattr(config, "sample_size", None)
    if channels is None or size is None:
        return (2,)
    height, width = (size, size) if isinstance(size, int) else tuple(size)
    return (channels, height, width)


def _learns_variance(module: object) -> bool:
    """True for a diffusers model that gives its variance after its prediction, in as many channels again."""
    config = getattr(module, "config", None)
    channels, out = getattr(config, "in_channels", None), getattr(config, "out_channels", None)
    return channels is not None and out == 2 * channels


def _for_each(value: object, n: int) -> object:
    """A tensor of one row, repeated for n rows of x; anything else as it is."""
    if isinstance(value, Tensor) and value.dim() > 1 and len(value) == 1:
        return value.expand(n, *value.shape[1:])
    return value


def _checked(answer: object, x: Points, twice: bool) -> Points:
    """The tensor in the answer, of the shape of x; of twice as many channels the first half."""
    tensor = answer.to_tuple() if hasattr(answer, "to_tuple") else getattr(answer, "sample", answer)
    if isinstance(tensor, tuple):
        tensor = tensor[0]
    if twice and isinstance(tensor, Tensor) and tensor.shape[1] == 2 * x.shape[1]:
        tensor = tensor[:, : x.shape[1]]
    if not isinstance(tensor, Tensor):
        raise ValueError(f"the module must return a tensor shaped like x; got {type(tensor).__name__}")
    if tensor.shape != x.shape:
        raise ValueError(
            f"the module must return a tensor shaped like x, {list(x.shape)}; got {list(tensor.shape)}; "
            "wrap it so that one row comes back for each row that goes in"
        )
    return tensor
