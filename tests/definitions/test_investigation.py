"""The investigation of a child's situation, and what must never happen in it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stegvis.adapters.memory import MemoryStore
from stegvis.adapters.testing.people import open_to_all
from stegvis.engine.answers import Refused
from stegvis.engine.engine import Engine
from stegvis.engine.values import Actor, Run
from stegvis.routines.library import shipped
from stegvis.routines.rules import Rules

from ..often import often
from .test_report import LEADER as HEAD
from .test_report import OPENING, Desk
from .test_report import SOCIAL as OFFICER

STOCKHOLM = ZoneInfo("Europe/Stockholm")
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=STOCKHOLM)
POWERS = {
    "talk_with_child",
    "assess_protection",
    "contact_decision",
    "police_report",
    "withhold_from_party",
    "close_investigation",
    "prolong_investigation",
    "follow_up",
    "open_investigation",
    "assign",
}
SOCIAL = "socialtjanst"
WORKER = Actor("s-1", roles={"social_worker"}, unit="barn", organisation=SOCIAL, delegations=POWERS, qualified=True)
LEADER = Actor("s-2", roles={"team_leader"}, unit="barn", organisation=SOCIAL, delegations=POWERS, qualified=True)
COMMITTEE = Actor("n-1", roles={"committee"}, unit="namnd", organisation=SOCIAL)
FATHER = "p-2"
WORDS = "Jag vill inte gifta mig"

START: dict[str, Any] = {"about": "child", "protected_identity": "no", "because": "violence"}
REACHED_BY_FAMILY = ("hear_guardian", "communicate_guardian", "give_guardian")


def rules() -> Rules:
    return shipped().routine("investigation", MONDAY.date())


class Story:
    """One child's investigation, and a clock that the test turns."""

    def __init__(self, born: str = "2010-05-04", **start: Any) -> None:
        self.now = MONDAY
        self.born = born
        self.engine = Engine(open_to_all(shipped()), MemoryStore(), clock=lambda: self.now)
        self.keys = 0
        form = {**START, **start}
        self.id = self.engine.open("investigation", actor=WORKER, form=form, person="p-1", key="k-0").id

    def take(self, step: str, actor: Actor = WORKER, /, **form: Any) -> str:
        """Take a step; the state it leads to. An ``at`` that is left out is now."""
        self.now += timedelta(minutes=1)
        self.keys += 1
        return self.engine.take(self.id, step, actor=actor, key=f"k-{self.keys}", form=form or None).state

    def no(self, step: str, actor: Actor = WORKER, /, **form: Any) -> set[str]:
        """Be refused; the guards by name, the other reasons by code."""
        with pytest.raises(Refused) as refused:
            self.take(step, actor, **form)
        assert all(one.text("sv") and one.remedy("sv") and one.text("en") for one in refused.value.reasons)
        return {str(one.about) if one.code in {"guard", "not_known"} else one.code for one in refused.value.reasons}

    @property
    def run(self) -> Run:
        (run,) = self.engine.case(self.id, actor=WORKER).runs.values()
        return run

    def last_day(self, deadline: str = "investigation") -> str:
        """The day on which the investigation must be closed."""
        due = datetime.fromisoformat(str(self.run.due[deadline].legal))
        return due.astimezone(STOCKHOLM).date().isoformat()

    # ---- on the way

    def held(self) -> "Story":
        """Somebody has the case, and the plan says how old the child is."""
        self.take("reassign", LEADER, investigator="s-1", conflict="none")
        self.take("set_plan", born=self.born, questions="Våld och kontroll", order="Barnet först")
        return self

    def heard(self, **changed: Any) -> "Story":
        self.held().take("hear_child", **hearing(self.now, **changed))
        return self

    def settled(self) -> "Story":
        """Protection assessed, the police consulted, contact decided and notice noted: the father may be met."""
        self.take("assess_protection", need="watch", tonight="Hos moster", reasons="Lugnt", at=self.now)
        self.take("decide_police", decision="not_reported", reasons="Inget brott beskrivet", at=self.now)
        self.take("decide_contact", **contact(self.now))
        self.take("note_notice", persons=[{"person": FATHER, "told": "told"}])
        return self

    def written(self, **changed: Any) -> "Story":
        self.heard(**changed).settled()
        assert self.take("write_up", assessment="Allt samlat", left="Inget", at=self.now) == "communicating"
        return self

    def sorted_out(self) -> "Story":
        self.take("settle_material", **material(self.now))
        return self

    def read(self) -> "Story":
        """Everybody has read, and answered."""
        self.sorted_out()
        self.take("communicate_child", alone=True, answer_by=self.now + timedelta(days=7), at=self.now)
        if self.born > "2008-04-01":
            self.take("communicate_guardian", **guardian_reads(self.now))
        self.take("note_answer", how="answered", said="Inget att tillägga", at=self.now)
        return self

    def decided(self, **changed: Any) -> "Story":
        self.written().read()
        assert self.take("decide_measures", **measures(self.now, **changed)) == "decided"
        return self

    def nothing(self) -> "Story":
        self.written().read()
        self.take("decide_nothing", **decision(self.now, outcome="nothing", pressure="no"))
        assert self.take("decide_nothing.approve", LEADER) == "decided"
        return self

    def given(self) -> "Story":
        self.take("give_child", alone=True, appeal_told=True, understood="Frågade själv", at=self.now)
        self.take("give_guardian", **guardian_given(self.now))
        return self

    def ended(self) -> "Story":
        self.nothing().given()
        assert self.take("close_nothing", way_back=True, left="Skolan ser henne varje dag") == "closed_nothing"
        return self

    def followed(self) -> "Story":
        self.ended()
        form: dict[str, Any] = {"telling_safe": True, "decision_text": "Uppföljning", "assessment": "Oron finns kvar"}
        assert self.take("decide_follow_up", **form) == "following"
        return self


