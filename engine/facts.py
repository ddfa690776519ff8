"""Facts worked out from others at the instant of a step: age groups, time since, what is known, earlier runs."""

from collections.abc import Mapping
from datetime import date, datetime

from dateutil.relativedelta import relativedelta

from stegvis.routines.form import Value
from stegvis.routines.model import Derived
from stegvis.routines.rules import AGE_GROUPS, Rules

from .instants import local_day, moment_of
from .values import Facts

_AGES = (12, 15, 18, 21)


def age_group(born: str, on: date) -> str:
    """The band of age on that day; somebody born on 29 February has the birthday on 1 March in other years."""
    birth = date.fromisoformat(born)
    years = on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))
    return AGE_GROUPS[sum(years >= limit for limit in _AGES)]


def next_birthday_that_matters(born: str, on: date) -> date | None:
    """The next day on which the age group changes (12, 15, 18, 21 years), if there is one."""
    birth = date.fromisoformat(born)
    coming = [birth + relativedelta(years=limit) for limit in _AGES]
    return next((day for day in coming if day > on), None)


def with_derived(
    rules: Rules, names: tuple[str, ...], known: dict[str, Value], outside: Mapping[str, int], now: datetime
) -> Facts:
    """Put those derived facts beside the known ones; an unknown source leaves its derived fact unknown."""
    for name in names:
        condition = rules.derived[name]
        if condition is not None:
            value: Value = condition.evaluate(known)
        elif (one := rules.routine.derived[name]).known is not None:
            value = known.get(one.known) is not None
        else:
            value = outside.get(name) if one.earlier is not None else _derive(one, known, now)
        if value is not None:
            known[name] = value
    return known


def sources(rules: Rules, names: frozenset[str]) -> frozenset[str]:
    """The facts that some facts rest on: themselves, and for a derived one all that it is worked out from."""
    found, waiting = set[str](), set(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if name in rules.derived:
            one, condition = rules.routine.derived[name], rules.derived[name]
            waiting |= {source for source in (one.age_group, one.since, one.known) if source is not None}
            waiting |= condition.names if condition is not None else set()
    return frozenset(found)


def _derive(one: Derived, known: Mapping[str, Value], now: datetime) -> Value:
    source = known.get(one.age_group or one.since or "")
    if not isinstance(source, str):
        return None
    if one.age_group is not None:
        return age_group(source, local_day(now))
    if len(source) == 10:  # noqa: PLR2004 - a date is counted in days, an instant in hours
        return (local_day(now) - date.fromisoformat(source)).days
    return int((now - moment_of(source)).total_seconds() // 3600)
