"""What a person is told when something breaks: one sentence and an id; the log has the rest under that id."""

import logging
import re
import secrets

log = logging.getLogger(__name__)
LONGEST = 240
_PATHS = re.compile(r"(?:[A-Za-z]:)?(?:[/\\][\w.\-]+){2,}")


def told(fault: BaseException) -> str:
    """One sentence with a short id, and the traceback in the log under the same id."""
    name = secrets.token_hex(3)
    log.error("error %s", name, exc_info=fault)
    return f"{sentence(fault)} (error {name})"


def sentence(fault: BaseException) -> str:
    """What a fault says, short and without the paths of this machine."""
    words = " ".join(_PATHS.sub("…", str(fault)).split())[:LONGEST]
    if isinstance(fault, ValueError) and words:
        return words
    kind = type(fault).__name__
    return (
        f"something went wrong here: {kind}{': ' if words else ''}{words}; nothing else was lost, try again"
    )