def hearing(at: datetime, **changed: Any) -> dict[str, Any]:
    return {
        "how": "alone",
        "guardian": "not_asked",
        "not_asked_because": "Pappan kan skada henne",
        "told_first": True,
        "interpreter": "none_needed",
        "said": WORDS,
        "understood": "Sa det med egna ord",
        "at": at,
        **changed,
    }


def not_heard(at: datetime, **changed: Any) -> dict[str, Any]:
    again = (at + timedelta(days=3)).date().isoformat()
    return {
        "how": "not_heard",
        "why_not": "police_first",
        "again": again,
        "reason": "Polisen först",
        "at": at,
        **changed,
    }


def contact(at: datetime, opened: str = "open", **changed: Any) -> dict[str, Any]:
    row = {
        "person": FATHER,
        "role": "guardian",
        "decision": opened,
        "on": at + timedelta(hours=1),
        "place": "Kontoret",
        "may_say": "Att vi utreder",
    }
    return {"persons": [{**row, **changed}], "reasons": "Barnet är skyddat"}


def material(at: datetime, **changed: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"child_words": "out", "whereabouts": "out", "informants": "out", "basis": "guardian"}
    return {**told, "assessment": "Hon skulle fara illa", "at": at, **changed}


def guardian_reads(at: datetime, **changed: Any) -> dict[str, Any]:
    until = at + timedelta(days=7)
    told: dict[str, Any] = {
        "person": FATHER,
        "channel": "in_person",
        "child_safe": True,
        "left": "nobody",
        "answer_by": until,
        "at": at,
    }
    return {**told, **changed}


def guardian_given(at: datetime, **changed: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"person": FATHER, "channel": "counsel", "appeal_told": True, "left": "nobody", "at": at}
    return {**told, **changed}


def decision(at: datetime, **changed: Any) -> dict[str, Any]:
    return {
        "decision_text": "Beslut enligt nedan",
        "assessment": "Kontroll och hot",
        "child_said": WORDS,
        "child_told": "Vad vi gör",
        "child_best": "Att vara trygg",
        "child_decisive": "Det avgjorde",
        "weighing": "only",
        "at": at,
        **changed,
    }


