"""What the tests of the cells look at."""

from explorer.stage import unpack


def status(view):
    return view._feed.status["kind"]


def blocks(view, kind=0):
    return [block for data in view._feed.blocks() for block in unpack(data) if block.kind == kind]
