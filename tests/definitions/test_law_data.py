"""The law, and the registers beside it, as shipped: dated, cited, in plain Swedish and English, and of one piece."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel

from stegvis.routines.law import Law, LawBook, LawVersion, Prompt, load_law
from stegvis.routines.limits import due, local
from stegvis.routines.reader import read_file
from stegvis.routines.registers import (
    Contacts,
    Organisations,
    Roles,
    Secrecy,
    Terms,
    load_contacts,
    load_organisations,
    load_roles,
    load_terms,
)
from stegvis.routines.text import Text

DEFINITIONS = Path(__file__).parents[2] / "definitions"
READ = date(2026, 2, 12)
"""The day on which the statutes were last read."""
OLD_ENDS, NEW_BEGINS = date(2025, 6, 30), date(2025, 7, 1)
WORDS_A_SENTENCE = 25
STOCKHOLM = ZoneInfo("Europe/Stockholm")


def data(name: str) -> dict[str, object]:
    return cast("dict[str, object]", read_file(DEFINITIONS / f"{name}.yaml", f"{name}.yaml").data)


@cache
def law_book() -> LawBook:
    return load_law(data("law"))


@cache
def registers() -> tuple[Roles, Contacts, Organisations, Terms]:
    return (
        load_roles(data("roles")),
        load_contacts(data("contacts")),
        load_organisations(data("organisations")),
        load_terms(data("terms")),
    )


def versions() -> Iterator[tuple[str, Law, LawVersion]]:
    for name, law in law_book().laws.items():
        for version in law.versions:
            yield name, law, version


def texts(value: object, at: str) -> Iterator[tuple[str, Text]]:
    """Every text for people inside a model, with its place."""
    if isinstance(value, Text):
        yield at, value
    elif isinstance(value, BaseModel):
        for field in type(value).model_fields:
            yield from texts(getattr(value, field), f"{at}.{field}")
    elif isinstance(value, dict):
        for key, inner in cast("dict[str, object]", value).items():
            yield from texts(inner, f"{at}.{key}")
    elif isinstance(value, tuple):
        for place, inner in enumerate(cast("tuple[object, ...]", value)):
            yield from texts(inner, f"{at}.{place}")


def long_sentences(text: str) -> list[str]:
    return [one for one in re.split(r"(?<=[.!?])\s+", text) if len(one.split()) > WORDS_A_SENTENCE]


def test_every_text_is_there_in_both_languages_and_in_short_sentences() -> None:
    found = [*texts(law_book(), "law"), *(pair for book in registers() for pair in texts(book, type(book).__name__))]
    assert len(found) > 500
    faults = [(at, "no English") for at, text in found if not text.en]
    faults += [(at, long) for at, text in found for said in (text.sv, text.en or "") for long in long_sentences(said)]
    assert faults == []


def test_every_wording_has_a_source_and_a_place_in_an_act_or_is_the_houses_own() -> None:
    for name, law, version in versions():
        assert (version.act is None) is law.house, name
        assert version.section is not None or version.confidence != "H", name
        assert version.source in law_book().sources, name
    used = {version.act for _, _, version in versions()} - {None}
    assert used == set(law_book().acts), "an act nobody cites"


def test_nothing_is_sure_that_nobody_read() -> None:
    for name, _, version in versions():
        if law_book().sources[version.source].read is None:
            assert version.confidence != "H", name


def test_house_rules_say_that_the_municipality_decides() -> None:
    ours = {name: law for name, law in law_book().laws.items() if law.house}
    assert {"deferral_review", "no_concern_second_look", "emergency_review", "complete_form"} <= set(ours)
    for name, law in ours.items():
        assert "(kommunen bestämmer)" in law.title.sv, name
        assert "(for the municipality to decide)" in (law.title.en or ""), name
        assert law_book().citation(name, READ, "sv") == "Egen regel, inte lag"


def test_one_wording_follows_another_without_gap_and_every_law_is_in_force_when_last_read() -> None:
    for name, law in law_book().laws.items():
        for older, newer in zip(law.versions, law.versions[1:], strict=False):
            assert older.last is not None, name
            assert newer.first == older.last + timedelta(days=1), name
        assert law_book().at(name, READ) is law.versions[-1], name


def test_the_old_act_ends_where_the_new_begins() -> None:
    replaced = [
        (name, older, newer)
        for name, law in law_book().laws.items()
        for older, newer in zip(law.versions, law.versions[1:], strict=False)
        if older.act == "sol_2001"
    ]
    assert len(replaced) > 15
    for name, older, newer in replaced:
        assert (older.last, newer.first, newer.act) == (OLD_ENDS, NEW_BEGINS, "sol_2025"), name
    assert not any(version.act == "sol_2001" and version.holds(NEW_BEGINS) for _, _, version in versions())


@pytest.mark.parametrize(
    ("name", "on", "cited"),
    [
        ("report_duty", "2025-06-30", "14 kap. 1 § SoL (2001:453)"),
        ("report_duty", "2025-07-01", "19 kap. 1 § SoL (2025:400)"),
        ("public_report", "2026-02-12", "19 kap. 4 § SoL (2025:400)"),
        ("protection_assessment", "2025-06-30", "11 kap. 1 a § SoL (2001:453)"),
        ("protection_assessment", "2025-07-01", "20 kap. 1 § SoL (2025:400)"),
        ("preliminary_assessment", "2025-08-01", "20 kap. 2 § SoL (2025:400)"),
        ("child_investigation", "2025-06-30", "11 kap. 2 § SoL (2001:453)"),
        ("child_investigation", "2025-08-01", "20 kap. 3 § SoL (2025:400)"),
        ("notice_to_concerned", "2026-02-12", "20 kap. 4 § SoL (2025:400)"),
        ("talk_with_child_alone", "2026-02-12", "20 kap. 7 § SoL (2025:400)"),
        ("qualified_officer", "2026-02-12", "25 kap. 1 § SoL (2025:400)"),
        ("violence_opens_investigation", "2022-10-31", "6 kap. 1 § SOSFS 2014:4"),
        ("violence_opens_investigation", "2022-11-01", "HSLF-FS 2022:39 (paragrafen är inte kontrollerad)"),
        ("report_secrecy_at_reporter", "2026-02-12", "40 kap. 7 g § OSL (2009:400)"),
        ("reporter_feedback_secrecy", "2026-02-12", "26 kap. 9 a § OSL (2009:400)"),
        ("crime_against_child", "2026-02-12", "10 kap. 21 § OSL (2009:400)"),
        ("lvu_immediate", "2026-02-12", "6 § LVU (1990:52)"),
        ("no_substituted_service", "2026-02-12", "14 kap. 12 § SoL (2025:400)"),
        ("crime_honour_oppression", "2026-02-12", "4 kap. 4 e § BrB (1962:700)"),
    ],
)
def test_citations_of_the_statutes(name: str, on: str, cited: str) -> None:
    assert law_book().citation(name, date.fromisoformat(on)) == cited


def test_feedback_to_the_reporter_has_three_wordings() -> None:
    decided = datetime(2026, 2, 2, 10, tzinfo=STOCKHOLM)
    legal = [due(version, decided).legal for version in law_book().law("reporter_feedback").versions]
    assert legal[:2] == [None, None]
    assert len(legal) == 3
    assert legal[2] is not None
    assert local(legal[2]).date() == date(2026, 2, 9)


def test_only_limits_before_a_court_move_off_a_weekend() -> None:
    moving = {name for name, _, version in versions() if version.weekend == "next_weekday"}
    assert moving == {
        "appeal_time",
        "lvu_submit", "lvu_court_tests", "lvu_application",
        "travel_ban_submit", "travel_ban_application",
        "child_shelter_submit", "child_shelter_application",
    }  # fmt: skip


def test_an_internal_date_comes_before_the_legal_one_on_any_day() -> None:
    new_year = datetime(2026, 1, 1, tzinfo=STOCKHOLM)
    starts = [new_year + timedelta(days=n, hours=hour) for n in range(366) for hour in (8, 20)]
    clocked = [(name, version) for name, _, version in versions() if version.internal and version.limit]
    numbered = [(name, version) for name, version in clocked if not isinstance(version.limit, Prompt)]
    assert len(numbered) > 20
    for name, version in numbered:
        alone = version.model_copy(update={"limit": None, "weekend": "none"})
        for start in starts:
            legal = due(version, start).legal
            assert legal is not None, name
            assert due(alone, start).internal <= legal, name


def test_a_protection_assessment_is_due_the_same_day_and_the_law_never_waits_for_monday() -> None:
    version = law_book().at("protection_assessment", READ)
    friday = due(version, datetime(2026, 2, 13, 9, tzinfo=STOCKHOLM))
    assert friday.legal is not None
    assert (local(friday.shown).date(), local(friday.legal).date()) == (date(2026, 2, 13), date(2026, 2, 14))


def test_what_ends_by_itself_is_a_hard_limit_with_a_number() -> None:
    lapsing = {name for name, law in law_book().laws.items() if law.lapse}
    assert {"lvu_submit", "lvu_application", "travel_ban_submit", "child_shelter_submit"} <= lapsing
    assert "lvu_court_tests" not in lapsing


def test_roles_and_powers_stand_on_known_organisations_and_law() -> None:
    roles, _, organisations, _ = registers()
    for name, role in roles.roles.items():
        assert role.organisation is None or role.organisation in organisations.kinds, name
    for name, power in roles.delegations.items():
        assert law_book().at(power.law, READ), name
    assert {name for name, power in roles.delegations.items() if power.committee} == {
        "take_into_care", "interim_travel_ban", "child_shelter",
    }  # fmt: skip
    assert roles.delegations["open_investigation"].qualified
    assert roles.roles["clock"].single


def test_only_where_secrecy_is_strong_may_an_account_be_written() -> None:
    organisations = registers()[2]
    everything: set[Secrecy] = {"ordinary", "account", "identity", "health", "whereabouts", "protected"}
    assert {one for one in everything if organisations.kinds["social_services"].may_hold(one)} == everything
    for kind in ("leisure", "citizen_service", "hr"):
        assert organisations.kinds[kind].secrecy == ("ordinary",)
    for name, kind in organisations.kinds.items():
        assert law_book().at(kind.law, READ), name
        assert kind.reports_under in {"report_duty", "public_report"}, name
    assert {one.kind for one in organisations.organisations.values()} == set(organisations.kinds)
    assert organisations.organisations["skola"].origin == "kommun.example/skola"
    assert organisations.organisations["socialtjanst"].origin == "kommun.example/socialtjanst"
    school = organisations.kind_of("skola")
    assert school is not None
    assert school.may_hold("account")
    assert not school.may_hold("protected")
    assert organisations.kind_of("nowhere") is None


def test_a_number_nobody_has_verified_is_left_to_the_municipality() -> None:
    contacts = registers()[1].contacts
    assert contacts["police_emergency"].number == "112"
    assert contacts["police"].number == "114 14"
    assert contacts["support_line"].number == "010-223 57 60"
    for name, contact in contacts.items():
        if contact.number is None:
            assert contact.confidence == "L", name
            assert contact.checked is None, name
        else:
            assert contact.national, name


def test_no_two_terms_share_a_word() -> None:
    terms = registers()[3].terms
    assert len({term.sv for term in terms.values()}) == len({term.en for term in terms.values()}) == len(terms) > 40
