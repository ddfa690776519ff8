"""Time arithmetic for legal limits (tidsfrister): from a start to a due instant. Pure: nothing here knows the time.

Days, weeks, months and years are counted on the calendar in Europe/Stockholm and end with the last instant of a local
day; a month ends on the same date, or on the month's last day where there is no such date (lag 1930:173 1 §). Hours and
minutes are elapsed time. The start day itself is not counted. Summer time therefore moves the clock, never the date.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple, assert_never
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from .errors import BadInput
from .law import Age, EndOfDay, LawVersion, Limit, Period, Prompt
from .periods import period

ZONE = ZoneInfo("Europe/Stockholm")

_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_SATURDAY = 5


class Due(NamedTuple):
    """When something is due; every instant aware, in UTC."""

    internal: datetime
    """The house's date, which drives reminders and never moves. Never later than ``legal``."""
    legal: datetime | None
    """The law's outer limit, moved to the next weekday where the law says so; None where the law has no number."""
    shown: datetime
    """What people are shown: the earliest of internal, legal and the critical time."""


def local(instant: datetime) -> datetime:
    """The instant on the Swedish clock.

    Raises:
        BadInput: ``naive_instant`` without a time zone, ``instant_out_of_range`` outside 1900-2099.
    """
    if instant.utcoffset() is None:
        raise BadInput("naive_instant")
    if not _EARLIEST <= instant < _LATEST:
        raise BadInput("instant_out_of_range")
    return instant.astimezone(ZONE)


def due(version: LawVersion, start: datetime, *, critical: datetime | None = None) -> Due:
    """When a limit that starts at ``start`` is due.

    ``critical`` is when what protects now changes (school ends, a plane leaves): it comes before any limit, and may
    already have passed. A ``recurring`` limit starts at the latest review, an age at the date of birth.

    Raises:
        BadInput: ``naive_instant``, ``instant_out_of_range``, or ``law_without_limit`` for a basis without a clock.
    """
    begun = local(start)
    unmoved = None if version.limit is None else _ends(version.limit, begun)
    inner = unmoved if version.internal is None else _ends(version.internal, begun)
    if inner is None:
        raise BadInput("law_without_limit")
    internal = inner if unmoved is None else min(inner, unmoved)
    legal = unmoved
    if unmoved is not None and version.weekend == "next_weekday":
        legal = _last_instant(_next_weekday(unmoved.astimezone(ZONE).date()))
    return Due(internal, legal, min(internal, local(critical).astimezone(UTC)) if critical else internal)


def weekday(day: date) -> bool:
    """Whether it is a weekday (vardag): no Saturday, Sunday or holiday, nor Midsummer, Christmas or New Year's Eve.

    Source: lag (1930:173) om beräkning av lagstadgad tid 2 §, and the holidays of Sweden from the package ``holidays``.
    """
    return day.weekday() < _SATURDAY and day not in _holidays(day.year)


def _next_weekday(day: date) -> date:
    while not weekday(day):
        day += timedelta(days=1)
    return day


@lru_cache(maxsize=256)
def _holidays(year: int) -> frozenset[date]:
    # Only limits that move need the calendar; most processes never load it.
    from holidays.constants import DE_FACTO, PUBLIC  # noqa: PLC0415
    from holidays.countries.sweden import Sweden  # noqa: PLC0415

    return frozenset(Sweden(years=year, categories=(PUBLIC, DE_FACTO)))


def _ends(limit: Limit, begun: datetime) -> datetime | None:
    match limit:
        case EndOfDay():
            return _last_instant(begun.date() + timedelta(days=limit.days(begun.time())))
        case Period(period=text):
            return _after(text, begun)
        case Age(age=age):
            return datetime.combine(begun.date() + relativedelta(years=age), time.min, ZONE).astimezone(UTC)
        case Prompt():
            return None
        case _:  # pragma: no cover
            assert_never(limit)


def _after(text: str, begun: datetime) -> datetime:
    step = period(text)
    if text.startswith("PT"):
        return begun.astimezone(UTC) + step
    return _last_instant(begun.date() + step)


@lru_cache(maxsize=1024)
def _last_instant(day: date) -> datetime:
    return datetime.combine(day, time.max, ZONE).astimezone(UTC)
