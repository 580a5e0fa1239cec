"""Students: maps that go from noise to data in few calls, and the ways to make them of a teacher."""

from explorer.maths.students.course import Course, DistillProgress
from explorer.maths.students.distill import distill
from explorer.maths.students.flow_map import AbstractFlowMap
from explorer.maths.students.kinds import KINDS
from explorer.maths.students.leap import Leap
from explorer.maths.students.method import AbstractMethod, Learner, Task
from explorer.maths.students.registry import STUDENTS, as_method

__all__ = [
    "KINDS",
    "STUDENTS",
    "AbstractFlowMap",
    "AbstractMethod",
    "Course",
    "DistillProgress",
    "Leap",
    "Learner",
    "Task",
    "as_method",
    "distill",
]
