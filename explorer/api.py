"""The public functions that join rooms: walking and recording with any sampler, drawing any record."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from explorer.maths.fields import AbstractField
from explorer.maths.names import nearest
from explorer.maths.samplers import record as record_with
from explorer.maths.samplers import walk as walk_with
from explorer.maths.samplers.base import Frame
from explorer.maths.trajectory import Trajectory
from explorer.models.schedulers import as_any_sampler

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def walk(field: AbstractField, sampler: Any = "heun", **options: Any) -> Iterator[Frame]:
    """Walk from noise to data; yields each frame, the first one (pure noise) included.

    ``sampler`` is a key of ``ex.SAMPLERS`` (``"heun"``, ``"diffusers/ddim"``), a sampler object, or a diffusers
    scheduler. Options: ``steps=20``, ``grid="default"`` (a name or falling times), one of ``n=`` (samples),
    ``noise=`` (eps, [n, *shape]) and ``start=(x, t)``, ``seed=0``, ``device=``, ``dtype=``.

    Raises:
        ValueError: for an argument that cannot be, in one sentence, before the first frame.
    """
    return walk_with(field, as_any_sampler(sampler), **options)


def record(field: AbstractField, sampler: Any = "heun", **options: Any) -> Trajectory:
    """A whole run as one ``Trajectory``; the options of ``walk``. Recording adds no model calls."""
    return record_with(field, as_any_sampler(sampler), **options)


def figure(record: Any, name: str | None = None) -> "Figure":
    """The Plotly figure of any record; ``name`` chooses one where a record has several.

    Raises:
        ValueError: for a thing that is no record, or a name that it has no figure of.
    """
    from explorer.labs.figures import figures_of  # the labs are not needed to walk and record

    figures = figures_of(record)
    return figures[next(iter(figures)) if name is None else nearest("name", name, figures)]