def measures(at: datetime, **changed: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"outcome": "measures", "consent_by": "child", "placement": False, "suitable": True}
    return decision(at, **{**told, **changed})


def talk(**changed: Any) -> dict[str, Any]:
    return {"person": FATHER, "channel": "phone", "interpreter": "none_needed", "said": "Han förnekar", **changed}


def test_from_the_plan_to_the_end() -> None:
    story = Story().decided().given()
    assert story.take("close", way_back=True, left="Insatsen följs") == "closed"
    assert story.run.ended is not None


@given(
    contact_decision=st.sampled_from([None, "open", "closed", "someone_else"]),
    notice=st.sampled_from([None, "told", "deferred", "not_yet"]),
    heard=st.booleans(),
    police=st.sampled_from([None, "consulting", "not_reported"]),
    channel=st.sampled_from(["in_person", "phone", "counsel", "letter", "message", "through_other"]),
    interpreter=st.sampled_from(["none_needed", "outside_network", "family"]),
)
@often(60)
def test_a_guardian_is_met_only_when_everything_is_in_place(
    *, contact_decision: str | None, notice: str | None, heard: bool, police: str | None, channel: str, interpreter: str
) -> None:
    story = Story().held()
    if heard:
        story.take("hear_child", **hearing(story.now))
    story.take("assess_protection", need="none", tonight="Hemma", reasons="Lugnt", at=story.now)
    if police is not None:
        agreed = {"agreed": "Vi väntar"} if police == "consulting" else {}
        story.take("decide_police", decision=police, reasons="Skäl", at=story.now, **agreed)
    if contact_decision is not None:
        whom = {"person": "p-9"} if contact_decision == "someone_else" else {}
        opened = "open" if contact_decision == "someone_else" else contact_decision
        story.take("decide_contact", **contact(story.now, opened, **whom))
    if notice is not None:
        story.take("note_notice", persons=[{"person": FATHER, "told": notice}])
    form = talk(channel=channel, interpreter=interpreter)
    safe = (
        contact_decision == "open"
        and notice == "told"
        and heard
        and police == "not_reported"
        and channel in ("in_person", "phone", "counsel")
        and interpreter != "family"
    )
    if safe:
        assert story.take("hear_guardian", **form) == "gathering"
    else:
        assert story.no("hear_guardian", **form)


@given(
    born=st.sampled_from(["2016-03-03", "2012-03-03", "2009-03-03", "2006-03-03"]),
    by=st.sampled_from(["child", "guardian", "both", "nobody"]),
    placement=st.booleans(),
    suitable=st.booleans(),
)
@often(50)
def test_who_consents_follows_age_and_measure(born: str, by: str, placement: bool, suitable: bool) -> None:
    """The ages of the Social Services Act for needs-tested measures, written out a second time."""
    story = Story(born).written().read()
    form: dict[str, Any] = measures(story.now, consent_by=by, placement=placement, suitable=suitable)
    if born == "2016-03-03":
        may = by in ("guardian", "both")
    elif born == "2012-03-03":
        may = by in ("guardian", "both") or (by == "child" and suitable and not placement)
    elif born == "2009-03-03":
        may = (by in ("child", "both") and suitable and not placement) or (by == "both" and placement)
    else:
        may = by == "child"
    if may:
        assert story.take("decide_measures", **form) == "decided"
    else:
        assert story.no("decide_measures", **form) == {"may_consent"}


def test_a_birthday_in_the_middle_changes_who_is_a_party_and_who_may_be_told() -> None:
    story = Story(born="2008-03-20").written()
    story.sorted_out()
    story.now = datetime(2026, 3, 19, 9, 0, tzinfo=STOCKHOLM)
    story.take("decide_contact", **contact(story.now))
    story.take("communicate_guardian", **guardian_reads(story.now))
    story.now = datetime(2026, 3, 20, 9, 0, tzinfo=STOCKHOLM)
    assert "still_child" in story.no("communicate_guardian", **guardian_reads(story.now))
    story.take("note_answer", how="answered", said="Han säger nej", at=story.now)
    by_father: dict[str, Any] = measures(story.now, consent_by="guardian")
    assert story.no("decide_measures", **by_father) == {"child_read", "may_consent"}


