"""Looking a name up in a registry, with the nearest ones for a name that is not there."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(what: str, name: object, known: Iterable[str]) -> str:
    """``name`` itself when it is known.

    Raises:
        ValueError: a sentence with the nearest known names, or with all of them.
    """
    keys = list(known)
    if isinstance(name, str) and name in keys:
        return name
    text = str(name)[:60]
    close = get_close_matches(text, keys, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"known: {', '.join(keys)}"
    raise ValueError(f"`{what}` must be one of the known names; got {text!r}; {hint}")
