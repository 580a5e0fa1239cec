"""How trajectories bend: turning, length, straightness, curvature, and what a step costs, in named coordinates.

Everything is measured in float64 on the smooth curve through the recorded states with the field's own velocities
(cubic Hermite), so that a length or a straightness is of fourth order in the steps and not of second. Figures depend on
the coordinates: under y = c(u) x only rays through the origin stay straight, and S depends on the clock u as well.

Sources: Liu et al. 2022, arXiv:2209.03003 (straightness S); Lee, Kim and Ye 2023, arXiv:2301.12003 (curvature of
generative trajectories); Menger 1930 (circle through three points); Frenet and Serret; Karras et al. 2022,
arXiv:2206.00364 (local truncation error).
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from explorer.maths.dimension import principal
from explorer.maths.fields import AbstractField
from explorer.maths.motion import Motion, Placed, in_coordinates, motion_of
from explorer.maths.paths import AbstractPath, as_path
from explorer.maths.reference import precise
from explorer.maths.samplers import record
from explorer.maths.samplers.base import draw_noise
from explorer.maths.trajectory import Trajectory

STILL = 1e-9
"""A path this much shorter than its states are large has no length to speak of."""
RATIO_SHARED = 80.0
"""The noise ratio that every path reaches: grids have a moment there, so that coordinates share a beginning."""


@dataclass(frozen=True, eq=False)
class Curvature:
    """How n paths bend, at T moments, in one set of coordinates y with its own clock u from 1 (noise) to 0 (data).

    ``times`` [T] of u; ``shares`` [T] noise shares; ``curvature`` [T, m] in 1 / units of y, ``by`` which method;
    ``length``, ``chord`` [n] in units of y; ``total_turning`` [n] in radians; ``length_ratio`` [n] length over chord;
    ``deviation`` [n] greatest distance to the chord, over the chord; ``straightness`` [n] S in squared units of y;
    ``relative_straightness`` [n] S over the squared chord; ``acceleration`` [T, m] size of d2y/du2; ``explained`` [k]
    cumulative energy of a path's principal components, 0 to 1. m is n, or the rows that a field was asked about.

    Paths of no length have no ratios (NaN); ``still`` counts them. ``note`` says what limits the figures. On the clocks
    of vp and cosine a velocity has no bound at the data end, and S grows with the log of the last step there.
    """

    coordinates: str
    by: str
    times: Tensor
    shares: Tensor
    curvature: Tensor
    acceleration: Tensor
    length: Tensor
    chord: Tensor
    total_turning: Tensor
    deviation: Tensor
    straightness: Tensor
    explained: Tensor
    dims: int
    still: int
    note: str = ""

    @property
    def bend(self) -> Tensor:
        """Curvature times the path's whole length [T, m]: no unit, so that coordinates can be compared."""
        return self.curvature * self.length[: self.curvature.shape[1]]

    @property
    def truncation(self) -> Tensor:
        """Half the acceleration [T, m]: an Euler step of length h in u errs by h^2 times this, in units of y."""
        return self.acceleration / 2

    @property
    def length_ratio(self) -> Tensor:
        """Length over chord [n]; 1 for a line."""
        return self.length / self._chord

    @property
    def relative_straightness(self) -> Tensor:
        """S over the squared chord [n]."""
        return self.straightness / self._chord**2

    @property
    def mean_straightness(self) -> float:
        """Liu's S: the mean over the paths, in squared units of y."""
        return float(self.straightness.mean())

    @property
    def set_relative_straightness(self) -> float:
        """Mean S over the mean squared chord: no unit."""
        chord = float(self.chord.square().mean())
        return (
            self.mean_straightness / chord if chord > STILL * float(self.length.square().mean()) else math.nan
        )

    @property
    def lee(self) -> float:
        """S averaged over coordinates too, as the code of arXiv:2301.12003 does."""
        return self.mean_straightness / self.dims

    @property
    def _chord(self) -> Tensor:
        return torch.where(self.chord > STILL * self.length.clamp(min=1e-300), self.chord, torch.nan)


