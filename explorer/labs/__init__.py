"""Labs: one for each page of the dashboard and each kind of notebook cell."""

from explorer.labs.base import AbstractLab
from explorer.labs.curvature import CurvatureLab
from explorer.labs.landscape import LandscapeLab
from explorer.labs.safety import SafetyLab
from explorer.labs.scrub import ScrubLab
from explorer.labs.students import StudentsLab

LABS: dict[str, AbstractLab] = {
    lab.name: lab for lab in (ScrubLab(), CurvatureLab(), StudentsLab(), LandscapeLab(), SafetyLab())
}
"""Every lab by its key, in the order of the page's tabs."""

__all__ = ["LABS", "AbstractLab"]
