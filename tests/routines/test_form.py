"""Reading what people answered: every answer has its type, every fault its code and place, and no fault repeats it."""

from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.routines.form import (
    ROW_LIMIT,
    Field,
    Questions,
    fact_type,
    holds_personal_number,
    is_reference,
    protected_fields,
)

from ..often import often

NOW, TODAY = "2026-03-02T08:00:00.000000Z", "2026-03-02"


def field(**said: Any) -> Field:
    return Field.model_validate_json(orjson.dumps({"title": {"sv": "x"}, **said}))


YES_NO = {"yes": {"sv": "ja"}, "no": {"sv": "nej"}}
FIELDS = {
    "text": field(type="text", longest=20, part="protected"),
    "number": field(type="number", least=-5, most=50),
    "big": field(type="number"),
    "boolean": field(type="boolean"),
    "choice": field(type="choice", of=YES_NO),
    "several": field(type="choice", of=YES_NO, multiple=True),
    "date": field(type="date"),
    "past_date": field(type="date", past=True),
    "instant": field(type="instant"),
    "past_instant": field(type="instant", past=True),
    "person": field(type="person"),
    "actor": field(type="actor"),
    "list": field(
        type="list",
        rows={
            "name": {"type": "text", "title": {"sv": "x"}},
            "age": {"type": "number", "title": {"sv": "x"}, "required": False},
        },
    ),
}


def read(name: str, value: object) -> tuple[object, list[tuple[str, str]]]:
    answers, problems = Questions(FIELDS).read({name: value}, now=NOW, today=TODAY)
    return answers.get(name), [(one.code, one.field) for one in problems]


KEPT: list[tuple[str, object, object]] = [
    ("text", "åäö\tett\ntvå", "åäö\tett\ntvå"),
    ("number", -5, -5),
    ("big", 2**53 - 1, 2**53 - 1),
    ("boolean", False, False),
    ("choice", "yes", "yes"),
    ("several", [], []),
    ("several", ("no", "yes"), ["no", "yes"]),
    ("date", date(2031, 5, 4), "2031-05-04"),
    ("date", "2031-05-04", "2031-05-04"),
    ("past_date", TODAY, TODAY),
    ("instant", datetime(2031, 5, 4, 12, tzinfo=UTC), "2031-05-04T12:00:00.000000Z"),
    ("past_instant", "2026-03-02T09:00:00+01:00", NOW),
    ("person", "p-7", "p-7"),
    ("actor", "u:7.a_b", "u:7.a_b"),
    ("list", [{"name": "a"}, {"name": "b", "age": 3}], [{"name": "a"}, {"name": "b", "age": 3}]),
    ("list", [{"name": "a", "age": None}], [{"name": "a"}]),
]


@pytest.mark.parametrize(("name", "value", "kept"), KEPT)
def test_an_answer_that_fits_is_kept_as_a_plain_value(name: str, value: object, kept: object) -> None:
    assert read(name, value) == (kept, [])


FAULTS: list[tuple[str, object, str]] = [
    ("text", 7, "not_text"),
    ("text", "x" * 21, "too_long"),
    ("text", "a\x00b", "control_characters"),
    ("text", "a\u202eb", "control_characters"),
    ("text", "a\u2028b", "control_characters"),
    ("text", " \n ", "missing"),
    ("number", -6, "out_of_range"),
    ("number", 51, "out_of_range"),
    ("big", 2**53, "out_of_range"),
    ("big", -(2**53), "out_of_range"),
    ("number", True, "not_number"),
    ("number", 1.0, "not_number"),
    ("number", "1", "not_number"),
    ("boolean", 1, "not_boolean"),
    ("boolean", "yes", "not_boolean"),
    ("choice", "maybe", "not_a_choice"),
    ("choice", ["yes"], "not_a_choice"),
    ("several", "yes", "not_a_list"),
    ("several", ["yes", "yes"], "not_a_choice"),
    ("several", ["yes", 1], "not_a_choice"),
    ("date", "2026-02-30", "not_date"),
    ("date", "20260302", "not_date"),
    ("date", datetime(2026, 3, 2, tzinfo=UTC), "not_date"),
    ("date", "0001-01-01", "out_of_range"),
    ("date", date(9999, 12, 31), "out_of_range"),
    ("past_date", "2026-03-03", "future"),
    ("instant", "2026-03-02T08:00", "naive_instant"),
    ("instant", 5, "not_instant"),
    ("instant", "9999-12-31T23:59:59-23:00", "out_of_range"),
    ("instant", "1800-01-01T00:00:00Z", "out_of_range"),
    ("past_instant", "2026-03-02T08:00:00.000001Z", "future"),
    ("person", "Alma Ek", "not_a_reference"),
    ("person", "20100505-1238", "not_a_reference"),
    ("actor", 7, "not_a_reference"),
    ("list", {"name": "a"}, "not_a_list"),
    ("list", ["a"], "not_a_list"),
    ("list", [{"name": "a"}] * (ROW_LIMIT + 1), "too_many_rows"),
]


