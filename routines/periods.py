"""ISO 8601 durations (P3D, PT30M, P12M) as calendar steps."""

import re
from datetime import timedelta
from functools import lru_cache

from dateutil.relativedelta import relativedelta

_PART = re.compile(r"(\d+)([YMWDHS])")


@lru_cache(maxsize=256)
def period(text: str) -> relativedelta | timedelta:
    """The calendar step of a duration such as ``P12M`` or ``PT30M``."""
    days, _, clock = text[1:].partition("T")
    named = {"Y": "years", "M": "months", "W": "weeks", "D": "days"}
    parts = {named[unit]: int(count) for count, unit in _PART.findall(days)}
    timed = {"H": "hours", "M": "minutes", "S": "seconds"}
    parts.update({timed[unit]: int(count) for count, unit in _PART.findall(clock)})
    # Years and months have no length of their own; all else is told faster by the simpler type.
    step = relativedelta if parts.keys() & {"years", "months"} else timedelta
    return step(**parts)  # pyright: ignore[reportArgumentType] - relative units only
