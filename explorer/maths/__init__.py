"""The mathematics: values in, values out; nothing here knows a screen.

Conventions of the whole package, written once:

- ``x_t = alpha(t) * x_0 + sigma(t) * eps`` with ``eps ~ N(0, I)`` and ``t in [0, 1]``:
  **t = 0 is data, t = 1 is noise**. Sampling runs from 1 to 0.
- A **field** is asked ``field(x, t)`` and answers with a ``Prediction``, one tensor that offers four views:
  ``velocity`` (dx/dt along the path), ``denoised`` (E[x_0 | x_t]), ``noise`` (E[eps | x_t]) and ``score``.
- States are ``[batch, *shape]``; trajectories ``[time, batch, *shape]`` with time index 0 the first state
  (pure noise).
- The **noise share** ``sigma / (alpha + sigma)`` in [0, 1] is the common axis on which runs on different
  paths and grids are compared; on the linear path it is t itself.
- Noise is drawn on the CPU by an explicit ``torch.Generator`` and then moved, so that a run is the same on
  every device. dtype and device follow the input.
"""
