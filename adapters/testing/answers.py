"""Answers to a form, drawn by hypothesis: right ones by construction, and wrong ones, each wrong for one known reason.

Right ones keep to the limits that the routine's conditions care about: one below, at, and one above each.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple, TypeAlias, cast

from dateutil.relativedelta import relativedelta
from hypothesis import strategies as st

from stegvis.routines.facttypes import Value
from stegvis.routines.form import Field
from stegvis.routines.model import Routine
from stegvis.routines.rules import steps_of

from .truth import constants, day_of, text_of

PLANTED = "Ztjernqvist"
"""A word in every text that is drawn; it must turn up nowhere but in what is sealed."""

Asked: TypeAlias = Callable[[str, Mapping[str, Value]], bool | None]
"""Whether a field is asked, given the answers; None where that is not known."""

_PERSONAL_NUMBER = "191212121212"
_AGES = (0, 12, 15, 18, 21)
_ODD = ("", " å", " 1", "\n", " {0}", " 'x'", " <b>", " 🜂")


class Filled(NamedTuple):
    """A form somebody filled in; ``wrong`` says how it is wrong, None when it is right."""

    form: Mapping[str, object]
    wrong: str | None = None


@dataclass(frozen=True)
class Setting:
    """What answers are drawn from.

    Attributes:
        now: the present instant.
        actors, persons: opaque keys to choose among.
        limits: for a fact, the constants that conditions compare it with; see ``limits_of``.
        ages: facts that an age group is worked out from.
    """

    now: datetime
    actors: Sequence[str] = ("u-1", "u-2")
    persons: Sequence[str] = ("p-1", "p-2")
    limits: Mapping[str, Sequence[Value]] = field(default_factory=dict[str, "Sequence[Value]"])
    ages: frozenset[str] = frozenset()


def conditions_of(routine: Routine) -> Iterable[object]:
    """Every condition of a routine as it is written."""
    for _, step in steps_of(routine):
        yield from (guard.when for guard in step.require)
        if not isinstance(step.to, str):
            yield from (target.when for target in step.to if target.when is not None)
    for form in routine.forms.values():
        yield from (one.when for one in form.fields.values() if one.when is not None)
    yield from (one.holds for one in routine.derived.values() if one.holds is not None)
    for deadline in routine.deadlines.values():
        yield from (start.when for start in deadline.starts if not isinstance(start, str))


def limits_of(routine: Routine) -> dict[str, list[Value]]:
    """For each fact the constants that conditions compare it with; for a source of ``since``, those of the count."""
    limits: dict[str, list[Value]] = {}
    for condition in conditions_of(routine):
        for name, value in constants(condition):
            limits.setdefault(name, []).append(value)
    for name, one in routine.derived.items():
        if one.since is not None:
            limits.setdefault(one.since, []).extend(limits.get(name, ()))
    return limits


def ages_of(routine: Routine) -> frozenset[str]:
    """The facts that age groups are worked out from."""
    return frozenset(one.age_group for one in routine.derived.values() if one.age_group is not None)


# ---- one answer ---------------------------------------------------------------------------------------------------


def answer(one: Field, setting: Setting, fact: str = "") -> st.SearchStrategy[Value]:
    """Right answers to one question; ``fact`` finds the limits that matter for it."""
    limits = setting.limits.get(fact, ())
    match one.type:
        case "boolean":
            return st.booleans()
        case "number":
            return _numbers(one, limits)
        case "choice":
            options = st.sampled_from(sorted(one.of or ()))
            return (
                cast("st.SearchStrategy[Value]", st.lists(options, unique=True, max_size=3))
                if one.multiple
                else options
            )
        case "person":
            return st.sampled_from(setting.persons)
        case "actor":
            return st.sampled_from(setting.actors)
        case "date":
            return _dates(one, setting, fact, limits)
        case "instant":
            return _instants(one, setting, limits)
        case "list":
            return cast("st.SearchStrategy[Value]", st.lists(_row(one, setting), max_size=3))
        case "text":
            longest = one.longest
            return st.sampled_from(_ODD).map(lambda odd: (PLANTED + odd)[:longest])


def _numbers(one: Field, limits: Sequence[Value]) -> st.SearchStrategy[Value]:
    least = one.least if one.least is not None else -(2**53) + 1
    most = one.most if one.most is not None else 2**53 - 1
    near = {limit + step for limit in limits if type(limit) is int for step in (-1, 0, 1)}
    near |= {least, least + 1, most - 1, most, 0, 1}
    return st.sampled_from(sorted(number for number in near if least <= number <= most))


def _dates(one: Field, setting: Setting, fact: str, limits: Sequence[Value]) -> st.SearchStrategy[Value]:
    today = day_of(setting.now)
    near = [date.fromisoformat(limit) for limit in limits if isinstance(limit, str)]
    near += [today - timedelta(days=limit) for limit in limits if type(limit) is int and abs(limit) < 36500]  # noqa: PLR2004 - a century
    near += [today + timedelta(days=ahead) for ahead in (0, 20, 200)]
    if fact in setting.ages:
        near = [today - relativedelta(years=age) for age in _AGES] + [date(2008, 2, 29)]
    days = {day + timedelta(days=step) for day in near for step in (-1, 0, 1)} | {today - timedelta(days=400)}
    return st.sampled_from(sorted(day.isoformat() for day in days if not one.past or day <= today))


def _instants(one: Field, setting: Setting, limits: Sequence[Value]) -> st.SearchStrategy[Value]:
    now = setting.now
    hours = [limit for limit in limits if type(limit) is int and abs(limit) < 10**6]
    near = [now - timedelta(hours=limit) for limit in (*hours, 0, 1, 30, 24 * 40)]
    near += [datetime.fromisoformat(limit) for limit in limits if isinstance(limit, str)]
    near += [now + timedelta(hours=limit) for limit in (2, 20, 24 * 20)]
    moments = {moment + timedelta(microseconds=step) for moment in near for step in (-1, 0, 1)}
    return st.sampled_from(sorted(text_of(moment) for moment in moments if not one.past or moment <= now))


@st.composite
def _row(draw: st.DrawFn, one: Field, setting: Setting) -> dict[str, Value]:
    """A row of a list. Its limits are found by the column's name, whatever the condition calls the row."""
    row: dict[str, Value] = {}
    for name, column in (one.rows or {}).items():
        limits = [value for fact, values in setting.limits.items() if fact.endswith(f".{name}") for value in values]
        if column.required or draw(st.booleans()):
            row[name] = draw(
                answer(column, Setting(setting.now, setting.actors, setting.persons, {name: limits}), name)
            )
    return row


