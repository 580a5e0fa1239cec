"""The softmax radius: how far along a step the loss keeps to its Taylor series, and what that does and does not say.

Along a step the logits of a sample move as ``z + a t``. The loss is ``log F(t) - z_y - a_y t`` with
``F(t) = sum_k exp(z_k + a_k t)``, so its only singularities are the complex zeros of F, the **ghosts**; the nearest one
is the radius of convergence. ``r``, one over the simplest bound of it, is the largest predicted change of any logit
difference in units of pi. It is neither necessary nor sufficient for descent, and exact only for linear logits.

- ``terms``: the rows in a unit of their own, and the rules for what has no ordinary radius
- ``bounds``, ``ghosts``, ``series``: certified lower bounds, the zeros with their certificate, Taylor coefficients
- ``radius``: ``ex.radius``, all of it for a batch
- ``losses``, ``aims``, ``rows``: which losses have a radius, and what they make of logits, targets and weights
- ``speeds``, ``told``, ``vocabulary``, ``record``, ``step``: ``ex.step_radius``, the same for a module's step
- ``second``: the bound for logits that bend
- ``trail``, ``control``: ``ex.RadiusControl``, an optimiser that looks before it steps
"""
