"""Labs: one for each page of the dashboard and each kind of notebook cell."""

from explorer.labs.base import AbstractLab
from explorer.labs.curvature import CurvatureLab
from explorer.labs.scrub import ScrubLab

LABS: dict[str, AbstractLab] = {lab.name: lab for lab in (ScrubLab(), CurvatureLab())}
"""Every lab by its key, in the order of the page's tabs."""

__all__ = ["LABS", "AbstractLab"]
