"""Time arithmetic for legal limits (tidsfrister): from a start to a due instant. Pure: nothing here knows the time.

Days, weeks, months and years are counted on the calendar in Europe/Stockholm and end with the last instant of a local
day; a month ends on the same date, or on the month's last day where there is no such date (lag 1930:173 1 §). Hours and
minutes are elapsed time. The start day itself is not counted. Summer time therefore moves the clock, never the date.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple, TypeAlias, assert_never
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from .errors import BadInput
from .form import instant_text
from .law import Age, EndOfDay, LawVersion, Limit, Period, Prompt
from .periods import period

ZONE = ZoneInfo("Europe/Stockholm")

_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_SATURDAY = 5
_CLOCKS = 4096


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
    internal, legal = clock(version).ends(instant_text(local(start)))
    inner = datetime.fromisoformat(internal)
    shown = min(inner, local(critical).astimezone(UTC)) if critical else inner
    return Due(inner, datetime.fromisoformat(legal) if legal is not None else None, shown)


# ---- as text ------------------------------------------------------------------------------------------------------

Counting: TypeAlias = Callable[[str], str]
"""From a start, an instant or a date, to an instant, all as text."""


class Clock:
    """What a wording's limits come to, ready to count. On the path of every step, so it works on text."""

    __slots__ = ("_internal", "_legal", "_moves", "version")

    def __init__(self, version: LawVersion) -> None:
        self.version = version
        self._legal = _counting(version.limit) if version.limit is not None else None
        self._internal = _counting(version.internal) if version.internal is not None else None
        self._moves = version.weekend == "next_weekday"

    def ends(self, start: str) -> tuple[str, str | None]:
        """The internal and the legal instant of a limit that starts at that instant, or with that date.

        Raises:
            BadInput: ``instant_out_of_range``, ``law_without_limit``.
        """
        unmoved = self._legal(start) if self._legal is not None else None
        inner = self._internal(start) if self._internal is not None else unmoved
        if inner is None:
            raise BadInput("law_without_limit")
        if unmoved is None:
            return inner, None
        return min(inner, unmoved), _weekday_end(unmoved) if self._moves else unmoved


_clocks: dict[int, Clock] = {}


def clock(version: LawVersion) -> Clock:
    """The clock of a wording, made once."""
    # By identity, since a wording takes longer to hash than its clock to run; the clock keeps its wording alive.
    found = _clocks.get(id(version))
    if found is None:
        if len(_clocks) >= _CLOCKS:
            _clocks.clear()
        found = _clocks[id(version)] = Clock(version)
    return found


def _counting(limit: Limit) -> Counting | None:
    match limit:
        case EndOfDay():
            return _day_limit(limit)
        case Period(period=text):
            return _elapsed(period(text)) if text.startswith("PT") else lambda start: _last_instant(_day(start), text)
        case Age(age=age):
            return lambda start: _birthday(_day(start), age)
        case Prompt():
            return None
        case _:  # pragma: no cover
            assert_never(limit)


def _day_limit(limit: EndOfDay) -> Counting:
    usual, late = f"P{limit.end_of_day}D", f"P{limit.late or 0}D"
    after = limit.late_after or "24:00"

    def count(start: str) -> str:
        day, hour = _swedish(start[:13])
        return _last_instant(day, usual if hour + start[13:16] < after else late)

    return count


def _elapsed(step: timedelta | relativedelta) -> Counting:
    def count(start: str) -> str:
        _swedish(start[:13])
        begun = datetime.combine(date.fromisoformat(start), time(), ZONE) if len(start) == _DATE else None
        return instant_text((begun or datetime.fromisoformat(start)).astimezone(UTC) + step)

    return count


_DATE = len("YYYY-MM-DD")


def _day(start: str) -> date:
    return _swedish(start[:13])[0]


@lru_cache(maxsize=256)
def _swedish(hour: str) -> tuple[date, str]:
    """The Swedish date and hour of an hour in UTC. Sweden lies whole hours from UTC, so the minutes are the same."""
    if len(hour) == _DATE:
        return date.fromisoformat(hour), "00"
    here = local(datetime.fromisoformat(f"{hour}:00Z"))
    return here.date(), f"{here.hour:02}"


@lru_cache(maxsize=1024)
def _last_instant(day: date, later: str) -> str:
    """The last instant of the day so much later."""
    return instant_text(datetime.combine(day + period(later), time.max, ZONE))


@lru_cache(maxsize=256)
def _birthday(born: date, age: int) -> str:
    return instant_text(datetime.combine(born + relativedelta(years=age), time.min, ZONE))


@lru_cache(maxsize=256)
def _weekday_end(instant: str) -> str:
    """The instant, or the last one of the next weekday."""
    return _last_instant(_next_weekday(datetime.fromisoformat(instant).astimezone(ZONE).date()), "P0D")


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