def test_fifteen_makes_the_child_a_party_overnight() -> None:
    story = Story(born="2011-03-04").written().sorted_out()
    story.take("communicate_guardian", **guardian_reads(story.now))
    story.take("note_answer", how="answered", said="Hon får hjälp", at=story.now)
    form: dict[str, Any] = measures(story.now, consent_by="guardian")
    assert "child_read" not in story.no("decide_nothing", **form)
    story.now = datetime(2026, 3, 4, 9, 0, tzinfo=STOCKHOLM)
    assert story.no("decide_measures", **{**form, "at": story.now}) == {"child_read", "may_consent"}


def test_no_decision_rests_on_what_a_party_could_not_answer() -> None:
    story = Story().written()
    assert story.no("decide_measures", **measures(story.now)) >= {"child_read", "guardians_read"}
    assert "material_settled" in story.no("communicate_guardian", **guardian_reads(story.now))
    assert story.no("settle_material", **material(story.now, whereabouts="kept")) == {"whereabouts_out"}
    story.sorted_out()
    assert story.no("communicate_guardian", **guardian_reads(story.now, child_safe=False)) == {"child_safe_after"}
    story.take("communicate_child", alone=True, answer_by=story.now + timedelta(days=7), at=story.now)
    story.take("communicate_guardian", **guardian_reads(story.now, left="some"))
    assert story.no("decide_measures", **measures(story.now)) == {"guardians_read", "answers_in"}
    assert story.no("note_answer", how="time_out", said="Inget", at=story.now) == {"time_out"}


def test_new_facts_send_the_case_back_and_nothing_read_before_counts() -> None:
    story = Story().written().read()
    assert story.take("facts_changed", what="Biljetter hittade", noticed_at=story.now) == "gathering"
    assert story.no("write_up", assessment="Samma", left="Inget", at=story.now) == {"assessed_now"}
    story.take("assess_protection", need="watch", tonight="Hos moster", reasons="Passet taget", at=story.now)
    story.take("write_up", assessment="Samma och mer", left="Inget", at=story.now)
    refused = story.no("decide_measures", **measures(story.now))
    assert refused == {"child_read", "guardians_read"}
    assert "material_settled" in story.no("communicate_guardian", **guardian_reads(story.now))


def test_leaving_a_party_out_takes_two_and_a_reason() -> None:
    story = Story().written().sorted_out()
    form: dict[str, Any] = {"who": "guardian", "reason": "safety", "assessment": "Hon är hotad", "at": story.now}
    assert story.no("leave_out_party", **{**form, "reason": "convenience"}) == {"serious_reason"}
    story.take("leave_out_party", **form)
    assert not story.engine.explain(story.id, "leave_out_party.approve", actor=WORKER).allowed
    assert story.take("leave_out_party.approve", LEADER) == "communicating"


def test_nobody_closes_without_measures_alone_or_under_pressure() -> None:
    story = Story().written().read()
    form: dict[str, Any] = decision(story.now, outcome="nothing", pressure="yes")
    assert story.no("decide_nothing", **form) == {"no_pressure"}
    story.take("decide_nothing", **{**form, "pressure": "no"})
    assert not story.engine.explain(story.id, "decide_nothing.approve", actor=WORKER).allowed
    assert story.take("decide_nothing.approve", LEADER) == "decided"


def test_care_without_consent_is_for_the_committee_and_never_for_home_conditions_after_18() -> None:
    story = Story(born="2006-03-03").written()
    form: dict[str, Any] = decision(story.now, outcome="care", weighing="care", own_behaviour=False)
    assert "role" in story.no("decide_care", **form)
    assert story.no("decide_care", COMMITTEE, **form) == {"lvu_age"}
    assert story.take("decide_care", COMMITTEE, **{**form, "own_behaviour": True}) == "decided"


