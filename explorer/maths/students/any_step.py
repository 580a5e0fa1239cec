"""How true a flow map is between any two times: its error against the flow itself, and whether it agrees with itself.

The flow is followed by Dormand-Prince of order 8, from one time of the grid to the next, so that no interpolation
enters; it lands on the clean prediction from a millionth before the data.

Source: Boffi, Albergo and Vanden-Eijnden 2024, arXiv:2406.07507 (semigroup property, proposition 2.2).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from explorer.maths.fields import AbstractField
from explorer.maths.reference import STOP, distance, precise
from explorer.maths.students.distill import check_teacher
from explorer.maths.students.flow_map import AbstractFlowMap
from explorer.maths.training.protocol import sobol_noise

CELLS, MOST_CELLS, MOST_POINTS = 16, 64, 4096


@dataclass(frozen=True, eq=False)
class AnyStep:
    """Cells (t, t_next) of a map, row by row of ``times`` [c] falling, columns ``nexts`` [c] falling to 0.

    ``error`` [c, c] is the root mean square distance of ``X(x_t, t, s)`` from the flow's own x_s, over states x_t that
    lie on the flow; ``consistency`` [c, c] that of ``X(X(x, t, q), q, s)`` from ``X(x, t, s)``, q half-way; both in
    units of x, NaN where the map is not to be asked. ``reasons`` says why, by (row, column).
    """

    times: Tensor
    nexts: Tensor
    error: Tensor
    consistency: Tensor
    reasons: dict[tuple[int, int], str]
    student: str
    points: int

    @property
    def mean_error(self) -> float:
        """The root mean square over the cells that have one; NaN where none has."""
        return float(self.error.square().nanmean().sqrt())


def any_step(
    student: AbstractFlowMap,
    field: AbstractField,
    *,
    points: int = 256,
    cells: int = CELLS,
    rtol: float = 1e-7,
) -> AnyStep:
    """A student's error and self-consistency between all times of an even grid, against the flow of ``field``.

    ``field`` is the teacher or the exact field. With 16 cells a map on halved steps and maps on grids have cells too. A
    call that draws noise has no single end to be held against and stays empty.

    Raises:
        ValueError: for a field of another path or shape, or numbers that cannot be.
    """
    check_teacher(field, student.shape)
    for what, value, most in (("points", points, MOST_POINTS), ("cells", cells, MOST_CELLS)):
        if isinstance(value, bool) or not isinstance(value, int) or not 2 <= value <= most:
            raise ValueError(f"`{what}` must be a whole number from 2 to {most:,}; got {value!r}")
    nodes = [1.0 - i / cells for i in range(cells)] + [0.0]
    states = flow_states(field, sobol_noise(points, field.shape), nodes, rtol)
    error, consistency = (torch.full((cells, cells), math.nan, dtype=torch.float64) for _ in range(2))
    reasons: dict[tuple[int, int], str] = {}
    for i, t in enumerate(nodes[:-1]):
        for j, s in enumerate(nodes[1:]):
            if s >= t:
                reasons[i, j] = "a map goes toward the data: t_next must be below t"
            elif why := why_not(student, t, s):
                reasons[i, j] = why
            else:
                end = _asked(student, states[i], t, s)
                error[i, j] = distance(end, states[j + 1])
                q = 0.5 * (t + s)
                if not why_not(student, t, q) and not why_not(student, q, s):
                    consistency[i, j] = distance(_asked(student, _asked(student, states[i], t, q), q, s), end)
    falling = torch.tensor(nodes, dtype=torch.float64)
    name = student.method or student.kind
    return AnyStep(falling[:-1], falling[1:], error, consistency, reasons, name, points)


def why_not(student: AbstractFlowMap, t: float, t_next: float) -> str:
    """Why the way from t to t_next has no answer that could be right or wrong; nothing where it has."""
    if why := student.refusal(t, t_next):
        return why
    if student.draws(t_next):
        return f"this {student.label} draws noise on its way to t = {t_next:g}: it has no single end"
    return ""


def _asked(student: AbstractFlowMap, x: Tensor, t: float, t_next: float) -> Tensor:
    """One call, in the type of the student's weights."""
    weights = next(student.network.parameters(), x)
    return student.jump(x.to(weights.dtype), t, t_next).x


def flow_states(field: AbstractField, noise: Tensor, times: list[float], rtol: float) -> Tensor:
    """States of the flow from noise eps [n, *shape] at falling times, the last of them 0 [T, n, *shape] (float64).

    A field that computes in float32 is followed to 1e-5 at best.
    """
    noise = precise(field, noise)
    rtol = max(rtol, 1e-13 if noise.dtype == torch.float64 else 1e-5)
    slope = _slope(field, noise)
    states, flat = [noise.double()], noise.double().flatten().numpy()
    for t, t_next in pairwise(times):
        stop = max(t_next, STOP)
        flat = solve_ivp(slope, (t, stop), flat, method="DOP853", rtol=rtol, atol=rtol / 10).y[:, -1]
        state = torch.from_numpy(flat).reshape(noise.shape)
        if t_next < STOP:
            with torch.no_grad():
                state = field(state.to(noise.dtype), stop).denoised.double()
        states.append(state)
    return torch.stack(states)


def _slope(field: AbstractField, like: Tensor) -> Callable:
    def slope(t: float, flat):  # scipy's own arrays
        with torch.no_grad():
            x = torch.from_numpy(flat).to(like.dtype).reshape(like.shape)
            return field(x, float(t)).velocity.double().flatten().numpy()

    return slope
