"""One Gaussian's run in closed form, and the picture of sampling as a rotation.

For data N(mean, sum_k l_k u_k u_k') the flow takes every state from any time T to any time t, on every path:
``x_t = alpha mean + sum_k sqrt((alpha^2 l_k + sigma^2) / (alpha_T^2 l_k + sigma_T^2)) u_k u_k' (x_T - alpha_T mean)``.

"Painters" (outlines first, details later) comes from it: from pure noise a coordinate runs as
``sqrt(alpha^2 l + sigma^2) c``, so that coordinates of large variance leave the noise first. The rotation
``alpha x_0 + sigma x_T`` says ``(alpha sqrt(l) + sigma) c`` instead. Both agree where l = 0 (off the data) and in the
mean; the gap is widest, 1 - sqrt 2 = -0.41 for l = 1, at 45 degrees. So the rotation is a statement about many
dimensions, where x_0 is nearly orthogonal to x_T, and not about the plane it is drawn in.

Source: Wang and Vastola 2023, arXiv:2303.02490.
"""

import torch
from torch import Tensor

from explorer.maths.paths import AbstractPath, as_path
from explorer.maths.shapes import Points


def gaussian_run(
    path: str | AbstractPath, mean: Tensor, covariance: Tensor, x: Points, t: float, t_next: float
) -> Points:
    """Where the flow of N(mean [d], covariance [d, d]) takes states x [n, *shape] of d numbers from t to t_next.

    Raises:
        ValueError: for shapes that do not fit, or for t = 0 with a covariance that has no inverse.
    """
    path, d = as_path(path), x[0].numel()
    if tuple(mean.shape) != (d,) or tuple(covariance.shape) != (d, d):
        got = f"{list(mean.shape)} and {list(covariance.shape)}"
        raise ValueError(
            f"`mean` and `covariance` must be [{d}] and [{d}, {d}], as x has {d} numbers; got {got}"
        )
    here, ahead = path.at(t), path.at(t_next)
    variances, axes = torch.linalg.eigh(covariance.to(x))
    variances = variances.clamp(min=0.0)
    spread = here.alpha**2 * variances + here.sigma**2
    if bool((spread == 0).any()):
        raise ValueError("`t` must be above 0 where the covariance has no inverse; got 0; begin at a small t")
    growth = ((ahead.alpha**2 * variances + ahead.sigma**2) / spread).sqrt()
    centre = mean.to(x)
    along = (x.flatten(1) - here.alpha * centre) @ axes
    return (ahead.alpha * centre + (along * growth) @ axes.T).reshape(x.shape)


def rotation(path: str | AbstractPath, clean: Points, noise: Points, t: float) -> Points:
    """The rotation's guess of the state at t: alpha x_0 + sigma x_T, from the two ends of one run."""
    level = as_path(path).at(t)
    return level.alpha * clean + level.sigma * noise


def rotation_gap(path: str | AbstractPath, variances: Tensor, t: float) -> Tensor:
    """The true coordinate less the rotation's, for each unit of c and each variance l [k]: at most 0."""
    level = as_path(path).at(t)
    truth = (level.alpha**2 * variances + level.sigma**2).sqrt()
    return truth - (level.alpha * variances.sqrt() + level.sigma)