@pytest.mark.parametrize(("name", "value", "code"), FAULTS)
def test_an_answer_that_does_not_fit_is_left_out_with_its_code(name: str, value: object, code: str) -> None:
    assert read(name, value) == (None, [(code, name)])


def test_a_fault_inside_a_list_names_its_row_and_the_others_are_read() -> None:
    rows = [{"name": "a"}, {"name": 7}, {}, {"age": 3}, {"name": "b", "more": 1}]
    _, problems = read("list", rows)
    assert problems == [
        ("not_text", "list[1].name"),
        ("missing", "list[2].name"),
        ("missing", "list[3].name"),
        ("unknown_field", "list[4].?"),
    ]


def test_what_is_not_known_is_left_out_and_is_no_fault() -> None:
    assert Questions(FIELDS).read(dict.fromkeys(FIELDS), now=NOW, today=TODAY) == ({}, [])


anything: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.dates() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@often(300)
@given(name=st.sampled_from(sorted(FIELDS)), value=anything)
def test_whatever_is_answered_is_kept_as_its_type_or_left_out_with_a_fault(name: str, value: object) -> None:
    answer, problems = read(name, value)
    if problems or value is None:
        assert answer is None or name == "list"
    else:
        assert fact_type(FIELDS[name]).known(answer)
        # what was kept is a plain value, and reading it again changes nothing
        assert read(name, orjson.loads(orjson.dumps(answer))) == (answer, [])


@often(200)
@given(name=st.text(min_size=1, max_size=20), word=st.text("åäö ", min_size=6, max_size=20))
def test_no_fault_repeats_what_was_answered_or_asked_in_words(name: str, word: str) -> None:
    given_ = {name: word, f"{word}": 1, "number": word, "date": word, "person": word, "choice": word}
    _, problems = Questions(FIELDS).read(given_, now=NOW, today=TODAY)
    for problem in problems:
        assert word not in problem.code
        assert word not in problem.field
        assert problem.field.isascii()


# ---- references and personal numbers --------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    born=st.dates(date(1920, 1, 1), date(2029, 12, 31)),
    serial=st.integers(0, 999),
    shape=st.sampled_from(
        ["{c}{s}-{n}", "{c}{s}{n}", "{s}-{n}", "{s}+{n}", "{s}{n}", "p.{c}{s}-{n}", "fall_{s}{n}.txt"]
    ),
    coordination=st.booleans(),
)
def test_a_personal_number_in_any_of_its_shapes_is_no_reference(
    born: date, serial: int, shape: str, *, coordination: bool
) -> None:
    short = f"{born:%y%m}{born.day + 60 * coordination:02}"
    digits = f"{short}{serial:03}"
    doubled = [int(one) * (2 - place % 2) for place, one in enumerate(digits)]
    check = -sum(one // 10 + one % 10 for one in doubled) % 10
    text = shape.format(c=f"{born:%Y}"[:2], s=short, n=f"{serial:03}{check}")
    assert holds_personal_number(text)
    assert not is_reference(text)
    wrong = shape.format(c=f"{born:%Y}"[:2], s=short, n=f"{serial:03}{(check + 1) % 10}")
    assert not holds_personal_number(wrong)


@pytest.mark.parametrize("text", ["u-17", "p-7", "A", "a" * 128, "case:2026.1", "skola_1", "u" * 40])
def test_short_keys_of_a_directory_are_references(text: str) -> None:
    assert is_reference(text)


@pytest.mark.parametrize("text", ["", "-a", "a b", "å", "a\n", "a" * 129, "a/b", None, 7, b"a"])
def test_anything_else_is_none(text: object) -> None:
    assert not is_reference(text)


def test_protected_fields_are_those_that_must_not_reach_a_decision() -> None:
    assert protected_fields(FIELDS) == ["text"]
