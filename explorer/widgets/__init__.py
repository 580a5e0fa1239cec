"""The notebook's door: the labs in a cell, their controls as ipywidgets."""

from explorer.widgets.calls import lab, scrub
from explorer.widgets.cell import Cell

__all__ = ["Cell", "lab", "scrub"]
