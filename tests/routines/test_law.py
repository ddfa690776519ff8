"""The law book answers by the date of the step, cites what held then, and loads no law that contradicts itself."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stegvis.routines.errors import BadInput, NotFound, StegvisError
from stegvis.routines.law import LawBook, NoLaw, load_law

Data = dict[str, Any]
TEXT = {"sv": "Gör det.", "en": "Do it."}


def wording(first: str | None, last: str | None, **more: object) -> Data:
    where = {"from": first, "to": last, "act": "new", "section": "20:1"}
    return {**where, "says": TEXT, "source": "statute", "confidence": "H", **more}


def clocked(first: str | None, last: str | None, **more: object) -> Data:
    return {**wording(first, last), "counts_from": TEXT, "limit": {"period": "P14D"}, **more}


def law(kind: str, *versions: Data, **more: object) -> Data:
    return {"title": TEXT, "kind": kind, "versions": list(versions), **more}


def cited(order: str) -> Data:
    names = ("chapter_section", "chapter_sections", "section", "sections", "unverified", "house")
    return {name: f"{name} {order}" for name in names}


def book(**laws: Data) -> Data:
    return {
        "format": 1,
        "citing": {"sv": cited("{chapter}|{section}|{act}"), "en": cited("{act}|{chapter}|{section}")},
        "sources": {"statute": {"title": "Statute text", "read": "2026-02-12"}},
        "acts": {
            "old": {"title": TEXT, "cite": "OLD (2001:453)", "from": None, "to": "2025-06-30"},
            "new": {"title": TEXT, "cite": "NEW (2025:400)", "from": "2025-07-01", "to": None},
            "flat": {"title": TEXT, "cite": "FLAT (1990:52)", "from": None, "to": None},
        },
        "laws": {
            "decide": law(
                "statutory",
                clocked(None, "2025-06-30", act="old", section="11:1 a"),
                clocked("2025-07-01", None, section="20:2"),
            ),
            **laws,
        },
    }


GOOD = book(
    gone=law("basis", wording(None, "2025-06-30", act="old", section="14:3-7")),
    gap=law("basis", wording(None, "2020-12-31", act="flat", section="6"), wording("2022-01-01", None, act="flat")),
    flat=law("basis", wording(None, None, act="flat", section="31 a-f")),
    alone=law("basis", wording(None, None, act="flat", section="31 a")),
    unread=law("basis", wording(None, None, act="flat", section=None, confidence="L")),
    ours=law(
        "practice",
        clocked(None, None, act=None, section=None, limit=None, internal={"end_of_day": 1}, confidence="L"),
        house=True,
    ),
)


@pytest.fixture(scope="module")
def laws() -> LawBook:
    return load_law(GOOD)


@pytest.mark.parametrize(
    ("on", "section", "sv"),
    [
        ("1999-01-01", "11:1 a", "chapter_section 11|1 a|OLD (2001:453)"),
        ("2025-06-30", "11:1 a", "chapter_section 11|1 a|OLD (2001:453)"),
        ("2025-07-01", "20:2", "chapter_section 20|2|NEW (2025:400)"),
        ("2099-01-01", "20:2", "chapter_section 20|2|NEW (2025:400)"),
    ],
)
def test_the_date_of_the_step_picks_the_wording(laws: LawBook, on: str, section: str, sv: str) -> None:
    day = date.fromisoformat(on)
    assert laws.at("decide", day).section == section
    assert laws.citation("decide", day) == laws.citation("decide", day, "sv") == sv


@pytest.mark.parametrize(
    ("name", "en"),
    [
        ("decide", "chapter_section NEW (2025:400)|20|2"),
        ("flat", "sections FLAT (1990:52)||31 a–f"),  # noqa: RUF001
        ("alone", "section FLAT (1990:52)||31 a"),
        ("unread", "unverified FLAT (1990:52)||"),
        ("ours", "house {act}|{chapter}|{section}"),
    ],
)
def test_a_citation_says_chapter_and_sections_or_that_nobody_has_checked(laws: LawBook, name: str, en: str) -> None:
    assert laws.citation(name, date(2026, 1, 1), "en") == en


def test_several_sections_of_a_chapter_are_cited_in_the_plural(laws: LawBook) -> None:
    assert laws.citation("gone", date(2025, 1, 1)) == "chapter_sections 14|3–7|OLD (2001:453)"  # noqa: RUF001


def test_a_repealed_law_is_not_in_force_and_says_so(laws: LawBook) -> None:
    assert not laws.repealed("gone", date(2025, 6, 30))
    assert laws.repealed("gone", date(2025, 7, 1))
    assert not laws.repealed("decide", date(2099, 1, 1))
    for name, on in (("gone", date(2025, 7, 1)), ("gap", date(2021, 6, 1))):
        with pytest.raises(NoLaw) as refused:
            laws.at(name, on)
        assert refused.value.reason == "law_not_in_force"
        assert dict(refused.value.details) == {"law": name, "on": on.isoformat()}
        assert not laws.repealed("gap", on)


def test_an_unknown_law_is_not_found(laws: LawBook) -> None:
    for ask in (laws.at, laws.citation, laws.repealed):
        with pytest.raises(NoLaw) as refused:
            ask("nothing", date(2026, 1, 1))
        assert refused.value.reason == "law_unknown"
        assert isinstance(refused.value, NotFound)


def test_an_instant_is_no_date(laws: LawBook) -> None:
    for ask in (laws.at, laws.repealed, laws.citation):
        with pytest.raises(BadInput) as refused:
            ask("decide", datetime(2025, 6, 30, 23, tzinfo=UTC))
        assert refused.value.reason == "instant_for_date"


def test_a_law_book_cannot_be_changed(laws: LawBook) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        laws.law("decide").kind = "basis"


@settings(deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=6), st.integers(-50, 2500))
def test_every_day_has_at_most_one_wording_and_it_is_the_right_one(lengths: list[int], offset: int) -> None:
    start = date(2026, 1, 1)
    starts = [start + timedelta(days=sum(lengths[:n])) for n in range(len(lengths))]
    ends = [*(day - timedelta(days=1) for day in starts[1:]), None]
    versions = [
        wording(first.isoformat(), last.isoformat() if last else None, section=str(n + 1))
        for n, (first, last) in enumerate(zip(starts, ends, strict=True))
    ]
    laws = load_law(book(many=law("basis", *versions)))
    on = start + timedelta(days=offset)
    if on < start:
        with pytest.raises(NoLaw, match="law_not_in_force"):
            laws.at("many", on)
    else:
        assert laws.at("many", on).section == str(sum(day <= on for day in starts))


def one(kind: str, version: Data, **more: object) -> Data:
    return book(law=law(kind, version, **more))


BROKEN: Mapping[str, Data] = {
    "overlap": book(law=law("basis", wording("2025-07-01", "2026-01-01"), wording("2026-01-01", None))),
    "open end before another": book(law=law("basis", wording("2025-07-01", None), wording("2026-01-01", None))),
    "wrong order": book(law=law("basis", wording("2026-01-01", None), wording("2025-07-01", "2025-12-31"))),
    "ends before it begins": one("basis", wording("2026-01-01", "2025-12-31")),
    "no wording at all": book(law=law("basis")),
    "before its act": one("basis", wording("2025-06-30", None)),
    "start unknown, act's known": one("basis", wording(None, None)),
    "after its act": one("basis", wording(None, None, act="old")),
    "unknown act": one("basis", wording(None, None, act="none")),
    "unknown source": one("basis", wording("2025-07-01", None, source="none")),
    "unknown field": one("basis", wording("2025-07-01", None, limits={})),
    "basis with a clock": one("basis", clocked("2025-07-01", None)),
    "statutory without a clock": one("statutory", wording("2025-07-01", None)),
    "clock from nowhere": one("statutory", wording("2025-07-01", None, limit={"period": "P1D"})),
    "prompt without internal": one("prompt", clocked("2025-07-01", None, limit={"prompt": True})),
    "prompt with a number": one("prompt", clocked("2025-07-01", None)),
    "hard without a number": one(
        "hard", clocked("2025-07-01", None, limit={"prompt": True}, internal={"end_of_day": 1})
    ),
    "lapse of what is not hard": one("statutory", clocked("2025-07-01", None), lapse=True),
    "two limits in one": one("statutory", clocked("2025-07-01", None, limit={"period": "P1D", "end_of_day": 1})),
    "no such period": one("statutory", clocked("2025-07-01", None, limit={"period": "P1DT1H"})),
    "period of nothing": one("statutory", clocked("2025-07-01", None, limit={"period": "P0D"})),
    "a day before": one("statutory", clocked("2025-07-01", None, limit={"end_of_day": -1})),
    "a truth for a number": one("statutory", clocked("2025-07-01", None, limit={"end_of_day": True})),
    "late without how late": one("statutory", clocked("2025-07-01", None, limit={"end_of_day": 1, "late": 2})),
    "late but shorter": one(
        "statutory", clocked("2025-07-01", None, limit={"end_of_day": 1, "late_after": "16:00", "late": 0})
    ),
    "no such hour": one(
        "statutory", clocked("2025-07-01", None, limit={"end_of_day": 1, "late_after": "24:00", "late": 1})
    ),
    "a day limit that moves": one(
        "statutory", clocked("2025-07-01", None, limit={"end_of_day": 1}, weekend="next_weekday")
    ),
    "unread but sure": one("basis", wording("2025-07-01", None, section=None)),
    "no such section": one("basis", wording("2025-07-01", None, section="20 kap. 1 §")),
    "no such day": one("basis", wording("2025-02-30", None)),
    "a number for a day": one("basis", wording("2025-07-01", None) | {"from": 1}),
    "house rule in an act": one("basis", wording("2025-07-01", None, confidence="L"), house=True),
    "law in no act": one("basis", wording(None, None, act=None, section=None, confidence="L")),
    "house rule that is sure": one("basis", wording(None, None, act=None), house=True),
    "house rule with a legal limit": one(
        "statutory", clocked(None, None, act=None, section=None, confidence="L"), house=True
    ),
    "practice by law": one("practice", clocked("2025-07-01", None)),
    "no Swedish": one("basis", wording("2025-07-01", None, says={"en": "Do it."})),
    "another format": {**GOOD, "format": 2},
    "one language": {**GOOD, "citing": {"sv": GOOD["citing"]["sv"]}},
    "no plain data": {**GOOD, "laws": {"law": object()}},
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_law_that_contradicts_itself_does_not_load(fault: str) -> None:
    with pytest.raises(BadInput) as refused:
        load_law(BROKEN[fault])
    assert refused.value.reason == "definition_malformed"
    assert refused.value.details["at"]


def test_a_fault_names_its_place_and_not_its_value() -> None:
    data = deepcopy(GOOD)
    data["laws"]["decide"]["versions"][0]["section"] = "Amira bor på Storgatan"
    with pytest.raises(StegvisError) as refused:
        load_law(data)
    assert refused.value.details["at"] == "laws.decide.versions.0.section"
    assert "Amira" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
