"""Names of the project-wide shapes; checked in tests by jaxtyping's pytest flag."""

from jaxtyping import Float
from torch import Tensor

Points = Float[Tensor, "batch *shape"]
"""States: one row for each sample."""

PerSample = Float[Tensor, " batch"]
"""One number for each sample."""

States = Float[Tensor, "time batch *shape"]
"""A whole trajectory; time index 0 is the first state."""

Time = float | Float[Tensor, " batch"]
"""t in [0, 1]: a Python float (the loop's own form, quick) or one time for each sample."""
