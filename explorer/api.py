"""The public functions that join rooms: walking and recording with any sampler, drawing any record."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from explorer.maths.fields import AbstractField
from explorer.maths.names import nearest
from explorer.maths.samplers import record as record_with
from explorer.maths.samplers import walk as walk_with
from explorer.maths.samplers.base import Frame
from explorer.maths.students.flow_map import AbstractFlowMap
from explorer.maths.students.leap import Leap
from explorer.maths.trajectory import Trajectory
from explorer.models.schedulers import as_any_sampler

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def walk(field: AbstractField | AbstractFlowMap, sampler: Any = None, **options: Any) -> Iterator[Frame]:
    """Walk from noise to data; yields each frame, the first one (pure noise) included.

    ``sampler`` is a key of ``ex.SAMPLERS`` (``"heun"``, the default; ``"diffusers/ddim"``), a sampler object, or a
    diffusers scheduler. Options: ``steps=20``, ``grid="default"`` (a name or falling times), one of ``n=`` (samples),
    ``noise=`` (eps, [n, *shape]) and ``start=(x, t)``, ``seed=0``, ``device=``, ``dtype=``. A student (a flow map)
    needs no sampler: it makes ``steps=1`` calls of its own.

    Raises:
        ValueError: for an argument that cannot be, in one sentence, before the first frame.
    """
    return walk_with(field, *_walked(field, sampler, options), **options)


def record(field: AbstractField | AbstractFlowMap, sampler: Any = None, **options: Any) -> Trajectory:
    """A whole run as one ``Trajectory``; the options of ``walk``. Recording adds no model calls."""
    return record_with(field, *_walked(field, sampler, options), **options)


def _walked(field: object, sampler: Any, options: dict[str, Any]) -> tuple[Any]:
    """What walks the field or the student; a student's ``steps`` are set where they were left out."""
    if not isinstance(field, AbstractFlowMap):
        return (as_any_sampler("heun" if sampler is None else sampler),)
    if sampler is not None and not (isinstance(sampler, Leap) and sampler.student is field):
        raise ValueError(
            f"a student makes its own calls; got sampler={getattr(sampler, 'name', sampler)!r}; leave `sampler` out, "
            "or walk a teacher with it"
        )
    options.setdefault("steps", 1)
    return (sampler or Leap(field),)


def figure(record: Any, name: str | None = None) -> "Figure":
    """The Plotly figure of any record; ``name`` chooses one where a record has several.

    Raises:
        ValueError: for a thing that is no record, or a name that it has no figure of.
    """
    from explorer.labs.figures import figures_of  # the labs are not needed to walk and record

    figures = figures_of(record)
    return figures[next(iter(figures)) if name is None else nearest("name", name, figures)]