def test_the_child_is_told_first() -> None:
    story = Story().decided()
    assert story.no("give_guardian", **guardian_given(story.now)) == {"child_first"}
    told: dict[str, Any] = {"alone": False, "appeal_told": False, "understood": "Nej", "at": story.now}
    assert story.no("give_child", **told) == {"told_alone", "appeal_told"}
    assert story.no("close", way_back=False, left="Inget") == {"child_told", "guardians_told", "way_back"}


def test_two_persons_say_that_no_guardian_can_be_reached() -> None:
    story = Story().decided()
    story.take("give_child", alone=True, appeal_told=True, understood="Frågade själv", at=story.now)
    ending: dict[str, Any] = {"way_back": True, "left": "Inget"}
    assert story.no("close", **ending) == {"guardians_told"}
    story.take("note_unreachable", tried="Brev kommer tillbaka, ombudet svarar inte", at=story.now)
    assert "not_here" in story.no("close", **ending)
    assert not story.engine.explain(story.id, "note_unreachable.approve", actor=WORKER).allowed
    assert story.take("note_unreachable.approve", LEADER) == "decided"
    assert story.take("close", **ending) == "closed"


def test_a_reported_crime_asks_for_a_representative_before_any_guardian() -> None:
    story = Story().heard()
    story.take("assess_protection", need="watch", tonight="Hos moster", reasons="Lugnt", at=story.now)
    story.take("decide_police", decision="reported", reasons="Våld", agreed="De hör henne", at=story.now)
    story.take("decide_contact", **contact(story.now))
    story.take("note_notice", persons=[{"person": FATHER, "told": "told"}])
    assert "representative" in story.run.due
    assert story.no("hear_guardian", **talk()) == {"representative_settled"}
    assert story.no("write_up", assessment="Allt", left="Inget", at=story.now) == {"representative_settled"}
    form: dict[str, Any] = {"guardian": "yes", "status": "not_needed", "reasons": "Vet ej", "at": story.now}
    story.take("settle_representative", **form)
    assert story.no("hear_guardian", **talk()) == {"representative_settled"}
    story.take("settle_representative", **{**form, "status": "asked", "at": story.now})
    assert story.take("hear_guardian", **talk()) == "gathering"


def test_the_child_is_heard_alone_and_a_no_is_written_with_a_new_attempt() -> None:
    story = Story().held()
    refused = story.no("hear_child", **hearing(story.now, how="with_family", told_first=False, interpreter="family"))
    assert refused == {"family_not_present", "told_first", "interpreter"}
    asked = hearing(story.now, guardian="asked")
    del asked["not_asked_because"]
    assert story.no("hear_child", **asked) == {"guardian_question"}
    story.take("hear_child", **not_heard(story.now))
    assert "hear_again" in story.run.due


def test_four_months_for_a_child_and_prolonged_only_for_special_reasons() -> None:
    story = Story().held()
    assert story.last_day() == "2026-07-02"
    form: dict[str, Any] = {
        "reason": "workload",
        "until": "2026-09-01",
        "decision_text": "Förlängs",
        "assessment": "Semester",
    }
    assert story.no("prolong", **form) == {"special_reason"}
    story.take("prolong", **{**form, "reason": "police"})
    assert story.last_day() == "2026-09-01"
    assert "investigation" not in Story(born="2006-03-03", about="young").run.due


def test_a_follow_up_is_told_ends_within_six_months_and_never_hides() -> None:
    story = Story().ended()
    form: dict[str, Any] = {"telling_safe": False, "decision_text": "Uppföljning", "assessment": "Oron finns kvar"}
    assert story.no("decide_follow_up", **form) == {"telling_safe"}
    assert story.take("decide_follow_up", **{**form, "telling_safe": True}) == "following"
    assert story.no("end_follow_up", told=False, assessment="Bra") == {"met", "told_of_end"}
    story.now += timedelta(days=190)
    story.engine.tick(SOCIAL)
    assert story.run.state == "closed_nothing"


