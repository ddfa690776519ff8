"""Days and instants as people write them: read exactly, said so that they can be read back, or refused."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.engine.dates import Unclear, read_day, read_moment
from stegvis.engine.days import say_day, say_moment, say_unclear
from stegvis.engine.instants import STOCKHOLM, local_day
from stegvis.routines.library import SHIPPED
from stegvis.routines.sources import Sources, words_of
from stegvis.routines.text import Lang

WORDS = words_of(Sources([SHIPPED]))
SUNDAY = date(2026, 11, 22)
NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)

days = st.dates(date(1900, 1, 1), date(2099, 12, 31))
langs = st.sampled_from(["sv", "en"])
minutes = st.datetimes(datetime(1980, 1, 1), datetime(2099, 1, 1)).map(  # noqa: DTZ001 - placed in the next line
    lambda at: at.replace(second=0, microsecond=0, tzinfo=UTC)
)


def day(text: str, *, today: date = SUNDAY, lang: Lang = "sv", past: bool = False) -> date | str:
    """The day that was read, or the code of why not; an inferred one as text, so that nobody mixes them up."""
    try:
        read = read_day(text, today=today, words=WORDS, lang=lang, past=past)
    except Unclear as no:
        return no.code
    return f"{read.day}?" if read.inferred else read.day


def moment(text: str, *, now: datetime = NOON, lang: Lang = "sv") -> str:
    try:
        read = read_moment(text, now=now, words=WORDS, lang=lang)
    except Unclear as no:
        return no.code
    return f"{read.at:%Y-%m-%d %H:%M%z}{'?' if read.inferred else ''}"


@given(one=days, today=days, lang=langs, past=st.booleans())
@settings(deadline=None)
def test_what_is_said_of_a_day_is_read_as_that_day(one: date, today: date, lang: Lang, past: bool) -> None:
    said = say_day(one, today, WORDS, lang)
    assert day(said, today=today, lang=lang, past=past) == one


@given(at=minutes, now=minutes, lang=langs)
@settings(deadline=None)
def test_what_is_said_of_an_instant_is_read_as_that_instant(at: datetime, now: datetime, lang: Lang) -> None:
    said = say_moment(at, now, WORDS, lang)
    read = read_moment(said, now=now, words=WORDS, lang=lang)
    assert read.at.astimezone(UTC) == at


written: list[Callable[[date], str]] = [
    lambda one: one.isoformat(),
    lambda one: f"{one:%Y%m%d}",
    lambda one: f"{one.day}/{one.month} {one.year}",
    lambda one: f"{one.day}.{one.month}.{one.year}",
]


@given(one=days, today=days, how=st.sampled_from(written))
@settings(deadline=None)
def test_a_whole_day_is_the_same_whatever_day_it_is_written(one: date, today: date, how: Callable[[date], str]) -> None:
    assert day(how(one), today=today) == one


@given(text=st.text(max_size=40), lang=langs, past=st.booleans())
@settings(deadline=None)
def test_whatever_is_written_is_read_or_refused_with_a_sentence(text: str, lang: Lang, past: bool) -> None:
    for read in (
        lambda: read_day(text, today=SUNDAY, words=WORDS, lang=lang, past=past),
        lambda: read_moment(text, now=NOON, words=WORDS, lang=lang, past=past),
    ):
        try:
            read()
        except Unclear as no:
            said = say_unclear(no, WORDS, lang)
            assert "{" not in said
            assert said.endswith(".")


near = st.sampled_from(
    ["fredag", "friday", "3 maj", "3/5", "29 februari", "i", "förra", "nästa", "på", "kl. 14.30", "2", "dagar", "sedan"]
)


@given(words=st.lists(near, min_size=1, max_size=5), lang=langs, today=days)
@settings(deadline=None)
def test_no_mixture_of_the_words_makes_it_fail(words: list[str], lang: Lang, today: date) -> None:
    day(" ".join(words), today=today, lang=lang)
    moment(" ".join(words), now=datetime(today.year, today.month, today.day, 12, tzinfo=UTC), lang=lang)


@given(count=st.integers(1, 999), today=st.dates(date(1950, 1, 1), date(2050, 1, 1)))
@settings(deadline=None)
def test_days_and_weeks_ago_are_counted(count: int, today: date) -> None:
    assert day(f"för {count} dagar sedan", today=today) == today - timedelta(count)
    assert day(f"{count} weeks ago", today=today) == today - timedelta(weeks=count)
    assert day(f"om {count} dygn", today=today) == today + timedelta(count)


@pytest.mark.parametrize(
    ("text", "past", "ahead"),
    [
        ("3 maj 2026", date(2026, 5, 3), date(2026, 5, 3)),
        ("den 3:e maj 2026", date(2026, 5, 3), date(2026, 5, 3)),
        ("May 3rd, 2026", date(2026, 5, 3), date(2026, 5, 3)),
        ("Söndag 3 MAJ 2026.", date(2026, 5, 3), date(2026, 5, 3)),
        ("3 maj", "2026-05-03?", "which_day"),
        ("24 december", "2025-12-24?", "which_day"),
        ("29 februari", "2024-02-29?", "which_day"),
        ("3/5", "2026-05-03?", "which_day"),
        ("i går", date(2026, 11, 21), date(2026, 11, 21)),
        ("igår", date(2026, 11, 21), date(2026, 11, 21)),
        ("i förrgår", date(2026, 11, 20), date(2026, 11, 20)),
        ("i fredags", date(2026, 11, 20), date(2026, 11, 20)),
        ("i söndags", date(2026, 11, 15), date(2026, 11, 15)),
        ("på fredag", date(2026, 11, 27), date(2026, 11, 27)),
        ("fredag", "2026-11-20?", "which_day"),
        ("söndag", "which_day", "which_day"),
        ("nästa fredag", "which_day", "which_day"),
        ("last Friday", "which_day", "which_day"),
        ("för en vecka sedan", date(2026, 11, 15), date(2026, 11, 15)),
        ("måndag 3 maj 2026", "other_weekday", "other_weekday"),
        ("söndag 3 maj", "2026-05-03?", "2026-05-03?"),
        ("31 februari", "no_such_day", "no_such_day"),
        ("29 februari 2026", "no_such_day", "no_such_day"),
        ("5/13 2026", "no_such_day", "no_such_day"),
        ("3 maj 26", "short_year", "short_year"),
        ("26-05-03", "short_year", "short_year"),
        ("260503", "short_year", "short_year"),
        ("i går fredag", "not_a_day", "not_a_day"),
        ("maj", "not_a_day", "not_a_day"),
        ("3", "not_a_day", "not_a_day"),
        ("snart", "not_a_day", "not_a_day"),
    ],
)
def test_what_could_be_two_days_is_not_guessed_at(text: str, past: Any, ahead: Any) -> None:
    assert day(text, past=True) == past
    assert day(text) == ahead


@pytest.mark.parametrize(
    ("text", "swedish", "english"),
    [
        ("3/5 2026", date(2026, 5, 3), "which_day"),
        ("5/5 2026", date(2026, 5, 5), date(2026, 5, 5)),
        ("5/13 2026", "no_such_day", date(2026, 5, 13)),
        ("13/5 2026", date(2026, 5, 13), date(2026, 5, 13)),
    ],
)
def test_numbers_with_a_stroke_are_day_first_in_swedish_and_unclear_in_english(
    text: str, swedish: Any, english: Any
) -> None:
    assert (day(text), day(text, lang="en")) == (swedish, english)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("nu", "2026-11-22 12:00+0100"),
        ("3 maj 2026 kl. 14.30", "2026-05-03 14:30+0200"),
        ("2026-05-03 14:30", "2026-05-03 14:30+0200"),
        ("kl 14 i går", "2026-11-21 14:00+0100"),
        ("yesterday at 2 pm", "2026-11-21 14:00+0100"),
        ("i går 9.15", "2026-11-21 09:15+0100?"),
        ("14:30", "2026-11-22 14:30+0100?"),
        ("för två timmar sedan", "2026-11-22 10:00+0100"),
        ("2026-05-03T14:30+02:00", "2026-05-03 14:30+0200"),
        ("i går", "time_missing"),
        ("3 maj", "which_day"),
        ("halv tre", "not_a_moment"),
        ("i dag 25:00", "not_a_moment"),
        ("31 februari 2026 14:30", "no_such_day"),
        ("2026-03-29 02:30", "no_such_time"),
        ("2026-10-25 02:30", "which_time"),
        ("2026-10-25 02:30 sommartid", "2026-10-25 02:30+0200"),
        ("2026-10-25 02:30 winter time", "2026-10-25 02:30+0100"),
        ("2026-07-01 12:00 vintertid", "no_such_time"),
    ],
)
def test_an_instant_needs_a_day_and_a_time_that_there_was_once(text: str, read: str) -> None:
    assert moment(text) == read


@given(at=minutes)
@settings(deadline=None)
def test_a_swedish_time_is_read_only_if_the_clock_showed_it_once(at: datetime) -> None:
    local = at.astimezone(STOCKHOLM)
    twice = local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
    assert moment(f"{local:%Y-%m-%d %H:%M}") == ("which_time" if twice else f"{local:%Y-%m-%d %H:%M%z}")
    assert local_day(at) == local.date()


def test_a_refusal_says_what_it_could_have_been() -> None:
    with pytest.raises(Unclear) as caught:
        read_day("3 maj", today=SUNDAY, words=WORDS, lang="sv")
    said = say_unclear(caught.value, WORDS, "sv")
    assert said == "Det kan vara söndag 3 maj 2026 eller måndag 3 maj 2027. Skriv vilket, med år."
