"""Instants without a zone, in the future, out of reach, and clocks that go back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.engine.answers import Refused
from stegvis.engine.facts import age_group, next_birthday_that_matters
from stegvis.engine.instants import STOCKHOLM, end_of, local_day, moment_of, text_of
from stegvis.routines.errors import BadInput, StegvisError

from .toys import CARGO, FIRST, KURATOR, SCHOOL, START, WORKER, World

aware = st.datetimes(
    datetime(1901, 1, 1),  # noqa: DTZ001 - the zone is drawn
    datetime(2099, 12, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, STOCKHOLM, timezone(timedelta(hours=-9, minutes=-30))]),
)


# ---- instants as text -----------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(one=aware, other=aware)
def test_the_text_of_instants_sorts_as_time_does_and_comes_back(one: datetime, other: datetime) -> None:
    left, right = text_of(one), text_of(other)
    assert len(left) == len(right) == 27
    assert (left < right) == (one.astimezone(UTC) < other.astimezone(UTC))
    assert moment_of(left) == one.astimezone(UTC)
    assert moment_of(left).tzinfo is not None


@settings(deadline=None)
@given(day=st.dates(datetime(1950, 1, 1).date(), datetime(2099, 12, 30).date()))  # noqa: DTZ001 - only the day
def test_a_day_begins_and_ends_on_the_swedish_clock(day: Any) -> None:
    begins, ends = moment_of(day.isoformat()), end_of(day.isoformat())
    assert local_day(begins) == local_day(ends) == day
    assert local_day(begins - timedelta(microseconds=1)) == day - timedelta(days=1)
    assert local_day(ends + timedelta(microseconds=1)) == day + timedelta(days=1)
    assert timedelta(hours=22) < ends - begins < timedelta(hours=26)


# ---- without a zone, in the future, out of reach --------------------------------------------------------------------

NAIVE = datetime(2026, 3, 2, 8)  # noqa: DTZ001 - that is the fault


def acts(world: World, case: str) -> dict[str, Callable[[datetime], object]]:
    return {
        "open": lambda when: world.open("lantern", KURATOR, FIRST, happened=when),
        "take": lambda when: world.take(case, "note", KURATOR, form={"line": "x"}, happened=when),
        "tick": lambda when: world.engine.tick(SCHOOL, when),
        "due": lambda when: world.engine.due(KURATOR, until=when),
    }


@pytest.mark.parametrize("act", ["open", "take", "tick", "due"])
def test_an_instant_without_a_zone_is_no_instant(act: str) -> None:
    world = World()
    case = world.lantern()
    before = world.case(case, KURATOR)
    with pytest.raises(BadInput, match="naive_instant"):
        acts(world, case)[act](NAIVE)
    assert world.case(case, KURATOR) == before


def test_a_host_whose_clock_has_no_zone_is_told_so() -> None:
    world = World()
    world.clock.now = NAIVE
    with pytest.raises(BadInput, match="naive_instant"):
        world.lantern()
    assert list(world.store.cases(SCHOOL)) == []


@pytest.mark.parametrize("act", ["open", "take"])
@pytest.mark.parametrize("ahead", [timedelta(microseconds=1), timedelta(days=1), timedelta(days=30_000)])
def test_what_has_not_happened_yet_has_not_happened(act: str, ahead: timedelta) -> None:
    world = World()
    case = world.lantern()
    with pytest.raises(BadInput, match="future_instant"):
        acts(world, case)[act](START + ahead)


def test_what_happened_earlier_is_written_down_as_both() -> None:
    world = World()
    happened = START - timedelta(days=2)
    case = world.open("lantern", KURATOR, FIRST, happened=happened).id
    run = world.run(case, KURATOR)
    assert run.opened == text_of(happened)
    assert run.due["watchful"].since == text_of(happened)
    (step,) = world.engine.replay(case, actor=KURATOR).steps
    assert (step.happened, step.recorded) == (text_of(happened), text_of(START))


INSTANTS = [
    ("0001-01-01T00:00:00Z", "out_of_range"),
    ("1899-12-31T23:59:59Z", "out_of_range"),
    ("2100-01-01T00:00:00Z", "out_of_range"),
    ("9999-12-31T23:59:59Z", "out_of_range"),
    ("2026-03-02T08:00:00", "naive_instant"),
    ("2026-03-02", "naive_instant"),
    ("2026-02-30T08:00:00Z", "not_instant"),
    ("i morgon", "not_instant"),
    (1772438400, "not_instant"),
    (NAIVE, "naive_instant"),
]


@pytest.mark.parametrize(("said", "code"), INSTANTS)
def test_an_instant_that_cannot_be_counted_from_is_refused_with_its_reason(said: object, code: str) -> None:
    world = World()
    for routine, actor, form in (
        ("lantern", KURATOR, {**FIRST, "leaves": said}),
        ("ferry", WORKER, {**CARGO, "arrived": said}),
    ):
        with pytest.raises(Refused) as caught:
            world.open(routine, actor, form)
        assert caught.value.reasons[0].code == code


@pytest.mark.parametrize("zone", ["+01:00", "Z", "-11:30"])
def test_an_instant_is_kept_in_one_zone_whatever_it_was_written_in(zone: str) -> None:
    world = World()
    case = world.lantern(leaves=f"2026-03-05T08:00:00{zone}")
    kept = world.run(case, KURATOR).facts["first.leaves"]
    assert kept == text_of(datetime.fromisoformat(f"2026-03-05T08:00:00{zone}"))


def test_what_may_not_lie_ahead_does_not() -> None:
    world = World()
    with pytest.raises(Refused, match="reasons=future"):
        world.ferry(arrived="2026-03-02T08:00:01Z")
    with pytest.raises(Refused, match="reasons=future"):
        world.lantern(born="2026-03-03")
    world.ferry(arrived="2026-03-02T08:00:00Z")
    world.lantern(born="2026-03-02")


# ---- a clock that goes back -----------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(back=st.timedeltas(timedelta(microseconds=1), timedelta(days=400)))
def test_a_clock_that_goes_back_changes_nothing(back: timedelta) -> None:
    world = World()
    case = world.lantern()
    before = list(world.store.case_records(SCHOOL, case))
    world.clock.now -= back
    with pytest.raises(StegvisError, match="clock_going_back"):
        world.take(case, "note", KURATOR, form={"line": "x"})
    with pytest.raises(StegvisError, match="clock_going_back"):
        world.engine.correct(case, {"first.born": "2013-01-01"}, reason="fel", actor=KURATOR, key="c-1")
    assert world.engine.tick(SCHOOL) == 0
    assert list(world.store.case_records(SCHOOL, case)) == before
    world.clock.now = START
    assert world.take(case, "note", KURATOR, form={"line": "x"}).version == 2


def test_many_steps_at_one_instant_keep_their_order() -> None:
    world = World()
    case = world.lantern()
    for line in "abc":
        world.take(case, "note", KURATOR, form={"line": line})
    steps = world.engine.replay(case, actor=KURATOR).steps
    assert [step.version for step in steps] == [1, 2, 3, 4]
    assert len({step.recorded for step in steps}) == 1


# ---- ages -----------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(born=st.dates(datetime(1930, 1, 1).date(), datetime(2026, 1, 1).date()), ahead=st.integers(0, 30_000))  # noqa: DTZ001
def test_the_age_group_changes_on_the_birthday_that_was_told_and_not_before(born: Any, ahead: int) -> None:
    on = born + timedelta(days=ahead)
    birthday = next_birthday_that_matters(born.isoformat(), on)
    group = age_group(born.isoformat(), on)
    if birthday is None:
        assert group == "adult"
        return
    assert age_group(born.isoformat(), birthday) != group
    assert age_group(born.isoformat(), birthday - timedelta(days=1)) == group


def test_somebody_born_on_leap_day_is_a_year_older_on_the_first_of_march() -> None:
    day = datetime(2026, 2, 28, tzinfo=UTC).date()
    assert age_group("2008-02-29", day) == "15_17"
    assert age_group("2008-02-29", day + timedelta(days=1)) == "18_20"
