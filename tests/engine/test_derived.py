"""Facts worked out at the instant of a step: what is known, how long since, which age, how often before."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.engine.facts import with_derived
from stegvis.engine.instants import text_of
from stegvis.engine.values import Facts

from .toys import START, Data, plain_toys, toys

RULES = plain_toys().versions["ferry"][0]
ALL = tuple(RULES.derived)


def derived(facts: Facts, **outside: int) -> Facts:
    found = with_derived(RULES, ALL, dict(facts), outside, START)
    return {name: found[name] for name in ALL if name in found}


@settings(deadline=None)
@given(hours=st.integers(0, 100), minutes=st.integers(0, 59), weighed=st.booleans())
def test_hours_since_are_whole_and_conditions_build_on_what_was_derived(
    hours: int, minutes: int, *, weighed: bool
) -> None:
    arrived = text_of(START - timedelta(hours=hours, minutes=minutes))
    facts: dict[str, str | int] = {"cargo.arrived": arrived, **({"weigh.tons": 3} if weighed else {})}
    assert derived(facts) == {"hours": hours, "weighed": weighed, "slow": weighed and hours > 48}


def test_what_rests_on_the_unknown_is_unknown_and_being_known_is_always_known() -> None:
    assert derived({}) == {"weighed": False, "slow": False}
    assert derived({"weigh.tons": 3}) == {"weighed": True}
    assert derived({"weigh.tons": 0}, crossings=0) == {"weighed": True, "crossings": 0}


@pytest.mark.parametrize(
    ("born", "group"),
    [("2020-01-01", "under_12"), ("2014-03-02", "12_14"), ("2014-03-03", "under_12"), ("1990-01-01", "adult")],
)
def test_age_is_that_of_the_day_in_stockholm(born: str, group: str) -> None:
    assert derived({"cargo.born": born})["age"] == group


def test_days_since_a_date_are_counted_on_the_calendar() -> None:
    def since_birth(data: dict[str, Data]) -> None:
        data["ferry"]["derived"]["hours"]["since"] = "cargo.born"

    rules = toys(since_birth).versions["ferry"][0]
    assert with_derived(rules, ("hours",), {"cargo.born": "2026-02-27"}, {}, START)["hours"] == 3


def test_nothing_is_worked_out_that_nobody_asked_for() -> None:
    assert with_derived(RULES, (), {"weigh.tons": 3}, {"crossings": 3}, START) == {"weigh.tons": 3}
