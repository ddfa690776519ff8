"""Days and instants as people write them. Exact: what could mean two days is refused, never guessed at.

Pure, and the same for every surface. The words are texts/dates.yaml's, Swedish and English, and are read in both
whatever the language of the screen; only ``3/5`` is read by it. What was not said but follows, such as the year of a
day that has been, is marked, so that it can be read back and confirmed.

The parsers that are there (dateparser was tried) are made to find something: ``31 februari`` becomes a day in 2031,
``fredag`` the last one, ``3/5`` the fifth of March. Here that would be a wrong date in a case file.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from stegvis.routines.text import Lang, Words

from .instants import STOCKHOLM

_WEEK: Final = 7
_MONTHS: Final = 12
_HALF_DAY: Final = 12


class Unclear(Exception):
    """What was written is no day or instant, or could be several.

    Attributes:
        code: which text of texts/dates.yaml says so.
        could: the days that it could be, for ``which_day``; the day it is, for ``other_weekday``.
    """

    def __init__(self, code: str, *could: date) -> None:
        self.code, self.could = code, could
        super().__init__(code)


class Day(NamedTuple):
    """A day that was read; ``inferred`` when part of it was not said."""

    day: date
    inferred: bool = False


class Moment(NamedTuple):
    """An instant that was read, on the Swedish clock; ``inferred`` when part of it was not said."""

    at: datetime
    inferred: bool = False


# ---- reading ------------------------------------------------------------------------------------------------------


def read_day(text: str, *, today: date, words: Words, lang: Lang, past: bool = False) -> Day:
    """The day that somebody wrote.

    Args:
        text: what was written.
        today: the day it is in Stockholm.
        words: the library's texts.
        lang: by which ``3/5`` is read: day first in Swedish; refused in English, unless only one order is possible.
        past: whether the day cannot lie ahead; one without a year is then the latest that has been.

    Raises:
        Unclear: ``not_a_day``, ``no_such_day``, ``short_year``, ``other_weekday``, ``which_day``.
    """
    return _Reader(words, lang, past=past).day(_plain(text), today)


def read_moment(text: str, *, now: datetime, words: Words, lang: Lang, past: bool = False) -> Moment:
    """The instant that somebody wrote, on the Swedish clock.

    Raises:
        Unclear: as ``read_day``, and ``not_a_moment``, ``time_missing``, ``no_such_time``, ``which_time``.
    """
    return _Reader(words, lang, past=past).moment(_plain(text), now)


def _plain(text: str) -> str:
    """Lower case, single spaces, no full stop at the end, no article before the day."""
    said = " ".join(text.replace(",", " ").split()).lower().rstrip(".!")
    return re.sub(r"^(den|the) (?=[0-9])", "", said)


class _Names(NamedTuple):
    """The words of texts/dates.yaml the other way round: what each means."""

    months: dict[str, int]
    weekdays: dict[str, int]
    near: dict[str, int]
    numbers: dict[str, int]
    units: dict[str, str]
    now: frozenset[str]
    ago: re.Pattern[str]
    ahead: re.Pattern[str]
    seasons: dict[str, bool]
    clock: re.Pattern[str]


def _names(words: Words) -> _Names:
    return _read_names(tuple((name, text.sv, text.en or "") for name, text in words.items() if name[:6] == "dates."))


@lru_cache(maxsize=4)
def _read_names(texts: tuple[tuple[str, str, str], ...]) -> _Names:
    known = {name.removeprefix("dates."): {*sv.lower().split("|"), *en.lower().split("|")} for name, sv, en in texts}

    def meaning(prefix: str) -> Iterator[tuple[str, str]]:
        for name, alternatives in known.items():
            if name.startswith(prefix):
                yield from ((one, name.removeprefix(prefix)) for one in alternatives)

    counts = {one: int(name) for one, name in meaning("number_")}
    units = dict(meaning("unit_"))
    count, unit = rf"(?P<count>[0-9]{{1,3}}|{_any(counts)})", rf"(?P<unit>{_any(units)})"
    return _Names(
        months={one: int(name) for one, name in meaning("month_")},
        weekdays={one: int(name) for one, name in meaning("weekday_")},
        near={one: int(name) for one, name in meaning("day_")},
        numbers=counts,
        units=units,
        now=frozenset(known["now"]),
        ago=re.compile(rf"(?:för )?{count} {unit} (?:sedan|sen|ago)"),
        ahead=re.compile(rf"(?:om|in) {count} {unit}"),
        seasons=dict([*((one, True) for one in known["summer"]), *((one, False) for one in known["winter"])]),
        clock=re.compile(
            rf"(?:(?P<word>{_any(known['at'])}) ?)?(?P<hour>[0-9]{{1,2}})(?:[:.](?P<minute>[0-9]{{2}}))?"
            rf"(?: ?(?P<half>am|pm))?(?: (?P<season>{_any([*known['summer'], *known['winter']])}))?"
        ),
    )


def _any(words: "dict[str, int] | dict[str, str] | set[str] | list[str]") -> str:
    return "|".join(re.escape(one) for one in sorted(words, key=len, reverse=True))


_ISO: Final = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})|([0-9]{4})([0-9]{2})([0-9]{2})")
_NUMBERS: Final = re.compile(r"([0-9]{1,2})[/.]([0-9]{1,2})[/. -]([0-9]{4}|[0-9]{2})|([0-9]{1,2})/([0-9]{1,2})")
_SHORT: Final = re.compile(r"[0-9]{2}-[0-9]{2}-[0-9]{2}|[0-9]{6}")
_NTH: Final = r"([0-9]{1,2})(?::[ae]|st|nd|rd|th|\.)?"


class _Reader:
    """Reads one thing that was written."""

    def __init__(self, words: Words, lang: Lang, *, past: bool) -> None:
        self.names, self.lang, self.past = _names(words), lang, past

    def day(self, said: str, today: date) -> Day:
        exact = self._exact(said, today)
        if exact is not None:
            return Day(exact)
        near = self._near(said, today)
        if near is not None:
            return near
        first, _, rest = said.partition(" ")
        weekday = self.names.weekdays.get(first.rstrip("."))
        if weekday is not None and rest:
            return self._held_to(weekday, rest, today)
        found = self._named(said, today) or self._numbered(said, today) or self._on_weekday(said, today)
        if found is None:
            raise Unclear("short_year" if _SHORT.fullmatch(said) else "not_a_day")
        return found

    def _held_to(self, weekday: int, rest: str, today: date) -> Day:
        """A day whose weekday was said too: it has to be right, and may say which year."""
        try:
            found = self.day(rest, today)
        except Unclear as no:
            right = [day for day in no.could if day.isoweekday() == weekday]
            if no.code != "which_day" or len(right) != 1:
                raise
            return Day(right[0], inferred=True)
        if found.day.isoweekday() != weekday:
            raise Unclear("other_weekday", found.day)
        return found

    def _near(self, said: str, today: date) -> Day | None:
        """``i går``, also as it is said: ``i går lördag 21 november``."""
        near = next((one for one in self.names.near if said == one or said.startswith(f"{one} ")), None)
        if near is None:
            return None
        day, rest = _moved(today, timedelta(self.names.near[near])), said.removeprefix(near).strip()
        try:
            same = not rest or self.day(rest, today).day == day
        except Unclear as no:
            same = day in no.could
        if not same:
            raise Unclear("not_a_day")
        return Day(day)

    def _exact(self, said: str, today: date) -> date | None:
        """What can mean one day only, whatever day it is written."""
        iso = _ISO.fullmatch(said)
        if iso is not None:
            year, month, day = (part for part in iso.groups() if part is not None)
            return _date(int(year), int(month), int(day))
        span = self._span(said)
        if span is not None and span.seconds == 0 and abs(span) >= timedelta(1):
            return _moved(today, span)
        return None

    def _span(self, said: str) -> timedelta | None:
        """How far from now: ``för två dagar sedan``, ``in 3 weeks``."""
        ago, ahead = self.names.ago.fullmatch(said), self.names.ahead.fullmatch(said)
        found = ago or ahead
        if found is None:
            return None
        number = found["count"]
        count = int(number) if number.isdecimal() else self.names.numbers[number]
        span = timedelta(**{self.names.units[found["unit"]]: count})
        return -span if ago is not None else span

    def _named(self, said: str, today: date) -> Day | None:
        """``3 maj``, ``3:e maj 2026``, ``May 3rd 2026``."""
        months = _any(self.names.months)
        found = re.fullmatch(rf"{_NTH} (?:of )?({months})\.?(?: ([0-9]{{4}}|[0-9]{{2}}))?", said)
        if found is not None:
            return self._dated(found[3], self.names.months[found[2]], int(found[1]), today)
        found = re.fullmatch(rf"({months})\.? {_NTH}(?: ([0-9]{{4}}))?", said)
        return self._dated(found[3], self.names.months[found[1]], int(found[2]), today) if found is not None else None

    def _numbered(self, said: str, today: date) -> Day | None:
        """``3/5``, ``3/5 2026``, ``3.5.2026``: the day first in Swedish, in English only where the other is not."""
        found = _NUMBERS.fullmatch(said)
        if found is None:
            return None
        one, other = (int(part) for part in (found[1] or found[4], found[2] or found[5]))
        year = found[3]
        if year is not None and len(year) < 4:  # noqa: PLR2004 - 26 may be a year or a day
            raise Unclear("short_year")
        if self.lang == "en" and one != other and one <= _MONTHS:
            if other > _MONTHS:
                one, other = other, one
            else:
                raise Unclear("which_day", *self._either(year, one, other, today))
        return self._dated(year, other, one, today)

    def _either(self, year: str | None, one: int, other: int, today: date) -> Iterator[date]:
        for day, month in ((one, other), (other, one)):
            yield _date(int(year) if year is not None else today.year, month, day)

    def _dated(self, year: str | None, month: int, day: int, today: date) -> Day:
        if year is not None:
            if len(year) < 4:  # noqa: PLR2004 - 26 may be a year or a day
                raise Unclear("short_year")
            return Day(_date(int(year), month, day))
        _date(2000, month, day)  # a leap year: whether there is such a day in any
        years = range(today.year - 8, today.year + 9)  # nine years apart at the most lie two 29 February
        days = [date(one, month, day) for one in years if (month, day) != (2, 29) or _leap(one)]
        before, after = [one for one in days if one <= today], [one for one in days if one > today]
        if self.past:
            return Day(before[-1], inferred=True)
        raise Unclear("which_day", before[-1], after[0])

    def _on_weekday(self, said: str, today: date) -> Day | None:
        """``i fredags`` and ``på fredag`` are one day; ``fredag``, ``nästa fredag`` and ``last Friday`` may be two."""
        before, _, last = said.rpartition(" ")
        since = self.names.weekdays.get(last.removesuffix("s"))
        if before == "i" and since is not None and last.endswith("dags"):
            return Day(_back(today, since))
        weekday = self.names.weekdays.get(last.removesuffix("en"))
        if weekday is None or before not in {"", "på", "on", "nästa", "next", "förra", "last", "this"}:
            return None
        back = _back(today, weekday)
        ahead = back + timedelta(_WEEK)
        if before == "på" and ahead != today:
            return Day(ahead)
        if before in {"förra", "last"}:
            raise Unclear("which_day", back - timedelta(_WEEK), back)
        if before in {"", "on", "this"}:
            if self.past and ahead != today:
                return Day(back, inferred=True)
            if self.past or ahead != today:
                raise Unclear("which_day", back, ahead)
        raise Unclear("which_day", ahead, ahead + timedelta(_WEEK))

    def moment(self, said: str, now: datetime) -> Moment:
        local = now.astimezone(STOCKHOLM)
        if said in self.names.now:
            return Moment(local.replace(second=0, microsecond=0))
        whole = _whole_instant(said)
        if whole is not None:
            return Moment(whole)
        span = self._span(said)
        if span is not None and span % timedelta(1):
            return Moment((now + span).astimezone(STOCKHOLM).replace(second=0, microsecond=0))
        return self._parted(said, local.date())

    def _parted(self, said: str, today: date) -> Moment:
        """A day and a time, in either order; or a time alone, today's."""
        parts = said.split(" ")
        cuts = [(" ".join(parts[:cut]), " ".join(parts[cut:])) for cut in range(len(parts) + 1)]
        found = [(day, self.names.clock.fullmatch(time)) for day, time in cuts]
        found += [(day, self.names.clock.fullmatch(time)) for time, day in cuts if day and time]
        for day, clock in found:
            if clock is None or not (clock["word"] or clock["minute"] or clock["half"]):
                continue
            try:
                read = self.day(day, today) if day else Day(today, inferred=True)
            except Unclear as no:
                if no.code != "not_a_day":
                    raise
                continue
            return self._at(read, clock)
        try:
            self.day(said, today)
        except Unclear as no:
            raise Unclear("not_a_moment" if no.code == "not_a_day" else no.code, *no.could) from None
        raise Unclear("time_missing")

    def _at(self, read: Day, clock: re.Match[str]) -> Moment:
        hour, minute, half = int(clock["hour"]), int(clock["minute"] or 0), clock["half"]
        if half is not None:
            if not 1 <= hour <= _HALF_DAY:
                raise Unclear("not_a_moment")
            hour = hour % _HALF_DAY + (_HALF_DAY if half == "pm" else 0)
        if hour > 23 or minute > 59:  # noqa: PLR2004 - the clock
            raise Unclear("not_a_moment")
        bare = half is None and 1 <= hour <= _HALF_DAY and len(clock["hour"]) == 1
        summer = self.names.seasons.get(clock["season"] or "")
        at = datetime(read.day.year, read.day.month, read.day.day, hour, minute)  # noqa: DTZ001 - placed below
        return Moment(_placed(at, summer=summer), read.inferred or bare)


