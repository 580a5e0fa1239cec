"""What is known of the loss on a plane, at one moment of its coming into focus."""

from dataclasses import dataclass

from torch import Tensor

from explorer.maths.landscape.directions import Directions


@dataclass(frozen=True, eq=False)
class Landscape:
    """The loss on a plane (or line) of parameters, float64 on the CPU.

    ``axes`` holds the coordinates [points] along each direction, in units of that direction; ``loss`` is
    [points, points] with ``loss[j, i]`` at ``(x[i], y[j])``, or [points] on a line. ``error`` is the estimate of the
    greatest error of ``loss``, in its units: 0 when every point was evaluated, NaN while there is nothing to compare.

    ``nodes`` and ``values`` are the coordinates and losses that were evaluated for this level, laid out likewise;
    ``level`` nodes a side (0 before the first picture), ``progress`` of the next level, 0 to 1. ``centre`` is the loss
    at the module's own parameters (NaN until it is known); ``holes`` counts nodes whose loss is not finite (NaN in
    ``loss`` around them); ``evals`` losses evaluated for this plane so far. ``ended`` says that this is the last one.

    Where a loss of the whole batch is dear, pictures from a few of its samples come first: ``preview`` is then
    (samples, of how many), and ``band`` two standard errors of ``loss``, in its shape and units, which hold about nine
    losses in ten.
    """

    axes: tuple[Tensor, ...]
    loss: Tensor
    error: float
    nodes: tuple[Tensor, ...]
    values: Tensor
    level: int
    progress: float
    centre: float
    holes: int
    evals: int
    directions: Directions
    seed: int
    by: str
    dtype: str
    note: str = ""
    ended: bool = False
    preview: tuple[int, int] | None = None
    band: Tensor | None = None

    @property
    def x(self) -> Tensor:
        """Coordinates [points] along the first direction."""
        return self.axes[0]

    @property
    def y(self) -> Tensor:
        """Coordinates [points] along the second direction.

        Raises:
            ValueError: on a line, which has none.
        """
        if len(self.axes) < 2:
            raise ValueError("a line has no `y`; ask for a plane with two directions")
        return self.axes[1]
