"""ISO 8601 durations (P3D, PT30M, P12M) as calendar steps."""

import re
from functools import lru_cache

from dateutil.relativedelta import relativedelta

_PART = re.compile(r"(\d+)([YMWDHS])")


@lru_cache(maxsize=256)
def period(text: str) -> relativedelta:
    """The calendar step of a duration such as ``P12M`` or ``PT30M``."""
    days, _, clock = text[1:].partition("T")
    named = {"Y": "years", "M": "months", "W": "weeks", "D": "days"}
    parts = {named[unit]: int(count) for count, unit in _PART.findall(days)}
    timed = {"H": "hours", "M": "minutes", "S": "seconds"}
    parts.update({timed[unit]: int(count) for count, unit in _PART.findall(clock)})
    return relativedelta(**parts)  # pyright: ignore[reportArgumentType] - relative units only
