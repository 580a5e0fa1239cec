"""The notebook's door: the labs in a cell, their controls as ipywidgets."""

from explorer.widgets.scrub import Scrub, scrub

__all__ = ["Scrub", "scrub"]
