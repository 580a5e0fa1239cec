"""A target drawn on the stage: its points come from a page and may be anything."""

FEWEST, MOST = 3, 2000
REACH = 4.0


def points_of(value: object) -> list[list[float]]:
    """The points of a drawn target [m, 2], checked.

    Raises:
        ValueError: for anything but 3 to 2,000 pairs of finite numbers within reach.
    """
    if not isinstance(value, list) or not FEWEST <= len(value) <= MOST or not all(map(_is_point, value)):
        raise ValueError(
            f"a drawn target is {FEWEST} to {MOST:,} points of two finite numbers from {-REACH:g} to {REACH:g}; "
            "draw it again"
        )
    return [[float(x), float(y)] for x, y in value]


def _is_point(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_within_reach, value))


def _is_within_reach(value: object) -> bool:
    # What is not a number (NaN) is not within reach either.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= REACH
