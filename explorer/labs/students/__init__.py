"""The Students lab: a teacher and its few-step students, from the same noise."""

from explorer.labs.students.lab import StudentsLab
from explorer.labs.students.state import StudentsState

__all__ = ["StudentsLab", "StudentsState"]
