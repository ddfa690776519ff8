"""What must never exist where suspicion is followed outside school: proved on the definitions."""

import pytest

from stegvis.routines.library import shipped
from stegvis.routines.rules import Rules, steps_of

VARIANTS = ("suspicion_leisure", "suspicion_citizen", "suspicion_hr", "suspicion_health")
NARROW = ("suspicion_leisure", "suspicion_citizen", "suspicion_hr", "acute_brief")


def rules(name: str) -> Rules:
    return shipped().versions[name][0]


@pytest.mark.parametrize("name", [*VARIANTS, "acute_brief"])
def test_no_question_is_of_a_class_that_may_not_exist_there(name: str) -> None:
    routine = rules(name).routine
    fields = [one for form in routine.forms.values() for one in form.fields.values()] + list(routine.handed.values())
    kinds = [shipped().organisations.kinds[kind] for kind in routine.organisation]
    assert fields
    assert [one.title.sv for one in fields for kind in kinds if one.secrecy not in kind.secrecy] == []


@pytest.mark.parametrize("name", NARROW)
def test_nothing_can_be_told_in_words_where_no_account_may_be_held(name: str) -> None:
    routine = rules(name).routine
    words = {
        f"{form}.{field}"
        for form, asked in routine.forms.items()
        for field, one in asked.fields.items()
        if one.type == "text"
    }
    assert words <= {"report.reach", "report.reporter_role", "other_child.reach"}
    assert not [name for name, one in routine.handed.items() if one.type == "text"]


@pytest.mark.parametrize("name", [*VARIANTS, "acute_brief"])
def test_no_step_contacts_the_family_and_no_report_is_approved(name: str) -> None:
    routine = rules(name).routine
    assert not [step for step, one in steps_of(routine) if one.contacts_family]
    assert any(one.contacts_family == "never" for one in routine.properties)
    sent = [one for _, one in steps_of(routine) if one.handoff is not None and one.handoff.kind == "report"]
    assert all(one.four_eyes is None for one in sent)


@pytest.mark.parametrize("name", ["suspicion_citizen", "suspicion_hr"])
def test_no_person_is_counted_over_time_at_a_desk_or_among_staff(name: str) -> None:
    routine = rules(name).routine
    assert not [one for one in routine.derived.values() if one.earlier is not None]
    assert not [step for step, one in steps_of(routine) if one.identifies is not None]


def test_nobody_is_bound_by_a_duty_that_is_not_theirs() -> None:
    for name in ("suspicion_citizen", "suspicion_hr"):
        assert b"report_duty" not in rules(name).rules_bytes


def test_a_variants_words_are_its_own() -> None:
    for name in VARIANTS:
        said = rules(name).guidance_bytes.decode().lower()
        assert not [word for word in ("eleven", "elevens", "skolan", "rektor", "lektion") if f" {word} " in said]