def curvature(
    thing: Any,
    *,
    coordinates: str | AbstractPath | None = None,
    field: AbstractField | None = None,
    rows: int | None = None,
    sampler: str = "heun",
    steps: int = 64,
    n: int = 1000,
    seed: int = 0,
    noise: Tensor | None = None,
) -> Curvature:
    """How the paths of a run, those that a field makes, or a motion bend.

    A field is walked by ``sampler`` (in float64 where its module can) with ``steps`` steps that are even in the angle
    of noise to data; its curvature is Frenet's, from one JVP a moment. A run is measured as it is: curvature is that of
    the circle through three neighbouring states (Menger), or Frenet's where its ``field`` is given. ``rows`` asks the
    field about the first samples only. ``coordinates`` are those of a path by name; None means those that the run was
    made in. Moments with more noise than the coordinates know are left out (``shares[0]`` says where the measured part
    begins).

    Raises:
        ValueError: one sentence, for fewer than three moments, states that are not finite, or unknown coordinates.
    """
    if isinstance(thing, AbstractField):
        grid = even_angles(thing.path, steps, getattr(thing, "latest", 1.0))
        if noise is None:
            noise = draw_noise(n, thing.shape, seed, torch.float64)
        run = record(thing, sampler, grid=grid, seed=seed, noise=precise(thing, noise))
        thing = motion_of(run, thing, rows)
    elif isinstance(thing, Trajectory):
        thing = motion_of(thing, field, rows)
    elif not isinstance(thing, Motion):
        raise ValueError(f"curvature is measured on a run or a field; got {type(thing).__name__}")
    return measured(thing, in_coordinates(thing, thing.home if coordinates is None else as_path(coordinates)))


def even_angles(path: AbstractPath, steps: int, latest: float = 1.0) -> list[float]:
    """Falling times of a path, ``steps`` steps that are even in the angle atan(sigma / alpha), from ``latest`` to 0.

    That is even in no path's clock and good in all: each coordinate system gets its turns. One inner moment is moved
    to the ratio of 80 where the path begins beyond it.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 2:
        raise ValueError(
            f"`steps` must be a whole number of at least 2, since a curve needs three moments; got {steps!r}"
        )
    level = path.at(latest)
    top = math.atan2(level.sigma, level.alpha)
    shared = math.atan(RATIO_SHARED)
    angles = [top * (1.0 - k / steps) for k in range(1, steps)]
    if top > shared + 1e-9 and steps > 3:
        angles[0] = shared
        rest = len(angles)
        angles[1:] = [shared * (1.0 - k / rest) for k in range(1, rest)]
    return [latest, *(float(path.time_of(math.tan(angle))) for angle in angles), 0.0]


def menger(points: Tensor) -> Tensor:
    """Curvature of the circle through three neighbouring points: points [T, n, d] -> [T, n], in 1 / units.

    ``4 area / (a b c) = 2 sin(turn) / chord`` (Menger). The first and last point take the circle of their own three.
    """
    turn = turning_angles(points)
    chord = size(points[2:] - points[:-2])
    inner = torch.where(chord > 0, 2.0 * turn.sin() / chord.clamp(min=1e-300), 0.0)
    return torch.cat([inner[:1], inner, inner[-1:]])


def turning_angles(points: Tensor) -> Tensor:
    """Angle between each step and the next: points [T, n, d] -> [T - 2, n], radians in [0, pi].

    By half angles, ``2 atan2(|u - w|, |u + w|)`` of the unit directions: the arc cosine loses half of the digits.
    """
    return angle(points[1:-1] - points[:-2], points[2:] - points[1:-1])


def angle(a: Tensor, b: Tensor) -> Tensor:
    """Angle between vectors [.., d] -> [..], 0 where one of them is zero."""
    return _angle(a, b, size(a), size(b))


def _angle(a: Tensor, b: Tensor, size_a: Tensor, size_b: Tensor) -> Tensor:
    u, w = a * size_b[..., None], b * size_a[..., None]
    return 2.0 * torch.atan2(size(u - w), size(u + w))


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner products over the last axis; on the plane by columns, since sums over two numbers are slow."""
    if a.shape[-1] > 4:
        return (a * b).sum(dim=-1)
    total = a[..., 0] * b[..., 0]
    for k in range(1, a.shape[-1]):
        total = total.addcmul(a[..., k], b[..., k])
    return total


def size(a: Tensor) -> Tensor:
    """Euclidean lengths over the last axis."""
    return dot(a, a).sqrt()


