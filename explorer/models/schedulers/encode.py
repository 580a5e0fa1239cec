"""From what a field knows to what a diffusers scheduler expects to be given.

E[x_0 | x_t] and E[eps | x_t] do not depend on how a path scales its state, so they cross the border as they
are; velocities do not. A tensor that already is what the scheduler expects passes untouched, so that the run
is the same, bit for bit, as with diffusers alone.

Source: ``step`` of each class in diffusers 0.42.1; Karras et al. 2022, arXiv:2206.00364, equation 7 (edm).
"""

import math
from typing import Any

from torch import Tensor

from explorer.maths.fields import Prediction
from explorer.maths.paths import Linear
from explorer.models.schedulers.levels import Shares

THEIR_NAME = {"noise": "epsilon", "denoised": "sample", "v": "v_prediction", "velocity": "flow_prediction"}
"""What a field predicts, in diffusers' words."""


def encode(expected: str, prediction: Prediction, state: Tensor, shares: Shares, config: Any) -> Tensor:
    """The model output that a scheduler of level ``shares`` must be given with ``state`` [batch, *shape].

    ``expected`` is one of diffusers' prediction types, or edm, consistency, trigflow, data_velocity.
    """
    if expected == "sample":
        return prediction.denoised
    if expected == "epsilon":
        return _noise(prediction, state, shares)
    if expected == "v_prediction":
        return _v(prediction, state, shares)
    if expected == "flow_prediction":
        return _flow(prediction, state, shares)
    if expected == "data_velocity":
        return -_flow(prediction, state, shares)
    if expected == "trigflow" and config.sigma_data == 1.0:
        return _v(prediction, state, shares)
    if expected == "trigflow":
        return (shares.alpha * state - prediction.denoised) * (config.sigma_data / shares.sigma)
    skip, out = (
        _consistency(shares.sigma, config) if expected == "consistency" else _edm(shares.sigma, config)
    )
    return (prediction.denoised - skip * state) / out


def _noise(prediction: Prediction, state: Tensor, shares: Shares) -> Tensor:
    if prediction.kind == "noise":
        return prediction.tensor
    return (state - shares.alpha * prediction.denoised) / shares.sigma


def _v(prediction: Prediction, state: Tensor, shares: Shares) -> Tensor:
    """Alpha eps - sigma x_0 at unit variance, which is what diffusers means by v on every path."""
    level = prediction.level
    if prediction.kind == "v" and abs(float(level.alpha**2 + level.sigma**2) - 1.0) < 1e-9:
        return prediction.tensor
    length = math.hypot(shares.alpha, shares.sigma)
    return (shares.alpha * _noise(prediction, state, shares) - shares.sigma * prediction.denoised) / length


def _flow(prediction: Prediction, state: Tensor, shares: Shares) -> Tensor:
    """Eps - x_0, the velocity on the straight path."""
    if prediction.kind == "velocity" and isinstance(prediction.path, Linear):
        return prediction.tensor
    return _noise(prediction, state, shares) - prediction.denoised


def _edm(sigma: float, config: Any) -> tuple[float, float]:
    data, sign = config.sigma_data, -1.0 if config.prediction_type == "v_prediction" else 1.0
    return data**2 / (sigma**2 + data**2), sign * sigma * data / math.hypot(sigma, data)


def _consistency(sigma: float, config: Any) -> tuple[float, float]:
    """Skip and out of a consistency model; at its least sigma the answer does not count."""
    data, above = config.sigma_data, sigma - config.sigma_min
    return data**2 / (above**2 + data**2), above * data / math.hypot(sigma, data) or 1.0
