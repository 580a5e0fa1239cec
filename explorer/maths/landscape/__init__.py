"""Loss surfaces and the curvature under them: cuts through parameters, and the Hessian's spectrum by its products.

``landscape`` and ``refine`` draw a plane or line; ``spectrum`` and ``converge`` find the sharpest directions;
``density`` and ``trace`` say how the rest is spread. All work on a copy: the module comes back as it was, to the bit.
"""

from explorer.maths.landscape.density import (
    Density,
    Trace,
    density,
    density_by_product,
    trace,
    trace_by_product,
)
from explorer.maths.landscape.directions import (
    DIRECTIONS,
    Directions,
    between,
    eigen_directions,
    gradient_directions,
    path_directions,
    random_directions,
)
from explorer.maths.landscape.flat import FlatLoss
from explorer.maths.landscape.operator import Hessian
from explorer.maths.landscape.plane import Landscape, Plane, landscape, refine
from explorer.maths.landscape.spectrum import Spectrum, converge, spectrum

__all__ = [
    "DIRECTIONS",
    "Density",
    "Directions",
    "FlatLoss",
    "Hessian",
    "Landscape",
    "Plane",
    "Spectrum",
    "Trace",
    "between",
    "converge",
    "density",
    "density_by_product",
    "eigen_directions",
    "gradient_directions",
    "landscape",
    "path_directions",
    "random_directions",
    "refine",
    "spectrum",
    "trace",
    "trace_by_product",
]
