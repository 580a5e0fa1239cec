"""In which states a control of the Step safety lab has anything to say."""

from typing import Any

from explorer.labs.controls import Shown
from explorer.labs.menus import is_own
from explorer.labs.safety import menus


def in_views(*views: str) -> Shown:
    """Shown in some views."""
    return lambda values: values["view"] in views


def has_batch(values: Any) -> bool:
    """Where samples are taken from the digits: a person's own batch is theirs to choose."""
    return values["view"] in (menus.STEP, menus.SAMPLES) and not is_own(values["net"])


def has_net(values: Any) -> bool:
    """Where a net is chosen."""
    return values["view"] in (menus.STEP, menus.SAMPLES, menus.TRAINING, menus.ARENA) or (
        values["view"] == menus.ONSET and values["question"] == menus.ONE_NET
    )


def has_stage(values: Any) -> bool:
    """Where a shipped net is shown at a stage."""
    return (
        has_net(values)
        and values["view"] in (menus.STEP, menus.SAMPLES, menus.ONSET)
        and not is_own(values["net"])
    )


def has_criterion(values: Any) -> bool:
    """Where failures are counted."""
    return values["view"] == menus.ONSET and values["question"] in (menus.BY_STAGE, menus.ONE_NET)


def has_seed(values: Any) -> bool:
    """Where anything is drawn."""
    if values["view"] == menus.ONSET:
        return values["question"] != menus.BY_STAGE
    if values["view"] == menus.COUNTER:
        return values["example"] == menus.COLLAPSE
    return values["view"] != menus.ARENA
