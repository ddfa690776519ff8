"""Suspicion at school, danger to life, and questions without names, played as staff would: each test is a story."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from stegvis.adapters.memory import MemoryStore
from stegvis.adapters.testing.people import open_to_all
from stegvis.engine.answers import Receipt, Refused
from stegvis.engine.engine import Engine
from stegvis.engine.instants import text_of
from stegvis.engine.values import Actor, Case, Message, Run
from stegvis.routines.library import shipped
from stegvis.routines.rules import Rules

STOCKHOLM = ZoneInfo("Europe/Stockholm")
SCHOOL, SOCIAL, CENTRE = "skola", "socialtjanst", "resurscentrum"

TEACHER = Actor("u-1", roles={"school_employee"}, unit="7b", organisation=SCHOOL)
COLLEAGUE = Actor("u-2", roles={"school_employee"}, unit="8a", organisation=SCHOOL)
COUNSELLOR = Actor("u-3", roles={"school_counsellor"}, unit="elevhalsa", organisation=SCHOOL)
NURSE = Actor("u-4", roles={"student_health"}, unit="elevhalsa", organisation=SCHOOL)
HEAD = Actor("u-5", roles={"head_teacher"}, unit="ledning", organisation=SCHOOL)
AUDITOR = Actor("g-1", roles={"auditor"}, unit="revision", organisation=SCHOOL)
INTAKE = Actor("s-1", roles={"intake_worker"}, unit="mottagning", organisation=SOCIAL)
LEADER = Actor("s-2", roles={"team_leader"}, unit="mottagning", organisation=SOCIAL)
ADVISOR = Actor("r-1", roles={"advisor"}, unit="centrum", organisation=CENTRE)

THURSDAY = datetime(2026, 3, 5, 13, 0, tzinfo=STOCKHOLM)
SCHOOL_ENDS = datetime(2026, 3, 5, 13, 40, tzinfo=STOCKHOLM)

NAME, WORDS, PLACE = "Nimo Exempel", "De ska skicka mig till mormor i sommar", "Bildsalen"
SEEN: dict[str, Any] = {"danger": False, "place": PLACE, "seen": "Gråter och vill inte gå hem"}
TALK: dict[str, Any] = {"danger": False, "alone": True, "told": True, "interpreter": "none", "words": WORDS}
REPORT: dict[str, Any] = {
    "account": "Eleven säger att hon ska skickas bort.",
    "about": "child",
    "child_identity": NAME,
    "protected_identity": "unknown",
    "duty": "duty_19_1",
    "reporter": "Klassläraren, nås i skolan",
}
QUESTION: dict[str, Any] = {"matter": "En elev är rädd för en resa. Vad gör vi?", "age": "from_15", "today": False}
TONIGHT: dict[str, Any] = {
    "fetches": "Ingen",
    "sleeps": "Hos moster",
    "channel": "Skolans telefon",
    "knows_112": True,
    "next_contact": "2026-03-06T08:15+01:00",
}
CHILD: dict[str, Any] = {
    "account": "Ett syskon i hemmet",
    "about": "child",
    "child_identity": "Lillebror",
    "protected_identity": "no",
    "duty": "duty_19_1",
    "reporter": "Kuratorn",
}
NO_CONCERN = {"why": "Det var en annan sak", "watches": "Klassläraren"}


class Story:
    """One pupil, several people, a clock that the test turns."""

    def __init__(self, at: datetime = THURSDAY) -> None:
        self.now = at
        self.engine = Engine(open_to_all(shipped()), MemoryStore(), clock=lambda: self.now)
        self.id = ""
        self.keys = 0

    def key(self) -> str:
        self.keys += 1
        return f"k-{self.keys}"

    def opens(self, actor: Actor = TEACHER, *, person: str | None = "p-1", **form: object) -> Receipt:
        """Open a suspicion; it becomes the case that the story goes on with."""
        told = self.engine.open("suspicion", actor=actor, form=form or SEEN, key=self.key(), person=person)
        self.id = told.id
        self.later(seconds=1)
        return told

    def take(self, actor: Actor, step: str, form: Mapping[str, object] | None = None, **more: Any) -> str:
        """Take a step; the state it leads to."""
        state = self.engine.take(self.id, step, actor=actor, key=self.key(), form=form, **more).state
        self.later(seconds=1)
        return state

    def no(self, actor: Actor, step: str, form: Mapping[str, object] | None = None, **more: Any) -> set[str]:
        """Be refused; the codes of the reasons, and the guards by name."""
        with pytest.raises(Refused) as refused:
            self.take(actor, step, form, **more)
        assert all(one.text("sv") and one.remedy("sv") and one.text("en") for one in refused.value.reasons)
        return {str(one.about) if one.code in {"guard", "not_known"} else one.code for one in refused.value.reasons}

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    def case(self, actor: Actor = COUNSELLOR, case: str | None = None) -> Case:
        held = self.engine.files.case(actor.organisation, case or self.id)
        assert held is not None
        return held.case

    def run(self, routine: str = "suspicion") -> Run:
        return next(run for run in self.case().runs.values() if run.routine == routine)

    def due(self, name: str, routine: str = "suspicion") -> datetime:
        """When a deadline is shown as due, on the Swedish clock."""
        return datetime.fromisoformat(self.run(routine).due[name].shown).astimezone(STOCKHOLM)

    def received(self, organisation: str, actor: Actor) -> list[Run]:
        """The runs that hand-offs have opened at another organisation, after delivery."""
        self.engine.deliver(SCHOOL)
        return [run for case in self.engine.store.cases(organisation) for run in self.case(actor, case).runs.values()]

    def reply(self, trigger: str, **facts: Any) -> None:
        """Social services answer a hand-off."""
        self.engine.deliver(SCHOOL)
        about = next(id for id, sent in self.run().sent.items() if sent.trigger == trigger)
        carried = {f"handed.{name}": value for name, value in facts.items()}
        key, at, basis = self.key(), text_of(self.now), "report_secrecy_at_reporter"
        reply = Message(key, "reply", SOCIAL, SCHOOL, basis, at, "unknown", None, about, None, carried)
        self.engine.receive(reply)

    def shows(self, actor: Actor, lang: Any = "sv", run: str | None = None) -> str:
        return self.engine.guide(self.id, actor=actor, run=run).text(lang)

    def open_steps(self, actor: Actor) -> list[str]:
        return [one.trigger for one in self.engine.guide(self.id, actor=actor).actions if one.open]


def reported(story: Story | None = None) -> Story:
    """A child reported by the teacher who saw it."""
    story = story or Story()
    story.opens()
    story.take(TEACHER, "talk", TALK)
    story.take(TEACHER, "report", REPORT)
    return story


def adult(story: Story | None = None) -> Story:
    """A pupil of eighteen, whose age has been looked up."""
    story = story or Story()
    story.opens()
    story.take(TEACHER, "adult_pupil", {"born": "2007-11-30"})
    return story


# ---- A child -------------------------------------------------------------------------------------------------------


def test_a_lone_teacher_reports_a_child_at_once_and_nobody_approves() -> None:
    story = Story()
    story.opens()
    assert story.take(TEACHER, "report", REPORT) == "reported"
    assert "report" not in story.run().due
    assert story.run().pending is None
    [received] = story.received(SOCIAL, INTAKE)
    assert received.routine == "report"
    assert received.facts["receipt.child_identity"] == NAME
    assert received.facts["receipt.duty"] == "duty_19_1"
    assert received.facts["receipt.protected_identity"] == "unknown"


def test_the_place_and_its_time_travel_with_the_report_without_being_asked_twice() -> None:
    story = Story()
    story.opens(**SEEN, changes_at=SCHOOL_ENDS, changes_how="fetched")
    story.take(TEACHER, "report", REPORT)
    [received] = story.received(SOCIAL, INTAKE)
    assert received.facts["receipt.whereabouts"] == PLACE
    assert received.facts["receipt.whereabouts_change"] == text_of(SCHOOL_ENDS)


def test_the_critical_time_comes_before_the_limit() -> None:
    story = Story()
    story.opens(**SEEN, changes_at=SCHOOL_ENDS, changes_how="fetched")
    assert story.due("report") == SCHOOL_ENDS
    assert story.engine.tick(SCHOOL, SCHOOL_ENDS - timedelta(minutes=29)) == 1
    assert story.run().due["report"].reminded == 1
    plain = Story()
    plain.opens()
    assert plain.due("report") > SCHOOL_ENDS


def test_things_change_and_the_limit_moves_earlier_but_a_later_time_gives_no_more() -> None:
    story = Story()
    story.opens()
    before = story.due("report")
    sooner = THURSDAY + timedelta(minutes=20)
    story.take(COLLEAGUE, "changed", {**SEEN, "changes_at": sooner, "changes_how": "journey"})
    assert story.due("report") == sooner
    story.take(COLLEAGUE, "changed", {**SEEN, "changes_at": before + timedelta(days=1), "changes_how": "other"})
    assert story.due("report") == before


def test_a_talk_with_a_relative_as_interpreter_or_in_company_does_not_count() -> None:
    story = Story()
    story.opens()
    told = {**TALK, "alone": False, "interpreter": "relative"}
    assert story.no(TEACHER, "talk", told) == {"alone", "free_interpreter"}
    assert story.take(TEACHER, "no_talk", {"reason": "unsafe"}) == "judging"


def test_danger_is_asked_first_and_a_report_can_go_from_there_too() -> None:
    story = Story()
    assert story.opens(danger=True).state == "danger"
    assert "Ring 112 nu" in story.shows(TEACHER)
    assert "write_up" in story.run().due
    assert story.take(TEACHER, "report", REPORT) == "reported"
    assert story.take(TEACHER, "open.complete", SEEN) == "reported"
    assert "write_up" not in story.run().due


def test_without_an_answer_about_danger_nothing_opens() -> None:
    with pytest.raises(Refused) as refused:
        Story().opens(seen="Något är fel", place=PLACE)
    assert [one.code for one in refused.value.reasons] == ["nowhere"]


def test_danger_found_in_the_talk_leads_to_112() -> None:
    story = Story()
    story.opens()
    assert story.take(TEACHER, "talk", {**TALK, "danger": True}) == "danger"
    assert story.take(TEACHER, "danger_over", {"how": "police", "rang": True}) == "noticed"


def test_the_head_teacher_is_told_after_and_cannot_stop_the_report() -> None:
    story = reported()
    assert "report.approve" not in {trigger for moves in suspicion().moves.values() for trigger in moves}
    assert story.take(TEACHER, "tell_head", {"at": story.now}) == "reported"
    assert not {"report.withdraw", "revoke_report"} & set(story.open_steps(HEAD))


def test_messages_that_go_home_by_themselves_are_stopped_the_same_day() -> None:
    story = reported()
    assert story.due("messages").date() == THURSDAY.date()
    stopped = {"checked": ["absence", "platform"], "until": "2026-03-12"}
    assert story.no(TEACHER, "stop_messages", stopped) == {"role"}
    story.take(HEAD, "stop_messages", stopped)
    assert "messages" not in story.run().due


def test_somebody_outside_the_school_can_do_nothing_in_its_case() -> None:
    story = Story()
    story.opens()
    assert story.no(INTAKE, "report", REPORT) == {"unknown_case"}
    with pytest.raises(Refused) as refused:
        Story().opens(INTAKE)
    assert "organisation" in {one.code for one in refused.value.reasons}


def test_a_report_drops_a_proposal_that_there_is_no_concern() -> None:
    story = Story()
    story.opens()
    story.take(TEACHER, "talk", TALK)
    assert story.take(TEACHER, "no_concern", NO_CONCERN) == "judging.no_concern"
    assert story.take(COLLEAGUE, "report", REPORT) == "reported"
    assert story.run().pending is None


def test_a_new_talk_drops_the_proposal_too_since_the_judgement_rested_on_the_old_one() -> None:
    story = Story()
    story.opens()
    story.take(TEACHER, "talk", TALK)
    story.take(TEACHER, "no_concern", NO_CONCERN)
    assert story.take(COUNSELLOR, "talk_again", {**TALK, "words": "Det var inte sant"}) == "judging"
    assert story.no(NURSE, "no_concern.approve") == {"not_here"}


# ---- No concern now ------------------------------------------------------------------------------------------------


def noted(story: Story) -> str:
    """A worry that two persons found to be none."""
    story.opens()
    story.take(TEACHER, "no_talk", {"reason": "absent"})
    story.take(TEACHER, "no_concern", NO_CONCERN)
    return story.take(COUNSELLOR, "no_concern.approve")


def test_nobody_closes_alone_with_no_concern() -> None:
    story = Story()
    story.opens(COUNSELLOR)
    story.take(COUNSELLOR, "talk", TALK)
    assert story.no(COUNSELLOR, "no_concern", {"watches": "Jag"}) == {"missing"}
    story.take(COUNSELLOR, "no_concern", NO_CONCERN)
    assert "same_person" in story.no(COUNSELLOR, "no_concern.approve")
    assert "role" in story.no(COLLEAGUE, "no_concern.approve")
    assert story.take(NURSE, "no_concern.approve") == "no_concern"
    assert story.run().ended is not None


def test_the_second_person_has_five_school_days() -> None:
    story = Story()
    story.opens()
    story.take(TEACHER, "talk", TALK)
    story.take(TEACHER, "no_concern", NO_CONCERN)
    assert story.due("second_look").date() == (THURSDAY + timedelta(days=7)).date()
    story.later(days=8)
    story.engine.tick(SCHOOL)
    assert story.run().due["second_look"].passed


def test_the_third_note_within_a_year_cannot_be_closed_without_advice() -> None:
    story = Story()
    for _ in range(2):
        assert noted(story) == "no_concern"
        story.later(days=40)
    story.opens()
    story.take(TEACHER, "talk", TALK)
    assert story.no(TEACHER, "no_concern", NO_CONCERN) == {"third_note"}
    story.take(TEACHER, "note_advice", {"from": "support_line", "said": "Fråga igen och anmäl om oron är kvar."})
    story.take(TEACHER, "no_concern", NO_CONCERN)
    assert story.take(NURSE, "no_concern.approve") == "no_concern"


def test_notes_on_another_pupil_or_from_long_ago_do_not_count() -> None:
    story = Story()
    noted(story)
    story.later(days=400)
    noted(story)
    story.opens(person="p-2")
    story.take(TEACHER, "no_talk", {"reason": "absent"})
    assert story.take(TEACHER, "no_concern", NO_CONCERN) == "judging.no_concern"


def test_earlier_notes_count_once_the_pupil_is_tied_to_the_case() -> None:
    story = Story()
    for _ in range(2):
        noted(story)
        story.later(days=10)
    story.opens(person=None)
    story.take(TEACHER, "identify", {"reference": "p-1"})
    story.take(TEACHER, "no_talk", {"reason": "absent"})
    assert story.no(TEACHER, "no_concern", NO_CONCERN) == {"third_note"}


# ---- Asking without names ------------------------------------------------------------------------------------------


ASKED = [("consult", SOCIAL, INTAKE), ("consult_centre", CENTRE, ADVISOR)]


@pytest.mark.parametrize(("step", "organisation", "actor"), ASKED)
def test_a_consultation_names_nobody_and_holds_nothing_up(step: str, organisation: str, actor: Actor) -> None:
    story = Story()
    story.opens()
    story.take(TEACHER, "talk", TALK)
    assert story.take(TEACHER, step, QUESTION) == "judging"
    assert story.take(TEACHER, "report", REPORT) == "reported"
    consulted = [run for run in story.received(organisation, actor) if run.routine == "consultation"]
    [run] = consulted
    assert run.person is None
    assert dict(run.facts) == {f"question.{name}": value for name, value in QUESTION.items()}


def test_advice_comes_back_and_opens_the_third_note() -> None:
    story = Story()
    for _ in range(2):
        noted(story)
    story.opens()
    story.take(TEACHER, "no_talk", {"reason": "absent"})
    story.take(TEACHER, "consult_centre", QUESTION)
    story.engine.deliver(SCHOOL)
    [asked] = story.engine.store.cases(CENTRE)
    advice = {"report_now": False, "advice": "Tala med eleven en gång till."}
    story.engine.take(asked, "answer", actor=ADVISOR, key="a-1", form=advice)
    assert story.no(TEACHER, "no_concern", NO_CONCERN) == {"third_note"}, "the advice has not arrived"
    story.engine.deliver(CENTRE)
    assert story.take(TEACHER, "no_concern", NO_CONCERN) == "judging.no_concern"
    assert "Tala med eleven en gång till." in story.shows(TEACHER)


# ---- After the report ----------------------------------------------------------------------------------------------


def test_school_asks_what_may_be_said_and_keeps_silent_until_the_answer() -> None:
    story = reported()
    story.take(TEACHER, "tonight", TONIGHT)
    assert story.take(TEACHER, "ask_contact", {"what": "Hemmet har ringt."}) == "asked"
    assert story.no(TEACHER, "read_answer") == {"answered"}
    assert story.due("contact_answer").date() == THURSDAY.date()
    story.reply("report", contact="closed")
    assert story.take(TEACHER, "read_answer") == "contact_closed"
    assert "contact_answer" not in story.run().due


def test_the_answer_says_who_may_say_what_and_the_rest_stays_closed() -> None:
    story = reported()
    story.take(TEACHER, "ask_contact", {"what": "Ett möte är planerat."})
    story.reply("report", contact="open", may_say="Att mötet flyttas.", by_whom="Rektor")
    assert story.take(TEACHER, "read_answer") == "contact_open"
    shown = story.shows(TEACHER)
    assert "Att mötet flyttas." in shown
    assert "Säg inget mer än det som står i svaret" in shown


def test_an_old_answer_does_not_answer_a_new_question() -> None:
    story = reported()
    story.take(TEACHER, "ask_contact", {"what": "Ett möte är planerat."})
    story.reply("report", contact="open", may_say="Att mötet flyttas.")
    story.take(TEACHER, "read_answer")
    assert story.take(TEACHER, "ask_contact_again", {"what": "Hemmet frågar om resan."}) == "asked_again"
    assert story.no(TEACHER, "read_answer") == {"not_here"}
    assert story.no(TEACHER, "read_new_answer", {"latest": False}) == {"latest_answer"}
    story.reply("report", contact="closed")
    assert story.take(TEACHER, "read_new_answer", {"latest": True}) == "contact_closed"


def test_an_answer_by_phone_counts_and_the_question_reaches_the_case_of_the_report() -> None:
    story = reported()
    story.take(TEACHER, "ask_contact", {"what": "Hemmet har ringt."})
    [received] = story.received(SOCIAL, INTAKE)
    assert received.facts["handed.question"] == "Hemmet har ringt."
    told = {"contact": "closed", "answered_by": "Mottagningen"}
    assert story.take(TEACHER, "answer_by_phone", told) == "contact_closed"


def test_the_question_of_contact_cannot_be_asked_before_the_report() -> None:
    story = Story()
    story.opens()
    assert story.no(TEACHER, "ask_contact", {"what": "Får jag ringa hem?"}) == {"not_here"}


def test_a_receipt_is_acknowledged_here_or_by_phone() -> None:
    story = reported()
    assert story.no(TEACHER, "confirm_receipt", {"how": "here"}) == {"arrived"}
    story.reply("report", received=True)
    story.take(TEACHER, "confirm_receipt", {"how": "here"})
    assert "arrival" not in story.run().due
    by_phone = reported()
    assert by_phone.take(TEACHER, "confirm_receipt", {"how": "phone", "who": "Socialjouren"}) == "reported"


def test_the_school_stays_in_touch_and_closes_only_then() -> None:
    story = reported()
    story.take(TEACHER, "tonight", TONIGHT)
    assert story.due("pupil") == datetime(2026, 3, 6, 8, 15, tzinfo=STOCKHOLM)
    ending = {"why": "Socialtjänsten har tagit över", "adult_at_school": True}
    assert story.no(COUNSELLOR, "close", ending) == {"receipt_known", "pupil_met"}
    story.later(hours=19)
    story.take(TEACHER, "follow_up", {"how": "met", "worse": False, "words": "Det är lugnt."})
    assert "pupil" not in story.run().due
    assert story.due("next_talk").date() == datetime(2026, 3, 7, tzinfo=STOCKHOLM).date()
    agreed = datetime(2026, 3, 6, 11, 30, tzinfo=STOCKHOLM)
    story.take(TEACHER, "follow_up", {"how": "met", "worse": False, "next_at": agreed})
    assert story.due("next_talk") == agreed
    story.take(TEACHER, "confirm_receipt", {"how": "phone"})
    assert "role" in story.no(TEACHER, "close", ending)
    assert story.take(COUNSELLOR, "close", ending) == "handed_over"
    assert not story.run().due


def test_a_pupil_nobody_reaches_is_reported_as_something_new() -> None:
    story = reported()
    story.take(TEACHER, "tonight", TONIGHT)
    story.take(TEACHER, "confirm_receipt", {"how": "phone"})
    story.take(TEACHER, "follow_up", {"how": "none", "worse": True})
    ending = {"why": "Eleven är borta", "adult_at_school": False}
    assert story.no(COUNSELLOR, "close", ending) == {"pupil_met"}
    story.take(TEACHER, "moved", {**SEEN, "place": "Okänt, kom inte i dag"})
    story.take(TEACHER, "report_more", {**REPORT, "account": "Eleven har inte kommit."})
    places = [run.facts["receipt.whereabouts"] for run in story.received(SOCIAL, INTAKE)]
    assert sorted(str(one) for one in places) == [PLACE, "Okänt, kom inte i dag"]
    why = {"pupil_met": "Socialtjänsten har placerat eleven"}
    assert "override_role" in story.no(COUNSELLOR, "close", ending, overrides=why)
    assert story.take(HEAD, "close", ending, overrides=why) == "handed_over"


def test_a_sibling_gets_a_case_of_its_own() -> None:
    story = reported()
    story.take(TEACHER, "report_sibling", {**CHILD, "left": 0})
    names = {str(run.facts["receipt.child_identity"]) for run in story.received(SOCIAL, INTAKE)}
    assert names == {NAME, "Lillebror"}
    assert len(list(story.engine.store.cases(SOCIAL))) == 2


def test_a_teacher_does_not_see_the_words_the_pupil_told_the_counsellor() -> None:
    story = Story()
    story.opens()
    story.take(COUNSELLOR, "talk", TALK)
    looked_up = {"level": "none", "checked": "2026-03-01", "source": "population_register"}
    story.engine.change(story.id, "identity", actor=COUNSELLOR, key=story.key(), form=looked_up)
    assert WORDS in story.shows(COUNSELLOR)
    assert WORDS not in story.shows(TEACHER)


# ---- An adult pupil ------------------------------------------------------------------------------------------------


def test_a_pupil_under_eighteen_is_never_handled_as_an_adult() -> None:
    story = Story()
    story.opens()
    assert story.no(TEACHER, "adult_pupil", {"born": "2008-03-06"}) == {"of_age"}
    assert story.take(TEACHER, "adult_pupil", {"born": "2008-03-05"}) == "adult_home"
    assert "report" not in story.run().due


def test_an_adult_is_told_about_children_first_and_then_decides() -> None:
    story = adult()
    assert story.no(TEACHER, "wish", {"alone": True, "wants": "accepts"}) == {"not_here"}
    assert story.no(TEACHER, "ask_home", {"told": False, "children": "none"}) == {"told_first"}
    assert story.take(TEACHER, "ask_home", {"told": True, "children": "none"}) == "adult_wish"
    assert story.no(TEACHER, "report", REPORT) == {"not_here"}, "an adult is not reported"
    assert story.take(TEACHER, "wish", {"alone": True, "wants": "accepts"}) == "adult_helping"
    consent = {"from": "resource_centre", "consent": "Namn och telefon, till i morgon"}
    assert story.take(TEACHER, "helped", consent) == "adult_helped"


def test_children_at_home_are_reported_each_on_its_own_whatever_the_adult_wants() -> None:
    story = adult()
    assert story.take(TEACHER, "ask_home", {"told": True, "children": "some"}) == "adult_children"
    assert story.due("report_children").date() == THURSDAY.date()
    assert story.take(TEACHER, "report_home_child", {**CHILD, "left": 1}) == "adult_children"
    assert "report_children" in story.run().due
    last = {**CHILD, "child_identity": "Lillasyster", "left": 0}
    assert story.take(TEACHER, "report_home_child", last) == "adult_wish"
    assert "report_children" not in story.run().due
    runs = story.received(SOCIAL, INTAKE)
    assert {str(run.facts["receipt.child_identity"]) for run in runs} == {"Lillebror", "Lillasyster"}
    assert all(run.person is None for run in runs)


def test_one_person_alone_cannot_say_that_there_are_no_children_after_all() -> None:
    story = adult()
    story.take(COUNSELLOR, "ask_home", {"told": True, "children": "some"})
    story.take(COUNSELLOR, "no_children", {"why": "Syskonen är vuxna"})
    assert "same_person" in story.no(COUNSELLOR, "no_children.approve")
    assert story.take(NURSE, "no_children.approve") == "adult_wish"


def test_a_no_is_respected_and_asked_again_in_a_safe_channel() -> None:
    story = adult()
    story.take(COUNSELLOR, "ask_home", {"told": True, "children": "none"})
    assert story.take(COUNSELLOR, "wish", {"alone": True, "wants": "declines"}) == "adult_waiting"
    assert story.due("ask_again").date() == (THURSDAY + timedelta(weeks=1)).date()
    ending = {"why": "Vill vänta", "knows_ways": True}
    assert story.no(COUNSELLOR, "adult_close", ending) == {"asked_again"}
    story.later(days=3)
    assert story.no(COUNSELLOR, "ask_again", {"safe": False, "wants": "declines"}) == {"safe_channel"}
    story.take(COUNSELLOR, "ask_again", {"safe": True, "wants": "declines"})
    assert story.due("ask_again").date() == (story.now + timedelta(weeks=1)).date()
    assert story.take(COUNSELLOR, "adult_close", ending) == "adult_waiting.adult_close"
    assert story.take(HEAD, "adult_close.approve") == "adult_closed"


def test_children_found_later_are_reported_too() -> None:
    story = adult()
    story.take(TEACHER, "ask_home", {"told": True, "children": "unsure"})
    story.take(TEACHER, "wish", {"alone": True, "wants": "declines"})
    story.take(TEACHER, "ask_again", {"safe": True, "wants": "declines"})
    assert story.no(TEACHER, "adult_close", {"why": "Vill vänta", "knows_ways": True}) == {"children_settled"}
    assert story.take(TEACHER, "children_found", {"told": True, "children": "some"}) == "adult_children"


# ---- Danger to life ------------------------------------------------------------------------------------------------

BEFORE: tuple[tuple[str, Mapping[str, Any]], ...] = (("talk", TALK), ("report", REPORT), ("tonight", TONIGHT))


@pytest.mark.parametrize("steps", range(len(BEFORE) + 1))
def test_danger_to_life_from_any_state_opens_beside_and_interrupts_nothing(steps: int) -> None:
    story = Story()
    story.opens()
    for step, form in BEFORE[:steps]:
        story.take(TEACHER, step, form)
    state = story.run().state
    story.take(COLLEAGUE, "acute")
    assert story.case().acute
    assert story.run().state == state
    assert story.run("acute").state == "calling"
    assert "AKUT" in story.shows(TEACHER)


def test_every_state_that_goes_on_has_the_acute_step() -> None:
    rules = suspicion()
    assert all("acute" in rules.moves[name] for name, spot in rules.spots.items() if not spot.ends)


ALARM: dict[str, Any] = {
    "called": "called",
    "who_called": "Jag",
    "called_at": THURSDAY,
    "place": PLACE,
    "stays": "Jag",
    "children": "some",
}


def acute(story: Story, **alarm: Any) -> Story:
    """An alarm without a suspicion before it."""
    told = story.engine.open("acute", actor=TEACHER, form=alarm, key=story.key(), person="p-1")
    story.id = told.id
    return story


def test_an_alarm_waits_for_no_answer_and_is_written_up_and_reviewed_afterwards() -> None:
    story = acute(Story())
    assert story.run("acute").state == "calling"
    assert story.due("write_up", "acute") == THURSDAY + timedelta(hours=24)
    assert story.due("review", "acute").date() == (THURSDAY + timedelta(days=1)).date()
    story.take(TEACHER, "alarmed")
    assert story.no(TEACHER, "taken_over", {"by": "police", "children": "unsure"}) == {"children_covered"}
    story.take(TEACHER, "children_alerted", {"who": "Jag ringde socialjouren"})
    assert story.take(TEACHER, "taken_over", {"by": "police", "children": "some"}) == "over"
    assert set(story.run("acute").due) == {"write_up", "review"}, "what is owed is owed after the end too"
    assert story.take(TEACHER, "open.complete", ALARM) == "over"
    assert "same_person" in story.no(TEACHER, "open.review", {"agrees": True, "note": "Bra"})
    assert story.take(HEAD, "open.review", {"agrees": True, "note": "Rätt gjort"}) == "over"
    assert not story.run("acute").due


def test_an_alarm_already_raised_goes_straight_to_staying_and_owes_only_the_review() -> None:
    story = acute(Story(), **{**ALARM, "children": "none"})
    assert story.run("acute").state == "staying"
    assert set(story.run("acute").due) == {"review"}
    assert story.take(TEACHER, "taken_over", {"by": "ambulance", "children": "none"}) == "over"


def test_no_danger_after_all_ends_the_alarm() -> None:
    story = acute(Story(), called="not_yet")
    assert story.take(TEACHER, "stood_down", {"why": "Det var en övning"}) == "no_danger"


def test_social_services_use_the_same_alarm() -> None:
    story = Story()
    told = story.engine.open("acute", actor=INTAKE, form={}, key="k-1", person="p-1")
    story.engine.take(told.id, "alarmed", actor=INTAKE, key="k-2")
    with pytest.raises(Refused):
        story.engine.take(told.id, "open.review", actor=INTAKE, key="k-3", form={"agrees": True, "note": "Ja"})
    review = {"agrees": True, "note": "Rätt"}
    assert story.engine.take(told.id, "open.review", actor=LEADER, key="k-4", form=review).state == "staying"


def test_a_long_story_is_replayed_and_its_log_holds_none_of_its_words() -> None:
    story = reported()
    story.take(TEACHER, "tonight", TONIGHT)
    story.take(COLLEAGUE, "acute", ALARM)
    story.take(TEACHER, "ask_contact", {"what": "Hemmet har ringt."})
    story.reply("report", received=True, contact="closed")
    story.take(TEACHER, "read_answer")
    replay = story.engine.replay(story.id, actor=AUDITOR)
    assert replay.faults == ()
    # The reply is made here: the social services' own log, which lies in the same store, has nothing of it.
    odd = [(step.type, step.kind) for step in replay.steps if step.verdict != "reproduced"]
    assert odd == [("handoff.answered", "not_sent")]
    assert set(replay.state.values()) == {"contact_closed", "staying"}
    log = b"".join(row.body for row in story.engine.store.case_records(SCHOOL, story.id))
    planted = (NAME, WORDS, PLACE, str(REPORT["account"]), str(TONIGHT["sleeps"]))
    assert not [word for word in planted if word.encode() in log]


# ---- What the definitions promise ----------------------------------------------------------------------------------


def rules_of(routine: str) -> Rules:
    return shipped().routine(routine, THURSDAY.date())


def suspicion() -> Rules:
    return rules_of("suspicion")


PROMISES = {
    "suspicion": {
        "family_never_contacted",
        "report_never_waits",
        "end_reachable",
        "children_asked_first",
        "ask_after_report",
        "closed_by_social_services",
        "handed_over_after_report",
        "no_concern_takes_two",
        "refusal_takes_two",
    },
    "acute": {"family_never_contacted", "alarm_never_waits", "end_reachable"},
    "consultation": {"family_never_contacted", "end_reachable"},
}


@pytest.mark.parametrize("routine", PROMISES)
def test_no_step_contacts_the_family_and_every_promise_is_declared(routine: str) -> None:
    rules = rules_of(routine)
    steps = [rules.opening, *(move for moves in rules.moves.values() for move in moves.values())]
    assert not [move.trigger for move in steps if move.step.contacts_family]
    assert {one.id for one in rules.routine.properties} == PROMISES[routine]
    assert [one.contacts_family for one in rules.routine.properties if one.contacts_family] == ["never"]


def test_no_hand_off_leaves_the_school_for_anybody_but_social_services_and_the_resource_centre() -> None:
    steps = [move.step for moves in suspicion().moves.values() for move in moves.values()]
    assert {step.handoff.to for step in steps if step.handoff} == {"social_services", "resource_centre"}
    assert all(step.four_eyes is None for step in steps if step.handoff)


def test_the_law_cited_is_that_of_the_day() -> None:
    before = Story(datetime(2025, 6, 2, 9, 0, tzinfo=STOCKHOLM))
    after = Story(datetime(2025, 9, 1, 9, 0, tzinfo=STOCKHOLM))
    before.opens()
    after.opens()
    assert "14 kap. 1 § SoL (2001:453)" in before.shows(TEACHER)
    assert "19 kap. 1 § SoL (2025:400)" in after.shows(TEACHER)


@pytest.mark.parametrize("routine", PROMISES)
def test_nothing_is_asked_that_the_organisation_may_not_write_down(routine: str) -> None:
    library, declared = shipped(), rules_of(routine).routine
    asked = {field.secrecy for form in declared.forms.values() for field in form.fields.values()}
    for kind in declared.organisation:
        assert asked <= set(library.organisations.kinds[kind].secrecy), kind


@pytest.mark.parametrize("routine", PROMISES)
def test_every_state_says_what_to_do_and_what_not_to_do_in_both_languages(routine: str) -> None:
    for name, state in rules_of(routine).routine.states.items():
        assert all((state.now.en, state.why.en)), name
        assert state.end is not None or (state.never and state.call), name
