"""Every way to make a student, by hand: one line for each file."""

from explorer.maths.names import nearest
from explorer.maths.students.method import AbstractMethod
from explorer.maths.students.methods.consistency_distillation import ConsistencyDistillation
from explorer.maths.students.methods.consistency_training import ConsistencyTraining
from explorer.maths.students.methods.continuous_consistency import ContinuousConsistency
from explorer.maths.students.methods.dmd2 import DMD2
from explorer.maths.students.methods.eulerian_map import EulerianMap
from explorer.maths.students.methods.f_distill import FDistill
from explorer.maths.students.methods.improved_mean_flow import ImprovedMeanFlow
from explorer.maths.students.methods.lagrangian_map import LagrangianMap
from explorer.maths.students.methods.mean_flow import MeanFlow
from explorer.maths.students.methods.pairs import RegressionOnPairs
from explorer.maths.students.methods.progressive import Progressive
from explorer.maths.students.methods.progressive_map import ProgressiveMap
from explorer.maths.students.methods.reflow import Reflow
from explorer.maths.students.methods.reflow_distill import ReflowDistill
from explorer.maths.students.methods.rf_plus_plus import RectifiedFlowPlusPlus
from explorer.maths.students.methods.shortcut import Shortcut
from explorer.maths.students.methods.transition_matching import TransitionMatching

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
        ConsistencyTraining,
        ContinuousConsistency,
        Shortcut,
        DMD2,
        FDistill,
        Progressive,
        Reflow,
        ReflowDistill,
        RectifiedFlowPlusPlus,
        TransitionMatching,
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