# ---- a form -------------------------------------------------------------------------------------------------------


@st.composite
def right_answers(
    draw: st.DrawFn, fields: Mapping[str, Field], setting: Setting, form: str = "", asked: Asked | None = None
) -> dict[str, Value]:
    """A form filled in as it should be: every question that is asked and required, none that is not asked.

    Args:
        draw: hypothesis gives it.
        fields: the form's questions.
        setting: what to draw answers from.
        form: the form's name, under which conditions know its answers.
        asked: whether a conditional question is asked, given the answers.
    """
    given: dict[str, Value] = {}
    for name, one in fields.items():
        if one.required or draw(st.booleans()):
            given[name] = draw(answer(one, setting, f"{form}.{name}"))
    spare = dict(given)
    # What one answer makes unasked may unask another: taken away until the form agrees with itself.
    for _ in range(len(fields) + 1):
        unasked = [name for name in given if asked is not None and fields[name].when and asked(name, given) is False]
        if not unasked:
            break
        for name in unasked:
            del given[name]
    for name, one in fields.items():
        if one.required and name not in given and asked is not None and asked(name, given):
            given[name] = spare[name]
    return given


_SPOILT: Mapping[str, tuple[object, ...]] = {
    "boolean": ("true", 1, 0),
    "number": (True, "7", 1.5, 2**60),
    "choice": ("no such option", 3, True),
    "text": (7, f"{PLANTED}\x00", f"{PLANTED}\u202e", PLANTED * 2000, "  "),
    "person": (PLANTED + " Ek", _PERSONAL_NUMBER, "", 4),
    "actor": (PLANTED + " Ek", _PERSONAL_NUMBER, "", 4),
    "date": ("2026-02-30", "2026-13-01", "20260101", 20260101, "i går"),
    "instant": ("2026-03-02T08:00:00", "2026-03-02", "nyss", 12),
    "list": ({}, "rad", [3], [{"no such column": 1}]),
}


@st.composite
def wrong_answers(
    draw: st.DrawFn, fields: Mapping[str, Field], right: Mapping[str, Value], *, late: bool = False
) -> Filled:
    """A form that was right until one thing was spoilt in it.

    Args:
        draw: hypothesis gives it.
        fields: the form's questions.
        right: answers that are right.
        late: the form may be completed afterwards, so a missing answer is no fault.
    """
    given: dict[str, object] = dict(right)
    missing = [name for name in given if fields[name].required and fields[name].when is None] if not late else []
    ways = ["spoilt", "unknown", *(["missing"] if missing else [])] if given else ["unknown"]
    how: str = draw(st.sampled_from(ways))
    if how == "unknown":
        given[draw(st.sampled_from(["no_such_field", PLANTED, "a b"]))] = 1
    elif how == "missing":
        name = draw(st.sampled_from(missing))
        given[name] = None
        if draw(st.booleans()):
            del given[name]
    else:
        name = draw(st.sampled_from(sorted(given)))
        given[name] = draw(st.sampled_from(_SPOILT[fields[name].type]))
        how = f"{how}:{fields[name].type}"
    return Filled(given, how)
