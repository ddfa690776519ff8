"""Limits are counted on the Swedish calendar: days end at local midnight, whatever the clocks do."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.routines.errors import BadInput
from stegvis.routines.law import LawVersion, checked
from stegvis.routines.limits import due, local, weekday

from ..often import often

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NAIVE = datetime.fromisoformat("1990-01-01T00:00")
SAYS = {"sv": "Gör det.", "en": "Do it."}


def version(limit: object = None, internal: object = None, weekend: str = "none") -> LawVersion:
    clock = limit is not None or internal is not None
    return checked(
        LawVersion,
        {
            "from": None, "to": None, "act": "act", "section": "1", "says": SAYS,
            "counts_from": SAYS if clock else None,
            "limit": limit, "internal": internal, "weekend": weekend, "source": "statute", "confidence": "H",
        },
    )  # fmt: skip


def at(text: str) -> datetime:
    """A wall-clock time in Stockholm."""
    return datetime.fromisoformat(text).replace(tzinfo=STOCKHOLM)


def last_of(text: str) -> datetime:
    return at(f"{text}T23:59:59.999999")


instants = st.datetimes(NAIVE, NAIVE.replace(year=2090), timezones=st.just(UTC))


def after_days(n: int) -> dict[str, object]:
    return {"end_of_day": n}


def after_days_or_late(n: int, more: int, hour: int) -> dict[str, object]:
    return {"end_of_day": n, "late_after": f"{hour:02}:00", "late": n + more}


def after_period(n: int, form: str) -> dict[str, object]:
    return {"period": form.format(n)}


days = st.builds(after_days, st.integers(0, 60))
late = st.builds(after_days_or_late, st.integers(0, 20), st.integers(0, 3), st.integers(0, 23))
forms = st.sampled_from(["P{}D", "P{}W", "P{}M", "P{}Y", "PT{}H", "PT{}M"])
periods = st.builds(after_period, st.integers(1, 30), forms)
rules = st.one_of(days, late, periods)
wordings = st.one_of(
    st.builds(version, rules, st.none() | rules),
    st.builds(version, st.just({"prompt": True}), rules),
    st.builds(version, periods, st.none() | rules, st.just("next_weekday")),
    st.builds(version, st.none(), rules),
)

PROTECTION = version({"end_of_day": 1}, {"end_of_day": 0, "late_after": "16:00", "late": 1})


@pytest.mark.parametrize(
    ("start", "internal", "legal"),
    [
        # The night before summer time: the next day has 23 hours.
        ("2026-03-28T23:50", "2026-03-29", "2026-03-29"),
        ("2026-03-28T15:59", "2026-03-28", "2026-03-29"),
        ("2026-03-28T16:00", "2026-03-29", "2026-03-29"),
        # The night before winter time: the next day has 25.
        ("2026-10-24T23:50", "2026-10-25", "2026-10-25"),
        ("2026-10-25T00:00", "2026-10-25", "2026-10-26"),
    ],
)
def test_protection_is_due_on_the_local_day_whatever_the_clocks_do(start: str, internal: str, legal: str) -> None:
    answer = due(PROTECTION, at(start))
    assert answer.internal == last_of(internal)
    assert answer.legal == last_of(legal)
    assert answer.shown == answer.internal


def test_the_day_of_summer_time_is_an_hour_short_and_that_of_winter_time_an_hour_long() -> None:
    spring = due(PROTECTION, at("2026-03-28T23:50"))
    autumn = due(PROTECTION, at("2026-10-24T23:50"))
    assert spring.shown == datetime(2026, 3, 29, 21, 59, 59, 999999, tzinfo=UTC)
    assert autumn.shown == datetime(2026, 10, 25, 22, 59, 59, 999999, tzinfo=UTC)


@pytest.mark.parametrize("repeated", [0, 1])
def test_an_hour_that_comes_twice_is_two_instants_of_one_day(repeated: int) -> None:
    start = at("2026-10-25T02:30").replace(fold=repeated)
    assert due(version({"end_of_day": 0}), start).legal == last_of("2026-10-25")
    assert due(version({"period": "PT1H"}), start).legal == start.astimezone(UTC) + timedelta(hours=1)


@pytest.mark.parametrize(
    ("period", "start", "last"),
    [
        ("P4M", "2025-10-31T09:00", "2026-02-28"),
        ("P4M", "2027-10-31T09:00", "2028-02-29"),
        ("P4M", "2025-10-30T09:00", "2026-02-28"),
        ("P4M", "2025-11-10T09:00", "2026-03-10"),
        ("P14D", "2026-03-20T00:00", "2026-04-03"),
        ("P1W", "2026-10-19T23:59", "2026-10-26"),
        ("P1Y", "2028-02-29T12:00", "2029-02-28"),
        ("P6M", "2026-08-31T12:00", "2027-02-28"),
    ],
)
def test_months_end_on_the_same_date_or_the_last_of_the_month(period: str, start: str, last: str) -> None:
    assert due(version({"period": period}), at(start)).legal == last_of(last)


def test_hours_are_elapsed_time_across_a_change_of_clocks() -> None:
    answer = due(version({"period": "PT24H"}), at("2026-03-28T23:50"))
    assert answer.shown == at("2026-03-30T00:50")


def test_an_age_is_reached_when_the_birthday_begins() -> None:
    answer = due(version({"age": 18}), at("2010-05-17T00:00"))
    assert answer.legal == at("2028-05-17T00:00")


def test_a_prompt_limit_has_no_legal_instant() -> None:
    answer = due(version({"prompt": True}, {"period": "PT2H"}), at("2026-05-04T10:00"))
    assert answer.legal is None
    assert answer.shown == answer.internal == at("2026-05-04T12:00")


@pytest.mark.parametrize(
    ("start", "legal"),
    [
        ("2026-06-12T09:00", "2026-06-22"),  # Midsummer Eve, then a weekend
        ("2026-12-17T09:00", "2026-12-28"),  # Christmas Eve to Sunday
        ("2026-12-24T09:00", "2027-01-04"),  # New Year's Eve to Sunday
        ("2026-03-27T09:00", "2026-04-07"),  # Good Friday to Easter Monday
        ("2026-05-07T09:00", "2026-05-15"),  # Ascension Day
        ("2026-05-04T09:00", "2026-05-11"),  # an ordinary Monday
    ],
)
def test_a_limit_that_moves_does_so_over_weekends_holidays_and_eves(start: str, legal: str) -> None:
    moved = due(version({"period": "P1W"}, weekend="next_weekday"), at(start))
    still = due(version({"period": "P1W"}), at(start))
    assert moved.legal == last_of(legal)
    assert still.legal == moved.internal == moved.shown == still.internal


def test_only_a_limit_that_moves_loads_the_calendar() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import stegvis.routines.limits, sys; print('holidays' in sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.strip() == "False"


@settings(deadline=None)
@given(st.dates(date(2000, 1, 1), date(2060, 1, 1)))
def test_no_weekend_is_a_weekday_and_four_days_off_in_a_row_are_rare(day: date) -> None:
    assert not (weekday(day) and day.weekday() >= 5)
    assert any(weekday(day + timedelta(days=n)) for n in range(6))


@often(300)
@given(wordings, instants, st.none() | instants)
def test_shown_is_the_earliest_and_internal_never_later_than_legal(
    wording: LawVersion, start: datetime, critical: datetime | None
) -> None:
    answer = due(wording, start, critical=critical)
    given_ones = [answer.internal, *filter(None, (answer.legal, critical))]
    assert answer.shown == min(given_ones)
    assert answer.legal is None or answer.internal <= answer.legal
    assert start <= answer.internal
    assert all(each.tzinfo is UTC for each in (answer.internal, answer.shown))
    if critical is not None and answer.legal is not None and critical < answer.legal:
        assert answer.shown <= critical


@often(300)
@given(wordings, instants, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_later_start_is_never_due_earlier(wording: LawVersion, start: datetime, more: timedelta) -> None:
    first, second = due(wording, start), due(wording, start + more)
    assert first.internal <= second.internal
    assert first.shown <= second.shown
    assert first.legal is None or (second.legal is not None and first.legal <= second.legal)


@settings(deadline=None)
@given(wordings, instants)
def test_the_zone_the_start_is_told_in_does_not_matter(wording: LawVersion, start: datetime) -> None:
    assert due(wording, start) == due(wording, start.astimezone(STOCKHOLM))
    assert due(wording, start) == due(wording, start.astimezone(ZoneInfo("Asia/Baghdad")))


@settings(deadline=None)
@given(days | st.builds(after_period, st.integers(1, 60), st.just("P{}D")), instants)
def test_day_limits_end_with_a_local_day(limit: dict[str, object], start: datetime) -> None:
    legal = due(version(limit), start).legal
    assert legal is not None
    assert local(legal).time().isoformat() == "23:59:59.999999"
    assert local(legal + timedelta(microseconds=1)).date() == local(legal).date() + timedelta(days=1)


@pytest.mark.parametrize(
    ("start", "critical", "reason"),
    [
        (NAIVE, None, "naive_instant"),
        (datetime(2026, 3, 28, tzinfo=UTC), NAIVE, "naive_instant"),
        (datetime(1899, 12, 31, tzinfo=UTC), None, "instant_out_of_range"),
        (datetime(9999, 12, 31, tzinfo=UTC), None, "instant_out_of_range"),
        (datetime.max.replace(tzinfo=STOCKHOLM), None, "instant_out_of_range"),
        (datetime.min.replace(tzinfo=STOCKHOLM), None, "instant_out_of_range"),
    ],
)
def test_an_instant_must_be_aware_and_of_our_age(start: datetime, critical: datetime | None, reason: str) -> None:
    with pytest.raises(BadInput) as refused:
        due(PROTECTION, start, critical=critical)
    assert refused.value.reason == reason
    assert not refused.value.details


def test_a_basis_without_a_clock_has_no_due_instant() -> None:
    with pytest.raises(BadInput) as refused:
        due(version(), at("2026-05-04T10:00"))
    assert refused.value.reason == "law_without_limit"