def test_an_end_is_opened_again_but_never_by_a_new_concern() -> None:
    story = Story().ended()
    form: dict[str, Any] = {
        "why": "new_concern",
        "decision_text": "Öppnas",
        "assessment": "Mer behövs",
        "at": story.now,
    }
    assert story.no("reopen", **form) == {"not_new_concern"}
    assert story.take("reopen", **{**form, "why": "error"}) == "gathering"
    refused = story.no("write_up", assessment="Samma", left="Inget", at=story.now)
    assert refused == {"child_heard", "assessed_now"}
    story.now += timedelta(days=1)
    story.take("reassign", LEADER, investigator="s-1", conflict="none")
    prolonged = {"until": "2026-09-01", "decision_text": "Förlängs", "assessment": "Polisen", "reason": "police"}
    assert story.no("prolong", **prolonged) == {"first_round"}
    assert story.last_day("investigation_again") == "2026-07-02"


def test_earlier_ends_without_measures_are_read_together_first() -> None:
    story = Story().ended()
    story.id = story.engine.open("investigation", actor=WORKER, form=START, person="p-1", key="k-again").id
    story.heard().settled()
    summary: dict[str, Any] = {"assessment": "Allt samlat", "left": "Inget", "at": story.now}
    assert story.no("write_up", **summary) == {"read_together"}
    story.take("review_reports", LEADER, read=2, pattern="Kontrollen ökar", at=story.now)
    assert story.take("write_up", **summary) == "communicating"


def test_the_decision_to_open_begins_it_and_its_months_run_there_alone() -> None:
    desk = Desk("2026-03-10 09:00")
    desk.receive()
    desk.assess()
    desk.register()
    desk.do("open_investigation", **OPENING)
    begun = desk.begun()
    assert (begun.state, begun.holder) == ("gathering", None)
    assert not [due for due in desk.run().due.values() if due.law == "child_investigation"]
    desk.now += timedelta(days=2)
    desk.do("assign", HEAD, investigator=OFFICER.id, conflict="none")
    desk.engine.take(desk.case, "open.complete", actor=OFFICER, run=begun.id, form=START, key="whole")
    assert desk.begun().holder == OFFICER.id
    months = datetime.fromisoformat(str(desk.begun().due["investigation"].legal)).astimezone(STOCKHOLM)
    assert (months.year, months.month, months.day) == (2026, 7, 10)


@pytest.mark.parametrize(("about", "runs"), [("child", True), ("unsure", True), ("young", False)])
def test_a_clock_that_was_started_to_be_safe_stops_when_the_age_is_known(about: str, runs: bool) -> None:
    desk = Desk("2026-03-10 09:00")
    desk.receive()
    desk.assess()
    desk.register()
    desk.do("open_investigation", **OPENING)
    run = desk.begun().id
    assert "investigation" in desk.begun().due
    desk.engine.take(desk.case, "open.complete", actor=OFFICER, run=run, form={**START, "about": about}, key="whole")
    assert ("investigation" in desk.begun().due) is runs


@pytest.mark.parametrize("step", REACHED_BY_FAMILY)
def test_every_way_to_a_guardian_is_marked_and_asks_for_contact_and_notice(step: str) -> None:
    moves = [moves[step] for moves in rules().moves.values() if step in moves]
    assert moves
    for move in moves:
        assert move.step.contacts_family
        assert {"contact_open", "told", "assessed_now", "still_child", "safe_channel"} <= {
            one.id for one in move.step.require
        }


def test_nothing_that_reaches_the_family_carries_the_words_of_the_child() -> None:
    """What a decision says is never where the child's words are kept."""
    forms: Mapping[str, Any] = rules().routine.forms
    for name in ("decision", "prolonging", "follow_up", "reopening"):
        parts = {field: one.part for field, one in forms[name].fields.items()}
        assert parts["decision_text"] == "decision"
        assert [field for field, part in parts.items() if part == "decision"] == ["decision_text"]
    assert forms["decision"].fields["child_said"].part == "protected"
    assert forms["hearing"].fields["said"].part == "protected"
