"""The stage: the browser component that scrubs, and its Python side.

`Feed` holds what a stage shows, `to_html` freezes it into one offline page, `Stage` is its face in a
notebook. This room knows no mathematics and no toolkit but anywidget, which is imported on first use.
"""

from explorer.stage.blocks import Block, pack, unpack
from explorer.stage.export import to_html
from explorer.stage.feed import Feed
from explorer.stage.script import script

__all__ = ["Block", "Feed", "Stage", "pack", "script", "to_html", "unpack"]


def __getattr__(name: str):
    if name == "Stage":
        from explorer.stage.widget import Stage

        return Stage
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
