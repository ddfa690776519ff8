"""Instants as text and back. The text sorts as time does, so the core compares text."""

from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from stegvis.routines.errors import BadInput
from stegvis.routines.form import instant_text

STOCKHOLM = ZoneInfo("Europe/Stockholm")


def text_of(moment: datetime) -> str:
    """An aware instant as ``YYYY-MM-DDTHH:MM:SS.ffffffZ``.

    Raises:
        BadInput: ``naive_instant``, if the instant has no time zone.
    """
    if moment.tzinfo is None:
        raise BadInput("naive_instant")
    return instant_text(moment)


def moment_of(text: str) -> datetime:
    """The aware instant, in UTC, of a text that ``text_of`` made; a date is the start of that day in Stockholm."""
    if len(text) == 10:  # noqa: PLR2004 - YYYY-MM-DD
        return datetime.combine(date.fromisoformat(text), time(), STOCKHOLM).astimezone(UTC)
    return datetime.fromisoformat(text)


def end_of(text: str) -> datetime:
    """The instant itself, or the last instant in Stockholm of a date."""
    if len(text) == 10:  # noqa: PLR2004 - YYYY-MM-DD
        return datetime.combine(date.fromisoformat(text), time.max, STOCKHOLM).astimezone(UTC)
    return datetime.fromisoformat(text)


def local_day(moment: datetime) -> date:
    """The day it is in Stockholm at that instant; law and ages are counted on it."""
    return moment.astimezone(STOCKHOLM).date()


def day_at(text: str) -> str:
    """The day it is in Stockholm at an instant, both as text. Stockholm lies whole hours from UTC: the hour decides."""
    return _day_of_hour(text[:13])


@lru_cache(maxsize=64)
def _day_of_hour(hour: str) -> str:
    return local_day(datetime.fromisoformat(f"{hour}:00Z")).isoformat()
