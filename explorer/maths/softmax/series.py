"""Taylor coefficients of the loss along a step, and the radius that they tell of: the second opinion on the ghosts.

With F scaled to 1 at 0, ``log F = sum c_n t^n`` and ``n f_n = sum_j j c_j f_(n-j)``, so one order costs one sum. The
zeros t_j of F give ``s_n = -n c_n = sum_j t_j^-n`` for n >= 2. Far out the nearest pair rules, and then
``s_(n+1) = A s_n - s_(n-1) / rho^2``: two of those give rho. A plain ratio test never settles, as the pair is complex.
"""

import torch
from torch import Tensor


def taylor_coefficients(logits: Tensor, speeds: Tensor, orders: int) -> Tensor:
    """Coefficients c_0 .. c_orders [n, orders + 1] of ``log sum_k exp(z_k + a_k t)`` in t; float64.

    The loss of label y has the same ones less ``z_y`` and ``a_y``. Logits and speeds are finite, or a logit -inf.

    Raises:
        ValueError: when ``orders`` is no whole number from 1 up.
    """
    if isinstance(orders, bool) or not isinstance(orders, int) or orders < 1:
        raise ValueError(f"`orders` must be a whole number of at least 1; got {orders!r}")
    logits, speeds = logits.double(), speeds.double()
    speeds = torch.where(logits == -torch.inf, 0.0, speeds)
    mass = torch.softmax(logits, dim=1)
    centre = (mass * speeds).sum(1, keepdim=True)  # keeps the powers small, and moves c_1 only
    away, term = speeds - centre, mass
    f, c = [mass.sum(1)], [logits.logsumexp(1)]
    for n in range(1, orders + 1):
        term = term * away / n
        f.append(term.sum(1))
        known = sum(j * c[j] * f[n - j] for j in range(1, n))
        c.append(f[n] - known / n)
    c[1] = c[1] + centre[:, 0]
    return torch.stack(c, dim=1)


def radius_from_taylor(
    logits: Tensor, speeds: Tensor, orders: int = 160, unit: Tensor | None = None
) -> Tensor:
    """The radius of convergence [n] that the last four of ``orders`` coefficients amount to.

    ``unit`` [n] is a guess of the radius (one over the spread unless given), by which the step is measured so that
    powers keep in range. Good where one pair of zeros is clearly nearest and not many times pi / spread away.
    """
    speeds = speeds.double()
    unit = 3.0 / (speeds.amax(1) - speeds.amin(1)) if unit is None else unit
    c = taylor_coefficients(logits, speeds * unit[:, None], orders)
    n = torch.arange(orders - 3, orders + 1, dtype=c.dtype, device=c.device)
    s0, s1, s2, s3 = (-n * c[:, -4:]).unbind(1)
    return unit * ((s1 * s1 - s0 * s2) / (s2 * s2 - s1 * s3)).abs().sqrt()
