"""Every way to make a student, by hand: one line for each file."""

from explorer.maths.names import nearest
from explorer.maths.students.method import AbstractMethod
from explorer.maths.students.methods.consistency_distillation import ConsistencyDistillation
from explorer.maths.students.methods.eulerian_map import EulerianMap
from explorer.maths.students.methods.improved_mean_flow import ImprovedMeanFlow
from explorer.maths.students.methods.lagrangian_map import LagrangianMap
from explorer.maths.students.methods.mean_flow import MeanFlow
from explorer.maths.students.methods.pairs import RegressionOnPairs
from explorer.maths.students.methods.progressive_map import ProgressiveMap

STUDENTS: dict[str, type[AbstractMethod]] = {
    m.name: m
    for m in (
        RegressionOnPairs,
        LagrangianMap,
        ConsistencyDistillation,
        EulerianMap,
        ProgressiveMap,
        MeanFlow,
        ImprovedMeanFlow,
    )
}
"""Every method by its key."""


def as_method(method: str | AbstractMethod) -> AbstractMethod:
    """A method by name (with its default settings) or as it is.

    Raises:
        ValueError: for an unknown name, with the nearest ones.
    """
    if isinstance(method, AbstractMethod):
        return method
    return STUDENTS[nearest("method", method, STUDENTS)]()