def measured(motion: Motion, placed: Placed) -> Curvature:
    """How the paths of a motion bend where they were placed.

    Raises:
        ValueError: when fewer than three moments lie within the coordinates.
    """
    if len(placed.times) < 3:
        raise ValueError(
            f"a curve needs three moments or more; {len(placed.times)} of this run lie within coordinates "
            f"{placed.path.name!r}"
        )
    y, local = placed.states, None
    if placed.accelerations is not None:
        rows = placed.accelerations.shape[1]
        local = frenet(placed.velocities[:, :rows], placed.accelerations)
        if float(placed.times[-1]) == 0.0:  # where no field is asked the moment before speaks
            local[-1] = local[-2]
        bending = size(placed.accelerations)
    else:
        bending = size(_differenced(placed))
    length, turning, energy = _along(placed)
    chord = y[-1] - y[0]
    span = float(placed.times[0] - placed.times[-1])
    return Curvature(
        coordinates=placed.path.name,
        by="Menger circle" if local is None else f"Frenet, {motion.rate_by}",
        times=placed.times,
        shares=placed.shares,
        curvature=menger(y) if local is None else local,
        acceleration=bending,
        length=length,
        chord=size(chord),
        total_turning=turning,
        deviation=_deviation(y, chord),
        straightness=span * energy - dot(chord, chord),
        explained=principal(y).explained,
        dims=y.shape[-1],
        still=int((length <= STILL * y.abs().amax(dim=(0, 2)).clamp(min=1e-300)).sum()),
        note=motion.note,
    )


def frenet(velocity: Tensor, acceleration: Tensor) -> Tensor:
    """Curvature |a_perp| / |v|^2 of [T, n, d] -> [T, n]; 0 where nothing moves."""
    square = dot(velocity, velocity)
    safe = square.clamp(min=1e-300)
    along = dot(velocity, acceleration) / safe
    across = size(acceleration - along[..., None] * velocity)
    return torch.where(square > 0, across / safe, 0.0)


def _along(placed: Placed) -> tuple[Tensor, Tensor, Tensor]:
    """Length, total turning and int |v|^2 du of each path [n], on the cubic Hermite of each interval.

    With secant d and end slopes m0, m1, the slope is ``d + (m1 - m0)(s - 1/2) + c (6 s^2 - 6 s + 1)``,
    ``c = (m0 + m1)/2 - d``: three orthogonal parts, whose squares integrate to ``|d|^2 + |m1 - m0|^2/12 + |c|^2/5``.
    """
    steps = placed.times.diff().reshape(-1, 1, 1)
    secant, start = placed.states.diff(dim=0) / steps, placed.velocities[:-1]
    end = placed.velocities[1:]
    if not bool(torch.isfinite(end[-1]).all()):
        # A clock whose rate is infinite at the data end has no slope there; the secant's mirror image stands in.
        end = torch.cat([end[:-1], 2.0 * secant[-1:] - start[-1:]])
    middle = 1.5 * secant - 0.25 * (start + end)
    bulge, change = 0.5 * (start + end) - secant, end - start
    square = dot(secant, secant) + dot(change, change) / 12 + dot(bulge, bulge) / 5
    begun, between, ended = size(start), size(middle), size(end)
    mean = (begun + 4.0 * between + ended) / 6
    pause = STILL * mean.amax(dim=0)  # so slow a slope has no direction
    turning = torch.where(torch.minimum(begun, between) > pause, _angle(start, middle, begun, between), 0.0)
    turning += torch.where(torch.minimum(between, ended) > pause, _angle(middle, end, between, ended), 0.0)
    width = steps[:, :, 0].abs()
    return (width * mean).sum(dim=0), turning.sum(dim=0), (width * square).sum(dim=0)


def _deviation(y: Tensor, chord: Tensor) -> Tensor:
    """Greatest distance of the states to the chord's line, over the chord [n]; NaN without a chord."""
    square = dot(chord, chord)
    offset = y - y[0]
    across = offset - (dot(offset, chord.expand_as(offset)) / square)[..., None] * chord
    return (dot(across, across).amax(dim=0) / square).sqrt()


def _differenced(placed: Placed) -> Tensor:
    """The second rate d2y/du2 [T, n, d], from the velocities of neighbouring moments."""
    v, u = placed.velocities, placed.times
    if not bool(torch.isfinite(v[-1]).all()):
        v, u = v[:-1], u[:-1]
    acceleration = torch.gradient(v, spacing=(u,), dim=0)[0]
    return acceleration if len(u) == len(placed.times) else torch.cat([acceleration, acceleration[-1:]])
