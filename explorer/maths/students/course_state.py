"""The state of an unfinished course, as one safetensors file that a kill leaves whole.

It holds every network of the learner with its optimiser, the running average, the best so far, the generator and the
last losses, and in its header the step, the seconds and what run it is.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from explorer.maths.students.course import Course


def save_course(file: Path, course: "Course") -> None:
    """Write the state; the old one stands until the new one is whole."""
    raise NotImplementedError


def load_course(file: Path, course: "Course") -> None:
    """Put a saved state into a fresh course."""
    raise NotImplementedError