def _placed(at: datetime, *, summer: bool | None) -> datetime:
    """A time of a Swedish day as an instant; none where the clock skipped it, and two where it struck twice."""
    early, late = (at.replace(tzinfo=STOCKHOLM, fold=fold) for fold in (0, 1))
    if early.utcoffset() == late.utcoffset():
        if summer is not None and summer is not bool(early.dst()):
            raise Unclear("no_such_time")
        return early
    if early.astimezone(UTC).astimezone(STOCKHOLM).replace(tzinfo=None) != at:
        raise Unclear("no_such_time")
    if summer is None:
        raise Unclear("which_time")
    return early if summer else late


def _whole_instant(said: str) -> datetime | None:
    """An ISO instant with its offset."""
    if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[t ]", said):
        return None
    try:
        at = datetime.fromisoformat(said.upper())
    except ValueError:
        return None
    return at.astimezone(STOCKHOLM) if at.tzinfo is not None else None


def _date(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise Unclear("no_such_day") from None


def _moved(day: date, span: timedelta) -> date:
    try:
        return day + span
    except OverflowError:
        raise Unclear("no_such_day") from None


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _back(today: date, weekday: int) -> date:
    """The last such weekday before today."""
    return today - timedelta((today.isoweekday() - weekday - 1) % _WEEK + 1)
